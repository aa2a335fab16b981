"""Forward, gradients and one update agree with Keras to 1e-5 on the same weights."""

import math

import numpy as np
import pytest

from kerascifar import scratch
from kerascifar.config import RunConfig
from kerascifar.models import counting
from kerascifar.scratch import (
    L2,
    MSE,
    SGD,
    Adam,
    AveragePool2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Momentum,
    Nesterov,
    Network,
    Normalize,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from kerascifar.scratch.optimizers import clip
from kerascifar.scratch.saving import LAYERS
from kerascifar.training.schedules import SCHEDULES, learning_rate, make_schedule

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def padded(keras, size, stride, padding, **more):
    pad = keras.layers.ZeroPadding2D(padding)
    return [pad, keras.layers.Conv2D(5, size, strides=stride, padding="valid", **more)]


# Name: ours, the same in Keras, the shape of x.
CASES = {
    "Dense": (lambda: Dense(5), lambda k: [k.layers.Dense(5)], (6, 7)),
    "Conv2D": (lambda: Conv2D(5, 3, padding=1), lambda k: padded(k, 3, 1, 1), (4, 8, 7, 3)),
    "Conv2D stride 2": (lambda: Conv2D(5, 3, stride=2, padding=1), lambda k: padded(k, 3, 2, 1), (4, 9, 8, 3)),
    "Conv2D 5x5": (lambda: Conv2D(5, 5), lambda k: padded(k, 5, 1, 0), (3, 8, 8, 2)),
    "MaxPool2D": (lambda: MaxPool2D(2), lambda k: [k.layers.MaxPooling2D(2)], (4, 7, 6, 3)),
    "MaxPool2D overlapping": (lambda: MaxPool2D(3, 2), lambda k: [k.layers.MaxPooling2D(3, 2)], (4, 7, 7, 3)),
    "AveragePool2D": (lambda: AveragePool2D(2), lambda k: [k.layers.AveragePooling2D(2)], (4, 7, 6, 3)),
    "BatchNormalization": (
        lambda: BatchNormalization(0.9, 1e-3),
        lambda k: [k.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)],
        (8, 5, 5, 3),
    ),
    "ReLU": (ReLU, lambda k: [k.layers.ReLU()], (4, 6)),
    "Sigmoid": (Sigmoid, lambda k: [k.layers.Activation("sigmoid")], (4, 6)),
    "Tanh": (Tanh, lambda k: [k.layers.Activation("tanh")], (4, 6)),
    "Flatten": (Flatten, lambda k: [k.layers.Flatten()], (3, 4, 4, 2)),
    "Normalize": (
        lambda: Normalize([0.5, 0.2], [2.0, 0.3]),
        lambda k: [k.layers.Normalization(mean=[0.5, 0.2], variance=[4.0, 0.09])],
        (3, 4, 4, 2),
    ),
}


def test_every_layer_is_compared():
    # Dropout's masks are random on both sides; its forward and backward pass are worked by hand in test_scratch_layers.
    assert {name.split()[0] for name in CASES} | {"Dropout"} == set(LAYERS)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_layer(keras, name, training):
    import tensorflow as tf

    make, make_theirs, shape = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    layer, theirs = make(), keras.Sequential(make_theirs(keras))
    layer.build(shape[1:])
    layer.initialize(rng, np.float32)
    theirs.build(shape)
    for w in layer.parameters.values():
        w += rng.normal(0, 0.3, w.shape).astype(np.float32)
    for ours, variable in zip(layer.parameters.values(), theirs.trainable_variables, strict=True):
        variable.assign(ours)

    y = layer.forward(x, training)
    upstream = rng.normal(size=y.shape).astype(np.float32)
    dx = layer.backward(upstream)
    with tf.GradientTape() as tape:
        fed = tf.constant(x)
        tape.watch(fed)
        expected = theirs(fed, training=training)
        gradients = tape.gradient(expected, [fed, *theirs.trainable_variables], output_gradients=tf.constant(upstream))

    np.testing.assert_allclose(y, expected, **CLOSE)
    for ours, gradient in zip([dx, *layer.gradients.values()], gradients, strict=True):
        np.testing.assert_allclose(ours, gradient, **CLOSE)
    for ours, variable in zip(layer.state.values(), theirs.non_trainable_variables, strict=name != "Normalize"):
        np.testing.assert_allclose(ours, variable, **CLOSE)


def test_max_pooling_breaks_ties_as_keras_does(keras):
    import tensorflow as tf

    x = np.zeros((1, 4, 4, 1), np.float32)  # after ReLU, whole windows are 0
    layer, theirs = MaxPool2D(2), keras.layers.MaxPooling2D(2)
    layer.build((4, 4, 1))
    upstream = layer.forward(x) + 1
    with tf.GradientTape() as tape:
        fed = tf.constant(x)
        tape.watch(fed)
        expected = tape.gradient(theirs(fed), fed)
    np.testing.assert_array_equal(layer.backward(upstream), expected)


OPTIMIZERS = {
    "sgd": (SGD, lambda k: k.optimizers.SGD(0.1)),
    "momentum": (lambda: Momentum(momentum=0.8), lambda k: k.optimizers.SGD(0.1, momentum=0.8)),
    "nesterov": (lambda: Nesterov(momentum=0.8), lambda k: k.optimizers.SGD(0.1, momentum=0.8, nesterov=True)),
    "adam": (Adam, lambda k: k.optimizers.Adam(0.1, epsilon=1e-8)),
    "decoupled": (lambda: Adam(weight_decay=0.05), lambda k: k.optimizers.AdamW(0.1, weight_decay=0.05, epsilon=1e-8)),
    "penalty": (lambda: Momentum(momentum=0.8, penalty=L2(0.05)), lambda k: k.optimizers.SGD(0.1, momentum=0.8)),
}
LOSSES = {
    "cross_entropy": (
        lambda: SoftmaxCrossEntropy(0.1),
        lambda k: k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    ),
    "mse": (MSE, lambda k: k.losses.MeanSquaredError()),
}


