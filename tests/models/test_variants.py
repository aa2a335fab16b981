"""What holds for every row of the tables; a new variant is picked up unasked."""

import doctest
import inspect
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from kerascifar import models
from kerascifar.core.errors import InputError
from kerascifar.layers import BatchNormalization
from kerascifar.models import VARIANTS, build, check
from kerascifar.models.counting import dense_share, multiply_adds

# Building alone takes under a second, but VGG's dense layers hold 134 million weights.
LARGE = {"vgg16_imagenet"}
BUILT_TWICE = {name for name, row in VARIANTS.items() if row.params > 20_000_000}
# A compiled training step takes seconds to trace on the deep nets.
DEEP = {name for name, row in VARIANTS.items() if row.params > 400_000}

# STUDIES.md's table once more: trainable parameters at 32x32x3 and 10 classes, from papers and independent counts.
GOLDEN = {
    "lenet": 62_006,
    "origin_net": 48_252,
    "modified_net": 35_730,
    "custom_cnn": 347_106,
    "se_resnet": 4_697_742,
    "resnet18_imagenet": 11_181_642,
    "resnet18": 11_173_962,
    "resnet34_imagenet": 21_289_802,
    "resnet34": 21_282_122,
    "vgg16": 33_638_218,
    "vgg16_imagenet": 134_301_514,
    "vgg16_bn": 14_728_266,
    "mobilenet_v2": 2_236_682,
    "mobilenet_mod": 1_545_482,
    "depthwise_net": 46_747,
    "one_conv_net": 657_162,
    # 9 (24x64 + 64x64 + 64x256 + 3 x 256x256) = 1,967,616 of the filters, 2 (64 + 256 + 256) = 1,152 of BatchNorm
    # without scale, 24 biases of the whitening, whose 288 weights are frozen, and 2,560 of the head
    "airbench94": 1_971_352,
    # 9 (24x128 + 128x128 + 128x384 + 3 x 384x384) + 2 (128 + 384 + 384) + 24 + 3,840
    "airbench95": 4_604_440,
    # A block of c channels that widens to t c: 9 c and 9 t c of filters, 2 t c c to widen and to narrow, 4 c of
    # BatchNorm; a transition from b to c channels: 9 b, b c and 2 c; the stem 29 c; the end 12 c + 10.
    # 928 + (416 + 288 + 2,048) + (288 + 1,024 + 64) + 2 x 2,752 + 394
    "tiny12k": 11_914,
    # 928 + (416 + 576 + 4,096) + (288 + 1,024 + 64) + 3 x 5,088 + (288 + 2,048 + 128) + (832 + 576 + 8,192) + 778
    "tiny36k": 35_498,
    # 1,392 + 5 x (624 + 864 + 9,216) + (432 + 2,304 + 96) + (432 + 3,072 + 128) + 2 x (832 + 1,152 + 16,384) + 778
    "tiny100k": 98_890,
}


def slowly(names, slow):
    return [pytest.param(n, marks=[pytest.mark.release] * (n in slow)) for n in names]


@cache
def net(name: str) -> keras.Model:
    return build(name)


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def pixels(side: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), "uint8")


def test_the_table_is_complete():
    assert {name: VARIANTS[name].params for name in GOLDEN} == GOLDEN
    assert all(row.params and row.source and row.least_side for row in VARIANTS.values())


def test_tables_stand_in_the_order_of_their_files():
    files = sorted(path.stem for path in Path(models.__file__).parent.glob("[a-z]*.py"))
    tables = [getattr(getattr(models, name), "VARIANTS", {}) for name in files]
    assert list(VARIANTS) == [name for table in tables for name in table]  # none twice


def test_a_new_file_is_found(tmp_path):
    shutil.copytree(Path(models.__file__).parent.parent, tmp_path / "kerascifar", ignore=lambda *_: ["__pycache__"])
    lenet = (tmp_path / "kerascifar/models/lenet.py").read_text(encoding="utf-8")
    (tmp_path / "kerascifar/models/zebra.py").write_text(lenet.replace('"lenet', '"zebra'), encoding="utf-8")
    code = "from kerascifar.architectures import ARCHITECTURES; print(*ARCHITECTURES)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {"zebra", "zebra_relu"} <= set(done.stdout.split())


def test_examples_in_docstrings():
    assert doctest.testmod(models).attempted == 6
    assert doctest.testmod(models).failed == 0


@pytest.mark.parametrize("name", VARIANTS)
def test_args_are_what_the_builder_needs_beyond_the_bound_arguments(name):
    parameters = inspect.signature(VARIANTS[name].build).parameters.values()
    needed = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    assert needed == VARIANTS[name].args.keys()


@pytest.mark.parametrize("name", slowly(VARIANTS, LARGE))
def test_parameters_and_multiply_adds_are_those_of_the_built_net(name):
    assert trainable(net(name)) == VARIANTS[name].params
    assert multiply_adds(net(name)) == VARIANTS[name].multiply_adds
    assert dense_share(net(name)) == pytest.approx(VARIANTS[name].dense_share, abs=5e-4)


