"""Files that may come from strangers, read in one way: JSON and TOML into typed values, .npz and .npy into arrays.

Each reader of the project goes through here, so each answers a malformed file in one line that says which file, where
in it, what was expected and what was found; and none takes memory that the file's size does not justify.
"""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from kerascifar.core.errors import InputError

Kind = TypeVar("Kind")
# A text file of ours has a few MB at the most: the history of a long run, the table of a long study.
MOST_TEXT_BYTES = 64 * 2**20
# Arrays unpacked from compressed members; those stored plainly are no larger than their file.
MOST_UNPACKED_BYTES = 512 * 2**20


def read_json(path: str | Path, kind: type[Kind] = dict[str, Any]) -> Kind:
    """Return the JSON in the file at `path`, decoded into `kind`, such as a dataclass or ``list[int]``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it cannot be read, is no JSON, or is not what `kind` says; names the file and the place in it.
    """
    return _read(path, lambda text: decode_json(text, kind))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the TOML table in the file at `path`. Raises as `read_json` does."""
    return _read(path, lambda text: msgspec.toml.decode(text.decode("utf-8-sig"), type=dict[str, Any]))


def decode_json(text: str | bytes, kind: type[Kind] = dict[str, Any]) -> Kind:
    """Return the JSON `text` decoded into `kind`.

    Raises:
        ValueError: it is no JSON, too deep, or not what `kind` says; the message names the place, such as $.runs[3].

    >>> decode_json('{"epochs": 3}', dict[str, int])
    {'epochs': 3}
    >>> decode_json('{"epochs": "3"}', dict[str, int])
    Traceback (most recent call last):
    ...
    msgspec.ValidationError: Expected `int`, got `str` - at `$[...]`
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name; nothing in it is executed.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is torn, no archive, holds anything but numbers and text, or unpacks to more than 512 MiB.
    """

    def unpack(file: Path) -> dict[str, np.ndarray]:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            packed = [member for member in members if member.compress_type != zipfile.ZIP_STORED]
            if sum(member.file_size for member in packed) > MOST_UNPACKED_BYTES:
                raise ValueError(f"it unpacks to more than {MOST_UNPACKED_BYTES // 2**20} MiB")
            if sum(member.file_size for member in members if member not in packed) > file.stat().st_size:
                raise ValueError("its members are longer than the file")
            # Reading a member whole checks its CRC.
            return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members}

    return _guarded(Path(path), unpack)


def read_array(path: str | Path) -> np.ndarray:
    """Return the array of a .npy file. Raises as `read_arrays` does."""
    return _guarded(Path(path), lambda file: _array(file.read_bytes()))


def _array(content: bytes) -> np.ndarray:
    """Return the array in the bytes of a .npy file, its size checked before memory is taken."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError("an array is not as long as its header says")
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False), order="C")


def _read(path: str | Path, decode: Callable[[bytes], Any]) -> Any:
    def decoded(file: Path) -> Any:
        if file.stat().st_size > MOST_TEXT_BYTES:
            raise ValueError(f"it has more than {MOST_TEXT_BYTES // 2**20} MiB")
        return decode(file.read_bytes())

    return _guarded(Path(path), decoded)


def _guarded(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        if path.exists() and not path.is_file():  # a FIFO or a device would wait for ever
            raise ValueError("it is no regular file")
        return read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # parsers of strangers' files raise many kinds
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} is corrupt: {text[0][:300]}") from None
