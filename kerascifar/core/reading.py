"""Files that may come from strangers, read in one way: JSON and TOML into typed values, .npz and .npy into arrays.

Each reader of the project goes through here, so each answers a malformed file in one line that says which file, where
in it, what was expected and what was found; and none takes memory that the file's size does not justify.
"""

import hashlib
import io
import math
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import numpy as np

from kerascifar.core.errors import InputError

Kind = TypeVar("Kind")
# A text file of ours has a few MB at the most: the history of a long run, the table of a long study. Brackets alone,
# such as [[],[],…], take twenty times as much memory as text.
MOST_TEXT_BYTES = 32 * 2**20
# Compressed members may unpack to so much, or to so many times the size of their file; never to more than the last.
MOST_UNPACKED_BYTES, MOST_TIMES, MOST_IN_ALL = 64 * 2**20, 100, 512 * 2**20


def read_json(path: str | Path, kind: type[Kind] = dict[str, Any]) -> Kind:
    """Return the JSON in the file at `path`, decoded into `kind`, such as a dataclass or ``list[int]``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it cannot be read, is no JSON, or is not what `kind` says; names the file and the place in it.
    """
    return _guarded(Path(path), lambda file: decode_json(_text(file), kind))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the TOML table in the file at `path`. Raises as `read_json` does."""
    return _guarded(Path(path), lambda file: msgspec.toml.decode(_text(file).decode("utf-8-sig"), type=dict[str, Any]))


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
        InputError: it is torn, no archive, holds anything but numbers and text, or unpacks to more than it may.
    """

    def unpack(file: Path) -> dict[str, np.ndarray]:
        with zipfile.ZipFile(file) as archive:
            check_members(archive, file.stat().st_size)
            # Reading a member whole checks its CRC.
            return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in archive.infolist()}

    return _guarded(Path(path), unpack)


def read_array(path: str | Path) -> np.ndarray:
    """Return the array of a .npy file. Raises as `read_arrays` does."""
    return _guarded(Path(path), lambda file: _array(file.read_bytes()))


def member_checksum(path: str | Path, name: str) -> str:
    """Return the SHA-256 of the member `name` of a zip archive. Raises as `read_arrays` does."""

    def digest(file: Path) -> str:
        with zipfile.ZipFile(file) as archive:
            check_members(archive, file.stat().st_size)
            with archive.open(name) as member:
                return hashlib.file_digest(member, "sha256").hexdigest()

    return _guarded(Path(path), digest)


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive of `size` bytes whose members take more memory than that justifies.

    Raises ValueError: its members are longer, packed in another way than NumPy and Keras do, or unpack to too much.
    """
    stored = [member.file_size for member in archive.infolist() if member.compress_type == zipfile.ZIP_STORED]
    packed = [member.file_size for member in archive.infolist() if member.compress_type == zipfile.ZIP_DEFLATED]
    if len(stored) + len(packed) < len(archive.infolist()):  # their unpackers in Python know no limit
        raise ValueError("its members are packed by another method than ZIP's own")
    if sum(stored) > size:
        raise ValueError("its members are longer than the file")
    most = min(max(MOST_UNPACKED_BYTES, MOST_TIMES * size), MOST_IN_ALL)
    if sum(packed) > most:
        raise ValueError(f"it unpacks to {sum(packed)} bytes, more than {most // 2**20} MiB")


def read_text(path: str | Path) -> str:
    """Return the text in a file; what is no UTF-8 in it is replaced. Raises as `read_json` does."""
    return _guarded(Path(path), lambda file: _text(file).decode("utf-8", "replace"))


def read_bytes(path: str | Path, most: int) -> bytes:
    """Return the content of a file of at most `most` bytes. Raises as `read_json` does."""
    return _guarded(Path(path), lambda file: _bytes(file, most))


def check_memo(content: bytes | BinaryIO) -> None:
    """Refuse a pickle's memo indices that no pickler writes: CPython fills memory up to the largest one.

    Walking the opcodes also finds every length that reaches past the end before anything is allocated for it.

    Raises ValueError: there is such an index, or `content`, read up to the pickle's end, is no pickle.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > count:
            raise ValueError(f"memo index {argument} at opcode {count}")


def _array(content: bytes) -> np.ndarray:
    """Return the array in the bytes of a .npy file, its size checked before memory is taken."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if dtype.hasobject or dtype.names:
        raise ValueError(f"an array of {dtype} holds something other than numbers and text")
    size = math.prod(shape)
    if size * dtype.itemsize != len(content) - stream.tell() or (size and not dtype.itemsize):
        raise ValueError("an array is not as long as its header says")
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False), order="C")


def _text(file: Path) -> bytes:
    return _bytes(file, MOST_TEXT_BYTES)


def _bytes(file: Path, most: int) -> bytes:
    if file.stat().st_size > most:
        raise ValueError(f"it has more than {most // 2**20} MiB")
    return file.read_bytes()


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
