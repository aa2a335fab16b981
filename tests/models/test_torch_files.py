"""Files of torch.save, written here by hand so that they are read without PyTorch; and hostile ones."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from kerascifar.core.errors import InputError
from kerascifar.models.torch_files import LEGACY_MAGIC, read_state_dict


class Storage:
    """Stands for a storage in a pickle: becomes its persistent id."""

    def __init__(self, key: str, kind: str, data: bytes, count: int):
        self.key, self.kind, self.data, self.count = key, kind, data, count


class Reduced:
    """Pickles as a call of module.name(*args)."""

    def __init__(self, module: str, name: str, *args):
        self.function, self.args = named(module, name), args

    def __reduce__(self):
        return self.function, self.args


def named(module: str, name: str):
    """A function or class that pickles as module.name although PyTorch is not there."""
    made = type(name, (), {}) if name.endswith("Storage") else types.FunctionType((lambda: None).__code__, {}, name)
    made.__module__, made.__qualname__ = module, name
    return made


@pytest.fixture(autouse=True)
def pretend_torch(monkeypatch):
    """pickle looks a global up before it writes its name: give it modules to find them in."""

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            return MADE.setdefault((self.__name__, name), named(self.__name__, name))

    for name in ("torch", "torch._utils"):
        monkeypatch.setitem(sys.modules, name, Anything(name))


MADE: dict = {}


class Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, obj):
        if isinstance(obj, Storage):
            pid = ("storage", sys.modules["torch"].__getattr__(obj.kind), obj.key, "cpu", obj.count)
            return (*pid, None) if self.legacy else pid
        return None

    def reducer_override(self, obj):
        if isinstance(obj, Reduced):
            return sys.modules[obj.function.__module__].__getattr__(obj.function.__name__), obj.args
        return NotImplemented


def dumps(value, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    pickler = Pickler(file, protocol=2)
    pickler.legacy = legacy
    pickler.dump(value)
    return file.getvalue()


def tensor(key: str, array: np.ndarray, kind: str = "FloatStorage", shape=None, strides=None, offset: int = 0):
    shape = array.shape if shape is None else shape
    if strides is None:
        strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    storage = Storage(key, kind, array.tobytes(), array.size)
    return Reduced("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, OrderedDict())


def storages(value) -> list[Storage]:
    """The storages under `value`, each key once."""
    found: dict[str, Storage] = {}
    for item in value.values():
        arguments = getattr(item, "args", ())
        inside = storages(item) if isinstance(item, dict) else [a for a in arguments if isinstance(a, Storage)]
        found |= {storage.key: storage for storage in inside}
    return list(found.values())


def write_zip(path: Path, value, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", dumps(value))
        archive.writestr("archive/byteorder", "little", zipfile.ZIP_STORED)
        for storage in storages(value):
            archive.writestr(f"archive/data/{storage.key}", storage.data)
    return path


def write_legacy(path: Path, value) -> Path:
    found = storages(value)
    head = [LEGACY_MAGIC, 1001, {"little_endian": True}]
    body = b"".join(pickle.dumps(v, 2) for v in head) + dumps(value, legacy=True)
    body += pickle.dumps([s.key for s in found], 2)
    path.write_bytes(body + b"".join(struct.pack("<q", s.count) + s.data for s in found))
    return path


WEIGHT = np.arange(6, dtype="f4").reshape(2, 3)
BIAS = np.array([0.5, -1.5], "f4")


def prefixed(prefix, state):
    return OrderedDict((prefix + name, tensor) for name, tensor in state.items())


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state},
        lambda state: {"model": state},
        lambda state: {"epoch": 3, "optimizer": {"lr": 0.1}, "model_state_dict": state},
        lambda state: {"net": state, "acc": 94.1, "epoch": 3},
        lambda state: {"ema": {"module": state}, "step": 3},
        lambda state: {"ema": {"fc.weight": 0}, "model": state},
        lambda state: prefixed("module.", state),
        lambda state: {"state_dict": prefixed("model.", state)},
        lambda state: {"net": prefixed("module._orig_mod.", state)},
    ],
    ids=[
        *("plain", "state_dict", "model", "model_state_dict", "net", "ema", "model before ema"),
        *("module.", "model.", "module._orig_mod."),
    ],
)
def test_reads_both_formats_and_takes_wrappers_off(write, wrap, tmp_path):
    state = OrderedDict({"fc.weight": tensor("0", WEIGHT), "fc.bias": tensor("1", BIAS)})
    read = read_state_dict(write(tmp_path / "net.pth", wrap(state)))
    assert list(read) == ["fc.weight", "fc.bias"]
    np.testing.assert_array_equal(read["fc.weight"], WEIGHT)
    np.testing.assert_array_equal(read["fc.bias"], BIAS)


def test_views_of_a_storage(tmp_path):
    state = {
        "transposed": tensor("0", WEIGHT, shape=(3, 2), strides=(1, 3)),
        "row": tensor("0", WEIGHT, shape=(3,), strides=(1,), offset=3),
        "scalar": tensor("1", np.array(7, "i8"), "LongStorage", shape=(), strides=()),
        "half": tensor("2", np.array([1.5], "f2"), "HalfStorage"),
        # 1.5 is 0x3FC00000 in float32; bfloat16 keeps the upper half.
        "brain": tensor("3", np.array([0x3FC0], "u2"), "BFloat16Storage"),
    }
    read = read_state_dict(write_zip(tmp_path / "net.pt", state))
    np.testing.assert_array_equal(read["transposed"], WEIGHT.T)
    np.testing.assert_array_equal(read["row"], [3, 4, 5])
    assert read["scalar"] == 7
    assert read["half"] == read["brain"] == 1.5


def test_safetensors(tmp_path):
    save_file({"fc.weight": WEIGHT}, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(read_state_dict(tmp_path / "net.safetensors")["fc.weight"], WEIGHT)


class Touch:
    """A pickle that would make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_would_run_something_is_refused_and_does_not_run(legacy, tmp_path):
    mark = tmp_path / "ran"
    if legacy:
        (tmp_path / "net.pth").write_bytes(pickle.dumps(Touch(mark), 2))
    else:
        with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"fc.weight": Touch(mark)}, 2))
    with pytest.raises(InputError, match=r"net\.pth: refused: it asks for \S*open"):
        read_state_dict(tmp_path / "net.pth")
    assert not mark.exists()


