"""Layers, losses, first weights and shapes, worked by hand."""

import tracemalloc

import numpy as np
import pytest

from kerascifar import scratch
from kerascifar.core.errors import InputError
from kerascifar.scratch import (
    AveragePool2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Network,
    Normalize,
    ReLU,
    SoftmaxCrossEntropy,
    parallel,
    softmax,
)
from kerascifar.scratch.augmentation import flip_crop
from kerascifar.scratch.initializers import INITIALIZERS


def built(layer, shape, dtype=np.float64):
    layer.build(shape)
    layer.initialize(np.random.default_rng(0), dtype)
    return layer


def test_convolution_by_hand():
    layer = built(Conv2D(1, 2), (3, 3, 1))
    layer.parameters["kernel"] = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)
    layer.parameters["bias"] = np.array([10.0])
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    # Top left window 0 1 / 3 4: 0*1 + 1*2 + 3*3 + 4*4 = 27, plus the bias; one to the right adds 1+2+3+4 = 10.
    assert layer.forward(x).reshape(2, 2).tolist() == [[37, 47], [67, 77]]
    dx = layer.backward(np.array([[1.0, 0.0], [0.0, 0.0]]).reshape(1, 2, 2, 1))
    assert dx.reshape(3, 3).tolist() == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]  # the kernel, where the window lay
    assert layer.gradients["kernel"].reshape(2, 2).tolist() == [[0, 1], [3, 4]]  # the window itself
    assert layer.gradients["bias"].tolist() == [1]


def test_convolution_equals_its_definition():
    layer = built(Conv2D(3, 3, stride=2, padding=1), (6, 5, 2))
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 2))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = layer.forward(x)
    for n, i, j, f in np.ndindex(y.shape):
        window = padded[n, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert y[n, i, j, f] == pytest.approx((window * layer.parameters["kernel"][..., f]).sum())


def test_pooling_by_hand():
    x = np.array([[1.0, 5.0, 2.0], [5.0, 3.0, 0.0]]).reshape(1, 2, 3, 1)  # the third column fits no window
    highest, mean = built(MaxPool2D(2), (2, 3, 1)), built(AveragePool2D(2), (2, 3, 1))
    assert highest.forward(x).ravel() == [5]
    assert mean.forward(x).ravel() == [3.5]  # (1 + 5 + 5 + 3) / 4
    dy = np.full((1, 1, 1, 1), 8.0)
    assert highest.backward(dy).reshape(2, 3).tolist() == [[0, 8, 0], [0, 0, 0]]  # to the first of the two fives
    assert mean.backward(dy).reshape(2, 3).tolist() == [[2, 2, 0], [2, 2, 0]]


def test_dropout_scales_what_it_keeps_and_rests_outside_training():
    layer = built(Dropout(0.75), (1000,))
    x = np.ones((100, 1000), np.float32)
    y = layer.forward(x, training=True, rng=np.random.default_rng(0))
    assert set(np.unique(y)) == {0, 4}  # 1 / (1 - 0.75)
    assert y.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(layer.backward(x), y)  # the same mask, the same scale
    np.testing.assert_array_equal(layer.forward(x), x)


def test_batch_normalization_by_hand():
    layer = built(BatchNormalization(0.9, 1e-12), (1,))
    x = np.array([[1.0], [3.0]])  # mean 2, variance 1
    np.testing.assert_allclose(layer.forward(x, training=True), [[-1], [1]])
    assert layer.state["mean"] == pytest.approx([0.2])  # 0.9 * 0 + 0.1 * 2
    assert layer.state["variance"] == pytest.approx([1.0])  # 0.9 * 1 + 0.1 * 1
    np.testing.assert_allclose(layer.forward(x), [[0.8], [2.8]])


def test_cross_entropy_by_hand():
    logits, labels = np.log(np.array([[1.0, 3.0], [1.0, 1.0]])), np.array([1, 0])
    np.testing.assert_allclose(softmax(logits), [[0.25, 0.75], [0.5, 0.5]])
    loss = SoftmaxCrossEntropy()
    assert loss.forward(logits, labels) == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)
    np.testing.assert_allclose(loss.gradient, [[0.125, -0.125], [-0.25, 0.25]])  # (p - t) / 2
    # Smoothing 0.2 over 2 classes: the target 0, 1 becomes 0.1, 0.9.
    smooth = SoftmaxCrossEntropy(label_smoothing=0.2).forward(logits[:1], labels[:1])
    assert smooth == pytest.approx(-0.1 * np.log(0.25) - 0.9 * np.log(0.75))
    # Weights 3 for class 0 and 1 for class 1: the mean is (1 * a + 3 * b) / 4.
    weighted = SoftmaxCrossEntropy(class_weights=[3.0, 1.0]).forward(logits, labels)
    assert weighted == pytest.approx(-(np.log(0.75) + 3 * np.log(0.5)) / 4)


def test_large_logits_do_not_overflow():
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.array([[1e4, -1e4]], np.float32), np.array([0])) == 0
    assert np.isfinite(loss.gradient).all()


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("he_normal", (2 / 300) ** 0.5),
        ("he_uniform", (2 / 300) ** 0.5),  # a uniform number within +-a has variance a^2 / 3
        ("xavier_normal", (2 / 400) ** 0.5),
        ("xavier_uniform", (2 / 400) ** 0.5),
        ("normal", 0.01),
        ("uniform", 0.05 / 3**0.5),
    ],
)
def test_first_weights_have_the_published_spread(name, std):
    drawn = INITIALIZERS[name](np.random.default_rng(0), (300, 100), 300, 100)
    assert drawn.std() == pytest.approx(std, rel=0.02)
    assert abs(drawn.mean()) < 4 * std / 300000**0.5 * 4


