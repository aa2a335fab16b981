"""A child's run id follows from what it starts from, and not from where that lies."""

import json
import os
import random
import shutil
import zipfile

import pytest

from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.core.origin import origin, weights_checksum
from kerascifar.run import run

PARENT = {"arch": "origin_net", "dataset": "synthetic:80", "epochs": 1, "device": "cpu"}


def finished(folder, run_id):
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"run_id": run_id}))
    return folder


def child(source):
    return RunConfig(arch="origin_net", init_weights=str(source))


def test_a_parent_is_known_by_its_run_id_wherever_it_lies(tmp_path):
    here = finished(tmp_path / "here" / "lenet" / "0123456789ab", "0123456789ab")
    renamed = finished(tmp_path / "kept", "0123456789ab")
    to_come = tmp_path / "nowhere" / "0123456789ab"
    for source in (here, here.parent, f"{here}/", renamed, to_come, "run:0123456789ab"):
        assert origin(str(source)) == "run:0123456789ab"
        assert child(source).run_id == child(here).run_id
    other = finished(tmp_path / "other", "ba9876543210")
    assert child(other).run_id != child(here).run_id != RunConfig(arch="origin_net").run_id


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_first_weights_are_one_line_however_they_are_packed(method, tmp_path):
    path, draw = tmp_path / "model.keras", random.Random(0)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.weights.h5", bytes(range(256)) * 20)
    whole = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            weights_checksum(path)
        except InputError as error:
            assert "is not a Keras model that can be loaded" in str(error)
            assert "\n" not in str(error)


def test_a_child_has_its_id_before_its_parent_is_trained(tmp_path):
    parent = configure(**PARENT, runs=str(tmp_path))
    before = child(parent.folder).run_id
    run(parent)
    assert child(parent.folder).run_id == child(parent.folder.parent).run_id == before


def test_a_file_is_known_by_its_content(tmp_path):
    one, two = tmp_path / "one.pth", tmp_path / "two.pth"
    one.write_bytes(b"weights")
    shutil.copy(one, two)
    told = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"  # printf weights | sha256sum
    assert origin(str(one)) == origin(str(two)) == f"sha256:{told}"
    before = child(one).run_id
    one.write_bytes(b"other weights")
    assert child(one).run_id != before == child(two).run_id


def test_a_config_read_back_from_a_result_is_the_same_run(tmp_path):
    config = child(finished(tmp_path / "0123456789ab", "0123456789ab"))
    again = RunConfig(**config.to_dict())
    assert again.init_weights == "run:0123456789ab"
    assert again.run_id == config.run_id


def test_what_is_not_there_or_no_result_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--init-weights: no such file: .*none\.pth"):
        child(tmp_path / "none.pth").run_id  # noqa: B018  a property that reads the file
    os.mkfifo(tmp_path / "fifo.pth")
    with pytest.raises(InputError, match=r"--init-weights: not a regular file: .*fifo\.pth"):
        origin(str(tmp_path / "fifo.pth"))
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(InputError, match="is not a result of this program"):
        origin(str(tmp_path))


@pytest.mark.parametrize(
    ("made", "told"),
    [((), "there is no file or run folder"), (("x/",), "holds no finished run"), (("x/a", "x/b"), "holds 2 finished")],
)
def test_a_training_without_its_start_is_refused_before_data_is_read(made, told, tmp_path):
    for name in made:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            finished(tmp_path / name, "0")
    config = configure(**PARENT | {"dataset": "cifar10"}, runs=str(tmp_path / "runs"), init_weights=str(tmp_path / "x"))
    with pytest.raises(InputError, match=told):
        run(config)
    assert not (tmp_path / "runs").exists()


def test_a_name_folder_with_one_finished_run_will_do(tmp_path):
    parent = configure(**PARENT, runs=str(tmp_path))
    run(parent)
    result = run(configure(**PARENT, runs=str(tmp_path), name="child", init_weights=str(parent.folder.parent)))
    assert result.config["init_weights"] == f"run:{parent.run_id}"
