"""A search as a whole, with a formula in place of the training; and the one thing a trial may not touch."""

import dataclasses

import numpy as np
import pytest

import kerascifar.run as runs
import tuner.search
from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.configure import configure, read_config
from kerascifar.core import finding
from kerascifar.core.errors import FolderInUse, InputError, TrainingDiverged
from kerascifar.data.datasets import load
from tuner.outcome import changed_keys, print_trials, read_trials, write_best
from tuner.search import run_search
from tuner.spaces import Choice

pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's
RATES = {"learning_rate": Choice((0.1, 0.02, 0.01))}


def test_every_point_is_trained_in_the_search_s_folder(make_search, trained):
    search = make_search("grid")
    run_search(search)
    assert len(trained) == 6
    assert all(config.folder.parent == search.folder / "trials" for config in trained)
    assert {(c.batch_size, c.learning_rate) for c in trained} == {(b, r) for b in (16, 32) for r in (0.1, 0.01, 0.001)}


def test_a_finished_search_trains_nothing_and_a_longer_one_the_rest(make_search, trained):
    run_search(make_search())
    assert len(trained) == 6
    run_search(make_search())
    assert len(trained) == 6
    run_search(make_search(max_trials=8))
    assert len(trained) == 8


def test_seeds_are_averaged(make_search, trained):
    search = make_search("grid", space=RATES, seeds=3)
    run_search(search)
    assert sorted({config.seed for config in trained}) == [0, 1, 2]
    best = read_trials(search.folder)[0]
    # 0.9 - |0.02 - 0.03| = 0.89; seeds 0, 1, 2 add 0, 0.001, 0.002, so 0.891 on average.
    assert best["values"] == {"learning_rate": 0.02}
    assert best["score"] == pytest.approx(0.891)
    assert (best["lowest"], best["highest"]) == pytest.approx((0.89, 0.892))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TrainingDiverged("the loss became nan in epoch 1"), "the loss became nan in epoch 1"),
        (MemoryError("Unable to allocate 9 TiB"), "out of memory: Unable to allocate 9 TiB"),
        ("ResourceExhausted", "out of memory: OOM when allocating tensor"),
    ],
)
def test_a_failed_trial_is_recorded_and_the_search_goes_on(make_search, trained, monkeypatch, capsys, error, message):
    if error == "ResourceExhausted":
        import tensorflow as tf

        error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nof shape")
    formula = tuner.search.run

    def run(config, validation_only):
        if config.learning_rate == 0.1:
            raise error
        return formula(config, validation_only)

    monkeypatch.setattr(tuner.search, "run", run)
    search = make_search("grid", space=RATES)
    run_search(search)
    assert [trial["status"] for trial in read_trials(search.folder)] == ["COMPLETED", "COMPLETED", "FAILED"]
    capsys.readouterr()
    print_trials(search.folder)
    assert f"\ntrial 0000: {message}\n" in capsys.readouterr().out
    run_search(search)  # and it is not tried again
    assert len(trained) == 2


def test_any_other_error_ends_the_search_as_itself(make_search, trained, monkeypatch):
    formula = tuner.search.run

    def run(config, validation_only):
        if len(trained) == 2:
            raise InputError("--data-dir: nothing there")
        return formula(config, validation_only)

    with monkeypatch.context() as patch:
        patch.setattr(tuner.search, "run", run)
        with pytest.raises(InputError, match="nothing there"):
            run_search(make_search("grid"))
    run_search(make_search("grid"))
    assert len(trained) == 6


def test_a_run_that_another_worker_is_at_is_waited_for(make_search, trained, monkeypatch):
    formula, busy = tuner.search.run, [3]

    def run(config, validation_only):
        busy[0] -= 1
        if busy[0] >= 0:
            raise FolderInUse("another process is writing it")
        return formula(config, validation_only)

    monkeypatch.setattr(tuner.search, "run", run)
    run_search(make_search("grid", space=RATES))
    assert len(trained) == 3


def test_hyperband_trains_few_points_for_all_epochs(make_search, trained, capsys):
    search = make_search("hyperband", config={"epochs": 9})
    run_search(search)
    assert {config.epochs for config in trained} == {1, 3, 9}
    assert sum(config.epochs == 1 for config in trained) > sum(config.epochs == 9 for config in trained) > 0
    print_trials(search.folder)
    assert "tuner/epochs" in capsys.readouterr().out
    config = write_best(search)
    assert config.epochs in (1, 3, 9)


