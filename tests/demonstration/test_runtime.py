"""ONNX Runtime's files: the pinned archive alone, and of it the wanted members alone."""

import hashlib
import io
import tarfile

import pytest

from kerascifar.core.errors import InputError
from kerascifar.demonstration import runtime
from tests.demonstration.conftest import plain_server

CONTENTS = {name: name.encode() * 3 for name in runtime.MEMBERS}


def packed(folder, **more):
    """An archive like the published one, with `more` members by name, and its path."""
    path = folder / "runtime.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in ({f"package/dist/{name}": content for name, content in CONTENTS.items()} | more).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def pin(monkeypatch):
    def of(path):
        content = path.read_bytes()
        monkeypatch.setattr(runtime, "BYTES", len(content))
        monkeypatch.setattr(runtime, "SHA256", hashlib.sha256(content).hexdigest())

    return of


def test_only_the_wanted_members_are_written(tmp_path, pin):
    archive = packed(tmp_path, **{"../evil": b"x", "package/dist/other.js": b"x", "/etc/evil": b"x"})
    pin(archive)
    into = tmp_path / "deep" / "runtime"
    assert sorted(path.name for path in runtime.fetch_runtime(into, archive)) == sorted(CONTENTS)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == CONTENTS
    assert {path.name for path in tmp_path.iterdir()} == {"runtime.tgz", "deep"}


def test_another_archive_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    archive = packed(tmp_path)
    with pytest.raises(InputError, match=r"expected onnxruntime-web-.*\.tgz of 33,106,585 bytes, got [\d,]+$"):
        runtime.fetch_runtime(tmp_path / "into", archive)
    monkeypatch.setattr(runtime, "BYTES", archive.stat().st_size)
    with pytest.raises(InputError, match=f"with SHA-256 {runtime.SHA256}, got [0-9a-f]{{64}}$"):
        runtime.fetch_runtime(tmp_path / "into", archive)
    assert not (tmp_path / "into").exists()


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        runtime.fetch_runtime(tmp_path / "into", tmp_path / "none.tgz")
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="expected a folder, got the file"):
        runtime.fetch_runtime(tmp_path / "taken", tmp_path / "none.tgz")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server of this machine in the registry's place."""
    with plain_server(tmp_path) as url:
        monkeypatch.setattr(runtime, "URL", f"{url}runtime.tgz")
        yield


def test_it_is_fetched(tmp_path, pin, published):
    pin(packed(tmp_path))
    runtime.fetch_runtime(tmp_path / "into")
    assert {path.name for path in (tmp_path / "into").iterdir()} == set(CONTENTS)


def test_a_longer_answer_is_not_read_to_its_end(tmp_path, pin, published):
    archive = packed(tmp_path)
    pin(archive)
    archive.write_bytes(archive.read_bytes() + bytes(10**6))
    with pytest.raises(InputError, match=rf"got {runtime.BYTES + 1:,} or more"):
        runtime.fetch_runtime(tmp_path / "into")


def test_a_registry_that_cannot_be_reached_is_one_line(tmp_path, published):
    with pytest.raises(InputError, match=r"cannot fetch http://.*; give the file by --runtime-archive FILE"):
        runtime.fetch_runtime(tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_browser_checks_the_script_again():
    assert runtime.integrity()["src"] == "runtime/ort.wasm.min.js"
    assert runtime.integrity()["integrity"].startswith("sha256-+uzgfoT6")