@pytest.mark.parametrize("name", slowly(VARIANTS, LARGE))
def test_takes_pixels_and_gives_float32_logits(name):
    model = net(name)
    assert (model.input.dtype, model.input.shape) == ("uint8", (None, 32, 32, 3))
    assert (model.output.dtype, model.output.shape) == ("float32", (None, 10))
    assert model.layers[1].name == "normalization"
    # Named by us, so that two builds in one process agree (Keras numbers unnamed layers on).
    assert not [layer.name for layer in model.layers if layer.name.rpartition("_")[2].isdigit()]
    assert all(
        isinstance(layer, BatchNormalization)
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


@pytest.mark.parametrize("name", slowly(VARIANTS, DEEP))
def test_trains_a_step_saves_loads_and_predicts_the_same(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = build(name, classes=7, mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0))
    model.compile(
        keras.optimizers.SGD(0.001), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False
    )
    before = [w.numpy() for w in model.trainable_weights]
    loss = model.train_on_batch(pixels(32), np.arange(4))
    assert np.isfinite(loss)
    after = [w.numpy() for w in model.trainable_weights]
    assert all((old != new).any() for old, new in zip(before, after, strict=True) if old.ndim > 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict_on_batch(pixels(32))
    assert expected.shape == (4, 7)
    np.testing.assert_array_equal(loaded.predict_on_batch(pixels(32)), expected)
    (tmp_path / "model.keras").unlink()


@pytest.mark.parametrize("name", slowly(VARIANTS, BUILT_TWICE))
def test_the_least_side_is_the_least(name):
    row = VARIANTS[name]
    least = row.least_side(**row.args)
    check(name, (least, least, 3))
    message = f"{name}: .* at least {least}x{least} pixels, got {least - 1}x{least - 1}"
    if least == 1:  # no side at all is no image
        message = f"{name}: images must be square, got 0x0x3"
    with pytest.raises(InputError, match=message):
        build(name, (least - 1, least - 1, 3))
    assert build(name, (least, least, 3), classes=2).output.shape == (None, 2)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["modified_net", "lenet"])
def test_mixed_precision_leaves_normalisation_and_logits_in_float32(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("normalization").compute_dtype == "float32"
    assert model.get_layer("conv1").compute_dtype == policy.removeprefix("mixed_")
    assert model.predict_on_batch(pixels(32)).dtype == "float32"


def test_normalises_by_mean_and_std():
    model = build("modified_net", mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 5.0))
    inside = keras.Model(model.input, model.get_layer("normalization").output)
    image = np.full((1, 32, 32, 3), (12, 16, 255), "uint8")
    # (12 - 10) / 2 = 1, (16 - 20) / 4 = -1, (255 - 30) / 5 = 45
    np.testing.assert_allclose(inside.predict_on_batch(image)[0, 0, 0], [1, -1, 45], rtol=1e-6)


@pytest.mark.parametrize(
    ("arch", "given", "message"),
    [
        ("resnet81", {}, r"unknown arch 'resnet81' \(did you mean resnet18\?\)"),
        ("lenet", {"tcns": ((1, 16, 1, 1),)}, "--tcns: lenet takes no such option; these do: mobilenet_mod, mobilenet"),
        ("lenet", {"filters": (16, 16)}, "--filters: lenet takes no such option; no Keras net does"),
        ("mobilenet_v2", {"tcns": ((1, 16, 1, 8), (6, 24, 2, 8))}, "at least 64x64 pixels, got 32x32"),
        ("mobilenet_mod", {"stem_stride": 5}, "at least 40x40 pixels"),  # 5 x 2 x 2 x 2
        ("se_resnet", {"kernel": 4}, "--kernel: must be odd.*got 4"),
        ("resnet18", {"shortcut_kernel": 2}, "--shortcut-kernel: must be odd"),
        ("se_resnet", {"blocks": (2, 2)}, "--blocks and --widths: give one number per stage each, got 2 and 3"),
        ("modified_net", {"classes": 1}, "at least 2 classes, got 1"),
        ("modified_net", {"input_shape": (32, 16, 3)}, "must be square, got 32x16x3"),
        ("modified_net", {"input_shape": (-32, -32, 3)}, "must be square"),
        ("modified_net", {"std": 0.0}, "std: must be greater than 0"),
        ("modified_net", {"mean": (1.0, 2.0)}, "mean: expected one number or 3"),
    ],
)
def test_bad_input_is_named(arch, given, message):
    with pytest.raises(InputError, match=message):
        build(arch, **given)


def test_none_leaves_the_variants_value():
    assert check("modified_net", dropout=None, tcns=None) == {"dropout": 0.5}
    assert check("modified_net", dropout=0.25) == {"dropout": 0.25}


def test_dropout_layers_follow_the_rate():
    def rates(name, **options):
        return [layer.rate for layer in build(name, **options).layers if isinstance(layer, keras.layers.Dropout)]

    assert rates("modified_net") == rates("depthwise_net") == [0.5, 0.5]
    assert rates("mobilenet_mod") == [0.2]
    assert rates("custom_cnn") == rates("se_resnet") == []
    assert rates("custom_cnn", dropout=0.1) == [0.1, 0.1]
    assert rates("se_resnet", dropout=0.3) == [0.3] * 12  # 4 + 4 + 3 blocks, and before the dense layer


def test_a_grey_image_and_two_classes():
    assert build("resnet18", (8, 8, 1), 2, 0.0, 1.0, widths=(8, 8, 8, 8)).predict_on_batch(
        np.zeros((1, 8, 8, 1), "uint8")
    ).shape == (1, 2)


@pytest.mark.parametrize("first", ["keras", "kerascifar.models"])
def test_importing_this_package_is_enough_to_load_a_net(first, tmp_path):
    build("tiny12k").save(tmp_path / "net.keras")
    then = "kerascifar.models" if first == "keras" else "keras"
    code = f"import {first}; import {then}; keras.models.load_model({str(tmp_path / 'net.keras')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_listing_and_checking_import_neither_keras_nor_tensorflow():
    code = (
        "import sys; from kerascifar.models import VARIANTS, check; import kerascifar.models.torch_files\n"
        "for name in VARIANTS: check(name)\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
