"""Exported nets answer as Keras does, in their own runtimes."""

import gc
import os

import keras
import numpy as np
import pytest

from kerascifar import layers
from kerascifar.models import VARIANTS, build
from kerascifar.serving.formats import FORMATS
from kerascifar.serving.plain import plain


def pixels(count=8, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), "uint8")


def settled(name, **how):
    """A net with the BatchNorm statistics of `pixels`, without which the logits of a deep one fade or explode."""
    keras.utils.set_random_seed(0)
    net = build(name, mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0), **how)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    net(pixels(), training=True)
    return net


def through(to, net, folder, images=None):
    """What the net's exported file gives for `pixels`, and the file."""
    row = FORMATS[to]
    path = folder / (row.file if images is None else row.int8_file)
    whole = plain(net)
    row.load().write(whole, path, images)
    predict = row.load().load(path, 2, whole)
    logits = predict(pixels())
    np.testing.assert_allclose(predict(pixels()[:1]), logits[:1], atol=1e-5 if images is None else 0.5)  # any number
    assert (logits.dtype, logits.shape) == (np.float32, (8, 10))
    return logits, path


@pytest.mark.parametrize("to", FORMATS)
def test_our_layers_are_exported(to, tmp_path):
    net = settled("airbench94", widths=(8, 12))  # it whitens, and has GELU, for which ONNX has no word
    logits, _ = through(to, net, tmp_path)
    np.testing.assert_allclose(logits, net.predict_on_batch(pixels()), rtol=0, atol=1e-5)


LARGE = 1_000_000  # parameters
NEEDED = "takes minutes, VGG up to 19 GB: KERASCIFAR_LARGE=1 tools/test --release tests/serving/test_exported_nets.py"


FEW = {"lenet", "modified_net", "tiny12k"}  # that together have a layer of every kind of the small nets


def _marked(name):
    """Return `name` as a slow test if it is one of FEW, else as one of a release; the largest nets are asked for."""
    skips = VARIANTS[name].params > LARGE and not os.environ.get("KERASCIFAR_LARGE")
    marks = [pytest.mark.skip(reason=NEEDED)] if skips else []
    return pytest.param(name, marks=[*marks, pytest.mark.slow if name in FEW else pytest.mark.release])


@pytest.mark.parametrize("name", [_marked(name) for name in VARIANTS])
def test_every_net_agrees_with_keras_in_every_format(name, tmp_path):
    net = settled(name)
    expected = net.predict_on_batch(pixels())
    assert expected.std() > 1e-3  # else any two nets agree
    for to in FORMATS:
        logits, path = through(to, net, tmp_path)
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4, err_msg=to)
        if path.is_file():  # VGG's takes half a gigabyte
            path.unlink()
        gc.collect()
    del net
    keras.backend.clear_session()
    gc.collect()


# Without training the errors of MobileNetV2's 53 layers add up to a third of its logits and more, by either converter.
SMALL = [name for name, row in VARIANTS.items() if row.params < 3_000_000 and not name.startswith("mobilenet_v2")]


@pytest.mark.parametrize("name", [_marked(name) for name in SMALL])
@pytest.mark.parametrize("to", [to for to, row in FORMATS.items() if row.int8_file])
def test_small_nets_stay_near_in_int8(name, to, tmp_path):
    net = settled(name)
    expected = net.predict_on_batch(pixels())
    _, whole = through(to, net, tmp_path)
    logits, path = through(to, net, tmp_path, images=pixels())
    # Logits drawn anew would be about 1.1 times their spread away.
    assert np.abs(logits - expected).mean() < 0.25 * expected.std()
    assert path.stat().st_size < 0.6 * whole.stat().st_size


def test_a_net_in_half_precision_becomes_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = settled("modified_net")
    finally:
        keras.config.set_dtype_policy("float32")
    copy = plain(net)
    assert {layer.compute_dtype for layer in copy.layers[1:]} == {"float32"}
    keras.utils.set_random_seed(0)
    full = build("modified_net", mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0))
    full.set_weights(net.get_weights())
    np.testing.assert_allclose(copy.predict_on_batch(pixels())["logits"], full.predict_on_batch(pixels()), atol=1e-5)


def test_a_compact_litert_file_answers_the_same(tmp_path):
    from kerascifar.serving import litert

    net = settled("lenet")  # its first convolution computes columns in pairs
    expected, path = through("litert", net, tmp_path)
    np.testing.assert_allclose(expected, net.predict_on_batch(pixels()), rtol=0, atol=1e-5)
    before, small = path.read_bytes(), litert.compact(path.read_bytes())
    assert len(small) < len(before)
    path.write_bytes(small)
    np.testing.assert_array_equal(litert.load(path, 2, None)(pixels()), expected)
    assert litert.compact(small) == small
