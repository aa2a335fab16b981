"""Temperature and hints from saved scores: cases that can be counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerascifar.demonstration.hints import Confidence, confidence, read_confidence
from kerascifar.evaluation.calibration import soften, temperature
from kerascifar.evaluation.scored_run import ScoredRun


def scored(test, validation=None, probabilities=True):
    metrics = {"test": {"nll": 1.0} if probabilities else {}}
    return ScoredRun(None, SimpleNamespace(metrics=metrics), ("a", "b", "c"), test, validation, "")


def scores(*groups):
    """Labels 0 and scores of three classes, of (images, probability of the predicted class, whether right)."""
    rows = [
        np.roll([p, (1 - p) / 2, (1 - p) / 2], 0 if right else 1) for count, p, right in groups for _ in range(count)
    ]
    return np.zeros(len(rows), np.int64), np.array(rows)


def test_of_test_images_where_there_are_no_others():
    found = confidence(scored(scores((97, 0.95, True), (2, 0.6, True), (1, 0.6, False))))
    assert found.temperature == 1
    unlike, unsure = found.hints
    assert unlike.below == 0.5  # a hundredth of them lies below 0.6, which is too sure to be none of its classes
    assert unlike.text == "Probably none of its classes: 100 % of its 100 test images made it surer."
    assert unsure.below == 0.7
    assert unsure.text == "Unsure: of its 100 test images it was as unsure of 3, and labelled 67 % of those right."


def test_a_hundredth_of_its_own_images_is_unusual():
    unlike, _ = confidence(scored(scores((980, 0.9, True), (20, 0.4, False)))).hints
    assert unlike.below == pytest.approx(np.quantile([0.4] * 20 + [0.9] * 980, 0.01)) == 0.4
    assert "100 % of its 1,000 test images" in unlike.text


def test_it_is_fitted_on_the_validation_images():
    validation = scores((60, 0.9, True), (40, 0.9, False))
    found = confidence(scored(scores((10, 0.9, True)), validation))
    assert found.temperature == temperature(validation[1], validation[0]) > 1
    sure = soften(validation[1], found.temperature).max(1)
    assert sure.mean() == pytest.approx(0.6, abs=0.01)
    assert (
        "of its 100 validation images it was as unsure of 100, and labelled 60 % of those right" in found.hints[1].text
    )


def test_votes_have_no_temperature():
    votes = scores((50, 0.8, True), (50, 0.8, False))
    assert confidence(scored(votes, votes, probabilities=False)).temperature == 1


def test_a_net_that_is_always_sure():
    unsure = confidence(scored(scores((20, 1.0, True)))).hints[1]
    assert unsure.text == "Unsure: of its 20 test images it was as unsure of 0."


def test_without_saved_scores_there_are_no_hints(tmp_path):
    assert read_confidence(tmp_path) == Confidence(1.0, ())
