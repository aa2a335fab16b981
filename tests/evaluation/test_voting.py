import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.evaluation.voting import hard, soft

ALIKE = np.ones(3)


def one(*rows):
    """Scores (runs, 1, classes) of one image."""
    return np.array(rows, float)[:, None]


def test_soft_by_hand():
    scores = one([0.6, 0.4, 0.0], [0.3, 0.4, 0.3], [0.0, 0.7, 0.3])
    # Means of 0.6 0.3 0, of 0.4 0.4 0.7, of 0 0.3 0.3.
    np.testing.assert_allclose(soft(scores, ALIKE), [[0.3, 0.5, 0.2]])
    # Weights 2, 1, 1: (1.2 + 0.3) / 4, (0.8 + 0.4 + 0.7) / 4, 0.6 / 4.
    np.testing.assert_allclose(soft(scores, np.array([2, 1, 1.0])), [[0.375, 0.475, 0.15]])


def test_hard_counts_votes_not_confidence():
    scores = one([0.34, 0.33, 0.33], [0.34, 0.33, 0.33], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(hard(scores, ALIKE), [[2 / 3, 1 / 3, 0]])
    assert soft(scores, ALIKE).argmax() == 1  # where the mean of the probabilities says otherwise


def test_a_tie_goes_to_the_most_confident_model():
    scores = one([0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.35, 0.55])
    shares = hard(scores, ALIKE)
    np.testing.assert_allclose(shares, [[1 / 3, 1 / 3, 1 / 3]])
    assert shares.argmax() == 1
    assert hard(scores[[0, 2]], ALIKE[:2]).argmax() == 2


def test_only_models_of_the_tied_classes_decide():
    # Votes: two for 0, two for 1, one, the most confident, for 2. The next confident one voted for 1.
    scores = one([0.5, 0.3, 0.2], [0.6, 0.4, 0], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1], [0, 0, 1.0])
    assert hard(scores, np.ones(5)).argmax() == 1


def test_equally_confident_models_keep_their_order():
    scores = one([0.1, 0.2, 0.7], [0.7, 0.1, 0.2])
    assert hard(scores, ALIKE[:2]).argmax() == 2
    assert hard(scores[::-1], ALIKE[:2]).argmax() == 0


def test_votes_have_weights():
    scores = one([0.9, 0.1, 0], [0.4, 0.6, 0], [0.3, 0.7, 0])
    assert hard(scores, np.array([3, 1, 1.0])).argmax() == 0
    # 2 against 1 + 1 is a tie, and the first is the most confident of all.
    np.testing.assert_allclose(hard(scores, np.array([2, 1, 1.0])), [[0.5, 0.5, 0]])
    assert hard(scores, np.array([2, 1, 1.0])).argmax() == 0


def test_a_tie_of_weights_is_one_whatever_floating_point_says():
    assert 0.1 + 0.2 != 0.3
    scores = one([0.1, 0.9], [0.2, 0.8], [0.95, 0.05])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert hard(scores[order], np.array([0.1, 0.2, 0.3])[order]).argmax() == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_hard_agrees_with_counting_on_paper(runs, classes, seed):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(classes), (runs, 20))
    winners = hard(scores, np.ones(runs)).argmax(1)
    for image in range(20):
        votes = [int(np.argmax(scores[run, image])) for run in range(runs)]
        most = max(votes.count(c) for c in votes)
        able = [run for run in range(runs) if votes.count(votes[run]) == most]
        assert winners[image] == votes[max(able, key=lambda run: scores[run, image].max())]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_copies_of_one_model_say_what_it_says(runs, seed):
    scores = np.random.default_rng(seed).dirichlet(np.ones(4), 10)
    copies = np.repeat(scores[None], runs, 0)
    np.testing.assert_allclose(soft(copies, np.ones(runs)), scores)
    np.testing.assert_array_equal(hard(copies, np.ones(runs)).argmax(1), scores.argmax(1))


def test_soft_gives_probabilities():
    scores = np.random.default_rng(0).dirichlet(np.ones(10), (3, 50)).astype(np.float32)
    assert soft(scores, np.array([5, 1, 0.25])).sum(1) == pytest.approx(1, abs=1e-6)
