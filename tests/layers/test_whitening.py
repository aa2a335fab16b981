import keras
import numpy as np
import pytest

from kerascifar.layers import PartialIdentity, PatchWhitening


def adapted(images, kernel=2, **options):
    layer = PatchWhitening(2 * kernel**2 * images.shape[-1], kernel, **options)
    layer.build(images.shape)
    layer.adapt(images)
    return layer


def correlated(count=40, side=6):
    """Images whose neighbouring pixels and channels go together, and whose mean is not 0."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(count, side + 1, side + 1, 3)) @ random.normal(size=(3, 3)) + 0.5
    return (noise[:, 1:, 1:] + 0.7 * noise[:, :-1, 1:] + 0.4 * noise[:, 1:, :-1]).astype("float32")


def test_whitening_by_hand():
    # Patches of one pixel: (2, 0) and (0, 1), so E[p p'] is diag(2, 1/2). Filters, smallest eigenvalue first:
    # (0, 1) / sqrt(1/2 + 1/2) = (0, 1) and (1, 0) / sqrt(2 + 1/2) = (0.6325, 0); then both negated.
    images = np.array([[[[2, 0]]], [[[0, 1]]]], "float32")
    found = adapted(images, 1, epsilon=0.5)(images).numpy().reshape(2, 4)
    np.testing.assert_allclose(found, [[0, 4 / 10**0.5, 0, -4 / 10**0.5], [1, 0, -1, 0]], rtol=1e-6)


def test_outputs_are_uncorrelated_and_their_negatives_follow():
    images = correlated()
    y = adapted(images, epsilon=1e-9)(images).numpy().reshape(-1, 24).astype("float64")
    np.testing.assert_allclose(y[:, :12].T @ y[:, :12] / len(y), np.eye(12), atol=1e-4)
    np.testing.assert_allclose(y[:, 12:], -y[:, :12], atol=1e-5)


def test_epsilon_keeps_directions_without_variance_small():
    # A grey image has one direction of 12 per patch: without epsilon the others would be divided by 0.
    grey = np.repeat(correlated()[..., :1].mean((1, 2), keepdims=True), 6, 1).repeat(6, 2).repeat(3, 3)
    layer = adapted(grey, epsilon=5e-4)
    assert np.abs(layer.kernel.numpy()).max() <= 5e-4**-0.5 + 1e-3
    assert np.abs(layer(grey).numpy()).max() < 5


def test_the_same_images_give_the_same_kernel_in_any_order():
    images = correlated(600)
    kernel = adapted(images).kernel.numpy()
    np.testing.assert_array_equal(kernel, adapted(images).kernel.numpy())
    np.testing.assert_allclose(kernel, adapted(images[::-1]).kernel.numpy(), atol=1e-5)


def test_only_the_bias_learns_and_all_is_saved(tmp_path):
    inputs = keras.Input((6, 6, 3))
    layer = PatchWhitening(24, epsilon=0.1, bias_initializer="normal", name="w")
    model = keras.Model(inputs, layer(inputs))
    layer.adapt(correlated())
    assert [w.name for w in model.trainable_weights] == ["bias"]
    model.compile("sgd", "mse", jit_compile=False)
    before = layer.kernel.numpy()
    model.train_on_batch(correlated(), np.zeros((40, 5, 5, 24)))
    np.testing.assert_array_equal(layer.kernel.numpy(), before)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert (type(loaded.get_layer("w")), loaded.get_layer("w").epsilon) == (PatchWhitening, 0.1)
    np.testing.assert_array_equal(loaded(correlated()), model(correlated()))
    assert [w.name for w in loaded.trainable_weights] == ["bias"]


def test_a_wrong_number_of_filters_is_named():
    with pytest.raises(ValueError, match="3 channels need filters=24, got 12"):
        PatchWhitening(12).build((None, 8, 8, 3))


@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (8, 3), (4, 4)])
def test_a_partial_identity_lets_its_input_through(channels, filters, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, channels)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    conv = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=PartialIdentity())
    model = keras.Model(inputs, conv(inputs))
    same = min(channels, filters)
    np.testing.assert_array_equal(model(x)[..., :same], x[..., :same])
    rest = conv.kernel.numpy()[..., same:]
    assert np.all(np.abs(rest) <= (9 * channels) ** -0.5)
    assert not rest.size or rest.std() > 0.4 * (9 * channels) ** -0.5  # uniform: 0.58
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.layers[-1].kernel_initializer, PartialIdentity)


def test_the_rest_starts_as_asked_and_an_even_kernel_has_no_centre(tmp_path):
    start = PartialIdentity(keras.initializers.Constant(0.25))
    again = keras.initializers.deserialize(keras.initializers.serialize(start))
    for found in (start, again):
        kernel = np.array(found((1, 3, 2, 3), "float32"))
        # (h, w, in, out): filter 0 is 1 at column 1 of channel 0, filter 1 of channel 1, filter 2 is the constant.
        np.testing.assert_array_equal(kernel[0, :, :, 0], [[0, 0], [1, 0], [0, 0]])
        np.testing.assert_array_equal(kernel[0, :, :, 1], [[0, 0], [0, 1], [0, 0]])
        assert np.all(kernel[..., 2] == 0.25)
    with pytest.raises(ValueError, match="2x2 has no centre"):
        start((2, 2, 3, 3))
