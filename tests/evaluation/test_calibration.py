import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.evaluation.calibration import (
    HOTTEST,
    brier_score,
    reliability,
    soften,
    temperature,
)


def test_reliability_by_hand():
    # Two classes, bins (0, 0.5], (0.5, 1]. Confidences 0.5 (an edge: the bin below; a tie: class 0, wrong), 0.6 right,
    # 0.8 right, 1.0 wrong.
    p = np.array([[0.5, 0.5], [0.6, 0.4], [0.2, 0.8], [1.0, 0.0]])
    bins = reliability(p, np.array([1, 0, 1, 1]), bins=2)
    assert bins.images.tolist() == [1, 3]
    assert bins.accuracy == pytest.approx([0, 2 / 3])
    assert bins.confidence == pytest.approx([0.5, (0.6 + 0.8 + 1.0) / 3])
    # ECE: 1/4 * |0 - 0.5| + 3/4 * |2/3 - 0.8| = 0.125 + 0.1
    assert bins.error == pytest.approx(0.225)


def test_empty_bins_are_nan_and_weigh_nothing():
    bins = reliability(np.array([[0.9, 0.1]]), np.array([0]), bins=10)
    assert np.isnan(bins.accuracy).tolist() == [True] * 8 + [False, True]  # 0.9 lies on an edge: the ninth bin
    assert bins.error == pytest.approx(0.1)


def test_brier_by_hand():
    # (0.7-1)^2 + 0.2^2 + 0.1^2 = 0.14 and 0.1^2 + 0.3^2 + (0.6-1)^2 = 0.26, mean 0.2
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    assert brier_score(p, np.array([0, 2])) == pytest.approx(0.2)


def test_soften_by_hand():
    # T = 2 takes square roots: sqrt(0.64) : sqrt(0.36) = 0.8 : 0.6, so 4/7 and 3/7; T = 0.5 squares: 0.8^2 : 0.2^2.
    assert soften(np.array([[0.64, 0.36]]), 2.0)[0] == pytest.approx([4 / 7, 3 / 7])
    assert soften(np.array([[0.8, 0.2]]), 0.5)[0] == pytest.approx([0.64 / 0.68, 0.04 / 0.68])
    assert soften(np.array([[1.0, 0.0]], np.float32), 1.0)[0] == pytest.approx([1, 0])  # no NaN from log 0


def test_temperature_by_hand():
    # All say 0.9 to class 0, three in four are right: the best constant is 0.75, so (0.9/0.1)^(1/T) = 3, hence
    # T = ln 9 / ln 3 = 2.
    p = np.tile([0.9, 0.1], (4, 1))
    assert temperature(p, np.array([0, 0, 0, 1])) == pytest.approx(2, abs=1e-4)


def test_temperature_is_bounded():
    p = np.tile([0.9, 0.1], (4, 1))
    assert temperature(p, np.zeros(4, int)) < 0.1  # never wrong: as cold as changes anything
    assert temperature(p, np.array([0, 1, 1, 1])) == pytest.approx(HOTTEST, rel=1e-3)  # worse than guessing


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_agrees_with_scikit_learn_and_plain_counting(images, classes, bins, seed):
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(seed)
    labels, p = rng.integers(0, classes, images), rng.dirichlet(np.ones(classes), images)
    assert brier_score(p, labels) == pytest.approx(
        brier_score_loss(labels, p, labels=range(classes), scale_by_half=False)
    )
    gap = 0.0
    for low in range(bins):
        inside = [i for i in range(images) if low / bins < p[i].max() <= (low + 1) / bins]
        gap += abs(sum((p[i].argmax() == labels[i]) - p[i].max() for i in inside)) / images
    assert reliability(p, labels, bins).error == pytest.approx(gap)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3))
def test_temperature_finds_what_sharpened_the_logits(seed, sharpened):
    from scipy.special import softmax

    rng = np.random.default_rng(seed)
    true = softmax(rng.normal(size=(4000, 5)), axis=1)
    labels = (true.cumsum(1) > rng.random((4000, 1))).argmax(1)
    sharp = soften(true, 1 / sharpened)
    fitted = temperature(sharp, labels)
    assert fitted == pytest.approx(sharpened, rel=0.15)

    # No other temperature on a grid gives less NLL, and softening changes no prediction.
    def nll(t):
        return -np.log(soften(sharp, t)[np.arange(4000), labels]).mean()

    assert nll(fitted) <= min(map(nll, np.geomspace(0.1, 10, 60))) + 1e-9
    assert (soften(sharp, fitted).argmax(1) == sharp.argmax(1)).all()


def test_shapes_that_do_not_fit():
    for call in (reliability, brier_score, temperature):
        with pytest.raises(ValueError, match="do not fit"):
            call(np.ones((2, 3)), np.array([0]))
    with pytest.raises(ValueError, match="above 0"):
        soften(np.ones((1, 2)) / 2, 0.0)
