import numpy as np
import pytest

from kerascifar.auditing import features
from kerascifar.core.contracts import Split


def drawn(count, seed):
    """Noise with stripes that lie, or stand, and are darker: two classes."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(seed).integers(0, 60, (count, 32, 32, 3), np.uint8)
    images[labels == 0, ::8] += 180
    images[labels == 1, :, ::8] += 90
    return Split(images, labels)


@pytest.mark.parametrize("at_hand", [(), ("tiny36k",), ("airbench94", "tiny36k"), (*features.NETS, "tiny36k")])
def test_what_is_at_hand_judges(at_hand, monkeypatch, capsys):
    own = features.shipped.net
    monkeypatch.setattr(features.shipped, "net", lambda name: own(name) if str(name) in at_hand else None)
    used = list(features.NETS) if set(features.NETS) <= set(at_hand) else [*at_hand][-1:]
    assert list(features._at_hand()) == used
    train, test = drawn(60, 0), drawn(20, 1)
    found = features.feature_probabilities(train, 3, {"test": test.images})["test"]
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert not found[:, 2].any()  # a class without images
    assert (found.argmax(1) == test.labels).all()
    told = "no net came with this installation: labels are judged by pixels alone\n"
    assert capsys.readouterr().err == ("" if used else told)


def test_the_recipe_names_the_nets(monkeypatch):
    before = features.recipe()
    monkeypatch.setattr(features.shipped, "net", lambda name: None)
    assert features.recipe() != before


def test_who_learns_one_class_knows_no_other():
    images = np.zeros((3, 32, 32, 3), np.uint8)
    found = features.feature_probabilities(Split(images[:1], np.array([1])), 3, {"test": images})
    assert found["test"].tolist() == [[0, 1, 0]] * 3


@pytest.mark.parametrize("nets", [True, False])
def test_classes_of_few_images_are_learned_without_a_cross_validation(nets, monkeypatch):
    if not nets:
        monkeypatch.setattr(features.shipped, "net", lambda name: None)
    train = drawn(3, 0)
    found = features.feature_probabilities(train, 2, {"train": train.images})["train"]
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
