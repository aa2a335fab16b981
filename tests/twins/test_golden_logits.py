"""Our nets against logits that PyTorch computed once (make_golden.py), with the same seeded weights."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from cases import CASES, MEAN, SLOW, STD, Case
from safetensors.numpy import save_file
from seeded import fill, images

from kerascifar.models import build
from kerascifar.models.pretrained import load_weights_into

GOLDEN = json.loads(Path(__file__).with_name("golden_logits.json").read_text(encoding="utf-8"))["logits"]


def built(case: Case) -> keras.Model:
    shape = (case.side, case.side, 3)
    return build(case.arch, shape, case.classes, MEAN, STD, **case.options)


def torch_shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the state_dict that a PyTorch model with these layers would have."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            names = ["weight"] * layer.scale + ["bias"] * layer.center + ["running_mean", "running_var"]
            shapes |= {f"{layer.name}.{name}": tuple(layer.moving_mean.shape) for name in names}
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            height, width, channels, _ = layer.kernel.shape
            shapes[f"{layer.name}.weight"] = (channels, 1, height, width)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            *window, fan_in, units = layer.kernel.shape
            shapes[f"{layer.name}.weight"] = (units, fan_in, *window)
            if layer.use_bias:
                shapes[f"{layer.name}.bias"] = (units,)
    return shapes


def test_every_case_has_its_golden_logits():
    assert sorted(GOLDEN) == sorted(CASES)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.release] * (n in SLOW)) for n in CASES])
def test_logits_are_pytorchs(name, tmp_path):
    case = CASES[name]
    model = built(case)
    save_file(fill(torch_shapes(model)), tmp_path / "weights.safetensors")
    imported = load_weights_into(model, tmp_path / "weights.safetensors")
    (tmp_path / "weights.safetensors").unlink()  # pytest keeps temporary folders; VGG's file has 537 MB
    assert imported.layers == [layer.name for layer in model.layers if layer.weights]
    assert not imported.left
    logits = model.predict_on_batch(images(case.side))
    np.testing.assert_allclose(logits, GOLDEN[name], rtol=0, atol=1e-4)
