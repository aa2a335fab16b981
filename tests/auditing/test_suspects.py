"""Suspect labels: confident learning by hand and on planted faults, and what near-duplicates add."""

import numpy as np
import pytest

from kerascifar.auditing import confidence, held_out
from kerascifar.auditing.suspects import find_suspects
from kerascifar.configure import configure
from kerascifar.core.contracts import Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.run import run

# Four images labelled 0, two labelled 1. Thresholds: (0.9 + 0.8 + 0.2 + 0.1) / 4 = 0.5 and (0.7 + 0.5) / 2 = 0.6.
LABELS = np.array([0, 0, 0, 0, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5]], np.float32)


def test_the_confident_joint_by_hand():
    np.testing.assert_allclose(confidence.thresholds(LABELS, PROBABILITIES), [0.5, 0.6], atol=1e-7)
    # The last reaches the threshold of class 0 alone, although it is labelled 1.
    np.testing.assert_array_equal(confidence.confident_classes(LABELS, PROBABILITIES), [0, 0, 1, 1, 1, 0])
    joint = confidence.confident_joint(LABELS, PROBABILITIES)
    np.testing.assert_array_equal(joint, [[2, 2], [1, 1]])
    np.testing.assert_allclose(confidence.noise(LABELS, joint), [[2, 2], [1, 1]])


def test_the_joint_agrees_with_a_loop():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 400)
    probabilities = rng.dirichlet(np.ones(5), 400)
    expected = np.zeros((5, 5), int)
    means = [np.mean([p[c] for p, y in zip(probabilities, labels, strict=True) if y == c]) for c in range(5)]
    for p, y in zip(probabilities, labels, strict=True):
        sure = [c for c in range(5) if p[c] >= means[c]]
        if sure:
            expected[y, max(sure, key=lambda c: p[c])] += 1
    np.testing.assert_array_equal(confidence.confident_joint(labels, probabilities), expected)


def data(labels, classes=("cat", "dog")):
    images = np.arange(len(labels) * 12, dtype=np.uint8).reshape(len(labels), 2, 2, 3)
    return Whole(classes, {"train": Split(images, np.asarray(labels))})


def test_the_most_suspect_comes_first_and_unscored_images_are_left_out():
    values = PROBABILITIES.copy()
    values[2] = np.nan
    findings = find_suspects(data(LABELS), {"train": values}, [])
    assert [(one.index, one.given, one.proposed, one.suspect) for one in findings.suspects] == [(3, "cat", "dog", True)]
    assert findings.suspects[0].margin == pytest.approx(-0.8)
    assert findings.joint["train"].sum() == 4  # two images reach no threshold


def test_a_near_duplicate_with_another_label_counts(make_pair):
    pair = make_pair(0, 4, a_split="train", verdict="near-duplicate")
    findings = find_suspects(data(LABELS), {"train": PROBABILITIES}, [pair])
    found = {one.index: one for one in findings.suspects}
    # The nets say 0.9 for cat, its copy says dog: (0.9 + 0) / 2 against (0.1 + 1) / 2.
    assert found[0].margin == pytest.approx(-0.1)
    assert found[0].contradiction
    # The copy first, then the nearest by their pixels: image i holds the numbers from 12 i on.
    assert found[0].neighbours == (("train", 4, "dog"), ("train", 1, "cat"), ("train", 2, "cat"))
    assert found[0].given_probability == pytest.approx(0.9)


def test_each_image_is_held_out_once_and_classes_evenly():
    labels = np.repeat(np.arange(7), [3, 10, 11, 4, 20, 5, 6])
    folds = held_out._folds(labels, 4, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(len(labels)))
    counts = np.array([np.bincount(labels[fold], minlength=7) for fold in folds])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_planted_wrong_labels_are_found_and_a_second_audit_trains_nothing(tmp_path, monkeypatch):
    from kerascifar.data.datasets import load_whole

    whole = load_whole(configure(dataset="digits"))
    train = whole.splits["train"]
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(train), 20, replace=False)
    given = train.labels.copy()
    given[wrong] = (given[wrong] + rng.integers(1, 10, 20)) % 10
    planted = Whole(whole.classes, {"train": Split(train.images, given), "test": whole.splits["test"]})
    config = configure(dataset="digits", device="cpu")
    probabilities = held_out.by_folds(config, planted, 3, tmp_path)
    suspects = [one for one in find_suspects(planted, probabilities, []).suspects if one.split == "train"]
    assert len(set(wrong) & {one.index for one in suspects[:20]}) >= 12
    assert len(set(wrong) & {one.index for one in suspects if one.suspect}) >= 12
    assert sum(one.suspect for one in suspects) <= 30
    monkeypatch.setattr(held_out, "_trained", None)
    again = held_out.by_folds(config, planted, 3, tmp_path)
    np.testing.assert_array_equal(again["train"], probabilities["train"])


