"""Weights kept in half the bytes: matrices and filters of a .keras file as float16, which Keras reads into float32."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError

WEIGHTS = "model.weights.h5"  # the member of a .keras archive


def in_float16(name: str, content: bytes) -> bytes:
    """Return a member of a .keras archive, the one that holds weights with its larger arrays rounded to float16.

    Arrays of one dimension stay as they are: they are few, and among a BatchNormalization's variances are some below
    what float16 holds.

    Raises InputError: a weight is too large for float16.
    """
    return _rewritten(content, _rounded) if name == WEIGHTS else content


def as_float16(name: str, content: bytes) -> bytes:
    """Return a member of a .keras archive; larger arrays whose every number float16 holds exactly are kept as that."""
    return _rewritten(content, _exact) if name == WEIGHTS else content


def _rounded(name: str, values: np.ndarray) -> np.ndarray:
    if not (np.abs(values) <= np.finfo(np.float16).max).all():
        raise InputError(f"{WEIGHTS}: {name} holds a number that float16 cannot hold")
    return values.astype(np.float16)


def _exact(_: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values


def _rewritten(content: bytes, half: Callable[[str, np.ndarray], np.ndarray]) -> bytes:
    import h5py

    made = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(made, "w") as target:
        _copy(source, target, half)
    return made.getvalue()


def _copy(source: Any, target: Any, half: Callable[[str, np.ndarray], np.ndarray]) -> None:
    """Copy groups, attributes and arrays of an HDF5 file, in the order in which they stand there."""
    import h5py

    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, member in source.items():
        if isinstance(member, h5py.Group):
            _copy(member, target.create_group(name, track_order=False), half)
            continue
        values = member[()]
        if values.dtype == np.float32 and values.ndim > 1:
            values = half(member.name, values)
        made = target.create_dataset(name, data=values)
        for key, value in member.attrs.items():
            made.attrs[key] = value
