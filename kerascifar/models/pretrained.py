"""Start a net from weights that are already there: a run of ours, a .keras file, a PyTorch checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.registry import Late
from kerascifar.models.torch_files import read_state_dict

keras = Late("keras")

# PyTorch's names for Keras's weights, in the order of layer.weights.
NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


class Imported(NamedTuple):
    """What ``load_weights_into`` did.

    Attributes:
        layers: names of the layers that got their weights from the file.
        left: names on either side that did not take part: the head, where the number of classes differs.
    """

    layers: list[str]
    left: list[str]


def load_weights_into(model: Any, source: str | Path) -> Imported:
    """Copy weights from `source` into the layers of the same name.

    `source` is a .pth or .pt (a state_dict), a .safetensors, a .keras file, or the folder of a run that holds
    model.keras. Layers of our nets carry torchvision's names, so its checkpoints fit. The head, that is the last
    layer with weights, keeps its fresh ones where the file has another number of classes or another head.
    Everything else must match; if not, the model is left as it was.

    Raises:
        InputError: the file cannot be read, or layers do not match; the message lists them.
    """
    path = Path(source)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise InputError(f"--init-weights: no such file: {path}")
    if path.suffix == ".keras":
        return _copy(model, path, _keras_layers(path), lambda layer, weights, _: weights)
    if path.suffix in (".pth", ".pt", ".safetensors"):
        return _copy(model, path, _modules(read_state_dict(path)), _from_torch)
    raise InputError(f"--init-weights: {path}: expected a run folder, .keras, .pth, .pt or .safetensors")


def freeze(model: Any, trained: int) -> None:
    """Let only the last `trained` layers with weights learn; 0 lets all. Call before ``compile``.

    Layers are counted as Keras lists them, each BatchNorm as one. A frozen BatchNorm also runs on its moving
    statistics, which stay as they are. A call undoes the one before.

    Raises:
        InputError: the model has fewer layers with weights.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    if not 0 <= trained <= len(weighted):
        raise InputError(f"--freeze or --phases: the model has {len(weighted)} layers with weights, got {trained}")
    for place, layer in enumerate(weighted):
        layer.trainable = not trained or place >= len(weighted) - trained


def _keras_layers(path: Path) -> dict[str, list[np.ndarray]]:
    """Weights of a .keras file by layer name; safe mode runs no code from the file."""
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    except Exception as error:  # a foreign or damaged file fails in many ways inside Keras, zipfile or h5py
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"--init-weights: {path}: not a Keras model that can be read: {reason}") from None


def _modules(state: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group "layer1.0.conv1.weight" by module: {"layer1.0.conv1": {"weight": ...}}."""
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in state.items():
        module, _, weight = name.rpartition(".")
        if weight != "num_batches_tracked":  # counts batches for a momentum of None; no weight
            modules.setdefault(module, {})[weight] = array
    return modules


def _from_torch(
    layer: Any, tensors: Mapping[str, np.ndarray], flattened: tuple[int, int, int] | None
) -> list[np.ndarray]:
    """Return a module's tensors in Keras's order and layout.

    Args:
        layer: the layer they are meant for.
        tensors: "weight", "bias", "running_mean", "running_var" as far as the module has them.
        flattened: (H, W, C) where the layer is dense and follows a Flatten.

    Raises:
        KeyError: names differ. ValueError: shapes differ.
    """
    wanted = [NAMES[weight.name] for weight in layer.weights]
    if set(wanted) != set(tensors):
        raise KeyError(f"{', '.join(sorted(tensors))} instead of {', '.join(sorted(wanted))}")
    arrays = []
    for name in wanted:
        array = tensors[name]
        if name == "weight" and array.ndim == 4:
            # (out, in, h, w) to (h, w, in, out); depthwise (channels, 1, h, w) to (h, w, channels, 1).
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            array = array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        elif name == "weight" and array.ndim == 2:
            if flattened:
                # PyTorch flattens (C, H, W), Keras (H, W, C).
                height, width, channels = flattened
                array = array.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(array), -1)
            array = array.T
        arrays.append(array)
    return arrays


def _copy(model: Any, path: Path, offered: Mapping[str, Any], convert: Callable[..., list]) -> Imported:
    """Fit `offered`, by layer name, to the model; write only if all of it fits."""
    weighted = [layer for layer in model.layers if layer.weights]
    head = weighted[-1].name
    fitting: list[tuple[keras.Layer, list[np.ndarray]]] = []
    left, wrong = [], []
    flattened = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Flatten):
            flattened = layer.input.shape[1:]
        if not layer.weights:
            continue
        try:
            arrays = convert(layer, offered[layer.name], flattened) if layer.name in offered else None
            problem = "not in the file" if arrays is None else _difference(layer, arrays)
        except (KeyError, ValueError) as error:
            problem = str(error.args[0])
        if isinstance(layer, keras.layers.Dense):
            flattened = None
        if not problem:
            fitting.append((layer, arrays))
        elif layer.name == head:
            left.append(head)
        else:
            wrong.append(f"{layer.name}: {problem}")
    # A head of several layers, such as vgg16's, shares the first part of its name with ours.
    for name in offered.keys() - {layer.name for layer in weighted}:
        if name.partition(".")[0] == head.partition(".")[0]:
            left.append(name)
        else:
            wrong.append(f"{name}: not in the model")
    if wrong or not fitting:
        shown = "; ".join(sorted(wrong)[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise InputError(f"--init-weights: {path} does not fit this model: {shown or 'no layer agrees'}")
    for layer, arrays in fitting:
        layer.set_weights(arrays)
    return Imported([layer.name for layer, _ in fitting], sorted(left))


def _difference(layer: Any, arrays: list[np.ndarray]) -> str:
    """Say how `arrays` differ from what the layer holds; an empty text if they do not."""
    ours, theirs = [tuple(w.shape) for w in layer.weights], [a.shape for a in arrays]
    if ours != theirs:
        return f"shapes {theirs} instead of {ours}"
    return "" if all(np.isfinite(a).all() for a in arrays) else "holds NaN or infinity"
