import numpy as np

from kerascifar.auditing import features
from kerascifar.core.contracts import Split


def test_a_missing_net_is_told_in_one_line(monkeypatch, capsys):
    before = features.recipe()
    monkeypatch.setattr(features.shipped, "net", lambda name: None)
    assert features._features.__wrapped__(None) is None
    assert capsys.readouterr().err == "the net tiny36k did not come with this installation: only pixels are looked at\n"
    assert features.recipe() != before


def test_who_learns_one_class_knows_no_other():
    images = np.zeros((3, 32, 32, 3), np.uint8)
    found = features.feature_probabilities(Split(images[:1], np.array([1])), 3, {"test": images})
    assert found["test"].tolist() == [[0, 1, 0]] * 3
