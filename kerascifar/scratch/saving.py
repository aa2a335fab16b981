"""A net in a file: one .npz with the arguments of its layers as JSON and its arrays, without pickles.

What is read may come from strangers: nothing in it is executed, and no memory is taken that the file does not hold.
"""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.core import files, reading
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.scratch.batch_normalization import BatchNormalization
from kerascifar.scratch.convolution import Conv2D
from kerascifar.scratch.layers import Dense, Dropout, Flatten, Layer, Normalize, ReLU, Sigmoid, Tanh
from kerascifar.scratch.losses import MSE, SoftmaxCrossEntropy
from kerascifar.scratch.pooling import AveragePool2D, MaxPool2D

if TYPE_CHECKING:
    from kerascifar.scratch.network import Network

Arrays = dict[str, np.ndarray]
_LAYERS = (
    *(Dense, Conv2D, MaxPool2D, AveragePool2D, BatchNormalization),
    *(ReLU, Sigmoid, Tanh, Dropout, Flatten, Normalize),
)
LAYERS: dict[str, type[Layer]] = {layer.__name__: layer for layer in _LAYERS}
LOSSES = {loss.__name__: loss for loss in (SoftmaxCrossEntropy, MSE)}


def save(path: Path, network: "Network") -> None:
    """Write `network` to `path`, whole or not at all."""
    spec = {
        "input_shape": network.input_shape,
        "layers": [_describe(layer, LAYERS) for layer in network.layers],
        "loss": _describe(network.loss, LOSSES),
    }
    write_arrays(path, spec, arrays_of(network))


def load(path: Path, kind: type["Network"]) -> "Network":
    """Return the net saved in `path`.

    Raises:
        InputError: the file is missing, corrupt, or no saved net.
    """
    spec, arrays = read_arrays(path)
    try:
        network = kind.__new__(kind)
        layers = [_make(row, LAYERS, "layer") for row in spec["layers"]]
        if not all(isinstance(side, int) and 0 < side < 2**20 for side in spec["input_shape"]):
            raise ValueError(f"input_shape {spec['input_shape']}")
        network.plan(layers, tuple(spec["input_shape"]), _make(spec["loss"], LOSSES, "loss"))
        _restore(network, arrays)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, IndexError) as error:
        raise InputError(f"{path} is no saved network that can be read: {error}") from None
    return network


def _restore(network: "Network", arrays: Arrays) -> None:
    shapes = {
        f"parameters/{i}/{name}": shape
        for i, layer in enumerate(network.layers)
        for name, shape in layer.parameter_shapes.items()
    }
    found = {name: a for name, a in arrays.items() if name.startswith("parameters/")}
    if {name: a.shape for name, a in found.items()} != shapes:
        raise ValueError("its arrays are not those of its layers")
    if any(a.dtype not in (np.float32, np.float64) or not np.isfinite(a).all() for a in arrays.values()):
        raise ValueError("an array holds something other than finite floating-point numbers")
    # The file holds as many numbers as the layers have, so initialising them takes no more memory than that.
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    network.initialize(np.random.default_rng(0), dtype)
    wanted = {f"state/{name}": a.shape for name, a in network.state.items()}
    state = {name: a for name, a in arrays.items() if name.startswith("state/")}
    if {name: a.shape for name, a in state.items()} != wanted:
        raise ValueError("its moving averages are not those of its layers")
    network.assign(under(arrays, "parameters"), under(arrays, "state"))


def write_arrays(path: Path, spec: dict[str, Any], arrays: Arrays) -> None:
    """Write JSON-able `spec` and `arrays` to `path`, whole or not at all."""
    files.write_atomically(path, lambda part: np.savez(part, spec=np.array(json.dumps(spec)), **arrays))


def read_arrays(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Return what `write_arrays` wrote.

    Raises:
        InputError: the file is missing or corrupt; its checksums and sizes are looked at before memory is taken.
    """
    try:
        arrays = reading.read_arrays(path)
        return reading.decode_json(str(arrays.pop("spec"))), arrays
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def arrays_of(network: "Network") -> Arrays:
    """Return all arrays of a net, by "parameters/layer/name" and "state/layer/name"."""
    parameters = {f"parameters/{name}": a for name, a in network.parameters.items()}
    return parameters | {f"state/{name}": a for name, a in network.state.items()}


def under(arrays: Arrays, group: str) -> Arrays:
    """Return the arrays of a group, by the rest of their names."""
    return {name.removeprefix(f"{group}/"): a for name, a in arrays.items() if name.startswith(f"{group}/")}


def _describe(thing: Any, table: dict[str, type]) -> dict[str, Any]:
    # A layer with a published fault computes forward what its parent does, and is saved as that.
    kind = next(c.__name__ for c in type(thing).__mro__ if c.__name__ in table)
    return {"kind": kind, "arguments": asdict(thing) if is_dataclass(thing) else {}}


def _make(row: dict[str, Any], table: dict[str, type], what: str) -> Any:
    return lookup(table, row["kind"], what)(**row["arguments"])
