import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from kerascifar.core.errors import InputError
from kerascifar.models import build
from kerascifar.models.pretrained import freeze, load_weights_into

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")


def modified_state(classes: int = 10) -> dict[str, np.ndarray]:
    """A PyTorch state_dict of modified_net."""
    random = np.random.default_rng(1)
    shapes = {"fc1.weight": (100, 256), "fc2.weight": (64, 100), "fc3.weight": (classes, 64)}
    shapes |= {"fc1.bias": (100,), "fc2.bias": (64,), "fc3.bias": (classes,)}
    for number, (fan_in, width) in enumerate(((3, 8), (8, 12), (12, 16)), start=1):
        shapes |= {f"conv{number}.weight": (width, fan_in, 3, 3), f"conv{number}.bias": (width,)}
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"bn{number}.{name}"] = (width,)
    state = {name: random.uniform(0.1, 1, shape).astype("f4") for name, shape in shapes.items()}
    return state | {f"bn{n}.num_batches_tracked": np.array(5) for n in (1, 2, 3)}


def saved(state, tmp_path):
    save_file(state, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_layouts(tmp_path):
    state = modified_state()
    model = build("modified_net")
    imported = load_weights_into(model, saved(state, tmp_path))
    assert imported.layers == ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "fc1", "fc2", "fc3"]
    assert imported.left == []
    # One weight of each kind: (out, in, row, column) there, (row, column, in, out) here.
    assert model.get_layer("conv2").kernel.numpy()[0, 2, 5, 7] == state["conv2.weight"][7, 5, 0, 2]
    # Feature c*16 + y*4 + x there is y*64 + x*16 + c here: channel 3, row 1, column 2.
    assert model.get_layer("fc1").kernel.numpy()[1 * 64 + 2 * 16 + 3, 9] == state["fc1.weight"][9, 3 * 16 + 1 * 4 + 2]
    assert model.get_layer("fc2").kernel.numpy()[70, 9] == state["fc2.weight"][9, 70]
    names = ("weight", "bias", "running_mean", "running_var")
    for ours, name in zip(model.get_layer("bn3").get_weights(), names, strict=True):
        np.testing.assert_array_equal(ours, state[f"bn3.{name}"])


def test_a_head_of_other_classes_keeps_its_fresh_weights_and_is_reported(tmp_path):
    model = build("modified_net")
    head = model.get_layer("fc3").get_weights()
    imported = load_weights_into(model, saved(modified_state(classes=100), tmp_path))
    assert imported.left == ["fc3"]
    assert len(imported.layers) == 8
    for old, new in zip(head, model.get_layer("fc3").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_head_of_several_layers_is_left(tmp_path):
    """torchvision's vgg16_bn has classifier.0, .3 and .6 where ours has classifier.0 alone."""
    model = build("vgg16_bn")
    state = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            state |= {
                f"{layer.name}.weight": layer.kernel.numpy().transpose(3, 2, 0, 1).copy(),
                f"{layer.name}.bias": layer.bias.numpy(),
            }
        elif isinstance(layer, keras.layers.BatchNormalization):
            names = ("weight", "bias", "running_mean", "running_var")
            state |= {f"{layer.name}.{n}": w for n, w in zip(names, layer.get_weights(), strict=True)}
    for number, shape in ((0, (16, 25088)), (3, (16, 16)), (6, (1000, 16))):
        state |= {
            f"classifier.{number}.weight": np.zeros(shape, "f4"),
            f"classifier.{number}.bias": np.zeros(shape[0], "f4"),
        }
    imported = load_weights_into(model, saved(state, tmp_path))
    assert imported.left == ["classifier.0", "classifier.3", "classifier.6"]
    assert len(imported.layers) == 26


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("conv2.bias"), r"conv2: weight instead of bias, weight"),
        (
            lambda s: [s.pop(f"bn1.{n}") for n in ("weight", "bias", "running_mean", "running_var")],
            "bn1: not in the file",
        ),
        (
            lambda s: s.update({"conv1.weight": s["conv1.weight"][:, :1]}),
            r"conv1: shapes \[\(3, 3, 1, 8\), \(8,\)\] instead",
        ),
        (lambda s: s.update({"fc1.weight": s["fc1.weight"][:, :200]}), "fc1: "),
        (lambda s: s.update({"extra.weight": s["fc3.bias"]}), "extra: not in the model"),
        (lambda s: s["conv3.bias"].fill(np.nan), "conv3: holds NaN"),
    ],
)
def test_any_other_mismatch_is_refused_and_changes_nothing(change, message, tmp_path):
    state, model = modified_state(), build("modified_net")
    change(state)
    before = model.get_weights()
    with pytest.raises(InputError, match=message):
        load_weights_into(model, saved(state, tmp_path))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("folder", [False, True], ids=["file", "run folder"])
def test_from_a_keras_file_or_a_run(folder, tmp_path):
    keras.utils.set_random_seed(1)
    trained = build("modified_net")
    trained.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(2)
    model = build("modified_net")
    load_weights_into(model, tmp_path if folder else tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict_on_batch(IMAGES), trained.predict_on_batch(IMAGES))
    child = build("modified_net", classes=100)  # study 001's transfer, the other way round
    assert load_weights_into(child, tmp_path / "model.keras").left == ["fc3"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.keras", b"garbage", "not a Keras model that can be loaded"),
        ("model.h5", b"", "expected a run folder"),
        ("net.pth", b"garbage", "damaged"),
    ],
)
def test_foreign_files(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_weights_into(build("lenet"), tmp_path / name)


def test_missing_files(tmp_path):
    for source in (tmp_path, tmp_path / "none.pth"):
        with pytest.raises(InputError, match="no such file"):
            load_weights_into(build("lenet"), source)


def test_another_architecture_is_refused(tmp_path):
    build("lenet").save(tmp_path / "model.keras")
    with pytest.raises(InputError, match="does not fit this model"):
        load_weights_into(build("origin_net"), tmp_path / "model.keras")


def test_freeze_lets_the_last_layers_learn():
    model = build("modified_net")
    freeze(model, 2)
    assert [layer.name for layer in model.layers if layer.trainable_weights] == ["fc2", "fc3"]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    model.train_on_batch(IMAGES, np.arange(3))
    for name, old in before.items():
        same = all(np.array_equal(a, b) for a, b in zip(old, model.get_layer(name).get_weights(), strict=True))
        assert same == (name not in ("fc2", "fc3")), name  # BatchNorm's moving statistics stay too


def test_freeze_0_freezes_nothing_and_too_many_is_an_error():
    model = build("modified_net")
    freeze(model, 0)
    assert all(layer.trainable for layer in model.layers)
    freeze(model, 9)
    assert all(layer.trainable for layer in model.layers)
    with pytest.raises(InputError, match="--freeze or --phases: the model has 9 layers with weights, got 10"):
        freeze(model, 10)


def test_freezing_again_undoes_what_was_frozen_before():
    model = build("modified_net")
    count = len(model.trainable_weights)
    for trained, layers in ((1, ["fc3"]), (3, ["fc1", "fc2", "fc3"])):
        freeze(model, trained)
        assert sorted({v.path.split("/")[0] for v in model.trainable_variables}) == layers
    freeze(model, 0)
    assert len(model.trainable_weights) == count
