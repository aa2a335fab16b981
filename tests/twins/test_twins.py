"""A PyTorch model's weights carried over give the same logits (needs PyTorch, which no lock file holds)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cases import CASES, SLOW
from seeded import images
from test_golden_logits import GOLDEN, built, torch_shapes
from twins import BUILDERS, logits, twin

from kerascifar.models.importing import load_weights_into


def test_every_case_has_a_twin():
    assert set(BUILDERS) == set(CASES)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CASES])
def test_imported_checkpoint_gives_the_same_logits(name, tmp_path):
    case, net = CASES[name], twin(name)
    torch.save(net.state_dict(), tmp_path / "twin.pth")
    model = built(case)
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert torch_shapes(model) == shapes  # layer by layer
    assert not load_weights_into(model, tmp_path / "twin.pth").left
    (tmp_path / "twin.pth").unlink()  # pytest keeps temporary folders; VGG's file has 537 MB
    expected = logits(net, case)
    np.testing.assert_allclose(model.predict_on_batch(images(case.side)), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(GOLDEN[name], expected, rtol=1e-4, atol=1e-5)  # the golden file is no older than this