def test_fans_of_a_convolution_count_its_area():
    layer = Conv2D(8, 3)
    layer.build((9, 9, 5))
    assert layer.fans == (9 * 5, 9 * 8)


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([Dense(3)], (4, 4, 1), r"layer 0, Dense: needs input of shape \(N, inputs\); put Flatten before it"),
        ([Flatten(), Conv2D(3)], (4, 4, 1), r"layer 1, Conv2D: needs input of shape \(N, height, width, channels\)"),
        ([Conv2D(3, 5), Flatten()], (4, 4, 1), r"layer 0, Conv2D: needs an image of at least 5 pixels a side"),
        ([ReLU(), MaxPool2D(3)], (2, 2, 1), "layer 1, MaxPool2D: needs an image of at least 3 pixels"),
        ([Conv2D(3, 3, padding=3)], (4, 4, 1), "layer 0, Conv2D: needs a padding from 0 to below its size, got 3"),
        ([Conv2D(0)], (4, 4, 1), "layer 0, Conv2D: needs filters of at least 1, got 0"),
        ([Flatten(), Dense(2.5)], (4, 4, 1), "layer 1, Dense: needs units of at least 1, got 2.5"),
        (
            [Flatten(), Dense(2, "he_norml")],
            (4, 4, 1),
            r"layer 1, Dense: unknown initializer 'he_norml' \(did you mean he_",
        ),
        ([Dropout(1.0)], (4,), "layer 0, Dropout: needs a rate from 0 to below 1, got 1.0"),
        ([Normalize([0.0] * 2, [1.0]), Flatten()], (4, 4, 3), "layer 0, Normalize: needs a mean with 1 or 3 numbers"),
        ([ReLU()], (4, 4, 1), r"layer 0, ReLU: the last layer must give \(N, classes\)"),
        ([], (4,), "at least one layer"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_when_the_net_is_built(layers, shape, message):
    with pytest.raises(InputError, match=message):
        Network(layers, shape)


def count(variant, shape, classes):
    network = Network(variant.build(shape, classes, **variant.args), shape, seed=None)  # makes no array
    return network.trainable_parameters, network.multiply_adds


@pytest.mark.parametrize("name", scratch.VARIANTS)
def test_counts(name):
    variant = scratch.VARIANTS[name]
    network = Network(variant.build((32, 32, 3), 10, **variant.args), (32, 32, 3))
    parameters, multiply_adds = count(variant, (32, 32, 3), 10)
    assert parameters == network.trainable_parameters == sum(w.size for w in network.parameters.values())
    assert multiply_adds == network.multiply_adds
    assert variant.params in (None, parameters)


def test_multiply_adds_by_hand():
    fc3, cnn = scratch.VARIANTS["scratch_fc3"], scratch.VARIANTS["scratch_cnn"]
    assert count(fc3, (32, 32, 3), 10)[1] == 3072 * 1024 + 1024 * 512 + 512 * 256 + 256 * 10
    assert count(cnn, (32, 32, 3), 10)[1] == 1024 * (27 * 16 + 144 * 16) + 16384 * 10


def test_gradients_of_a_large_batch_are_summed_over_chunks():
    variant = scratch.VARIANTS["scratch_cnn"]
    whole, chunks = (
        Network(variant.build((8, 8, 3), 10, **variant.args), (8, 8, 3), seed=1, at_once=n) for n in (1000, 7)
    )
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 8, 8, 3)).astype(np.float32), rng.integers(0, 10, 40)
    (a, loss_a, right_a), (b, loss_b, right_b) = (net.gradients(x, labels) for net in (whole, chunks))
    assert loss_a == pytest.approx(loss_b, rel=1e-5)
    assert right_a == right_b
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-6)


def test_memory_is_bounded_for_ten_thousand_images():
    layers = scratch.VARIANTS["scratch_cnn"].build((8, 8, 3), 10, filters=(16, 16), initializer="he_normal")
    network = Network(layers, (8, 8, 3))
    x, labels = np.zeros((10_000, 8, 8, 3), np.float32), np.zeros(10_000, int)
    network.gradients(x[:10], labels[:10])  # starts the threads
    tracemalloc.start()
    network.gradients(x, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The windows of all images as rows would be 10,000 * 64 * 144 * 4 bytes = 369 MB for the second layer alone,
    # and one layer's output 41 MB.
    assert peak < 30e6


@pytest.mark.parametrize("threads", [2, 3])
def test_sums_do_not_depend_on_the_number_of_threads(threads):
    layer = built(Conv2D(4, 3, padding=1), (16, 16, 8), np.float32)
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=(50, 16, 16, c)).astype(np.float32) for c in (8, 4))
    results = []
    for n in (1, threads):
        parallel.use_threads(n)
        results.append([layer.forward(x), layer.backward(dy), layer.gradients["kernel"]])
    parallel.use_threads()
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_flip_crop_moves_and_mirrors_whole_images():
    image = np.arange(1, 65, dtype=np.uint8).reshape(1, 8, 8, 1)
    changed = flip_crop(np.repeat(image, 500, 0), np.random.default_rng(0))
    padded = np.pad(image[0], ((4, 4), (4, 4), (0, 0)))
    possible = {
        np.ascontiguousarray(crop[:, ::step]).tobytes()
        for i in range(9)
        for j in range(9)
        for crop in [padded[i : i + 8, j : j + 8]]
        for step in (1, -1)
    }
    seen = {image.tobytes() for image in changed}
    assert seen <= possible
    assert len(seen) > 130  # of 162; 500 draws miss few
