"""The k-NN estimator: votes and ties by hand, scikit-learn's habits, bad input, memory."""

import doctest
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kerascifar.baselines import centroid, memory, neighbors, search
from kerascifar.baselines.centroid import NearestCentroid
from kerascifar.baselines.neighbors import TIES, KNeighbors, vote
from kerascifar.core.errors import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (90, 8, 8, 3), dtype=np.uint8), RNG.integers(0, 4, 90)


@parametrize_with_checks([KNeighbors(), NearestCentroid(), NearestCentroid("cosine")])
def test_scikit_learn_accepts_the_estimators(estimator, check):
    check(estimator)


def test_hand_worked_votes_and_ties():
    # Five neighbours at distances 1, 2, 4, 5, 9. Classes 2 and 1 have two votes each, class 0 one.
    labels, distances = np.array([[2, 1, 1, 2, 0]]), np.array([[1.0, 2.0, 4.0, 5.0, 9.0]])
    winners = {ties: vote(labels, distances, 3, ties)[1].item() for ties in TIES}
    # lowest: id 1 < 2. nearest: the neighbour at 1 is of class 2. sum: class 2 has 1 + 5 = 6, class 1 has 2 + 4 = 6,
    # so the sums tie too, and the lower id wins.
    assert winners == {"lowest": 1, "nearest": 2, "sum": 1}
    np.testing.assert_allclose(vote(labels, distances, 3, "lowest")[0], [[0.2, 0.4, 0.4]])
    # With 4.5 for 5 class 2 has 5.5 < 6: now it wins by sum.
    distances[0, 3] = 4.5
    assert vote(labels, distances, 3, "sum")[1].item() == 2
    # The class with the smallest sum of all, 0 with one neighbour, must not win: it has fewer votes.
    assert vote(np.array([[0, 1, 1]]), np.array([[0.0, 7.0, 7.0]]), 2, "sum")[1].item() == 1


@pytest.mark.parametrize("ties", TIES)
def test_k_neighbours_by_hand(ties):
    # On a line: a at 0 and 4, b at 3 and 9. The query at 2 is 1 from b(3), then 2 from a(0) and 2 from a(4).
    model = KNeighbors(k=2, ties=ties).fit(np.array([[0.0], [4], [3], [9]]), np.array(["a", "a", "b", "b"]))
    distances, indices = model.kneighbors(np.array([[2.0]]))
    assert distances.tolist() == [[1, 2]]
    assert indices.tolist() == [[2, 0]]  # of the two at distance 2 the lower index
    assert model.predict(np.array([[2.0]])).tolist() == [{"lowest": "a", "nearest": "b", "sum": "b"}[ties]]
    assert model.predict_proba(np.array([[2.0]])).tolist() == [[0.5, 0.5]]
    model.set_params(k=3).fit(np.array([[0.0], [4], [3], [9]]), np.array(["a", "a", "b", "b"]))
    assert model.predict(np.array([[2.0]])).tolist() == ["a"]  # two votes to one, whatever the rule