@pytest.mark.release  # what jobs do is tested for studies
def test_folds_side_by_side_say_what_one_after_the_other_say(tmp_path):
    from kerascifar.data.datasets import load_whole

    config = configure(dataset="digits", device="cpu")
    whole = load_whole(config)
    folders = [tmp_path / "alone", tmp_path / "beside"]
    for folder in folders:
        folder.mkdir()
    alone, beside = (held_out.by_folds(config, whole, 2, folder, jobs) for jobs, folder in enumerate(folders, start=1))
    for name, values in alone.items():
        np.testing.assert_array_equal(beside[name], values)
    assert (folders[1] / "jobs" / "job1.log").read_text().startswith("fold ")


def test_nets_of_folds_score_what_they_did_not_learn_from_and_go_on_after_a_kill(tmp_path, monkeypatch):
    from kerascifar.data.datasets import load_whole

    small = {"widths": (4, 4, 4), "epochs": 2, "whiten_epochs": 1, "batch_size": 20}
    monkeypatch.setattr(held_out, "FOLD_NET", held_out.FOLD_NET | small)
    monkeypatch.setattr(held_out, "FEW", 0)
    config = configure(dataset="synthetic:60", device="cpu")
    whole = load_whole(config)
    (tmp_path / "whole").mkdir()
    expected = held_out.by_folds(config, whole, 2, tmp_path / "whole")
    for name, split in whole.splits.items():
        assert expected[name].shape == (len(split), len(whole.classes))
        np.testing.assert_allclose(expected[name].sum(1), 1, atol=1e-5)
    assert {path.name for path in (tmp_path / "whole").glob("fold*")} == {"fold-1.npz", "fold-2.npz"}

    def killed(*_):
        raise InputError("killed")

    (tmp_path / "killed").mkdir()
    with monkeypatch.context() as patched:  # after its training, before its scores are kept
        patched.setattr(held_out, "write_atomically", killed)
        with pytest.raises(InputError, match="killed"):
            held_out.by_folds(config, whole, 2, tmp_path / "killed")
    assert list((tmp_path / "killed" / "fold-1").rglob("checkpoint.npz"))
    found = held_out.by_folds(config, whole, 2, tmp_path / "killed")
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_fold_that_fails_ends_the_audit_before_the_next_begins(tmp_path, monkeypatch, capsys):
    def fails(*_):
        raise InputError("no")

    monkeypatch.setattr(held_out, "_trained", fails)
    from kerascifar.data.datasets import load_whole

    config = configure(dataset="digits", device="cpu")
    with pytest.raises(InputError, match="no"):
        held_out.by_folds(config, load_whole(config), 3, tmp_path)
    assert "fold 2" not in capsys.readouterr().err


def test_the_joint_agrees_with_cleanlab():
    """Its authors' library, where it is installed: it is no part of the tests' environment."""
    cleanlab = pytest.importorskip("cleanlab.count")
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.arange(6), rng.integers(0, 6, 600)])
    probabilities = rng.dirichlet(np.full(6, 0.5), len(labels))
    joint = cleanlab.compute_confident_joint(labels, probabilities, calibrate=False)
    # It puts on the diagonal each image that is sure of no class, and one at least.
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_array_equal(confidence.confident_joint(labels, probabilities)[off], joint[off])
    np.testing.assert_allclose(
        confidence.thresholds(labels, probabilities), cleanlab.get_confident_thresholds(labels, probabilities)
    )


def test_probabilities_of_finished_runs_stand_where_their_images_do(tmp_path):
    from kerascifar.data.datasets import load_whole

    config = configure(dataset="digits", arch="scratch_fc3", epochs=2, runs=str(tmp_path / "runs"))
    run(config)
    whole = load_whole(config)
    values = held_out.by_runs(whole, [config.folder], None)
    assert np.isfinite(values["test"]).all()
    scored = np.isfinite(values["train"]).all(1)
    assert scored.sum() == round(0.1 * len(whole.splits["train"]))
    labels = whole.splits["train"].labels[scored]
    assert (values["train"][scored].argmax(1) == labels).mean() > 0.5
    other = Whole(whole.classes, {**whole.splits, "test": whole.splits["train"]})
    with pytest.raises(InputError, match="other test images"):
        held_out.by_runs(other, [config.folder], None)


@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("change", ["shorter", "longer", "other labels"])
def test_saved_scores_that_do_not_fit_the_images_are_refused(split, change, tmp_path):
    from kerascifar.data.datasets import load_whole

    config = configure(dataset="synthetic:60", arch="scratch_fc3", epochs=1, runs=str(tmp_path))
    run(config)
    with np.load(config.folder / "scores.npz") as kept:
        arrays = dict(kept)
    labels, scores = arrays[f"{split}_labels"], arrays[f"{split}_scores"]
    rows = {"shorter": slice(1, None), "longer": np.arange(len(labels) + 1) % len(labels), "other labels": slice(None)}
    arrays[f"{split}_labels"] = (labels[rows[change]] + (change == "other labels")) % 10
    arrays[f"{split}_scores"] = scores[rows[change]]
    np.savez(config.folder / "scores.npz", **arrays)
    with pytest.raises(InputError, match=r"--scores-of .*: the labels that it saved are not those"):
        held_out.by_runs(load_whole(config), [config.folder], None)
