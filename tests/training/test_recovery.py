"""Which checkpoint a run goes on from: --again, torn files, and the one before."""

import json

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core import files
from kerascifar.core.errors import CheckpointRefused
from kerascifar.run import run

KERAS = {"arch": "lenet", "dataset": "synthetic:120", "epochs": 4, "batch_size": 48, "device": "cpu"}
SCRATCH = {"arch": "scratch_fc3", "dataset": "synthetic:120", "epochs": 4, "batch_size": 48}
NEIGHBOURS = {"arch": "knn", "dataset": "digits", "train_limit": 50, "test_limit": 10}
ENGINES = pytest.mark.parametrize("given", [KERAS, SCRATCH], ids=["keras", "scratch"])
write = files.write_atomically


@pytest.fixture
def killed(monkeypatch):
    """Run a config, and die once the checkpoint has been written `after` times; returns its folder."""

    def call(given, runs, after, **more):
        left = after

        def dying(path, *args):
            nonlocal left
            write(path, *args)
            left -= path.name == "checkpoint.npz" or path.name.startswith("chunk-")
            if not left:
                raise KeyboardInterrupt

        config = configure(**given, **more, runs=str(runs))
        with monkeypatch.context() as patch:
            patch.setattr(files, "write_atomically", dying)
            with pytest.raises(KeyboardInterrupt):
                run(config)
        return config.folder

    return call


def ended(given, runs, **more):
    """The folder, and the losses, of a run to its end."""
    config = configure(**given, **more, runs=str(runs))
    return config.folder, [row["loss"] for row in run(config).history]


def model(folder):
    return next(path for path in folder.glob("model.*")).read_bytes()


def epochs_in(folder):
    with np.load(folder / "checkpoint.npz") as saved:
        if "progress" in saved:
            return json.loads(str(saved["progress"]))["epoch"]
        return json.loads(str(saved["spec"]))["progress"]["epoch"]


def names(folder):
    return sorted(path.name for path in folder.glob("*npz*") if path.name not in ("scores.npz", "model.npz"))


@ENGINES
def test_the_checkpoint_before_is_used_when_the_last_is_torn(given, tmp_path, killed, capsys):
    undisturbed, losses = ended(given, tmp_path / "undisturbed")
    folder = killed(given, tmp_path, after=3)
    assert names(folder) == ["checkpoint-before.npz", "checkpoint.npz"]
    whole = (folder / "checkpoint.npz").read_bytes()
    torn = whole[: len(whole) // 2]
    (folder / "checkpoint.npz").write_bytes(torn)
    assert ended(given, tmp_path)[1] == losses
    assert model(folder) == model(undisturbed)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("checkpoint ")]
    assert len(told) == 1
    assert told[0].endswith(": now checkpoint.npz.corrupt, and the one before it is used")
    assert names(folder) == ["checkpoint.npz.corrupt"]
    assert (folder / "checkpoint.npz.corrupt").read_bytes() == torn


def test_without_one_before_the_run_starts_over_only_when_told_to(tmp_path, killed):
    folder = killed(SCRATCH, tmp_path, after=1)
    (folder / "checkpoint.npz").write_bytes(b"garbage")
    for _ in range(2):
        with pytest.raises(CheckpointRefused, match=r"--again starts anew, as does removing checkpoint\*\.npz$"):
            ended(SCRATCH, tmp_path)
        assert names(folder) == ["checkpoint.npz"]
    _, losses = ended(SCRATCH, tmp_path, again=True)
    assert losses == ended(SCRATCH, tmp_path / "undisturbed")[1]
    assert names(folder) == ["checkpoint.npz.set-aside"]


def test_a_death_between_the_two_names_loses_nothing(tmp_path, killed):
    folder = killed(SCRATCH, tmp_path, after=2)
    (folder / "checkpoint.npz").rename(folder / "checkpoint-before.npz")
    assert ended(SCRATCH, tmp_path)[1] == ended(SCRATCH, tmp_path / "undisturbed")[1]


@ENGINES
def test_again_sets_the_checkpoint_of_an_ordinary_run_aside_and_goes_on_with_its_own(given, tmp_path, killed):
    folder = killed(given, tmp_path, after=3)
    ordinary = (folder / "checkpoint.npz").read_bytes()
    killed(given, tmp_path, after=2, again=True)
    assert (folder / "checkpoint.npz.set-aside").read_bytes() == ordinary
    assert epochs_in(folder) == 2  # it began anew
    killed(given, tmp_path, after=1, again=True)
    assert epochs_in(folder) == 3  # it went on
    finished, losses = ended(given, tmp_path, again=True)
    assert losses == ended(given, tmp_path / "undisturbed")[1]
    assert model(finished) == model(next((tmp_path / "undisturbed").glob("*/*")))
    assert not (folder / ".again").exists()
    killed(given, tmp_path, after=1, again=True)  # a finished run, trained anew, and killed
    killed(given, tmp_path, after=1, again=True)
    assert epochs_in(folder) == 2


def test_a_checkpoint_that_a_finished_run_left_is_no_run_under_way(tmp_path, killed):
    folder = killed(SCRATCH, tmp_path, after=4)
    left = (folder / "checkpoint.npz").read_bytes()
    ended(SCRATCH, tmp_path)
    (folder / "checkpoint.npz").write_bytes(left)  # as if killed after result.json
    (folder / ".again").write_text("")
    ended(SCRATCH, tmp_path, again=True)
    assert (folder / "checkpoint.npz.set-aside").read_bytes() == left


def test_again_starts_anew_where_its_own_checkpoint_is_of_no_use(tmp_path, killed, capsys):
    folder = killed(SCRATCH, tmp_path, after=1, again=True)
    other = killed(SCRATCH, tmp_path / "other", after=1, seed=1)
    (folder / "checkpoint.npz").write_bytes((other / "checkpoint.npz").read_bytes())
    assert ended(SCRATCH, tmp_path, again=True)[1] == ended(SCRATCH, tmp_path / "undisturbed")[1]
    assert ": set aside, and the training starts anew" in capsys.readouterr().err


def test_again_searches_neighbours_anew(tmp_path, killed):
    folder = killed(NEIGHBOURS, tmp_path, after=1)
    (chunk,) = folder.glob("chunk-*.npz")
    run(configure(**NEIGHBOURS, runs=str(tmp_path), again=True))
    assert chunk.with_name(f"{chunk.name}.set-aside").exists()
    assert not chunk.exists()


def test_refused_input_leaves_no_mark(tmp_path):
    with pytest.raises(ValueError, match="--sides"):
        run(configure(**KERAS, sides=(64,), runs=str(tmp_path), again=True))
    assert list(tmp_path.rglob("*")) == []


def test_names_of_what_is_set_aside_are_never_taken(tmp_path):
    for number in ("", ".2", ".3"):
        (tmp_path / "a.npz").write_bytes(np.random.default_rng(0).bytes(3))
        assert files.set_aside(tmp_path / "a.npz", "corrupt") == tmp_path / f"a.npz.corrupt{number}"
