"""A PyTorch model's weights carried over give the same logits (needs PyTorch, which no lock file holds)."""

import importlib

import numpy as np
import pytest
from cases import CASES, SLOW
from seeded import images
from test_golden_logits import GOLDEN, built, torch_shapes

from kerascifar.core.errors import InputError
from kerascifar.models.pretrained import load_weights_into
from kerascifar.models.torch_files import read_state_dict

torch = pytest.importorskip("torch")
twins = importlib.import_module("twins")  # imports PyTorch


def test_every_case_has_a_twin():
    assert set(twins.BUILDERS) == set(CASES)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CASES])
def test_imported_checkpoint_gives_the_same_logits(name, tmp_path):
    case, net = CASES[name], twins.twin(name)
    torch.save(net.state_dict(), tmp_path / "twin.pth")
    model = built(case)
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert torch_shapes(model) == shapes  # layer by layer
    assert not load_weights_into(model, tmp_path / "twin.pth").left
    (tmp_path / "twin.pth").unlink()  # pytest keeps temporary folders; VGG's file has 537 MB
    expected = twins.logits(net, case)
    np.testing.assert_allclose(model.predict_on_batch(images(case.side)), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(GOLDEN[name], expected, rtol=1e-4, atol=1e-5)  # the golden file is no older than this


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_reads_what_torch_saves(zipped, kind, tmp_path):
    net = twins.twin("modified_net").to(getattr(torch, kind))
    state = dict(net.state_dict()) | {"parameter": net.fc1.weight, "view": net.fc1.weight.detach().T[3:5]}
    torch.save({"epoch": 3, "model": state}, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    read = read_state_dict(tmp_path / "net.pth")
    assert list(read) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(read[name], value.detach().double().numpy(), err_msg=name)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
def test_a_whole_module_is_refused(zipped, tmp_path):
    torch.save(twins.twin("lenet"), tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match="only a state_dict of plain tensors is read"):
        read_state_dict(tmp_path / "net.pth")
