import json

import numpy as np
import pytest

from kerascifar import ensemble
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.evaluation import calibration
from kerascifar.evaluation.metrics import evaluate
from kerascifar.evaluation.voting import combine
from kerascifar.results import Result, describe_dataset, write_result, write_scores

CLASSES = ("cat", "dog", "ship")
# Four test images: true classes, and what three models say of them.
LABELS = np.array([0, 1, 2, 1])
SAID = {
    # Right about images 0 and 1: accuracy 0.5.
    "a": [[0.6, 0.4, 0.0], [0.3, 0.5, 0.2], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1]],
    # Right about images 0, 1 and 3: accuracy 0.75.
    "b": [[0.5, 0.3, 0.2], [0.0, 0.9, 0.1], [0.1, 0.5, 0.4], [0.1, 0.6, 0.3]],
    # Right about image 2 alone: accuracy 0.25.
    "c": [[0.1, 0.2, 0.7], [0.4, 0.3, 0.3], [0.0, 0.1, 0.9], [0.2, 0.2, 0.6]],
}


def save(folder, scores, *, labels=LABELS, classes=CLASSES, seed=0, probabilities=True, held_out=None, pixel=0):
    """Write the run folder of a model that gave `scores`; `held_out`: labels and scores of validation images."""
    images = np.full((len(labels), 2, 2, 3), pixel, np.uint8)
    test = Split(images, np.asarray(labels))
    validation = None
    scores_by_split = {"test": np.asarray(scores, np.float32)}
    if held_out is not None:
        validation = Split(np.zeros((len(held_out[0]), 2, 2, 3), np.uint8), np.asarray(held_out[0]))
        scores_by_split["validation"] = np.asarray(held_out[1], np.float32)
    data = Dataset("drawn", classes, test, validation, test)
    config = RunConfig(arch="lenet", dataset="synthetic:4", seed=seed)
    result = Result(
        run_id=config.run_id, config=config.to_dict(),
        metrics={"validation": None, "test": evaluate(test.labels, scores_by_split["test"], classes, probabilities)},
        trainable_parameters=0, multiply_adds=None, seconds_per_epoch=None, images_per_second=None,
        dataset=describe_dataset(data), versions={}, revision=None, history=[], notes={},
    )  # fmt: skip
    write_scores(folder, data, scores_by_split)
    write_result(folder, result)
    return folder


@pytest.fixture
def runs(tmp_path):
    return [save(tmp_path / "lenet" / name, SAID[name], seed=seed) for seed, name in enumerate(SAID)]


def test_soft_voting_by_hand(runs):
    ensembled = combine(runs, "soft")
    # Image 2: means (0.8 + 0.1 + 0) / 3, 0.7 / 3, 1.4 / 3: ship. Image 3: 1.0 / 3, 1.0 / 3, 1.0 / 3: see below.
    # Image 0: 1.2, 0.9, 0.9: cat. Image 1: 0.7, 1.7, 0.6: dog.
    assert ensembled["metrics"]["test"]["accuracy"] >= 0.75
    assert [row["recall"] for row in ensembled["metrics"]["test"]["per_class"]][::2] == [1, 1]
    # NLL: -(ln 0.4 + ln 1.7/3 + ln 1.4/3 + ln 1/3) / 4
    expected = -np.log([0.4, 1.7 / 3, 1.4 / 3, 1 / 3]).mean()
    assert ensembled["metrics"]["test"]["nll"] == pytest.approx(expected, abs=1e-6)
    assert [m["accuracy"] for m in ensembled["members"]] == [0.5, 0.75, 0.25]
    assert [m["run_id"] for m in ensembled["members"]] == [
        RunConfig(arch="lenet", dataset="synthetic:4", seed=s).run_id for s in range(3)
    ]
    assert (ensembled["vote"], ensembled["weights"], ensembled["temperatures"]) == ("soft", [1, 1, 1], None)


