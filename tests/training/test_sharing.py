"""One training, scored in several ways: the bits of a run made alone, and a result that names the trainer."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from kerascifar import evaluate, results
from kerascifar.config import FIELDS, SCORING
from kerascifar.configure import configure
from kerascifar.run import run
from kerascifar.training.preparation import prepared
from kerascifar.training.selection import training_of

NET = {
    "arch": "modified_net",
    "dataset": "synthetic:300",
    "epochs": 2,
    "batch_size": 50,
    "device": "cpu",
    "augment": "flip(0.5) rotate(10)",
}
SCRATCH = {"arch": "scratch_fc3", "dataset": "digits", "widths": (8,), "epochs": 2}
OTHERWISE = {"augment_evaluation": True, "tta": "mirror", "test_limit": 40, "statistics": "own"}


@pytest.mark.parametrize(
    ("selection", "stays"),
    [
        ({}, set()),
        ({"select": "last"}, set()),
        ({"select": "validation"}, {"augment_evaluation"}),
        ({"patience": 3}, {"augment_evaluation"}),
        ({"patience": 3, "select": "last"}, {"augment_evaluation"}),
        ({"select": "test"}, {"augment_evaluation", "test_limit"}),
    ],
)
def test_what_decides_only_the_scoring(selection, stays):
    plain, other = configure(**NET, **selection), configure(**NET, **selection, **OTHERWISE)
    assert set(SCORING) == set(OTHERWISE)
    trained = training_of(other)
    assert {name for name in FIELDS if getattr(trained, name) != getattr(plain, name)} == stays
    assert (trained.run_id == plain.run_id) == (not stays)


def content(folder, model):
    """What must not depend on who trained: weights, scores, and the result but for times, notes and config."""
    result = results.read_result(folder)
    history = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in result.history]
    scores = {name: array.tobytes() for name, array in results.read_scores(folder).items()}
    faults = result.notes.get("faults")
    return (folder / model).read_bytes(), scores, history, result.metrics, result.trainable_parameters, faults


@pytest.mark.parametrize(
    ("net", "model", "scoring"),
    [
        pytest.param(NET, "model.keras", OTHERWISE, id="keras", marks=pytest.mark.slow),
        pytest.param(SCRATCH, "model.npz", {"test_limit": 40}, id="scratch"),
    ],
)
def test_shared_and_alone_give_the_same_bits(net, model, scoring, tmp_path, capsys):
    plain = configure(**net, runs=str(tmp_path / "shared"))
    other = configure(**net, **scoring, runs=str(tmp_path / "shared"))
    alone = replace(other, runs=str(tmp_path / "alone"))
    first, whole = run(plain, jobs=2), run(alone)
    capsys.readouterr()
    shared = run(other, jobs=3)
    assert f"the net is that of run {plain.run_id}" in capsys.readouterr().out
    assert content(other.folder, model) == content(alone.folder, model)
    assert shared.metrics["test"] != first.metrics["test"]
    assert (whole.run_id, whole.config) == (shared.run_id, shared.config)
    assert (shared.notes["training"], shared.notes["jobs"]) == (plain.run_id, 2)
    assert shared.history == first.history
    assert shared.cpu_seconds_per_epoch == first.cpu_seconds_per_epoch
    assert "run_seconds" not in shared.notes
    assert "training" not in whole.notes
    assert [file.parent for file in (tmp_path / "shared").rglob("history.csv")] == [plain.folder]
    for folder in (plain.folder, other.folder):
        evaluate.main([str(folder), *(["--device", "cpu"] if net is NET else [])])
        told = capsys.readouterr().out
        assert told.count(": as in result.json") == 2
    # The other way round; and of the net that was taken, the result names who trained it.
    third = replace(other, test_limit=30)
    shutil.rmtree(plain.folder)
    assert run(third).notes["training"] == plain.run_id
    assert run(replace(third, test_limit=None, again=True)).notes.get("training") is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = configure(**SCRATCH, runs=str(tmp_path_factory.mktemp("runs")))
    run(config)
    return config


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"again": True}, {"epochs": 3}, {"train_limit": 500}, {"patience": 2}, {"runs": "elsewhere"}],
)
def test_another_training_is_made(finished, changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "training" not in run(replace(finished, test_limit=50, **changes)).notes


def edited(folder, change):
    saved = json.loads((folder / "result.json").read_text())
    change(saved)
    (folder / "result.json").write_text(json.dumps(saved))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "model.npz").unlink(),
        lambda folder: (folder / "result.json").write_text("{"),
        lambda folder: edited(folder, lambda saved: saved["versions"].update(numpy="1.0")),
        lambda folder: edited(folder, lambda saved: saved["dataset"]["sha256"].update(train="0" * 64)),
        lambda folder: edited(folder, lambda saved: saved["notes"].update(backend="jax")),
    ],
    ids=["no net", "damaged", "other versions", "other images", "other backend"],
)
def test_what_is_not_the_same_is_not_taken(finished, spoil, tmp_path):
    config = replace(finished, runs=str(tmp_path))
    shutil.copytree(finished.folder, config.folder)
    spoil(config.folder)
    assert "training" not in run(replace(config, test_limit=50)).notes


def test_selection_on_augmented_images_is_trained_on_its_own(monkeypatch, tmp_path):
    seen = []

    class Ended(Exception):
        pass

    def fit(config, data):
        seen.append((config, data))
        raise Ended

    monkeypatch.setattr("kerascifar.training.fit.prepared", fit)
    for options in ({}, {"select": "validation"}):
        config = configure(**NET, **options, augment_evaluation=True, runs=str(tmp_path))
        with pytest.raises(Ended):
            run(config)
    (plain, data), (selecting, _) = seen
    assert np.array_equal(prepared(plain, data).validation.images, data.validation.images)
    assert not np.array_equal(prepared(selecting, data).validation.images, data.validation.images)
