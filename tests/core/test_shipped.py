import shutil
from pathlib import Path

import pytest

from kerascifar import results
from kerascifar.config import fields_of
from kerascifar.configure import configure
from kerascifar.core import finding, shipped
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.data.unlabelled import read_unlabelled


@pytest.mark.parametrize("name", shipped.NETS)
def test_a_shipped_net_is_a_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, row = finding.find_run(name), shipped.NETS[name]
    result = results.read_result(folder)
    assert result.run_id == folder.name == row.run
    assert result.notes["precision"] == "float32"
    built = configure(**row.fields).to_dict()
    assert {field: built.get(field) or None for field in fields_of("model")} == {
        field: result.config.get(field) or None for field in fields_of("model")
    }
    assert max(path.stat().st_size for path in folder.rglob("*")) < 10 * 2**20


def test_ones_own_runs_may_lie_beside_a_shipped_net(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_NETS", (tmp_path / "saved_models",))
    row = shipped.NETS["tiny12k"]
    assert shipped.net("tiny12k") is None
    assert shipped.at_hand() == []
    with pytest.raises(InputError, match="RUN tiny12k comes with the repository alone; give a run folder"):
        finding.find_run("tiny12k")
    for run in (row.run, "aaaaaaaaaaaa"):
        folder = tmp_path / "saved_models" / "tiny12k" / run
        folder.mkdir(parents=True)
        (folder / "result.json").touch()
    assert finding.find_run("tiny12k") == tmp_path / "saved_models" / "tiny12k" / row.run
    assert shipped.at_hand() == ["tiny12k"]


def test_its_folder_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"RUN tiny36k comes with the program, .*; copy it first"):
        finding.find_own_run("tiny36k")
    copy = tmp_path / "tiny36k"
    shutil.copytree(shipped.net("tiny36k"), copy)
    assert finding.find_own_run("tiny36k") == Path("tiny36k")
    assert finding.find_own_run(copy) == copy


def test_an_empty_text_is_no_run():
    with pytest.raises(InputError, match="expected a run, a file or the name of a shipped net, got ''"):
        finding.find_run("")
    with pytest.raises(InputError, match="PATH nowhere is not a folder"):
        results.list_runs("nowhere")
    assert results.list_runs("tiny12k")[0][0]["parameters"] == 11_914


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny36k").mkdir()
    with pytest.raises(InputError, match="RUN tiny36k holds no finished run"):
        finding.find_run("tiny36k")


@pytest.mark.parametrize("name", ["tiny36", "../saved_models/tiny36k", "records", "demo.png", "", "."])
def test_other_names_are_none_of_ours(name):
    assert shipped.net(name) is None
    assert shipped.picture(name) is None


def test_a_picture_of_ours_is_read_where_there_is_no_such_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.picture("frog.png").name in shipped.PICTURES
    (name,), images, _ = read_unlabelled(["frog.png"], 32)
    assert Path(name).is_absolute()
    assert images.shape == (1, 32, 32, 3)
    (tmp_path / "frog.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"frog\.png: not a whole image"):
        read_unlabelled(["frog.png"], 32)


def test_first_weights_by_the_name_of_a_shipped_net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configure(init_weights="tiny12k", dataset="digits")
    assert config.arch == "tiny12k"
    assert config.learning_rate == 0.08  # the recipe of that net
    folder = shipped.net("tiny12k")
    assert results.first_weights("tiny12k") == results.first_weights(str(folder))
    assert config.to_dict()["init_weights"] == f"run:{folder.name}"
    assert config.run_id == configure(init_weights=str(folder), arch="tiny12k", dataset="digits").run_id
    assert configure(init_weights="tiny12k", arch="tiny36k").arch == "tiny36k"


@pytest.mark.release  # the documented commands do as much
def test_a_net_for_ones_own_pictures_in_one_command(command, class_folders, tmp_path):
    class_folders(tmp_path / "MY_PICTURES", ("mushroom", "rocket"))
    argv = "--init-weights tiny36k --dataset folder --data-dir MY_PICTURES --epochs 2 --name mine --device cpu"
    done = command("kerascifar.train", *argv.split())
    assert done.returncode == 0, done.stderr
    assert "39 layers start from tiny36k; fresh or left out: fc" in done.stdout
    result = results.read_result(finding.find_run(tmp_path / "saved_models" / "mine"))
    assert result.config["arch"] == "tiny36k"
    parent = results.first_weights("tiny36k")
    assert result.notes["init_weights_sha256"] == weights_checksum(parent)