def test_hard_voting_by_hand(runs):
    ensembled = combine(runs, "hard")
    # Votes: image 0: cat cat ship, cat; 1: dog dog cat, dog; 2: cat (0.8) dog (0.5) ship (0.9), a tie: ship;
    # 3: cat (0.7) dog (0.6) ship (0.6), a tie: cat, which is wrong.
    assert ensembled["metrics"]["test"]["confusion_matrix"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert "nll" not in ensembled["metrics"]["test"]
    # Against b, right about 0, 1, 3: the vote alone has image 2, b alone image 3; p = 2 x (1 + 1) / 4, at most 1.
    assert ensembled["mcnemar"] == {"member": 1, "only_first": 1, "only_second": 1, "p": 1}


def test_weights_by_hand(runs):
    # Image 3: cat has 1 vote, dog 2, ship 1.5: dog. Image 2: dog 2 as well, which is wrong.
    ensembled = combine(runs, "hard", weights=[1, 2, 1.5])
    assert ensembled["metrics"]["test"]["confusion_matrix"] == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    # Image 3, soft: cat 0.7 + 0.2 + 0.2, dog 0.2 + 1.2 + 0.2: dog.
    assert combine(runs, "soft", weights=[1, 2, 1])["metrics"]["test"]["accuracy"] == 1


def test_each_run_is_softened_by_its_own_temperature(tmp_path):
    rng = np.random.default_rng(0)
    held_out = [(rng.integers(0, 3, 60), rng.dirichlet(np.ones(3) * sharp, 60)) for sharp in (0.2, 3)]
    runs = [
        save(tmp_path / "n" / name, SAID[name], seed=seed, held_out=held_out[seed])
        for seed, name in enumerate(["a", "b"])
    ]
    ensembled = combine(runs, "soft", temperature=True)
    # As saved, in float32.
    expected = [calibration.temperature(scores.astype(np.float32), labels) for labels, scores in held_out]
    assert ensembled["temperatures"] == expected
    assert expected[0] > expected[1]
    softened = [calibration.soften(np.array(SAID[n], np.float32), t) for n, t in zip("ab", expected, strict=True)]
    assert ensembled["metrics"]["test"] == evaluate(LABELS, np.mean(softened, 0), CLASSES)
    assert combine(runs, "soft")["temperatures"] is None


def test_a_folder_with_one_run_will_do(tmp_path):
    for seed, name in enumerate("ab"):
        save(tmp_path / name / "x", SAID[name], seed=seed)
    assert combine([tmp_path / "a", tmp_path / "b"], "soft")["members"][1]["run"] == (tmp_path / "b" / "x").as_posix()


def refused(runs, message, vote="soft", **how):
    with pytest.raises(InputError) as caught:
        combine(runs, vote, **how)
    assert message in str(caught.value)


def test_runs_that_do_not_fit_are_refused(runs, tmp_path):
    refused(runs[:1], "two finished runs or more, got 1")
    refused([*runs, runs[0]], "are the same run")
    copy = save(tmp_path / "copy" / "a", SAID["a"])
    refused([*runs, copy], f"{runs[0]} and {copy} are the same run")
    other = save(tmp_path / "n" / "pixels", SAID["a"], seed=9, pixel=1)
    refused(
        [*runs, other], f"{other} was scored on other test images than {runs[0]}: 4 images of drawn with the SHA-256"
    )
    fewer = save(tmp_path / "n" / "fewer", SAID["a"][:3], seed=9, labels=LABELS[:3])
    refused([*runs, fewer], ": 3 images of drawn with")
    named = save(tmp_path / "n" / "named", SAID["a"], seed=9, classes=("cat", "dog", "lorry"))
    refused([*runs, named], f"{named} knows other classes than {runs[0]}: cat, dog, lorry, not cat, dog, ship")
    refused([*runs, tmp_path / "nowhere"], "is not a folder")


def test_one_run_id_on_other_data_is_another_run(runs, tmp_path):
    twin = save(tmp_path / "other" / "a", SAID["c"], pixel=1)
    refused([runs[0], twin], f"{twin} was scored on other test images than {runs[0]}: 4 images of drawn")
    # The same test images, and others to validate on: two runs, one vote each.
    held_out = (LABELS, SAID["b"])
    first, second = (
        save(tmp_path / name, SAID["b"], held_out=(labels, SAID["b"]))
        for name, labels in (("one", LABELS), ("two", LABELS[::-1]))
    )
    assert len(combine([first, second], "hard")["members"]) == 2
    refused([first, save(tmp_path / "copy", SAID["b"], held_out=held_out)], "are the same run")


def test_scores_of_other_images_than_the_result_tells_of_are_refused(runs, tmp_path):
    other = save(tmp_path / "other", SAID["b"], pixel=1)
    (runs[0] / "scores.npz").write_bytes((other / "scores.npz").read_bytes())
    refused(runs, "scores.npz holds scores of other test images than its result.json tells of")


def test_shares_of_neighbours_vote_hard_only(runs, tmp_path):
    knn = save(tmp_path / "knn" / "k", np.eye(3)[[0, 1, 2, 1]], seed=9, probabilities=False)
    refused([*runs, knn], "knn/k has vote shares, not the probabilities that --vote soft needs; use --vote hard")
    refused([knn, *runs], "that --temperature needs", "hard", temperature=True)
    # With certainty 1 it decides the ties of images 2 and 3.
    assert combine([*runs, knn], "hard")["metrics"]["test"]["accuracy"] == 1


@pytest.mark.parametrize("vote", ["soft", "hard"])
@pytest.mark.parametrize("row", [[1.2, -0.2, 0], [0.5, 0.5, 0.5], [0.2, 0.2, 0.2], [5, 1, 3]])
def test_scores_that_are_no_probabilities_are_refused(vote, row, runs):
    scores = np.load(runs[1] / "scores.npz")
    spoilt = np.array([row, *SAID["b"][1:]], np.float32)
    np.savez(runs[1] / "scores.npz", **{**scores, "test_scores": spoilt})
    refused(runs, f"{runs[1] / 'scores.npz'}: the test scores are neither probabilities nor shares", vote)


def test_a_class_without_images_has_no_value(tmp_path, capsys):
    labels = np.array([0, 1, 1, 1])
    runs = [save(tmp_path / "lenet" / name, SAID[name], seed=seed, labels=labels) for seed, name in enumerate(SAID)]
    assert [member["class_accuracy"][2] for member in combine(runs, "soft")["members"]] == [None] * 3
    ensemble.main([*map(str, runs), "--out", str(tmp_path / "vote.json")])
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if line.startswith("ship ")] == [["ship", *"––––"]]
    assert printed.count("no test image shows ship:") == 1
    assert json.loads((tmp_path / "vote.json").read_text())["metrics"]["test"]["per_class"][2]["recall"] is None


