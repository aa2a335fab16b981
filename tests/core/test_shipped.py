from pathlib import Path

import pytest

from kerascifar import results
from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.data.unlabelled import read_unlabelled


@pytest.mark.parametrize("name", shipped.NETS)
def test_a_shipped_net_is_a_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = results.find_run(name)
    assert results.read_result(folder).config["arch"] == name
    assert (folder / "model.keras").is_file()


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny36k").mkdir()
    with pytest.raises(InputError, match="RUN tiny36k holds no finished run"):
        results.find_run("tiny36k")


@pytest.mark.parametrize("name", ["tiny36", "../saved_models/tiny36k", "records", "", "."])
def test_other_names_are_none_of_ours(name):
    assert shipped.net(name) is None
    assert shipped.picture(name) is None


def test_a_picture_of_ours_is_read_where_there_is_no_such_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.pictures() == ["frog.png"]
    (name,), images, _ = read_unlabelled(["frog.png"], 32)
    assert Path(name).is_absolute()
    assert images.shape == (1, 32, 32, 3)
    (tmp_path / "frog.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"frog\.png: not a whole image"):
        read_unlabelled(["frog.png"], 32)