def test_two_searches_cannot_share_a_folder(make_search, trained):
    from kerascifar.core.files import only_writer

    search = make_search()
    with only_writer(search.folder), pytest.raises(FolderInUse, match="another --dir"):
        run_search(search)


def test_the_best_is_written_as_a_config(make_search, trained):
    search = make_search("grid", seeds=2)
    run_search(search)
    config = write_best(search)
    row = read_config(search.folder / "best.toml")
    assert configure(**row).run_id == config.run_id
    assert (row["learning_rate"], config.learning_rate) == (0.01, 0.01)
    # The best one is trained where all trainings go, not among the trials.
    assert config.folder == RunConfig(arch="lenet").folder.parent / config.run_id


ROWS = [
    {"arch": "custom_cnn", "optimizer": "adamw", "weight_decay": 0.0},  # adamw brings a decay of its own
    {"arch": "lenet", "optimizer": "sgd"},  # lenet brings adam
    {"arch": "mobilenet_mod", "tcns": "1,16,1,1;6,24,2,2", "milestones": "3,5", "schedule": "multi_step"},
    {"arch": "knn", "k": 5, "distance": "cosine", "validation": 0.2},
    {"arch": "resnet18", "augment": "flip_crop", "nesterov": True, "clip_norm": 1e-5},
]


@pytest.mark.parametrize("fields", ROWS, ids=lambda fields: fields["arch"])
def test_what_is_written_gives_its_config_again(fields):
    config = configure(**fields)
    row = changed_keys(config)
    assert configure(**row).run_id == config.run_id
    assert len(row) < 12  # only what is not usual


def test_no_completed_trial_is_said(make_search, monkeypatch):
    def run(config, validation_only):
        raise TrainingDiverged("nan")

    monkeypatch.setattr(tuner.search, "run", run)
    search = make_search("grid", space=RATES)
    run_search(search)
    with pytest.raises(InputError, match="none of the 3 trials"):
        write_best(search)


class Forbidden:
    """Stands for the test split: any use of it fails the test."""

    def __getattr__(self, name):
        raise AssertionError(f"the test set was touched: {name}")

    __len__ = __iter__ = __getitem__ = lambda self, *_: self.touched


@pytest.mark.parametrize(
    "fields",
    [
        {"arch": "knn", "k": 3},
        {"arch": "scratch_fc3", "epochs": 1},
        {"arch": "lenet", "epochs": 1},
    ],
    ids=lambda fields: fields["arch"],
)
def test_a_trial_never_touches_the_test_set(fields, tmp_path, monkeypatch):
    config = configure(**fields, dataset="synthetic:60", validation=0.3, runs=str(tmp_path), device="cpu")
    whole = load(config)
    guarded = dataclasses.replace(whole, test=Forbidden())
    with pytest.raises(AssertionError, match="was touched"):
        len(guarded.test)
    monkeypatch.setattr(runs, "load", lambda config: guarded)
    trial = runs.run(config, validation_only=True)
    assert trial.metrics["test"] is None
    assert set(trial.dataset["images"]) == {"train", "validation"}
    with np.load(config.folder / "scores.npz") as saved:
        assert not [name for name in saved.files if name.startswith("test")]
    # Nothing takes it for a finished run.
    assert not (config.folder / "result.json").exists()
    with pytest.raises(InputError, match="no finished run"):
        finding.find_run(config.folder)
    with pytest.raises(InputError, match=r"no result\.json"):
        results.read_result(config.folder)
    assert runs.run(config, validation_only=True) == results.read_result(config.folder, results.VALIDATED) == trial
    # The same config trained in full scores the test, and the same validation.
    monkeypatch.setattr(runs, "load", lambda config: whole)
    result = runs.run(config)
    assert result.run_id == trial.run_id
    assert result.metrics["test"]["images"] == len(whole.test)
    assert result.metrics["validation"] == trial.metrics["validation"]


def test_a_search_needs_validation_images(tmp_path):
    config = configure(arch="knn", dataset="synthetic:60", validation=0.0, runs=str(tmp_path))
    with pytest.raises(InputError, match="--validation above 0"):
        runs.run(config, validation_only=True)
    assert list(tmp_path.iterdir()) == []