def test_other_bad_input(runs):
    refused(runs, "unknown --vote 'sofd' (did you mean soft?)", "sofd")
    refused(runs, "one for each of the 3 runs, got 2", weights=[1, 2])
    refused(runs, "must be greater than 0, got 1,0,2", weights=[1, 0, 2])
    refused(runs, "must be greater than 0, got nan,1,2", weights=[float("nan"), 1, 2])
    refused(runs, "lenet/a has no validation images", temperature=True)


@pytest.mark.parametrize(
    "change",
    [
        {"test_scores": np.zeros((4, 2), np.float32)},
        {"test_scores": np.full((4, 3), np.nan, np.float32)},
        {"test_labels": np.array([0, 1, 2, 3])},
        {"test_labels": np.array(["a", "b", "c", "d"])},
        {"classes": None},
        {"test_scores": None},
    ],
)
def test_scores_that_make_no_sense_are_refused(change, runs):
    path = runs[1] / "scores.npz"
    with np.load(path) as saved:
        arrays = {**saved, **change}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    refused(runs, "holds no test labels and scores that fit each other")


def test_the_command(runs, tmp_path, capsys):
    out = tmp_path / "out" / "hard.json"
    ensemble.main([*map(str, runs), "--vote", "hard", "--weights", "1,2,1.5", "--out", str(out)])
    ensembled = json.loads(out.read_text())
    assert ensembled == combine(runs, "hard", [1, 2, 1.5])
    printed = capsys.readouterr().out
    assert "1  lenet/a" in printed
    assert "hard vote" in printed
    low, high = ensembled["metrics"]["test"]["accuracy_interval"]
    assert f"0.7500  {low:.4f} to {high:.4f}" in printed
    # Accuracy per class: recall of dog, images 1 and 3: a has one of the two, b both, c none, the vote both.
    assert [line.split() for line in printed.splitlines() if line.startswith("dog")] == [
        ["dog", "0.500", "1.000", "0.000", "1.000"]
    ]
    ensemble.main([*map(str, runs)])
    nll = combine(runs, "soft")["metrics"]["test"]["nll"]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "soft vote" in line]
    assert line.endswith(f"  {nll:.4f}")


@pytest.mark.parametrize(
    ("argv", "message"),
    [(["--weights", "2,x"], "expected numbers such as 2,1,1, got '2,x'"), (["--vot", "soft"], "--vote")],
)
def test_the_command_refuses(argv, message, runs):
    with pytest.raises(InputError, match=message):
        ensemble.main([*map(str, runs), *argv])
