import numpy as np
import pytest
from scipy import optimize, special, stats

from kerascifar.evaluation.equivalence import _score, equivalence, flips, in_words


def test_the_score_by_hand():
    """Of 1000 labels five flip either way; 2 points: a = 2000, b = -50, c = 0.102, so q = (sqrt(1684) + 50) / 4000."""
    share = (1684**0.5 + 50) / 4000
    assert share == pytest.approx(0.0227591, abs=1e-7)
    assert _score(5, 5, 1000, -0.02) == pytest.approx(20 / (1000 * (2 * share - 0.02 - 0.0004)) ** 0.5)
    assert _score(5, 5, 1000, -0.02) == pytest.approx(3.9906, abs=1e-4)
    assert equivalence(5, 5, 1000, 0.02)["p"] == pytest.approx(3.3e-5, rel=0.01)


def test_without_a_flip_the_images_alone_decide():
    """The score is then sqrt(n m / (1 - m)): 1.6449, the bound of 5 %, is passed between 538 and 539 images."""
    assert _score(0, 0, 400, -0.01) == pytest.approx((400 * 0.01 / 0.99) ** 0.5)
    assert not equivalence(0, 0, 538)["equivalent"]
    assert equivalence(0, 0, 539)["equivalent"]


@pytest.mark.parametrize(
    "counts", [(0, 0, 50), (3, 0, 100), (0, 7, 200), (41, 37, 500), (122, 175, 10_000), (9, 1, 10)]
)
@pytest.mark.parametrize("margin", [0.005, 0.02])
def test_it_is_the_score_of_the_constrained_likelihood(counts, margin):
    """Against SciPy: the likelihood is maximised by search, and both tests are of that maximum."""
    gained, lost, images = counts

    def p_value(difference):
        def minus_likelihood(share):
            shares = np.array([share + difference, share, 1 - 2 * share - difference])
            return -np.sum(special.xlogy([gained, lost, images - gained - lost], np.maximum(shares, 1e-300)))

        low, high = max(0, -difference), (1 - difference) / 2
        share = optimize.minimize_scalar(minus_likelihood, bounds=(low, high), options={"xatol": 1e-12}).x
        deviation = (images * (2 * share + difference - difference**2)) ** 0.5
        return stats.norm.cdf((gained - lost - images * difference) / deviation)

    expected = max(1 - p_value(-margin), p_value(margin))
    assert equivalence(*counts, margin)["p"] == pytest.approx(expected, abs=1e-4)


def test_it_errs_as_rarely_as_it_says():
    """Where the true difference is the margin itself, one test in twenty at most calls the nets equivalent."""
    rng = np.random.default_rng(0)
    draws = rng.multinomial(2_000, [0.02, 0.04, 0.94], 2_000)
    errors = np.mean([equivalence(b, c, 2_000, margin=0.02)["equivalent"] for b, c, _ in draws])
    assert errors < 0.065
    same = rng.multinomial(2_000, [0.02, 0.02, 0.96], 300)
    assert np.mean([equivalence(b, c, 2_000, margin=0.02)["equivalent"] for b, c, _ in same]) > 0.95


def test_it_does_not_matter_which_net_comes_first():
    assert equivalence(12, 30, 1_000) == equivalence(30, 12, 1_000)


def test_flips_and_words():
    before, after, labels = np.array([[0, 1, 2, 3, 3], [1, 1, 0, 0, 3], [1, 2, 2, 2, 3]])
    found = flips(before, after, labels)
    assert found == {"to_right": 1, "to_wrong": 1, "between_wrong": 1}
    test = {"margin": 0.005, "p": 0.5512, "equivalent": False}
    assert in_words({"flips": {**found, "to_right": 1_220}, "equivalence": test}) == (
        "1,220 labels flip to right, 1 to wrong, 1 from one wrong to another; not shown to be equivalent within "
        "0.5 points (paired TOST, p = 0.55)"
    )
