"""SmallMapConv2D: Conv2D's outputs, its gradients up to rounding; a run of an earlier version goes on with its own."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascifar.configure import configure
from kerascifar.data.datasets import load
from kerascifar.layers import SmallMapConv2D
from kerascifar.models import build
from kerascifar.serving.plain import plain
from kerascifar.training import fit

RUN = {
    "arch": "resnet18", "blocks": (1,) * 5, "widths": (4, 4, 4, 4, 64), "dataset": "synthetic:80",
    "batch_size": 30, "validation": 0.2, "device": "cpu",
}  # fmt: skip


def both(side, dtype="float32", **options):
    """Return outputs and gradients (outputs, to inputs, to kernel, to bias) of this layer and of Keras's."""
    rng = np.random.default_rng(side)
    x, dy = (tf.constant(rng.normal(size=(5, side, side, c)), dtype) for c in (8, 6))
    found = []
    for kind in (SmallMapConv2D, keras.layers.Conv2D):
        keras.utils.set_random_seed(0)
        layer = kind(6, 3, **{"padding": "same", "dtype": f"mixed_{dtype}" if dtype != "float32" else dtype, **options})
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        found.append(
            [y, *tape.gradient(y, [x, *(v.value for v in layer.variables)], dy[:, : y.shape[1], : y.shape[2]])]
        )
    return found


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_small_maps(side, dtype):
    ours, keras_own = both(side, dtype)
    for number, (a, b) in enumerate(zip(ours, keras_own, strict=True)):
        if number < 2:  # the outputs and the gradient to the inputs are the same kernels'
            np.testing.assert_array_equal(a, b)
        else:
            scale = float(tf.reduce_max(tf.abs(b)))
            np.testing.assert_allclose(a, b, atol=scale * (1e-6 if dtype == "float32" else 1e-2))


@pytest.mark.parametrize(
    ("side", "options"), [(3, {}), (2, {"strides": 2}), (2, {"dilation_rate": 2}), (2, {"groups": 2})]
)
def test_elsewhere_it_is_conv2d(side, options):
    ours, keras_own = both(side, **options)
    for a, b in zip(ours, keras_own, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nets_take_it_where_maps_are_small_and_exports_do_not():
    net = build("resnet18", (8, 8, 3), blocks=(1, 1, 1), widths=(4, 4, 64))
    taken = [layer.name for layer in net.layers if isinstance(layer, SmallMapConv2D)]
    assert taken == ["layer3.0.conv2"]  # on 2x2, 64 channels, stride 1
    assert not any(isinstance(layer, SmallMapConv2D) for layer in plain(net).layers)


def test_a_run_of_an_earlier_version_goes_on_with_its_own_gradient(tmp_path, monkeypatch):
    config, longer = (configure(**RUN, epochs=epochs, schedule="constant") for epochs in (1, 2))
    data = load(config)

    def trained(config, folder):
        folder.mkdir(exist_ok=True)
        model = fit.compiled_model(config, data)
        fit.train(model, config, data, folder)
        return model.get_weights()

    with monkeypatch.context() as earlier:
        earlier.setattr(SmallMapConv2D, "_fits", lambda self, inputs: False)
        old = trained(longer, tmp_path / "old")
        trained(config, tmp_path / "resumed")
    path = tmp_path / "resumed" / "checkpoint.npz"
    with np.load(path) as file:
        arrays = dict(file)
    progress = json.loads(str(arrays["progress"]))
    assert progress.pop("products") is True
    np.savez(path, **{**arrays, "progress": np.array(json.dumps(progress))})
    resumed, new, again = (trained(longer, tmp_path / name) for name in ("resumed", "new", "again"))
    for a, b in zip(old, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(new, again, strict=True):
        np.testing.assert_array_equal(a, b)
    if not any((a != b).any() for a, b in zip(old, new, strict=True)):
        pytest.skip("this processor's kernel rounds as the products do: the two gradients cannot be told apart")
