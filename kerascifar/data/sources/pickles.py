"""Read CIFAR's python pickles without trusting them.

A pickle is a program: it may call anything that it can name. So nothing it names is ever looked up. The few globals
that CIFAR's files contain (how NumPy pickles an array) are answered by the stand-ins below, everything else is refused.
Unpickling with a restricted ``find_class``: https://docs.python.org/3/library/pickle.html#restricting-globals
"""

import io
import math
import pickle
import re
from typing import Any, NoReturn

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.reading import check_memo


class _StandIn:
    """What a pickle gets in place of a real global; it refuses to be given state."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise ValueError("state for an object that has none")


class _Dtype(_StandIn):
    """Stands for numpy.dtype, of whole numbers only: no objects, no fields."""

    __slots__ = ("dtype",)

    def __init__(self, code: str | bytes, *_: object) -> None:
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not re.fullmatch(r"[|<>=]?(b1|[iu][1248])", code):
            raise ValueError(f"an array of dtype {code!r}, whole numbers are expected")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        order, *structure = state[1:5]  # (version, byte order, subarray, names, fields, ...)
        if structure != [None, None, None]:
            raise ValueError("a structured array")
        self.dtype = self.dtype.newbyteorder(order.decode("ascii") if isinstance(order, bytes) else order)


class _Array(_StandIn):
    """Stands for numpy.ndarray and its ``_reconstruct``; the state that follows holds shape, dtype and bytes."""

    __slots__ = ("value",)

    def __init__(self, *_: object) -> None:
        self.value = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        self.value = _array(raw, dtype, shape, "F" if fortran else "C")


class _FromBuffer(_Array):
    """Stands for NumPy's ``_frombuffer``, which pickle protocol 5 uses."""

    __slots__ = ()

    def __init__(self, raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> None:
        self.value = _array(raw, dtype, shape, order)


class _Encoded(bytes):
    """Stands for ``_codecs.encode``: how Python 3 writes bytes below protocol 3."""

    def __new__(cls, text: str, encoding: str) -> "_Encoded":
        return super().__new__(cls, text.encode("latin-1"))

    __setstate__ = _StandIn.__setstate__


class _Scalar(int):
    """Stands for NumPy's ``scalar``, one whole number: ids of images in a list, say."""

    def __new__(cls, dtype: _Dtype, raw: bytes) -> "_Scalar":
        return super().__new__(cls, _array(raw, dtype, (), "C").item())

    __setstate__ = _StandIn.__setstate__


_GLOBALS = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    "numpy.core.multiarray._reconstruct": _Array,  # NumPy 1, and the official files
    "numpy._core.multiarray._reconstruct": _Array,  # NumPy 2
    "numpy.core.numeric._frombuffer": _FromBuffer,
    "numpy._core.numeric._frombuffer": _FromBuffer,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy._core.multiarray.scalar": _Scalar,
    "_codecs.encode": _Encoded,
}


class _Refused(Exception):
    pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _GLOBALS[f"{module}.{name}"]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def read_pickle(content: bytes, source: str) -> dict[str, Any]:
    """Return the dict that a CIFAR pickle holds: text keys; values are arrays, lists, bytes, text, numbers.

    Files written by Python 2 are read with their strings as bytes, as the data set's page asks
    (https://www.cs.toronto.edu/~kriz/cifar.html). Arrays are read-only views of the content.

    Args:
        content: the whole file.
        source: its name, for messages.

    Raises:
        InputError: the pickle names something that no CIFAR file contains (nothing of it is run), is truncated,
            is no pickle, or holds no dict.
    """
    try:
        check_memo(content)
        loaded = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except _Refused as refused:
        raise InputError(
            f"{source}: refused: this pickle calls {str(refused)!r}, which no CIFAR file does; nothing of it was run"
        ) from None
    except Exception as error:  # a hostile or broken pickle can make the reader raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source}: not a whole CIFAR pickle ({reason}); get the file again") from None
    if not isinstance(loaded, dict) or not all(isinstance(key, str | bytes) for key in loaded):
        raise InputError(f"{source}: expected a pickled dict with text keys, got {type(loaded).__name__}")
    return {_text(key): value.value if isinstance(value, _Array) else value for key, value in loaded.items()}


def _array(raw: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> np.ndarray:
    order = order.decode("ascii") if isinstance(order, bytes) else order
    if not isinstance(raw, bytes | bytearray) or math.prod(shape) * dtype.dtype.itemsize != len(raw):
        raise ValueError(f"the bytes of an array do not fill its shape {shape}")
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order)


def _text(key: str | bytes) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else key
