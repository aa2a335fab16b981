"""Every backward pass against the slope of its forward pass, in double precision; the bound is a relative 1e-6."""

import doctest

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kerascifar import scratch
from kerascifar.scratch import (
    L2,
    MSE,
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
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    check_gradients,
    numeric_gradient,
    relative_error,
)
from kerascifar.scratch.saving import LAYERS, LOSSES

BOUND = 1e-6


def errors(layer, shape, training=True, seed=0):
    """Relative errors of dL/dx and of each dL/dw, for L = sum of y times random numbers."""
    rng = np.random.default_rng(seed)
    layer.build(shape[1:])
    layer.initialize(rng, np.float64)
    for w in layer.parameters.values():
        w += rng.normal(0, 0.3, w.shape)  # biases start at 0 and gammas at 1, which would hide mistakes
    x = rng.normal(0, 1, shape)

    def forward():
        return layer.forward(x, training, np.random.default_rng(7))

    upstream = rng.normal(0, 1, forward().shape)

    def loss():
        return float((forward() * upstream).sum())

    dx = layer.backward(upstream)
    pairs = {name: (g, layer.parameters[name]) for name, g in layer.gradients.items()} | {"x": (dx, x)}
    assert set(pairs) == {*layer.parameters, "x"}
    return {name: relative_error(g, numeric_gradient(loss, w)) for name, (g, w) in pairs.items()}


CASES = {
    "Dense": (lambda: Dense(3), (4, 5)),
    "Conv2D": (lambda: Conv2D(3, 3, padding=1), (2, 5, 4, 2)),
    "Conv2D stride 2": (lambda: Conv2D(2, 3, stride=2, padding=1), (2, 6, 5, 2)),
    "Conv2D padding 2": (lambda: Conv2D(2, 3, padding=2), (2, 3, 3, 1)),
    "MaxPool2D": (lambda: MaxPool2D(2), (2, 5, 4, 3)),
    "MaxPool2D overlapping": (lambda: MaxPool2D(3, stride=2), (2, 7, 7, 2)),
    "AveragePool2D": (lambda: AveragePool2D(2), (2, 5, 4, 3)),
    "AveragePool2D overlapping": (lambda: AveragePool2D(3, stride=1), (2, 5, 5, 2)),
    "BatchNormalization": (BatchNormalization, (6, 3, 3, 2)),
    "BatchNormalization of vectors": (BatchNormalization, (8, 3)),
    "ReLU": (ReLU, (4, 5)),
    "Sigmoid": (Sigmoid, (4, 5)),
    "Tanh": (Tanh, (4, 5)),
    "Dropout": (lambda: Dropout(0.4), (6, 7)),
    "Flatten": (Flatten, (2, 3, 3, 2)),
    "Normalize": (lambda: Normalize([0.5, 1.0], [2.0, 3.0]), (2, 3, 3, 2)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_layer(name, training):
    layer, shape = CASES[name]
    assert max(errors(layer(), shape, training).values()) < BOUND


def test_every_layer_is_among_the_cases():
    assert {name.split()[0] for name in CASES} == set(LAYERS)


sides = st.integers(1, 7)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), sides, sides, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.data())
def test_convolution_of_any_shape(n, h, w, c, size, stride, data):
    padding = data.draw(st.integers(0, size - 1))
    assume(min(h, w) + 2 * padding >= size)
    layer = Conv2D(data.draw(st.integers(1, 3)), size, stride, padding)
    assert max(errors(layer, (n, h, w, c)).values()) < BOUND


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([MaxPool2D, AveragePool2D]), st.integers(1, 3), sides, sides, st.integers(1, 3), st.data())
def test_pooling_of_any_shape(pool, n, h, w, c, data):
    size = data.draw(st.integers(1, min(h, w)))
    assert max(errors(pool(size, data.draw(st.integers(1, 3))), (n, h, w, c)).values()) < BOUND


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_dense_of_any_shape(n, inputs, units):
    assert max(errors(Dense(units), (n, inputs)).values()) < BOUND


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([BatchNormalization, ReLU, Sigmoid, Tanh, lambda: Dropout(0.3)]),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_elementwise_layers_of_any_shape(layer, shape):
    # Of a single number, batch normalisation's output is constant; three make it vary.
    assert max(errors(layer(), (3, *shape)).values()) < BOUND


LOSS_CASES = {
    "SoftmaxCrossEntropy": SoftmaxCrossEntropy(),
    "SoftmaxCrossEntropy smoothed": SoftmaxCrossEntropy(label_smoothing=0.1),
    "SoftmaxCrossEntropy weighted": SoftmaxCrossEntropy(0.1, [0.5, 2.0, 1.0]),
    "MSE": MSE(),
}


@pytest.mark.parametrize("name", LOSS_CASES)
def test_loss(name):
    loss, labels = LOSS_CASES[name], np.array([0, 2, 1, 1])
    outputs = np.random.default_rng(0).normal(0, 2, (4, 3))
    loss.forward(outputs, labels)
    gradient = loss.gradient
    assert relative_error(gradient, numeric_gradient(lambda: loss.forward(outputs, labels), outputs)) < BOUND


def test_every_loss_is_among_the_cases():
    assert {name.split()[0] for name in LOSS_CASES} == set(LOSSES)


@pytest.mark.parametrize("everything", [True, False])
def test_l2_penalty(everything):
    rng = np.random.default_rng(0)
    w = {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}
    penalty = L2(0.3, everything)
    for array in w.values():
        slope = numeric_gradient(lambda: penalty.penalty(w), array)
        expected = penalty.gradient(array) if penalty.covers(array) else np.zeros_like(array)
        assert relative_error(expected, slope) < BOUND
    assert penalty.covers(w["bias"]) == everything


def test_whole_network():
    layers = [
        *(Conv2D(3, 3, padding=1), BatchNormalization(), Tanh(), MaxPool2D(2), Conv2D(2, 2, stride=2), ReLU()),
        *(AveragePool2D(1), Flatten(), Dropout(0.3), Dense(4), Sigmoid(), Dense(3)),
    ]
    network = Network(layers, (8, 8, 2), SoftmaxCrossEntropy(0.1), dtype=np.float64)
    rng = np.random.default_rng(1)
    measured = check_gradients(network, rng.normal(size=(6, 8, 8, 2)), rng.integers(0, 3, 6))
    bias_before_normalisation = measured.pop("0/bias")  # its true gradient is 0, so the relative error means nothing
    assert bias_before_normalisation <= 1
    assert len(measured) == 9
    assert max(measured.values()) < BOUND


def test_a_wrong_gradient_is_noticed():
    class Wrong(Tanh):
        def backward(self, dy):
            return dy * (1 - self.y)  # the square is missing

    assert errors(Wrong(), (4, 5))["x"] > 0.01


def test_walkthrough_of_the_package():
    result = doctest.testmod(scratch)
    assert result.attempted > 10
    assert result.failed == 0
