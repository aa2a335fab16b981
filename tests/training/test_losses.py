import numpy as np
import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.training.losses import make_loss

LABELS = np.array([0, 0, 0, 1])
LOGITS = np.log(np.array([[0.7, 0.3], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8]], "float32"))
ONE_HOT = np.eye(2, dtype="float32")[LABELS]
EACH = -np.log([0.7, 0.6, 0.5, 0.8])


def value(loss, y=ONE_HOT):
    return float(np.mean(loss(y, LOGITS)))


def test_cross_entropy_by_hand():
    assert value(make_loss(RunConfig(), LABELS, 2)) == pytest.approx(EACH.mean(), rel=1e-5)


def test_label_smoothing_by_hand():
    # 0.2 over two classes: the true class keeps 0.9, the other gets 0.1
    other = -np.log([0.3, 0.4, 0.5, 0.2])
    expected = (0.9 * EACH + 0.1 * other).mean()
    assert value(make_loss(RunConfig(label_smoothing=0.2), LABELS, 2)) == pytest.approx(expected, rel=1e-5)


def test_class_weights_by_hand():
    # balanced: 4 / (2 x 3) = 2/3 for class 0, 4 / (2 x 1) = 2 for class 1; mean over the summed weights 4
    expected = (2 / 3 * EACH[:3].sum() + 2 * EACH[3]) / 4
    assert value(make_loss(RunConfig(loss="class_weighted"), LABELS, 2)) == pytest.approx(expected, rel=1e-5)


def test_class_weights_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.CrossEntropyLoss(weight=torch.tensor([2 / 3, 2.0]))(torch.tensor(LOGITS), torch.tensor(LABELS))
    assert value(make_loss(RunConfig(loss="class_weighted"), LABELS, 2)) == pytest.approx(float(theirs), rel=1e-5)


def test_a_class_without_images_does_not_divide_by_zero():
    assert np.isfinite(value(make_loss(RunConfig(loss="class_weighted"), np.array([0, 0]), 2)))


def test_unknown_loss():
    with pytest.raises(InputError, match="did you mean cross_entropy"):
        make_loss(RunConfig(loss="crossentropy"), LABELS, 2)
