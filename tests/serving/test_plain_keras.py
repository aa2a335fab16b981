"""`--to keras` and `--to safetensors`: files for Keras and PyTorch where this package is not."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from kerascifar import layers
from kerascifar.models import VARIANTS, build
from kerascifar.models.pretrained import load_weights_into, state_dict
from kerascifar.serving.formats import FORMATS
from kerascifar.serving.plain import builtin, plain

STRANGER = """
import os, sys
sys.modules["kerascifar"] = None  # not even where it is installed
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import keras, numpy as np
pixels = np.load("pixels.npy")
for name in sys.argv[1:]:
    net = keras.saving.load_model(f"{name}.keras")
    assert {type(layer).__module__.split(".")[0] for layer in net.layers} == {"keras"}, name
    assert not any("." in layer.name for layer in net.layers), name
    assert net.compute_dtype == "float32" and net.input.dtype == "uint8", name
    away = np.abs(keras.ops.convert_to_numpy(net(pixels)) - np.load(f"{name}.npy")).max()
    assert away < 1e-4, (name, away)
print(len(sys.argv) - 1, "nets read")
"""


def pixels():
    return np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), "uint8")


def net_of(name, **how):
    """A net whose statistics are those of `pixels`, and whose parameters are none that another layer would have too."""
    keras.utils.set_random_seed(0)
    net = build(name, mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0), **how)
    draws = np.random.default_rng(1)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
            for weight in (layer.gamma, layer.beta):
                if weight is not None:
                    weight.assign(weight + draws.uniform(-0.1, 0.1, weight.shape))
    net(pixels(), training=True)
    return net


def read_by_a_stranger(folder, nets, backend="tensorflow"):
    """Export each of `nets`, by name, and let Keras without this package label `pixels` in an empty folder."""
    np.save(folder / "pixels.npy", pixels())
    for name, net in nets.items():
        expected = net.predict_on_batch(pixels())
        assert expected.dtype == np.float32
        assert expected.std() > 1e-3  # else any two nets agree
        FORMATS["keras"].load().write(plain(net), folder / f"{name}.keras", None)
        np.save(folder / f"{name}.npy", expected)
    done = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, *nets],
        cwd=folder, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == str(len(nets))


# Between them all layers of ours.
FEW = {
    "airbench94": {"widths": (8, 12)}, "tiny12k": {}, "modified_net": {},
    "resnet18": {"blocks": (1,) * 5, "widths": (4, 4, 4, 4, 64)},  # 2x2 maps
}  # fmt: skip


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_keras_alone_reads_our_layers(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    nets = {name: net_of(name, **how) for name, how in FEW.items()}
    ours = {type(layer).__name__ for net in nets.values() for layer in net.layers if "kerascifar" in str(type(layer))}
    assert ours == set(layers.__all__) - {"SMALLEST_FUSED_EPSILON", "PartialIdentity", "AveragePooling2D"}
    read_by_a_stranger(tmp_path, nets, backend)


@pytest.mark.slow
def test_keras_alone_reads_every_net_below_a_million_parameters(tmp_path):
    names = [name for name, row in VARIANTS.items() if row.params < 1_000_000]
    assert len(names) > 8
    read_by_a_stranger(tmp_path, {name: net_of(name) for name in names})


def test_keras_alone_reads_pooling_of_ours_and_half_precision(tmp_path):
    """A net trained in half precision is exported in float32: of its own float32 copy are the answers expected."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = net_of("lenet")
    finally:
        keras.config.set_dtype_policy("float32")
    whole = net_of("lenet")
    whole.set_weights(half.get_weights())
    assert any(isinstance(layer, layers.AveragePooling2D) for layer in half.layers)
    assert np.abs(half.predict_on_batch(pixels()) - whole.predict_on_batch(pixels())).max() > 1e-4
    FORMATS["keras"].load().write(plain(half), tmp_path / "half.keras", None)
    logits = FORMATS["keras"].load().load(tmp_path / "half.keras", None, None)(pixels())
    np.testing.assert_allclose(logits, whole.predict_on_batch(pixels()), rtol=0, atol=1e-4)


def test_a_layer_that_keras_does_not_have_is_named():
    class Mine(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="its layer odd is a Mine, which Keras does not have"):
        builtin(keras.Model(inputs, Mine(name="odd")(inputs)))


@pytest.mark.parametrize("name", ["modified_net", "tiny12k", "airbench94"])
def test_safetensors_hold_what_pytorch_would(name, tmp_path):
    net = net_of(name, **({"widths": (8, 12)} if name == "airbench94" else {}))
    whole, path = plain(net), tmp_path / "model.safetensors"
    FORMATS["safetensors"].load().write(whole, path, None)
    logits = FORMATS["safetensors"].load().load(path, None, whole)(pixels())
    np.testing.assert_allclose(logits, net.predict_on_batch(pixels()), rtol=0, atol=1e-5)
    with safe_open(path, "np") as file:
        facts = file.metadata()
    assert facts["format"] == "pt"
    np.testing.assert_allclose(json.loads(facts["mean"]), np.array([120, 121, 122]) / 255)
    np.testing.assert_allclose(json.loads(facts["std"]), np.array([60, 61, 62]) / 255)
    fresh = build(name, **({"widths": (8, 12)} if name == "airbench94" else {}))
    assert load_weights_into(fresh, path).left == []  # --init-weights takes the file


def test_layouts_by_hand(tmp_path):
    net = net_of("modified_net")
    FORMATS["safetensors"].load().write(plain(net), tmp_path / "net.safetensors", None)
    state = load_file(tmp_path / "net.safetensors")
    # (row, column, in, out) here, (out, in, row, column) there.
    assert state["conv2.weight"][7, 5, 0, 2] == net.get_layer("conv2").kernel.numpy()[0, 2, 5, 7]
    # Channel 3, row 1, column 2: of (4, 4, 16) here, of (16, 4, 4) there.
    kernel = net.get_layer("fc1").kernel.numpy()
    assert state["fc1.weight"][9, 3 * 16 + 1 * 4 + 2] == kernel[1 * 64 + 2 * 16 + 3, 9]
    np.testing.assert_array_equal(state["bn3.running_var"], net.get_layer("bn3").moving_variance.numpy())
    depthwise = build("depthwise_net")
    name, array = next((n, a) for n, a in state_dict(depthwise).items() if a.ndim == 4 and a.shape[1] == 1)
    kernel = depthwise.get_layer(name.rpartition(".")[0]).kernel.numpy()  # (row, column, channel, 1)
    assert array[2, 0, 1, 0] == kernel[1, 0, 2, 0]
