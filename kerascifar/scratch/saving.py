"""A net in a file: one .npz with the arguments of its layers as JSON and its arrays, without pickles.

A file may come from a stranger: nothing in it is executed, and its layers get no more memory than its arrays take.
"""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core import files, reading
from kerascifar.core.errors import InputError
from kerascifar.core.fields import MOST_SIDE
from kerascifar.core.registry import lookup
from kerascifar.scratch.batch_normalization import BatchNormalization
from kerascifar.scratch.convolution import Conv2D
from kerascifar.scratch.layers import Dense, Dropout, Flatten, Layer, Normalize, ReLU, Sigmoid, Tanh
from kerascifar.scratch.losses import MSE, Arrays, SoftmaxCrossEntropy
from kerascifar.scratch.network import Network
from kerascifar.scratch.pooling import AveragePool2D, MaxPool2D

_LAYERS = (
    *(Dense, Conv2D, MaxPool2D, AveragePool2D, BatchNormalization),
    *(ReLU, Sigmoid, Tanh, Dropout, Flatten, Normalize),
)
LAYERS: dict[str, type[Layer]] = {layer.__name__: layer for layer in _LAYERS}
LOSSES = {loss.__name__: loss for loss in (SoftmaxCrossEntropy, MSE)}


def save(path: str | Path, network: Network) -> None:
    """Write `network` to `path` (.npz), atomically."""
    spec = {
        "input_shape": network.input_shape,
        "layers": [_describe(layer, LAYERS) for layer in network.layers],
        "loss": _describe(network.loss, LOSSES),
    }
    write_archive(path, spec, arrays_of(network))


def load(path: str | Path) -> Network:
    """Return the net saved in `path`. Raises InputError: the file is missing, corrupt, or not a saved net."""
    spec, arrays = read_archive(path)
    try:
        layers = [_make(description, LAYERS, "layer") for description in spec["layers"]]
        if not all(isinstance(side, int) and 0 < side <= MOST_SIDE for side in spec["input_shape"]):
            raise ValueError(f"input_shape {spec['input_shape']}")
        network = Network(layers, spec["input_shape"], _make(spec["loss"], LOSSES, "loss"), seed=None)
        _restore(network, arrays)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, IndexError) as error:
        raise InputError(f"{path} is not a saved network: {error}") from None
    return network


def _restore(network: Network, arrays: Arrays) -> None:
    shapes = {
        f"{i}/{name}": shape for i, layer in enumerate(network.layers) for name, shape in layer.parameter_shapes.items()
    }
    parameters, state = under(arrays, "parameters"), under(arrays, "state")
    if {name: a.shape for name, a in parameters.items()} != shapes:
        raise ValueError("its arrays are not those of its layers")
    if any(a.dtype not in (np.float32, np.float64) or not np.isfinite(a).all() for a in arrays.values()):
        raise ValueError("an array holds something other than finite floating-point numbers")
    # The shapes were compared, so initialising the layers takes no more memory than the file's arrays.
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    network.initialize(np.random.default_rng(0), dtype)
    if {name: a.shape for name, a in state.items()} != {name: a.shape for name, a in network.state.items()}:
        raise ValueError("its moving averages are not those of its layers")
    network.assign(parameters, state)


def write_archive(path: str | Path, spec: dict[str, Any], arrays: Arrays, before: Path | None = None) -> None:
    """Write `spec`, of JSON types, and `arrays` to `path`, atomically; `before` is ``write_atomically``'s."""
    text = np.array(json.dumps(spec))
    files.write_atomically(Path(path), lambda draft: np.savez(draft, spec=text, **arrays), before)


def read_archive(path: str | Path) -> tuple[dict[str, Any], Arrays]:
    """Return the spec and arrays that `write_archive` wrote. Raises InputError: the file is missing or corrupt."""
    try:
        arrays = reading.read_arrays(path)
        return reading.decode_json(str(arrays.pop("spec"))), arrays
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def arrays_of(network: Network) -> Arrays:
    """Return all arrays of a net, by "parameters/layer/name" and "state/layer/name"."""
    parameters = {f"parameters/{name}": a for name, a in network.parameters.items()}
    return parameters | {f"state/{name}": a for name, a in network.state.items()}


def under(arrays: Arrays, group: str) -> Arrays:
    """Return the arrays whose names start with ``group/``, without that prefix."""
    return {name.removeprefix(f"{group}/"): a for name, a in arrays.items() if name.startswith(f"{group}/")}


def _describe(instance: Any, table: dict[str, type]) -> dict[str, Any]:
    # The forward pass of a layer with a published fault is its parent's, and it is saved as that.
    kind = next(c.__name__ for c in type(instance).__mro__ if c.__name__ in table)
    return {"kind": kind, "arguments": asdict(instance) if is_dataclass(instance) else {}}


def _make(description: dict[str, Any], table: dict[str, type], what: str) -> Any:
    return lookup(table, description["kind"], what)(**description["arguments"])
