import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascifar.layers import AveragePooling2D, BatchNormalization, PairedConv2D, Rescaling

SHAPE = (5, 4, 3, 2)
COUNT = 5 * 4 * 3  # values a channel


def images(seed: int = 0, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(3.0, 2.0, shape).astype("float32")


def pair(shape=SHAPE, **options):
    """Our layer and Keras's own with the same random weights."""
    layers = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(momentum=0.9, epsilon=1.001e-5, **options)
        layer.build(shape)
        random = np.random.default_rng(1)
        layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.weights])
        layers.append(layer)
    return layers


def run(layer, x, training):
    """Outputs, gradient to the inputs and gradients to the weights, inside a compiled graph."""
    weighting = images(2, x.shape)  # a sum of squares alone would have no gradient through the normalisation

    @tf.function(jit_compile=False)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(tf.cast(y, "float32") * weighting)
        return y, tape.gradient(loss, [x, *[w.value for w in layer.trainable_weights]])

    return step(tf.constant(x))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}], ids=str)
def test_outputs_and_gradients_are_those_of_keras(training, options):
    ours, theirs = pair(**options)
    y, gradients = run(ours, images(), training)
    y_keras, gradients_keras = run(theirs, images(), training)
    np.testing.assert_allclose(y, y_keras, atol=1e-5)
    for mine, other in zip(gradients, gradients_keras, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_moving_statistics_follow_pytorchs_rule():
    # moving = 0.9 x old + 0.1 x new; the new variance is divided by n - 1, Keras's by n (n = 60 values a channel).
    ours, theirs = pair()
    before = ours.moving_variance.numpy()
    for layer in (ours, theirs):
        layer(images(), training=True)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    x = images().reshape(-1, 2)
    np.testing.assert_allclose(ours.moving_variance, 0.9 * before + 0.1 * x.var(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(theirs.moving_variance, 0.9 * before + 0.1 * x.var(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (5, 2)),
        ({}, (5, 4, 2)),
        ({"axis": 1}, SHAPE),
        ({"epsilon": 1e-6}, SHAPE),
        ({"dtype": "float64"}, SHAPE),
    ],
    ids=str,
)
def test_what_the_kernel_cannot_do_takes_keras_path(options, shape):
    ours, theirs = BatchNormalization(**options), keras.layers.BatchNormalization(**{"epsilon": 1.001e-5, **options})
    theirs.momentum = ours.momentum
    for layer in (ours, theirs):
        y = layer(images(shape=shape), training=True)
        assert y.shape == shape
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-6)  # biased: Keras's own path
    np.testing.assert_allclose(ours(images(shape=shape)), theirs(images(shape=shape)), rtol=1e-5)


def test_the_fused_kernel_is_what_runs():
    layer = BatchNormalization()
    layer.build(SHAPE)
    graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(tf.TensorSpec(SHAPE)).graph
    assert "FusedBatchNormV3" in {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [True, False])
def test_half_precision_keeps_statistics_in_float32(dtype, training):
    layer = BatchNormalization(dtype=dtype)
    y, _ = run(layer, images(), training)
    assert y.dtype == layer.compute_dtype
    assert {w.dtype for w in layer.weights} == {"float32"}
    if training:
        np.testing.assert_allclose(tf.cast(y, "float32"), pair_output(), atol=0.05)


def pair_output() -> np.ndarray:
    x = images()
    return (x - x.mean((0, 1, 2))) / x.std((0, 1, 2))


def test_one_value_a_channel_and_no_image_leave_finite_statistics():
    layer = BatchNormalization()
    assert np.isfinite(layer(images(shape=(1, 1, 1, 2)), training=True)).all()
    layer(np.zeros((0, 4, 3, 2), "float32"), training=True)
    assert all(np.isfinite(w).all() for w in layer.get_weights())


def test_a_frozen_layer_uses_and_keeps_its_moving_statistics():
    layer, _ = pair()
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(images(), training=True), layer(images(), training=False))
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_saves_and_loads(tmp_path):
    inputs = keras.Input(SHAPE[1:])
    model = keras.Model(inputs, BatchNormalization(scale=False, momentum=0.8, name="bn")(inputs))
    model(images(), training=True)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.get_layer("bn")) is BatchNormalization
    assert (loaded.get_layer("bn").momentum, loaded.get_layer("bn").scale) == (0.8, False)
    np.testing.assert_array_equal(loaded(images()), model(images()))


