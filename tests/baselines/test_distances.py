"""Every distance: hand-worked values, and the search's answer against sorting all distances by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from kerascifar.baselines import projection, screens, search
from kerascifar.baselines.distances import DISTANCES, cosine, cosine_inverted, euclidean, l1, mse
from kerascifar.baselines.images import Images
from kerascifar.baselines.search import Search

MEMORY = 2**28
SCALES = [((0, 1), (0, 1)), ((120, 64), (120, 64)), ((120.5, 61), (125.25, 64.5)), ((0, 255), (3, 240))]


def images(seed, n, dtype=np.uint8, shape=(8, 9, 2), scale=(0, 1)):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    return Images(pixels if dtype is np.uint8 else (pixels / 51.0).astype(dtype), *map(np.float64, scale))


def by_brute_force(distance, queries, training, k):
    full = distance.between(queries, slice(None), training, slice(None))
    order = np.argsort(full, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(full, order, 1), order


def test_hand_worked_distances():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    y = np.array([[3.0, 4.0], [-4.0, 3.0]])
    assert l1(x, y).tolist() == [[7, 7], [0, 8]]  # |3|+|4|, |-4|+|3|; 0, |3+4|+|4-3| = 7+1
    np.testing.assert_allclose(euclidean(x, y), [[5, 5], [0, 50**0.5]])  # 3-4-5; 49 + 1
    np.testing.assert_allclose(mse(x, y), [[12.5, 12.5], [0, 25]])  # 25/2; 50/2
    # (3, 4) is at a right angle to (-4, 3): 3 x -4 + 4 x 3 = 0. The zero vector has no angle: distance 1 from all.
    np.testing.assert_allclose(cosine(x, y), [[1, 1], [0, 1]], atol=1e-15)
    np.testing.assert_allclose(cosine_inverted(x, y), [[0, 0], [1, 0]], atol=1e-15)


def test_inverted_cosine_takes_the_least_alike():
    training = Images(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]]))
    query = Images(np.array([[1.0, 0.0]]))
    assert Search(training, DISTANCES["cosine"], MEMORY).nearest(query, 1)[1] == 0
    assert Search(training, DISTANCES["cosine_inverted"], MEMORY).nearest(query, 1)[1] == 2


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("name", DISTANCES)
def test_search_equals_brute_force(name, dtype, scale):
    training, queries = images(1, 150, dtype, scale=scale[0]), images(2, 20, dtype, scale=scale[1])
    training.stored[40:45] = training.stored[7]  # ties
    queries.stored[:5] = training.stored[5:10]  # distance 0
    distances, indices = Search(training, DISTANCES[name], MEMORY).nearest(queries, 8)
    expected, order = by_brute_force(DISTANCES[name], queries, training, 8)
    np.testing.assert_allclose(distances, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(indices, order)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(DISTANCES)),
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(7, 10), st.integers(7, 10), st.integers(1, 3)),
    counts=st.tuples(st.integers(1, 12), st.integers(1, 90)),
    levels=st.integers(1, 256),
    data=st.data(),
)
def test_search_equals_brute_force_for_any_shape(name, seed, shape, counts, levels, data):
    rng = np.random.default_rng(seed)
    # Few grey levels make many ties: levels = 1 is all black, and everything is equal.
    training, queries = (Images(rng.integers(0, levels, (n, *shape)).astype(np.uint8)) for n in counts[::-1])
    k = data.draw(st.integers(1, counts[1]))
    distances, indices = Search(training, DISTANCES[name], MEMORY).nearest(queries, k)
    expected, order = by_brute_force(DISTANCES[name], queries, training, k)
    np.testing.assert_allclose(distances, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(indices, order)


@pytest.mark.parametrize("name", DISTANCES)
def test_more_ties_than_are_kept_go_to_the_lowest_index(name):
    training = images(3, 120)
    training.stored[5:] = training.stored[5]
    indices = Search(training, DISTANCES[name], MEMORY).nearest(Images(training.stored[5:6]), 4)[1]
    expected = by_brute_force(DISTANCES[name], Images(training.stored[5:6]), training, 4)[1]
    np.testing.assert_array_equal(indices, expected)
    if name != "cosine_inverted":
        assert indices.tolist() == [[5, 6, 7, 8]]


@pytest.mark.parametrize("name", DISTANCES)
def test_without_compiled_loops_the_answer_is_the_same(name, monkeypatch):
    training, queries = images(4, 60), images(5, 6)
    compiled = Search(training, DISTANCES[name], MEMORY).nearest(queries, 3)
    monkeypatch.setattr(search, "numba_installed", lambda: False)
    plain = Search(training, DISTANCES[name], MEMORY).nearest(queries, 3)
    np.testing.assert_array_equal(compiled[1], plain[1])
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-13)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("name", DISTANCES)
def test_no_image_is_nearer_than_its_screen_says(name, dtype, scale):
    """What exactness rests on; and float64 says it to twelve digits of the largest distance."""
    training, queries = images(6, 70, dtype, scale=scale[0]), images(7, 9, dtype, scale=scale[1])
    queries.stored[0] = queries.stored[0] // 64 + 1  # a query of low contrast
    exact = DISTANCES[name].between(queries, slice(None), training, slice(None))
    slack = 1e-13 * np.abs(exact).max()  # the definition rounds too
    for screen in search.screens(DISTANCES[name], training, as_bytes=False, memory=MEMORY):
        prepared = screen.prepare(queries, np.arange(9))
        bounds = screen.lower_bounds(prepared, screen.estimate(prepared, slice(0, 70)))
        assert np.all(bounds <= exact + slack), type(screen).__name__
        if getattr(screen, "dtype", None) == np.float64:
            np.testing.assert_allclose(bounds, exact, atol=1e-9 * np.abs(exact).max())


def smooth(seed, n, rank=20, side=24):
    """Bytes that a few directions explain, with some noise."""
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(99).normal(size=(rank, side * side))
    pixels = 128 + 9 * rng.normal(size=(n, rank)) @ shapes + rng.normal(0, 3, (n, side * side))
    return Images(np.clip(pixels, 0, 255).astype(np.uint8).reshape(n, side, side, 1))


@pytest.fixture
def projected(monkeypatch):
    monkeypatch.setattr(projection, "LEAST_IMAGES", 100)
    with threadpool_limits(1, user_api="blas"):  # as the search does
        yield


@pytest.mark.usefixtures("projected")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["euclidean", "mse"])
def test_projection_is_a_lower_bound_and_decides(name, scale, monkeypatch):
    training, queries = (
        Images(smooth(seed, n).stored, *map(np.float64, s)) for seed, n, s in zip((1, 2), (300, 40), scale, strict=True)
    )
    training.stored[7] = queries.stored[3]
    queries.stored[4] = 128  # nearly the mean image: nothing is left outside the directions
    exact = DISTANCES[name].between(queries, slice(None), training, slice(None))
    screen = search.screens(DISTANCES[name], training, as_bytes=False, memory=MEMORY)[0]
    assert isinstance(screen, projection.Projection)
    prepared = screen.prepare(queries, np.arange(40))
    bounds = screen.lower_bounds(prepared, screen.estimate(prepared, slice(0, 300)))
    assert np.all(bounds <= exact)
    assert np.median(bounds / np.maximum(exact, 1e-9)) > 0.9
    monkeypatch.setattr(screens.Product, "estimate", None)  # never reached: the projection decides all
    distances, indices = Search(training, DISTANCES[name], MEMORY).nearest(queries, 3)
    expected, order = by_brute_force(DISTANCES[name], queries, training, 3)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


@pytest.mark.usefixtures("projected")
def test_projection_is_left_out_where_it_does_not_pay():
    noise, pictures = images(1, 300, shape=(24, 24, 1)), smooth(1, 300)
    for training, memory in ((noise, MEMORY), (pictures, 2**19), (Images(pictures.stored[:99]), MEMORY)):
        first = search.screens(DISTANCES["mse"], training, as_bytes=True, memory=memory)[0]
        assert isinstance(first, screens.Product)


def test_a_float32_product_alone_would_rank_wrongly():
    """Two training images whose squared distances, 10^8 apart from the origin, differ by 1 of 2 x 10^4."""
    base = np.full((2, 300), 5000.0)
    base[1, 0] += 1
    training, query = Images(np.concatenate([base, np.zeros((2, 300))])), Images(np.full((1, 300), 5008.0))
    # d0 = 300 x 64 = 19200; d1 = 299 x 64 + 49 = 19185: the second is nearer.
    distances, indices = Search(training, DISTANCES["mse"], MEMORY).nearest(query, 2)
    assert indices.tolist() == [[1, 0]]
    np.testing.assert_allclose(distances, [[19185 / 300, 19200 / 300]], rtol=1e-15)


def test_one_scale_for_both_splits_scales_the_distances_only():
    stored, queries = images(8, 40), images(9, 5)
    for name, power in (("l1", 1), ("euclidean", 1), ("mse", 2)):
        raw = Search(stored, DISTANCES[name], MEMORY).nearest(queries, 3)
        both = [Images(x.stored, np.float64(100), np.float64(50)) for x in (stored, queries)]
        scaled = Search(both[0], DISTANCES[name], MEMORY).nearest(both[1], 3)
        np.testing.assert_array_equal(raw[1], scaled[1])
        np.testing.assert_allclose(raw[0], scaled[0] * 50**power)