def whole_nets(keras, loss="cross_entropy"):
    layers = [
        *(Conv2D(6, 3, padding=1), MaxPool2D(2), BatchNormalization(0.9, 1e-3), ReLU(), Conv2D(4, 3, stride=2), Tanh()),
        *(AveragePool2D(1), Flatten(), Dropout(0.0), Dense(8), Sigmoid(), Dense(3)),
    ]
    k = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            *(k.Conv2D(6, 3, padding="same"), k.MaxPooling2D(2), k.BatchNormalization(momentum=0.9, epsilon=1e-3)),
            *(k.ReLU(), k.Conv2D(4, 3, strides=2, activation="tanh"), k.AveragePooling2D(1), k.Flatten()),
            *(k.Dense(8, activation="sigmoid"), k.Dense(3)),
        ]
    )
    network = Network(layers, (12, 12, 3), LOSSES[loss][0](), seed=3)
    for ours, variable in zip(network.parameters.values(), theirs.trainable_variables, strict=True):
        variable.assign(ours)
    rng = np.random.default_rng(0)
    return network, theirs, rng.normal(size=(10, 12, 12, 3)).astype(np.float32), rng.integers(0, 3, 10)


@pytest.mark.parametrize("loss", LOSSES)
def test_forward_loss_and_gradients_of_a_whole_net(keras, loss):
    import tensorflow as tf

    network, theirs, x, labels = whole_nets(keras, loss)
    gradients, value, _ = network.gradients(x, labels)
    with tf.GradientTape() as tape:
        expected = LOSSES[loss][1](keras)(np.eye(3, dtype=np.float32)[labels], theirs(x, training=True))
    np.testing.assert_allclose(value, expected, **CLOSE)
    for ours, gradient in zip(gradients.values(), tape.gradient(expected, theirs.trainable_variables), strict=True):
        np.testing.assert_allclose(ours, gradient, **CLOSE)
    np.testing.assert_allclose(network.predict(x), theirs(x, training=False), **CLOSE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_of_a_whole_net(keras, name):
    """Make two updates, so that the optimizer's slots matter; both sides get the same gradients."""
    network, theirs, x, labels = whole_nets(keras)
    ours, optimizer = OPTIMIZERS[name][0](), OPTIMIZERS[name][1](keras)
    for _ in range(2):
        gradients, _, _ = network.gradients(x, labels)
        # Keras has no coupled decay in its optimizers: there the penalty's gradient is added by hand.
        penalty = 0.05 if name == "penalty" else 0.0
        penalised = [g + penalty * w for g, w in zip(gradients.values(), network.parameters.values(), strict=True)]
        optimizer.apply(penalised, theirs.trainable_variables)
        ours.update(network.parameters, gradients, 0.1)
        for w, variable in zip(network.parameters.values(), theirs.trainable_variables, strict=True):
            np.testing.assert_allclose(w, variable, **CLOSE)


def test_one_step_of_training_from_images_to_weights(keras):
    network, theirs, x, labels = whole_nets(keras)
    theirs.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSSES["cross_entropy"][1](keras))
    loss, _ = network.step(x, labels, Momentum(), 0.1)
    assert theirs.train_on_batch(x, np.eye(3)[labels]) == pytest.approx(loss, rel=1e-5)
    for ours, variable in zip(network.parameters.values(), theirs.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, variable, **CLOSE)


@pytest.mark.parametrize(
    ("how", "theirs"), [({"value": 0.1}, {"clipvalue": 0.1}), ({"norm": 0.5}, {"global_clipnorm": 0.5})]
)
def test_clipping(keras, how, theirs):
    rng = np.random.default_rng(0)
    gradients = {"a": rng.normal(size=(3, 2)).astype(np.float32), "b": rng.normal(size=2).astype(np.float32)}
    clipped = clip(gradients, **how)
    variables = [keras.Variable(np.zeros_like(g)) for g in gradients.values()]
    keras.optimizers.SGD(1.0, **theirs).apply(list(gradients.values()), variables)
    for ours, variable in zip(clipped.values(), variables, strict=True):
        np.testing.assert_allclose(-ours, variable, **CLOSE)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 1.5])
def test_schedules_are_those_of_the_keras_nets(keras, schedule, warmup):
    config = RunConfig(
        schedule=schedule, warmup=warmup, epochs=6, learning_rate=0.3, step_epochs=2, milestones="2,4", gamma=0.5
    )
    schedule_of_keras = make_schedule(config, 10)
    for step in range(60):
        assert learning_rate(config, step, 10) == pytest.approx(float(schedule_of_keras(step)), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", scratch.VARIANTS)
def test_parameters_and_multiply_adds_are_those_of_the_same_net_in_keras(keras, name):
    variant = scratch.VARIANTS[name]
    k = keras.layers
    hidden = [k.Dense(units, activation="relu") for units in variant.args.get("widths", ())]
    convolutions = []
    for filters in variant.args.get("filters", ()):
        convolutions.append(k.Conv2D(filters, 3, padding="same"))
        if name == "scratch_convnet":
            convolutions += [k.MaxPooling2D(2), k.BatchNormalization()]
        convolutions.append(k.ReLU())
    theirs = keras.Sequential([keras.Input((32, 32, 3)), *convolutions, k.Flatten(), *hidden, k.Dense(10)])
    parameters = sum(math.prod(w.shape) for w in theirs.trainable_weights)
    assert (variant.params, variant.multiply_adds) == (parameters, counting.multiply_adds(theirs))