@pytest.mark.parametrize("values", [(0.02, -1.0), ([0.01, 0.02, 0.03], [-1.0, 0.1, 7.0])], ids=["scalar", "channel"])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_rescaling_is_keras_rescaling_bit_for_bit(values, kind, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(kind)
    inputs = keras.Input(x.shape[1:], dtype=kind)
    model = keras.Model(inputs, Rescaling(*values)(inputs))
    expected = keras.layers.Rescaling(*values)(x)
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict_on_batch(x), expected)  # in a graph
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[-1]) is Rescaling
    np.testing.assert_array_equal(loaded(x), expected)


def test_rescaling_takes_images_of_any_side():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Rescaling([1.0, 2.0, 3.0], [0.0, 0.0, 1.0])(inputs))
    np.testing.assert_array_equal(model(np.ones((1, 2, 4, 3)))[0, 1, 3], [1.0, 2.0, 4.0])


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "relu"}], ids=str)
@pytest.mark.parametrize(
    ("kernel", "padding", "side"),
    [(5, "valid", 12), (3, "same", 8), (1, "valid", 4), (2, "valid", 7), (2, "same", 8), (3, "valid", 9)],
)
def test_paired_convolution_is_conv2d(kernel, padding, side, options, tmp_path):
    x = images(shape=(4, side, side, 3))
    inputs = keras.Input(x.shape[1:])
    ours, theirs = (
        keras.Model(inputs, kind(6, kernel, padding=padding, bias_initializer="normal", **options, name="c")(inputs))
        for kind in (PairedConv2D, keras.layers.Conv2D)
    )
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    with tf.GradientTape(persistent=True) as tape:
        losses = [tf.reduce_sum(m(x) * images(2, m.output.shape[1:])) for m in (ours, theirs)]
    gradients = [tape.gradient(of, m.trainable_variables) for of, m in zip(losses, (ours, theirs), strict=True)]
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-3)
    ours.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.get_layer("c")) is PairedConv2D
    np.testing.assert_array_equal(loaded(x), ours(x))


@pytest.mark.parametrize(
    ("options", "side", "strides"),
    [({}, 8, [1, 1, 2, 1]), ({}, 7, [1, 1, 1, 1]), ({"strides": 2}, 8, [1, 2, 2, 1])],
    ids=["even", "odd", "strided"],
)
def test_columns_are_paired_where_the_width_is_even(options, side, strides):
    layer = PairedConv2D(6, 3, padding="same", **options)
    layer.build((None, side, side, 3))
    graph = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec((4, side, side, 3))).graph
    (found,) = [list(o.get_attr("strides")) for o in graph.get_operations() if o.type == "Conv2D"]
    assert found == strides


@pytest.mark.parametrize(
    ("options", "side", "copied"),
    [
        ({"pool_size": 2}, 8, True),
        ({"pool_size": (2, 4)}, 8, True),
        ({"pool_size": 2, "padding": "same"}, 8, True),
        ({"pool_size": 2}, 7, False),
        ({"pool_size": 3, "strides": 1}, 6, False),
    ],
    ids=str,
)
def test_average_pooling_is_keras_s(options, side, copied, tmp_path):
    x = tf.constant(images(shape=(3, side, side, 5)))
    inputs = keras.Input(x.shape[1:])
    ours, theirs = (
        keras.Model(inputs, kind(**options, name="p")(inputs))
        for kind in (AveragePooling2D, keras.layers.AveragePooling2D)
    )
    weight = images(2, ours.output.shape[1:])
    gradients = []
    for model in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model(x) * weight)
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_array_equal(ours(x), theirs(x))
    np.testing.assert_allclose(*gradients, rtol=1e-6, atol=1e-7)
    if copied:  # in a window all are alike: dy / number of its pixels
        down, across = ours.get_layer("p").pool_size
        of_first = gradients[0][:, :down, :across]
        expected = np.broadcast_to((weight / (down * across))[..., :1, :1, :], of_first.shape)
        np.testing.assert_allclose(of_first, expected, rtol=1e-6)
    ours.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.get_layer("p")) is AveragePooling2D
    np.testing.assert_array_equal(loaded(x), ours(x))