def test_a_whole_pickled_module_is_refused_with_advice(tmp_path):
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"ctorch.nn.modules.linear\nLinear\n.")
    with pytest.raises(InputError, match=r"torch.nn.modules.linear.Linear; only a state_dict of plain tensors"):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"shape": (2, 4), "strides": (4, 1)}, "outside its storage"),
        ({"shape": (3,), "strides": (1,), "offset": 4}, "outside its storage"),
        ({"shape": (10**9,), "strides": (0,)}, "outside its storage"),  # four gigabytes out of 24 bytes
        ({"shape": (2,), "strides": (-1,)}, "malformed"),
        ({"shape": (2, 3), "strides": (1,)}, "malformed"),
    ],
)
def test_a_view_must_lie_inside_its_storage(view, message, tmp_path):
    path = write_zip(tmp_path / "net.pth", {"fc.weight": tensor("0", WEIGHT, **view)})
    with pytest.raises(InputError, match=f"fc.weight: .*{message}"):
        read_state_dict(path)


def test_compressed_data_is_refused_before_it_is_expanded(tmp_path):
    path = write_zip(tmp_path / "net.pth", {"fc.weight": tensor("0", WEIGHT)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed"):
        read_state_dict(path)


def test_announced_and_real_sizes_must_agree(tmp_path):
    made = tensor("0", WEIGHT)
    made.args[0].count = 5
    with pytest.raises(InputError, match="24 bytes, but 5 elements"):
        read_state_dict(write_zip(tmp_path / "net.pth", {"fc.weight": made}))


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_truncated_files(write, share, tmp_path):
    path = write(tmp_path / "net.pth", {"fc.weight": tensor("0", WEIGHT)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"net\.pth: "):
        read_state_dict(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x02}q\x00.", b"\x93NUMPY" + bytes(200)])
def test_garbage(suffix, content, tmp_path):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"net{suffix}: "):
        read_state_dict(path)


def test_what_a_file_holds_instead_is_said(tmp_path):
    held = {"epoch": 3, "optimizer": {"lr": 0.1}, "w": tensor("0", WEIGHT), **{f"more{i}": None for i in range(9)}}
    with pytest.raises(InputError) as refused:
        read_state_dict(write_zip(tmp_path / "net.pth", held))
    told = "a dict of 'epoch': int, 'optimizer': dict of 1, 'w': tensor (2, 3), 'more0': NoneType"
    assert told in str(refused.value)
    assert "and 4 more; expected names and tensors" in str(refused.value)
    with pytest.raises(InputError, match="not a state_dict but list"):
        write_pickle(tmp_path / "list.pth", pickle.dumps([1, 2], 2))
        read_state_dict(tmp_path / "list.pth")
    cycle = {"epoch": 3}
    cycle["model"] = cycle
    with pytest.raises(InputError, match="not a state_dict but a dict of 'epoch': int, 'model': dict of 2"):
        write_pickle(tmp_path / "cycle.pth", pickle.dumps(cycle, 2))
        read_state_dict(tmp_path / "cycle.pth")


def write_pickle(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)


def test_announced_sizes_take_no_memory(tmp_path):
    write_pickle(tmp_path / "memo.pth", b"\x80\x02}r\xff\xff\xff\x7f.")  # CPython would make room for 2**31 objects
    with pytest.raises(InputError, match="memo index 2147483647"):
        read_state_dict(tmp_path / "memo.pth")
    made = tensor("0", WEIGHT)
    made.args[0].count = 2**40
    with pytest.raises(InputError, match="storage 0 announces 1099511627776 elements"):
        read_state_dict(write_legacy(tmp_path / "legacy.pth", {"fc.weight": made}))


def test_not_a_state_dict(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": 3}, 2))
    with pytest.raises(InputError, match="not a state_dict"):
        read_state_dict(tmp_path / "net.pth")
    with pytest.raises(InputError, match="No such file"):
        read_state_dict(tmp_path / "none.pth")
