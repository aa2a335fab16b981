"""One way to read structured files: what is right is returned, what is not is named in one line."""

import io
import json
import os
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest

from kerascifar.core import reading
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_array, read_arrays, read_json, read_toml


@dataclass(frozen=True)
class Point:
    x: int
    name: str | None = None


def refused(read, path, told):
    with pytest.raises(InputError) as error:
        read(path)
    text = str(error.value)
    assert str(path) in text
    assert told in text
    assert "\n" not in text
    return text


def test_json_is_decoded_into_a_type(tmp_path):
    path = tmp_path / "point.json"
    path.write_text('{"x": 3}')
    assert read_json(path, Point) == Point(3)
    assert read_json(path) == {"x": 3}
    path.write_text('[{"x": "3"}]')
    refused(lambda p: read_json(p, list[Point]), path, "Expected `int`, got `str` - at `$[0].x`")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "truncated"),
        (b'{"x": ', "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"x": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"x": 1e999}', "out of range"),
        (b'{"x": NaN}', "malformed"),
        (b"[1]", "Expected `object`, got `array`"),
    ],
)
def test_malformed_json_is_named(tmp_path, text, told):
    path = tmp_path / "odd.json"
    path.write_bytes(text)
    refused(read_json, path, told)


@pytest.mark.parametrize("text", ["a = ", "a = " + "9" * 5000, "a = " + "[" * 100_000, "a = 1\na = 2", "\0"])
def test_malformed_toml_is_named(tmp_path, text):
    path = tmp_path / "odd.toml"
    path.write_text(text)
    refused(read_toml, path, "is corrupt")


def test_toml_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbfepochs = 3\n")
    assert read_toml(path) == {"epochs": 3}


def test_text_files_have_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_TEXT_BYTES", 2**20)
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"x": "y" * 2**20}))
    refused(read_json, path, "more than 1 MiB")


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(read_json, tmp_path / "pipe", "no regular file")
    refused(read_arrays, tmp_path, "no regular file")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path, save):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "names": np.array(["x", "yy"])}
    save(tmp_path / "some.npz", **arrays)
    found = read_arrays(tmp_path / "some.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def npy(shape, dtype="<f4", content=b"") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue() + content


@pytest.mark.parametrize(
    ("member", "how", "told"),
    [
        (npy((2**40, 2**20)), zipfile.ZIP_STORED, "not as long as its header says"),  # petabytes
        (npy((1,), "|O", b"\x80\x04N."), zipfile.ZIP_STORED, "other than numbers and text"),  # a pickle
        (npy((10**9,), "<U0"), zipfile.ZIP_STORED, "not as long as its header says"),  # a billion empty texts
        (b"no array", zipfile.ZIP_DEFLATED, "magic string"),
        (npy((1,), content=b"1234"), zipfile.ZIP_BZIP2, "another method"),  # its unpacker knows no limit
        (npy((1,), content=b"1234"), zipfile.ZIP_LZMA, "another method"),
        (b"\0" * (2 * 2**20), zipfile.ZIP_DEFLATED, "it unpacks to 2097152 bytes, more than 1 MiB"),
    ],
)
def test_archives_that_lie_are_refused(tmp_path, member, how, told, monkeypatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED_BYTES", 2**20)
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("a.npy", member)
    refused(read_arrays, path, told)


def test_a_torn_archive_is_refused(tmp_path):
    np.savez(tmp_path / "whole.npz", a=np.arange(1000))
    content = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "torn.npz").write_bytes(content[: len(content) // 2])
    refused(read_arrays, tmp_path / "torn.npz", "not a zip file")
    flipped = bytearray(content)
    flipped[2000] ^= 1
    (tmp_path / "flipped.npz").write_bytes(flipped)
    refused(read_arrays, tmp_path / "flipped.npz", "CRC")


def test_a_single_array(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_array(tmp_path / "a.npy").tolist() == [0, 1, 2]
    (tmp_path / "b.npy").write_bytes(npy((2**40,)))
    refused(read_array, tmp_path / "b.npy", "not as long as its header says")
