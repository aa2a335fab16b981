import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from kerascifar.layers import GELU

X = np.linspace(-6, 6, 2 * 3 * 4 * 5, dtype="float32").reshape(2, 3, 4, 5)


def values_and_slopes(layer, x, training):
    @tf.function(jit_compile=False)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
        return y, tape.gradient(y, x, output_gradients=tf.fill(x.shape, tf.constant(2, y.dtype)))

    return [tf.cast(found, "float64").numpy() for found in both(tf.constant(x))]


@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_are_those_of_the_formula(training):
    # y = x Phi(x), so y' = Phi(x) + x phi(x); the gradient that comes in is 2.
    y, slope = values_and_slopes(GELU(), X, training)
    x = X.astype("float64")
    np.testing.assert_allclose(y, x * norm.cdf(x), atol=2e-6)
    np.testing.assert_allclose(slope, 2 * (norm.cdf(x) + x * norm.pdf(x)), atol=5e-6)


@pytest.mark.parametrize("training", [True, False])
def test_half_precision_is_rounded_once(training):
    x = tf.cast(X, "bfloat16")
    wide = tf.cast(x, "float64").numpy()
    y, _ = values_and_slopes(GELU(dtype="mixed_bfloat16"), x, training)
    # bfloat16 has 8 significant bits: half a unit of the last is at most 2^-8 of the value.
    np.testing.assert_allclose(y, wide * norm.cdf(wide), rtol=2**-8, atol=1e-5)


def test_batches_of_any_size_and_saving(tmp_path):
    inputs = keras.Input(X.shape[1:])
    model = keras.Model(inputs, GELU(name="g")(inputs))
    for count in (1, 2):
        np.testing.assert_allclose(model(X[:count], training=True), model(X[:count]), atol=2e-6)
    model.save(tmp_path / "m.keras")
    assert type(keras.saving.load_model(tmp_path / "m.keras").get_layer("g")) is GELU
