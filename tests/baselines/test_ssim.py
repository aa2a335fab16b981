"""SSIM: by hand, against scikit-image, and the compiled loops against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from kerascifar.baselines.distances import DISTANCES
from kerascifar.baselines.images import Images
from kerascifar.baselines.ssim import data_range, ssim, window_sums
from kerascifar.core.errors import InputError


def scikit_image(x, y, span=None):
    def similarity(a, b):
        return structural_similarity(a, b, channel_axis=-1, data_range=a.max() - a.min() if span is None else span)

    return np.array([[similarity(a, b) for b in y] for a in x])


def pictures(seed, n, shape=(16, 15, 3)):
    """Noise on a slope: windows of every mean and contrast."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 1, shape[0])[:, None, None] * rng.uniform(-150, 150, (n, 1, 1, shape[2]))
    return np.clip(120 + slope + rng.normal(0, 30, (n, *shape)), 0, 255).astype(np.uint8)


def test_window_sums_of_ones_and_of_a_ramp():
    assert (window_sums(np.ones((2, 9, 8, 3)), 1, 2) == 49).all()
    assert window_sums(np.ones((2, 9, 8, 3)), 1, 2).shape == (2, 3, 2, 3)
    # 7 rows of 0+1+...+6 = 21; one column on, of 28.
    assert window_sums(np.tile(np.arange(8), (1, 7, 1))[..., None], 1, 2).ravel().tolist() == [147, 196]


def test_hand_worked_single_window():
    """A 7x7 image is one window. x: one pixel 49, the rest 0; y: one other pixel 98, the rest 0; range 49.

    mx = 1, my = 2; sum x^2 = 2401, so vx = (2401 - 49) / 48 = 49; sum y^2 = 9604, vy = (9604 - 196) / 48 = 196;
    sum xy = 0, cov = (0 - 49 x 1 x 2) / 48 = -98/48; C1 = 0.49^2 = 0.2401, C2 = 1.47^2 = 2.1609.
    """
    x, y = np.zeros((1, 7, 7, 1)), np.zeros((1, 7, 7, 1))
    x[0, 0, 0, 0], y[0, 6, 6, 0] = 49, 98
    expected = (2 * 1 * 2 + 0.2401) * (2 * -98 / 48 + 2.1609) / ((1 + 4 + 0.2401) * (49 + 196 + 2.1609))
    np.testing.assert_allclose(ssim(x, y), [[expected]], rtol=1e-12)


@pytest.mark.parametrize("span", [None, 255.0])
def test_definition_equals_scikit_image(span):
    x, y = pictures(0, 4).astype(float), pictures(1, 6).astype(float)
    np.testing.assert_allclose(ssim(x, y, span), scikit_image(x, y, span), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), shape=st.tuples(st.integers(7, 12), st.integers(7, 12), st.integers(1, 4)))
def test_definition_equals_scikit_image_for_any_shape(seed, shape):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, *shape)), rng.normal(size=(3, *shape))
    np.testing.assert_allclose(ssim(x, y), scikit_image(x, y), atol=1e-10)


@pytest.mark.parametrize("shape", [(32, 32, 3), (7, 7, 1), (9, 30, 4)])
@pytest.mark.parametrize("scales", [((0, 1), (0, 1)), ((121, 64), (121, 64)), ((120, 64), (122, 61))])
def test_compiled_loops_equal_scikit_image(shape, scales):
    pytest.importorskip("numba")
    from kerascifar.baselines.compiled import Structural

    y, x = (
        Images(pictures(s, n, shape), *map(float, scale)) for s, n, scale in ((2, 70, scales[0]), (3, 4, scales[1]))
    )
    expected = 1 - scikit_image(x[:], y[:])
    for dtype, bound in ((np.float32, 1e-5), (np.float64, 1e-12)):
        screen = Structural(y, dtype, None)
        estimates = screen.estimate(screen.prepare(x, np.arange(4)), slice(0, 70))
        np.testing.assert_allclose(estimates, expected, atol=bound)


def test_reported_distances_equal_scikit_image():
    x, y = pictures(4, 5), pictures(5, 40)
    from kerascifar.baselines.neighbors import KNeighbors

    distances, indices = KNeighbors(k=3, distance="ssim").fit(y, np.arange(40) % 4).kneighbors(x)
    expected = 1 - scikit_image(x.astype(float), y.astype(float))
    np.testing.assert_allclose(distances, np.take_along_axis(expected, indices, 1), atol=1e-12)
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :3])


def test_fixed_range_reaches_the_search():
    x, y = pictures(6, 5), pictures(7, 40)
    from kerascifar.baselines.neighbors import KNeighbors

    distances, _ = KNeighbors(distance="ssim", data_range=255).fit(y, np.zeros(40)).kneighbors(x)
    expected = 1 - scikit_image(x.astype(float), y.astype(float), 255).max(1)
    np.testing.assert_allclose(distances[:, 0], expected, atol=1e-12)


def test_equal_images_are_1_and_one_pixel_counts():
    x = pictures(8, 1).astype(float)
    y = np.concatenate([x, x])
    y[1, 8, 8, 1] += 1
    same, other = ssim(x, y)[0]
    assert same == pytest.approx(1, abs=1e-14)
    assert 0.99 < other < 1 - 1e-7
    np.testing.assert_allclose(ssim(x, y), scikit_image(x, y), atol=1e-13)


def test_constant_images():
    """A constant query counts as range 1; against itself 1, against another constant the luminance term alone.

    means 10 and 20: (2 x 200 + 0.0001) / (100 + 400 + 0.0001), and the structure term is C2 / C2 = 1.
    """
    flat = np.full((3, 8, 8, 1), 10.0)
    flat[1:] = 20
    assert data_range(flat).tolist() == [1, 1, 1]
    expected = 400.0001 / 500.0001
    np.testing.assert_allclose(ssim(flat[:1], flat[1:]), [[expected, expected]], rtol=1e-12)
    distances = DISTANCES["ssim"].definition(flat, flat).round(9)
    np.testing.assert_allclose(np.diag(distances), 0, atol=1e-12)


def test_images_without_a_window_are_refused():
    with pytest.raises(InputError, match="at least 7x7 pixels, got 6x9"):
        ssim(np.zeros((1, 6, 9, 3)), np.zeros((1, 6, 9, 3)))
    with pytest.raises(InputError, match=r"got an array of shape \(4, 192\)"):
        ssim(np.zeros((4, 192)), np.zeros((4, 192)))
