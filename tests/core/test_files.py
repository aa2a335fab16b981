import os
import subprocess
import sys
import zipfile

import pytest

from kerascifar.core.errors import InputError
from kerascifar.core.files import deflate, only_writer, write_atomically, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_compressed_archive_holds_the_same_and_no_date(tmp_path):
    members = {"a.json": b"{}", "deep/b": bytes(5000)}
    for name, compression in (("one.zip", zipfile.ZIP_STORED), ("two.zip", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / name, "w", compression) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        deflate(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert (tmp_path / "one.zip").stat().st_size < 500
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


def test_a_second_process_is_refused_and_a_killed_one_frees_the_folder(tmp_path):
    hold = (
        "import sys, time; from pathlib import Path; from kerascifar.core.files import only_writer\n"
        f"with only_writer(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another process is writing"), only_writer(tmp_path):
        pass
    other.kill()
    other.wait()
    with only_writer(tmp_path):
        pass


def test_a_folder_in_which_nothing_was_written_goes_again(tmp_path):
    with pytest.raises(InputError, match="wrong"), only_writer(tmp_path / "name" / "id"):
        raise InputError("wrong")
    assert not (tmp_path / "name").exists()
    with pytest.raises(InputError, match="wrong"), only_writer(tmp_path / "name" / "id"):
        write_text(tmp_path / "name" / "id" / "kept", "work")
        raise InputError("wrong")
    assert (tmp_path / "name" / "id" / "kept").read_text() == "work"
