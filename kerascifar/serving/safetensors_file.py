"""The weights as safetensors, under the names and in the layout of PyTorch: ``load_state_dict`` takes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.core.errors import InputError
from kerascifar.models.pretrained import load_weights_into, state_dict


def write(net: Any, path: Path, images: None) -> None:
    """Write the weights of `net`; the metadata say how pixels are normalised, which is no weight.

    "mean" and "std" are lists in JSON, one number or one per channel, as ``torchvision.transforms.Normalize`` takes
    them: in units of pixels from 0 to 1.
    """
    from safetensors.numpy import save_file

    save_file(state_dict(net), path, {"format": "pt", **_normalisation(net)})


def load(path: Path, threads: int | None, net: Any) -> Predict:
    """Return predict(images) of a copy of `net` whose weights are read from the file, as --init-weights reads them.

    The file holds no net, and its runtime, PyTorch, is none that this program needs; so this shows that names and
    layout are right, and tells no time but that of Keras.
    """
    import keras

    copy = keras.models.clone_model(net)
    if left := load_weights_into(copy, path).left:
        raise InputError(f"{path.name} lacks {', '.join(left)}")
    return lambda images: np.asarray(copy.predict_on_batch(images)["logits"])


def _normalisation(net: Any) -> dict[str, str]:
    """Return mean and std of the layer that normalises the pixels, for pixels from 0 to 1."""
    layer = net.get_layer("normalization")
    scale, offset = np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    numbers = {"mean": -offset / scale / 255, "std": 1 / scale / 255}
    return {name: json.dumps(np.atleast_1d(values).tolist()) for name, values in numbers.items()}
