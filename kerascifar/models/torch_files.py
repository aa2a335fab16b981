"""Read the tensors of a PyTorch checkpoint or a safetensors file, without PyTorch and without running anything.

A .pth file is a pickle, and a pickle is a program. This restricted unpickler admits only the names that a plain
state_dict needs, so the worst that a hostile file can do is fail to load. NumPy only.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.reading import check_memo

# torch.save before 1.6 wrote three pickles ahead of the data; the first is this number (torch/serialization.py).
# torchvision still distributes vgg16-397923af.pth and mobilenet_v2-b0353104.pth in this format.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

BFLOAT16 = "bfloat16"  # NumPy has no such type; it is the upper half of a float32
STORAGES = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": BFLOAT16},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "<i1"},
    **{"ByteStorage": "<u1", "BoolStorage": "?"},
}
# Keys under which training programs keep the state_dict beside epochs and optimizers, and what wrappers of modules
# (DataParallel, Lightning, torch.compile, timm's EMA) put before its names.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params"),
    *("ema", "ema_state_dict", "state_dict_ema", "model_ema"),
)
PREFIXES = ("module.", "model.", "net.", "network.", "_orig_mod.")
_MOST_WRAPPERS, _MOST_LISTED = 3, 8


class _Storage(NamedTuple):
    """A flat array in the file, not yet read."""

    dtype: str
    key: str
    count: int


class _Tensor(NamedTuple):
    """A view of a storage, counted in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read a flat mapping of names to arrays from a .pth, .pt or .safetensors file.

    If the mapping is wrapped, as {"state_dict": ...} or another of WRAPPERS, it is unwrapped; PREFIXES that all names
    share are removed. Arrays keep PyTorch's layout; bfloat16 becomes float32.

    Raises:
        InputError: the file cannot be read, is damaged, or holds anything other than plain tensors: it says what.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            state = load_file(path)
        else:
            with path.open("rb") as file:
                state = _zip(file) if zipfile.is_zipfile(file) else _legacy(file)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever a damaged or hostile file provokes in pickle, zipfile or safetensors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: damaged, or not a checkpoint of tensors: {reason}") from None
    if not state:
        raise InputError(f"{path}: holds no tensors")
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): array for name, array in state.items()}
    return state


class _Unpickler(pickle.Unpickler):
    """Knows tensors, their storages and ordered dictionaries, and refuses any other name in a pickle."""

    def __init__(self, file: Any):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        raise InputError(
            f"refused: it asks for {module}.{name}; only a state_dict of plain tensors is read "
            "(torch.save(model.state_dict(), FILE))"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, *view = pid
        if kind != "storage" or dtype not in STORAGES.values() or (view and view[0] is not None):
            raise InputError("refused: it holds a storage of an unknown kind")
        return self.storages.setdefault(str(key), _Storage(dtype, str(key), int(count)))


def _unpickled(file: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    """Read the next pickle in `file`; return what it holds, and its storages by key."""
    start = file.tell()
    check_memo(file)
    file.seek(start)
    unpickler = _Unpickler(file)
    return unpickler.load(), unpickler.storages


def _zip(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read what torch.save has written since 1.6: a zip of data.pkl and one uncompressed file per storage."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise InputError("a zip file, but not a PyTorch checkpoint (no data.pkl)")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise InputError("written on a big-endian machine, which is not supported")

        if sum(entry.file_size for entry in archive.infolist()) > file.seek(0, io.SEEK_END):
            raise InputError("refused: its entries are longer than the file")

        def read(storage: _Storage) -> bytes:
            entry = archive.getinfo(f"{folder}data/{storage.key}")
            # torch.save never compresses; a compressed entry may be a bomb.
            if entry.compress_type != zipfile.ZIP_STORED:
                raise InputError("refused: its data is compressed")
            return archive.read(entry)

        if archive.getinfo(names[0]).compress_type != zipfile.ZIP_STORED:
            raise InputError("refused: its data is compressed")
        pickled, _ = _unpickled(io.BytesIO(archive.read(names[0])))
        return _arrays(pickled, read)


def _legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read what torch.save wrote before 1.6: four pickles, a list of keys, then each storage's count and data."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if _unpickled(file)[0] != LEGACY_MAGIC:
        raise InputError("not a PyTorch checkpoint")
    _unpickled(file)  # protocol version
    _unpickled(file)  # sizes of C types on the machine that wrote it
    pickled, storages = _unpickled(file)
    data: dict[str, bytes] = {}
    for key in _unpickled(file)[0]:
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.count:
            raise InputError(f"storage {key} has {count} elements instead of the {storage.count} announced")
        if not 0 <= count * _itemsize(storage.dtype) <= size:
            raise InputError(f"storage {key} announces {count} elements, the file has {size} bytes")
        data[key] = file.read(count * _itemsize(storage.dtype))
    return _arrays(pickled, lambda storage: data[storage.key])


def _tensors(pickled: Any) -> dict[str, _Tensor]:
    """Unwrap the mapping, and return its tensors by name."""
    found = pickled
    for _ in range(_MOST_WRAPPERS):
        if not _is_state(found) and isinstance(found, Mapping):
            found = next((found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)), None)
    if not _is_state(found):
        raise InputError(
            f"not a state_dict but {_described(pickled)}; expected names and tensors, as in "
            f"torch.save(model.state_dict(), FILE), or these under one of the keys {', '.join(WRAPPERS)}"
        )
    return dict(found)


def _is_state(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(t, _Tensor) for k, t in value.items())


def _described(value: Any) -> str:
    """Say what was pickled: its type, and of a mapping the first keys and what they hold."""
    if not isinstance(value, Mapping):
        return _kind(value)
    listed = [f"{str(key)[:40]!r}: {_kind(one)}" for key, one in list(value.items())[:_MOST_LISTED]]
    more = f" and {len(value) - _MOST_LISTED} more" if len(value) > _MOST_LISTED else ""
    return f"a dict of {', '.join(listed)}{more}"


def _kind(value: Any) -> str:
    if isinstance(value, _Tensor):
        return f"tensor {value.shape}"
    return f"dict of {len(value)}" if isinstance(value, Mapping) else type(value).__name__


def _itemsize(dtype: str) -> int:
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


def _arrays(pickled: Any, read: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    """Return the tensors as arrays; `read` gives the bytes of a storage, each of which is read once."""
    flat: dict[_Storage, np.ndarray] = {}
    arrays = {}
    for name, tensor in _tensors(pickled).items():
        storage = tensor.storage
        if storage not in flat:
            data = read(storage)
            if len(data) != storage.count * _itemsize(storage.dtype):
                raise InputError(f"{name}: {len(data)} bytes, but {storage.count} elements announced")
            if storage.dtype == BFLOAT16:
                flat[storage] = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
            else:
                flat[storage] = np.frombuffer(data, storage.dtype)
        arrays[name] = _view(flat[storage], tensor, name)
    return arrays


def _view(flat: np.ndarray, tensor: _Tensor, name: str) -> np.ndarray:
    """Copy the view out of its storage, after checking that it lies inside."""
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or not all(type(n) is int and n >= 0 for n in numbers):
        raise InputError(f"{name}: its shape is malformed")
    count = int(np.prod(tensor.shape, dtype=object))
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    # An expanded view (stride 0) could ask for more memory than the file has bytes.
    if count > flat.size or (count and last >= flat.size):
        raise InputError(f"{name}: reaches outside its storage")
    steps = [stride * flat.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False).copy()