@pytest.mark.parametrize(("ours", "theirs"), [("euclidean", "euclidean"), ("l1", "manhattan"), ("cosine", "cosine")])
def test_agrees_with_scikit_learn(ours, theirs):
    x, queries = X.reshape(90, -1).astype(float), RNG.normal(128, 50, (30, 192))
    mine = KNeighbors(k=4, distance=ours).fit(x, Y)
    other = KNeighborsClassifier(4, metric=theirs, algorithm="brute").fit(x, Y)
    for a, b in zip(mine.kneighbors(queries), other.kneighbors(queries), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_array_equal(mine.predict(queries), other.predict(queries))


def test_in_a_pipeline_and_under_cross_validation():
    centres = RNG.normal(0, 4, (4, 20))
    x = centres[Y] + RNG.normal(size=(90, 20))
    for model in (KNeighbors(k=3), NearestCentroid()):
        assert cross_val_score(make_pipeline(StandardScaler(), model), x, Y, cv=3).mean() > 0.9
    images = np.clip(x[:, :, None, None] * 9 + 128, 0, 255).astype(np.uint8).repeat(20, 2)
    assert cross_val_score(KNeighbors(distance="ssim"), images, Y, cv=3).mean() > 0.9
    assert clone(KNeighbors(k=7, ties="sum")).get_params()["ties"] == "sum"


@pytest.mark.parametrize("queries", [1, 2, 7, 64])
@pytest.mark.parametrize("training", [1, 31, 32, 33, 90])
def test_blocks_that_do_not_divide_change_nothing(queries, training, monkeypatch):
    distances, indices = KNeighbors(k=5, distance="ssim").fit(X, Y).kneighbors(X[20:57])
    monkeypatch.setattr(search, "block_sizes", lambda *_: memory.BlockSizes(queries, training))
    for threads in (1, 3):
        again = KNeighbors(k=5, distance="ssim", n_jobs=threads).fit(X, Y).kneighbors(X[20:57])
        np.testing.assert_array_equal(indices, again[1])
        np.testing.assert_array_equal(distances, again[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 91}, "from 1 to the 90 training images, got 91"),
        ({"k": 0}, "got 0"),
        ({"k": 2.5}, "got 2.5"),
        ({"distance": "ssin"}, r"did you mean ssim\?"),
        ({"ties": "near"}, r"did you mean nearest\?"),
        ({"memory": "much"}, "expected an amount such as 512MiB or 1GiB, got 'much'"),
        ({"memory": "0MB"}, "expected an amount"),
        ({"data_range": 255}, "a data range is for ssim and above 0, got 255 for euclidean"),
        ({"distance": "ssim", "data_range": 0}, "above 0, got 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        KNeighbors(**options).fit(X, Y)


def test_bad_images():
    broken = X.astype(float)
    broken[3, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        KNeighbors().fit(broken, Y)
    with pytest.raises(InputError, match="NaN"):
        KNeighbors().fit(X, Y).predict(broken)
    with pytest.raises(InputError, match=r"images of shape \(8, 8, 1\) .* of shape \(8, 8, 3\)"):
        KNeighbors().fit(X, Y).predict(X[..., :1])
    with pytest.raises(InputError, match="inconsistent numbers of samples"):
        KNeighbors().fit(X, Y[:-1])
    with pytest.raises(InputError, match=r"got an array of shape \(90, 192\)"):
        KNeighbors(distance="ssim").fit(X.reshape(90, -1), Y)


def test_memory_amounts():
    assert memory.parse_memory("1GiB") == 2**30
    assert memory.parse_memory("1.5 mib") == 3 * 2**19
    assert memory.parse_memory("2MB") == 2_000_000
    assert memory.parse_memory(4096) == 4096
    with pytest.raises(InputError, match=r"100 bytes are too few here; at least \d+MiB are needed"):
        KNeighbors(memory=100).fit(X, Y).predict(X)


MEASURE = """
import resource, sys
import numpy as np
from kerascifar.baselines.neighbors import KNeighbors
distance, limit = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
def images(n):  # few directions hold their variance, so that the projection is used where memory allows it
    return rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
x, q = images(4000), images(400)
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
KNeighbors(distance=distance, memory=limit, n_jobs=2).fit(x[:64], np.arange(64) % 10).predict(q[:2])  # compiles, loads
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = peak()
KNeighbors(distance=distance, memory=limit, n_jobs=2).fit(x, np.arange(4000) % 10).predict(q)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of resident memory from /proc")
@pytest.mark.parametrize(
    ("distance", "limit"), [("euclidean", 24), ("euclidean", 120), ("l1", 8), ("ssim", 48), ("cosine", 24)]
)
def test_memory_holds(distance, limit):
    """The 4,000 training images as float32 are 49 MB, with SSIM's windows 114 MB; 400 queries are 5 and 21 MB."""
    if distance == "ssim":
        pytest.importorskip("numba")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, distance, str(limit * 2**20)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) <= limit * 2**20


@pytest.mark.parametrize("module", [neighbors, centroid])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted >= 3
    assert result.failed == 0
