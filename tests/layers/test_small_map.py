"""SmallMapConv2D: Conv2D's outputs, its gradients up to rounding; a run of an earlier version goes on with its own."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascifar.configure import configure
from kerascifar.data.datasets import load
from kerascifar.layers import SmallMapConv2D, small_maps
from kerascifar.layers.small_maps import FASTER
from kerascifar.models import build
from kerascifar.serving.plain import plain
from kerascifar.training import fit

RUN = {
    "arch": "resnet18", "blocks": (1,) * 5, "dataset": "synthetic:80", "batch_size": 30, "validation": 0.2,
    "device": "cpu",
}  # fmt: skip


def both(side, dtype="float32", weights=(8, 6), **options):
    """Return outputs and gradients (outputs, to inputs, to kernel, to bias) of this layer and of Keras's."""
    rng = np.random.default_rng(side)
    channels, filters = weights
    x = tf.constant(rng.normal(size=(5, side, side, channels)), dtype)
    found = []
    for kind in (SmallMapConv2D, keras.layers.Conv2D):
        keras.utils.set_random_seed(0)
        policy = f"mixed_{dtype}" if dtype != "float32" else dtype
        layer = kind(filters, 3, **{"padding": "same", "dtype": policy, **options})
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        dy = tf.constant(np.random.default_rng(1).normal(size=y.shape), dtype)
        found.append([y, *tape.gradient(y, [x, *(v.value for v in layer.variables)], dy)])
    return found


def taken(side, dtype="float32", weights=(8, 6), **options):
    """Return whether the filters' gradient is nine products there."""
    policy = f"mixed_{dtype}" if dtype != "float32" else dtype
    layer = SmallMapConv2D(weights[1], 3, **{"padding": "same", "dtype": policy, **options})
    return bool(layer._holding(tf.zeros((1, side, side, weights[0]))))


MANY, VALID = (128, 256), {"strides": 2, "padding": "valid"}


@pytest.mark.parametrize(
    ("side", "dtype", "weights", "options"),
    [
        *((2, dtype, (8, 6), {}) for dtype in ("float32", "bfloat16")),
        *((side, "bfloat16", MANY, {}) for side in (3, 8)),
        *((side, "bfloat16", MANY, VALID) for side in (5, 10)),
    ],
)
def test_the_outputs_are_conv2ds_and_the_gradient_nearly(side, dtype, weights, options):
    assert taken(side, dtype, weights, **options)
    ours, keras_own = both(side, dtype, weights, **options)
    for number, (a, b) in enumerate(zip(ours, keras_own, strict=True)):
        if number < 2:  # the outputs and the gradient to the inputs are the same kernels'
            np.testing.assert_array_equal(a, b)
        else:
            scale = float(tf.reduce_max(tf.abs(b)))
            np.testing.assert_allclose(a, b, atol=scale * (1e-6 if dtype == "float32" else 1e-2))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("side", "options"), [(1, {}), (3, VALID), (4, VALID)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_single_pixel_is_a_dense_layer(side, dtype, options, bias):
    assert taken(side, dtype, **options)
    for a, b in zip(*both(side, dtype, use_bias=bias, **options), strict=True):
        scale = float(tf.reduce_max(tf.abs(b)))
        np.testing.assert_allclose(a, b, atol=scale * (1e-6 if dtype == "float32" else 1e-2))


@pytest.mark.parametrize("side", [3, 4, 6, 7])
def test_pixels_that_a_place_of_the_kernel_sees_with_stride_2(side):
    x = np.random.default_rng(0).normal(size=(2, side, side, 3))
    out = (side - 3) // 2 + 1
    for number, seen in enumerate(small_maps._seen(tf.constant(x), out, out, 2)):
        row, column = divmod(number, 3)
        np.testing.assert_array_equal(seen, x[:, row::2, column::2][:, :out, :out])


@pytest.mark.parametrize(
    ("side", "dtype", "weights", "options"),
    [
        (3, "float32", MANY, {}),  # larger maps, in float32
        (9, "bfloat16", MANY, {}),
        (8, "bfloat16", (64, 128), {}),  # fewer weights than pay
        (5, "bfloat16", (128, 128), VALID),
        (5, "float32", MANY, VALID),
        (4, "float32", (8, 6), {"strides": 2}),
        (2, "float32", (8, 6), {"strides": 2}),  # "same" with stride 2: another padding
        (2, "float32", (8, 6), {"dilation_rate": 2}),
        (2, "float32", (8, 6), {"groups": 2}),
    ],
)
def test_elsewhere_it_is_conv2d(side, dtype, weights, options):
    assert not taken(side, dtype, weights, **options)
    for a, b in zip(*both(side, dtype, weights, **options), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nets_take_it_where_maps_are_small_and_exports_do_not():
    net = build("resnet18", (32, 32, 3), blocks=(1, 1, 1), widths=(4, 64, 64))
    found = [layer.name for layer in net.layers if isinstance(layer, SmallMapConv2D)]
    assert found == ["layer3.0.conv1", "layer3.0.conv2"]  # outputs of 8x8, from 64 channels on
    assert not any(isinstance(layer, SmallMapConv2D) for layer in plain(net).layers)


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("policy", "told", "rows", "widths"),
    [("float32", None, 0, (4, 4, 4, 4, 64)), ("mixed_bfloat16", True, 1, (4, 4, 4, 128, 128))],
    indirect=["policy"],
)
def test_a_run_of_an_earlier_version_goes_on_with_its_own_gradient(tmp_path, monkeypatch, policy, told, rows, widths):
    config, longer = (configure(**RUN, widths=widths, epochs=epochs, schedule="constant") for epochs in (1, 2))
    data = load(config)

    def trained(config, folder):
        folder.mkdir(exist_ok=True)
        model = fit.compiled_model(config, data)
        fit.train(model, config, data, folder)
        return model.get_weights()

    with monkeypatch.context() as earlier:
        earlier.setattr(SmallMapConv2D, "faster", FASTER[:rows])
        old = trained(longer, tmp_path / "old")
        trained(config, tmp_path / "resumed")
    path = tmp_path / "resumed" / "checkpoint.npz"
    with np.load(path) as file:
        arrays = dict(file)
    progress = json.loads(str(arrays["progress"]))
    assert progress.pop("products") == len(FASTER)
    if told is not None:
        progress["products"] = told
    np.savez(path, **{**arrays, "progress": np.array(json.dumps(progress))})
    resumed, new, again = (trained(longer, tmp_path / name) for name in ("resumed", "new", "again"))
    for a, b in zip(old, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(new, again, strict=True):
        np.testing.assert_array_equal(a, b)
    if not any((a != b).any() for a, b in zip(old, new, strict=True)):
        pytest.skip("this processor's kernel rounds as the products do: the two gradients cannot be told apart")
