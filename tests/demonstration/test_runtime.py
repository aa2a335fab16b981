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
    """A folder that a server of this machine hands out in the mirror's place; the files in it are the pinned ones."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    pinned = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(runtime, "MEMBERS", pinned)
    with plain_server(folder) as url:
        monkeypatch.setattr(runtime, "URL", url)
        yield folder


def test_the_files_are_fetched(tmp_path, published):
    runtime.fetch_runtime(tmp_path / "into")
    assert {path.name: path.read_bytes() for path in (tmp_path / "into").iterdir()} == CONTENTS


def test_another_file_is_refused_and_nothing_is_written(tmp_path, published):
    list(published.iterdir())[-1].write_bytes(b"other")
    with pytest.raises(InputError, match=r"expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}$"):
        runtime.fetch_runtime(tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_longer_answer_is_not_read_to_its_end(tmp_path, published, monkeypatch):
    monkeypatch.setattr(runtime, "LARGEST", 10)
    with pytest.raises(InputError, match="expected at most 10 bytes, got more"):
        runtime.fetch_runtime(tmp_path / "into")


def test_a_mirror_that_cannot_be_reached_is_one_line(tmp_path, published):
    next(published.iterdir()).unlink()
    with pytest.raises(InputError, match=r"cannot fetch http://.*; give the archive by --runtime-archive FILE"):
        runtime.fetch_runtime(tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_browser_checks_the_script_again():
    assert runtime.integrity()["src"] == "runtime/ort.wasm.min.js"
    assert runtime.integrity()["integrity"].startswith("sha256-+uzgfoT6")
