"""Start a net from existing weights: of a run, a .keras file or a PyTorch checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.models._late import keras
from kerascifar.models.keras_files import read_model
from kerascifar.models.torch_files import read_state_dict

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
        left: names of the head's layers, of model or file, that were left out because the heads differ.
    """

    layers: list[str]
    left: list[str]


def load_weights_into(model: "keras.Model", source: str | Path) -> Imported:
    """Copy weights from `source` into the layers of the same name.

    `source` is a .pth or .pt (a state_dict), a .safetensors, a .keras file, or the folder of a run that holds
    model.keras. Layers of our nets have torchvision's names, so its checkpoints fit. The head, that is the last
    layer with weights, keeps its fresh weights if the file's head has another shape or other layers.
    Everything else must match; otherwise the model stays unchanged.

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


def freeze(model: "keras.Model", trained: int) -> None:
    """Let only the last `trained` layers with weights learn; 0 means all. Call before ``compile``.

    Layers are counted as Keras lists them, each BatchNorm as one. A frozen BatchNorm also uses its moving
    statistics, which stay as they are. Each call undoes the previous one.

    Raises:
        InputError: the model has fewer layers with weights.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    if not 0 <= trained <= len(weighted):
        raise InputError(f"--freeze or --phases: the model has {len(weighted)} layers with weights, got {trained}")
    for place, layer in enumerate(weighted):
        layer.trainable = not trained or place >= len(weighted) - trained


def state_dict(model: "keras.Model") -> dict[str, np.ndarray]:
    """Return the model's weights under PyTorch's names and in its layout, as ``load_weights_into`` reads them.

    >>> from kerascifar.models import build
    >>> state_dict(build("modified_net"))["conv2.weight"].shape  # (out, in, row, column)
    (12, 8, 3, 3)
    """
    state, flattened = {}, None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Flatten):
            flattened = layer.input.shape[1:]
        for weight in layer.weights:
            state[f"{layer.name}.{NAMES[weight.name]}"] = _to_torch(layer, np.asarray(weight), flattened)
        if isinstance(layer, keras.layers.Dense):
            flattened = None
    return state


def _to_torch(layer: "keras.Layer", array: np.ndarray, flattened: tuple[int, int, int] | None) -> np.ndarray:
    """Return one of the layer's weights in PyTorch's layout: as `_from_torch` reads it."""
    if array.ndim == 4:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        array = array.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    elif array.ndim == 2:
        array = array.T
        if flattened:
            array = array.reshape(-1, *flattened).transpose(0, 3, 1, 2).reshape(len(array), -1)
    return np.ascontiguousarray(array)


def _keras_layers(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the weights of a .keras file by layer name; safe mode runs no code from the file."""
    try:
        return {layer.name: layer.get_weights() for layer in read_model(path).layers if layer.weights}
    except InputError as error:
        raise InputError(f"--init-weights: {error}") from None


def _modules(state: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group "layer1.0.conv1.weight" by module: {"layer1.0.conv1": {"weight": ...}}."""
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in state.items():
        module, _, weight = name.rpartition(".")
        if weight != "num_batches_tracked":  # not a weight
            modules.setdefault(module, {})[weight] = array
    return modules


def _from_torch(
    layer: "keras.Layer", tensors: Mapping[str, np.ndarray], flattened: tuple[int, int, int] | None
) -> list[np.ndarray]:
    """Return a module's tensors in Keras's order and layout.

    Args:
        layer: the layer they are meant for.
        tensors: those of "weight", "bias", "running_mean", "running_var" that the module has.
        flattened: (H, W, C) if the layer is dense and follows a Flatten, else None.

    Raises:
        KeyError: names differ. ValueError: shapes differ.
    """
    names = [NAMES[weight.name] for weight in layer.weights]
    if set(names) != set(tensors):
        raise KeyError(f"{', '.join(sorted(tensors))} instead of {', '.join(sorted(names))}")
    arrays = []
    for name in names:
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


def _copy(model: "keras.Model", path: Path, sources: Mapping[str, Any], convert: Callable[..., list]) -> Imported:
    """Copy `sources`, weights by layer name as `convert` takes them, into the model, if all of them fit."""
    weighted = [layer for layer in model.layers if layer.weights]
    head = weighted[-1].name
    fitting = []  # layers and their arrays
    left, wrong = [], []
    flattened = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Flatten):
            flattened = layer.input.shape[1:]
        if not layer.weights:
            continue
        try:
            arrays = convert(layer, sources[layer.name], flattened) if layer.name in sources else None
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
    # The names of a head of several layers, such as vgg16's, begin as our head's does.
    for name in sources.keys() - {layer.name for layer in weighted}:
        if name.partition(".")[0] == head.partition(".")[0]:
            left.append(name)
        else:
            wrong.append(f"{name}: not in the model")
    if wrong or not fitting:
        problems = "; ".join(sorted(wrong)[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise InputError(f"--init-weights: {path} does not fit this model: {problems or 'no layer matches'}")
    for layer, arrays in fitting:
        layer.set_weights(arrays)
    return Imported([layer.name for layer, _ in fitting], sorted(left))


def _difference(layer: "keras.Layer", arrays: list[np.ndarray]) -> str:
    """Say how `arrays` differ from the weights that the layer expects; return an empty string if they do not."""
    expected, received = [tuple(w.shape) for w in layer.weights], [a.shape for a in arrays]
    if expected != received:
        return f"shapes {received} instead of {expected}"
    return "" if all(np.isfinite(a).all() for a in arrays) else "holds NaN or infinity"
