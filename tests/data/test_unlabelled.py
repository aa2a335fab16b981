import os
import pickle

import numpy as np
import pytest
from PIL import Image

from kerascifar.core.errors import InputError
from kerascifar.data.unlabelled import read_unlabelled


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.png", "sub/b.jpg", ".trash/c.png", ".d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(folder / name)
    return folder


def read(*paths):
    names, images, reader = read_unlabelled([str(path) for path in paths], 16)
    assert images.shape == (len(names), 16, 16, 3)
    return names, reader


def test_a_folder_is_searched_but_for_what_is_hidden(photos):
    names, reader = read(photos)
    assert names == [f"{photos}/a.png", f"{photos}/sub/b.jpg"]
    assert (reader.damaged, reader.passed_over) == ([], {})


def test_hidden_files_and_folders_that_are_named_are_read(photos):
    assert len(read(photos / ".d.png", photos / ".trash")[0]) == 2


def test_damaged_pictures_are_listed_and_the_others_read(photos):
    (photos / "half.jpg").write_bytes((photos / "sub/b.jpg").read_bytes()[:300])
    (photos / "page.png").write_bytes(b"<html>")
    names, reader = read(photos)
    assert len(names) == 2
    assert [damaged.split(": not a whole image")[0] for damaged in reader.damaged] == [
        f"{photos}/half.jpg",
        f"{photos}/page.png",
    ]
    with pytest.raises(InputError, match=r"2 pictures cannot be read: .*half.*; .*page"):
        read(photos / "half.jpg", photos / "page.png")


def test_other_files_in_a_folder_are_counted(photos):
    (photos / "notes.txt").write_text("x")
    os.mkfifo(photos / "z.png")
    (photos / "linked").symlink_to(photos)
    _, reader = read(photos)
    assert reader.passed_over == {
        "files that hold no picture": [f"{photos}/{n}" for n in ("linked", "notes.txt", "z.png")]
    }


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"no image in this folder .*of 1 files"):
        read(tmp_path)


def test_names_that_are_no_text_are_escaped(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / os.fsdecode(b"caf\xe9.png"))
    assert read(tmp_path)[0] == [rf"{tmp_path}/caf\xe9.png"]


@pytest.mark.parametrize("content", [b"", b"cat\ndog\n", b"\0\0\0\x18ftypheic" + bytes(200), b"(not a pickle)", b"{}"])
def test_what_is_neither_picture_nor_array_is_told_so(tmp_path, content):
    (tmp_path / "photo.heic").write_bytes(content)
    with pytest.raises(InputError, match=r"photo\.heic: expected a picture \(PNG, .*its content is none of these"):
        read(tmp_path / "photo.heic")


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_pickles_of_every_protocol_are_known(tmp_path, protocol):
    (tmp_path / "hidden").write_bytes(pickle.dumps({"data": 1}, protocol))
    with pytest.raises(InputError, match="'data' should be uint8"):
        read(tmp_path / "hidden")


@pytest.mark.parametrize("name", ["fifo", "fifo.png", "fifo.npy"])
def test_a_fifo_is_refused_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="not a regular file"):
        read(tmp_path / name)


def test_devices_and_nothing(tmp_path):
    with pytest.raises(InputError, match="/dev/zero: not a regular file"):
        read("/dev/zero")
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "nowhere")


def test_an_array_by_a_name_in_capitals(tmp_path):
    with open(tmp_path / "X.NPY", "wb") as file:
        np.save(file, np.zeros((3, 8, 8, 3), np.uint8))
    assert len(read(tmp_path / "X.NPY")[0]) == 3
