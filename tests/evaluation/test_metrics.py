import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.evaluation.metrics import agree, evaluate, mcnemar, ranks, wilson_interval
from kerascifar.results import untested


def test_hand_worked():
    # Three classes, four images: predictions 0, 1, 1, 2 against labels 0, 1, 2, 2.
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.7, 0.2], [0.0, 0.5, 0.5 + 1e-9]])
    metrics = evaluate(np.array([0, 1, 2, 2]), scores, ("a", "b", "c"))
    assert metrics["accuracy"] == 0.75
    assert metrics["confusion_matrix"] == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    # precision: a 1/1, b 1/2, c 1/1; recall: a 1, b 1, c 1/2; f1: 1, 2/3, 2/3
    assert [row["precision"] for row in metrics["per_class"]] == [1, 0.5, 1]
    assert [row["recall"] for row in metrics["per_class"]] == [1, 1, 0.5]
    assert metrics["macro"]["f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # weighted by support 1, 1, 2: precision (1 + 0.5 + 2) / 4, and recall is the accuracy
    assert metrics["weighted"]["precision"] == pytest.approx(3.5 / 4)
    assert metrics["weighted"]["recall"] == metrics["accuracy"]
    # NLL: -(ln 0.8 + ln 0.6 + ln 0.2 + ln 0.5) / 4
    assert metrics["nll"] == pytest.approx(-np.log([0.8, 0.6, 0.2, 0.5]).mean(), abs=1e-6)


def test_wilson_by_hand():
    # n=10, k=8, z=1.959964: centre (0.8 + z^2/20) / (1 + z^2/10) = 0.992073/1.384146 = 0.716740,
    # half width z sqrt(0.8*0.2/10 + z^2/400) / 1.384146 = 1.959964 * 0.160016 / 1.384146 = 0.226577
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.716740 - 0.226577, abs=2e-5)
    assert high == pytest.approx(0.716740 + 0.226577, abs=2e-5)


def test_ties_go_to_the_lowest_class():
    assert evaluate(np.array([0]), np.array([[0.5, 0.5]]), ("a", "b"))["accuracy"] == 1


def test_vote_shares_have_no_nll():
    assert "nll" not in evaluate(np.array([0]), np.array([[1.0, 0.0]]), ("a", "b"), probabilities=False)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_agrees_with_plain_counting(images, classes, seed):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, classes, images), rng.dirichlet(np.ones(classes), images)
    metrics = evaluate(labels, scores, [str(i) for i in range(classes)])
    assert metrics["accuracy"] == np.mean(scores.argmax(1) == labels)
    assert metrics["nll"] == pytest.approx(-np.log(scores[np.arange(images), labels]).mean(), rel=1e-6)
    low, high = metrics["accuracy_interval"]
    assert 0 <= low <= metrics["accuracy"] <= high <= 1


def test_mcnemar_by_hand():
    # Six images that one alone has right, five of them the first: p = 2 (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
    first = np.array([1, 1, 1, 1, 1, 0, 1, 0], bool)
    second = np.array([0, 0, 0, 0, 0, 1, 1, 0], bool)
    assert mcnemar(first, second) == {"only_first": 5, "only_second": 1, "p": pytest.approx(14 / 64)}
    assert mcnemar(second, first)["p"] == mcnemar(first, second)["p"]
    assert mcnemar(first, first) == {"only_first": 0, "only_second": 0, "p": 1.0}


def test_a_class_without_images_has_no_value():
    # Predictions 0, 2, 1 against labels 0, 0, 1: nothing is labelled 3, and no image is of 2 or 3.
    scores = np.eye(4)[[0, 2, 1]] * 0.7 + 0.075
    metrics = evaluate(np.array([0, 0, 1]), scores, ("a", "b", "c", "d"))
    assert [row["recall"] for row in metrics["per_class"]] == [0.5, 1, None, None]
    assert [row["precision"] for row in metrics["per_class"]] == [1, 1, None, None]
    assert [row["images"] for row in metrics["per_class"]] == [2, 1, 0, 0]
    assert metrics["macro"] == {"precision": 1, "recall": 0.75, "f1": pytest.approx((2 / 3 + 1) / 2)}
    assert untested(metrics).startswith("no test image shows c, d:")
    assert untested(evaluate(np.array([0, 1]), np.eye(2), ("a", "b"))) == ""


def test_old_metrics_with_zeros_for_such_a_class_still_agree():
    metrics = evaluate(np.array([0, 0, 1]), np.eye(3)[[0, 2, 1]], ("a", "b", "c"))
    old = json.loads(json.dumps(metrics).replace("null", "0.0"))
    old["macro"] = {key: value * 2 / 3 for key, value in metrics["macro"].items()}
    assert agree(metrics, old)
    assert agree(metrics, json.loads(json.dumps(metrics)))
    assert not agree(metrics, {**old, "accuracy": 0.5})
    assert not agree(metrics, {**metrics, "macro": old["macro"]})


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        evaluate(np.array([0, 1]), np.ones((2, 3)), ("a", "b"))


def test_top_5_accuracy_is_that_of_sorting():
    draws = np.random.default_rng(0)
    scores, labels = draws.integers(0, 4, (200, 12)).astype(float) + 1, draws.integers(0, 12, 200)  # many ties
    order = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    metrics = evaluate(labels, scores, [str(i) for i in range(12)])
    assert metrics["top_5_accuracy"] == np.mean((order == labels[:, None]).any(1))
    assert (ranks(labels, scores) == 0).mean() == metrics["accuracy"]
    assert "top_5_accuracy" not in evaluate(labels, scores, [str(i) for i in range(12)], probabilities=False)
    assert "top_5_accuracy" not in evaluate(labels % 5, scores[:, :5], "abcde")
    earlier = {key: value for key, value in metrics.items() if key != "top_5_accuracy"}
    assert agree(metrics, earlier)
    assert agree(metrics, metrics)
    assert not agree(metrics, {**metrics, "top_5_accuracy": 0.0})
