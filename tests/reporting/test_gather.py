import json
import re
from pathlib import Path

import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.evaluation import metrics
from kerascifar.reporting import comparison
from kerascifar.reporting.gather import gather
from kerascifar.results import read_result


def test_finds_runs_below_paths_once_and_labels_them_by_what_differs(tmp_path, make_run):
    for seed in (0, 1):
        make_run(f"lenet/{seed}{'0' * 11}", seed=seed)
    make_run("other/deep/222222222222", config={"arch": "knn", "k": 3})
    gathered = gather([tmp_path / "lenet", tmp_path, tmp_path / "lenet" / f"0{'0' * 11}"])
    assert [run.number for run in gathered.runs] == [1, 2, 3]
    # The two LeNets differ by their seed alone, which is shown even where it is 0; the only k-NN needs no setting.
    assert {run.label: run.place for run in gathered.runs} == {
        "lenet · seed 0": "lenet/000000000000",
        "lenet · seed 1": "lenet/100000000000",
        "knn": "other/deep/222222222222",
    }
    assert list(gathered.groups) == ["digits, 100 test images"]
    ranks = [run.test["accuracy"] for run in gathered.runs]
    assert ranks == sorted(ranks, reverse=True)


def test_a_shipped_net_stands_beside_runs_of_ones_own_in_any_folder(tmp_path, make_run, monkeypatch):
    make_run("own/aaaa")
    monkeypatch.chdir(tmp_path)
    places = [run.place for run in gather([Path("own"), Path("tiny12k")]).runs]
    assert len(places) == 2
    assert any(re.search(r"(^|/)tiny12k/\w+$", place) for place in places)
    assert any(place.endswith("own/aaaa") for place in places)


def test_a_run_of_a_study_is_called_by_its_row(tmp_path, make_run, make_study):
    make_study()
    make_run("lenet/cccccccccccc")
    assert {run.label: run.place for run in gather([tmp_path]).runs} == {
        "study row-one, as published": "study/lenet/aaaaaaaaaaaa",
        "study row-one, corrected": "study/lenet/bbbbbbbbbbbb",
        "study row-three, corrected · seed 12": "study/lenet/cccccccccccc",
        "study row-three, corrected · seed 13": "study/lenet/dddddddddddd",
        "lenet": "lenet/cccccccccccc",
    }


def test_runs_that_were_asked_for_alike_are_told_apart_by_their_folder(tmp_path, make_run):
    make_run("one/aaaaaaaaaaaa")
    make_run("two/bbbbbbbbbbbb")
    assert {run.label for run in gather([tmp_path]).runs} == {"lenet · aaaaaaaaaaaa", "lenet · bbbbbbbbbbbb"}


def test_test_sets_are_kept_apart(tmp_path, make_run, digits):
    import dataclasses

    from kerascifar.core.contracts import Split

    make_run("a/1")
    fewer = dataclasses.replace(digits, test=Split(digits.test.images[:50], digits.test.labels[:50]))
    make_run("b/2", data=fewer)
    assert list(gather([tmp_path]).groups) == ["digits, 100 test images", "digits, 50 test images"]


def _corrupt_json(folder):
    (folder / "result.json").write_text("{")


def _foreign_json(folder):
    (folder / "result.json").write_text('{"accuracy": 1}')


def _no_scores(folder):
    (folder / "scores.npz").unlink()


def _torn_scores(folder):
    content = (folder / "scores.npz").read_bytes()
    (folder / "scores.npz").write_bytes(content[: len(content) // 2])


def _pickled_scores(folder):
    np.savez(folder / "scores.npz", test_labels=np.array([{"a": 1}], dtype=object))


def _lone_array(folder):
    with open(folder / "scores.npz", "wb") as file:
        np.save(file, np.arange(3))


def _scalar_labels(folder):
    np.savez(folder / "scores.npz", test_labels=np.array(1), test_scores=np.ones((1, 1)), classes=np.array(["a"]))


def _other_accuracy(folder):
    result = json.loads((folder / "result.json").read_text())
    result["metrics"]["test"]["accuracy"] = 0.999
    (folder / "result.json").write_text(json.dumps(result))


def _odd_metrics(folder):
    result = json.loads((folder / "result.json").read_text())
    result["metrics"] = [1]
    (folder / "result.json").write_text(json.dumps(result))


def _latency_is_no_json(folder):
    (folder / "latency.json").write_text("fast")


def _thirty_thousand_classes(folder):
    arrays = dict(np.load(folder / "scores.npz"))
    images = len(arrays["test_labels"])
    arrays |= {"classes": np.arange(30_000).astype(str), "test_scores": np.zeros((images, 30_000), np.float32)}
    np.savez_compressed(folder / "scores.npz", **arrays)


def _flipped_bytes(folder):
    # Within the compressed scores, so that zlib itself stumbles.
    content = bytearray((folder / "scores.npz").read_bytes())
    place = content.index(b"test_scores.npy") + 60
    content[place : place + 8] = b"\xff" * 8
    (folder / "scores.npz").write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        _corrupt_json, _foreign_json, _no_scores, _torn_scores, _pickled_scores, _lone_array, _scalar_labels,
        _other_accuracy, _odd_metrics, _latency_is_no_json, _flipped_bytes,
        _thirty_thousand_classes,
    ],
)  # fmt: skip
def test_a_corrupt_run_is_left_out_by_name(tmp_path, make_run, spoil):
    make_run("good/111111111111")
    spoil(make_run("bad/222222222222"))
    gathered = gather([tmp_path])
    assert [run.place for run in gathered.runs] == ["good/111111111111"]
    (line,) = gathered.left_out
    assert "bad/222222222222" in line
    assert str(tmp_path) not in line  # a page is shown to others
    with pytest.raises(InputError, match="no run can be read"):
        gather([tmp_path / "bad"])


def test_paths_that_hold_nothing(tmp_path):
    with pytest.raises(InputError, match="no run can be read"):
        gather([tmp_path])
    with pytest.raises(InputError, match="not a folder"):
        gather([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("multiply_adds", "many"),
        ("history", [{"val_accuracy": 0.5, "loss": None}]),
        ("history", ["nothing"]),
        ("history", [{"val_accuracy": "x"}]),
    ],
)
def test_a_run_with_odd_values_is_left_out(tmp_path, make_run, field, value):
    folder = make_run("a/1")
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, field: value}))
    with pytest.raises(InputError, match=rf"a/1/result\.json is corrupt: .*\$\.{field}"):
        gather([tmp_path])


def test_a_history_may_lack_columns_in_some_epochs(tmp_path, make_run):
    folder = make_run("a/1")
    result = json.loads((folder / "result.json").read_text())
    history = [{"val_accuracy": 0.5}, {}, {"loss": 2}]
    (folder / "result.json").write_text(json.dumps({**result, "history": history}))
    (run,) = gather([tmp_path]).runs
    assert run.history == {"val_accuracy": [(1, 0.5)], "loss": [(3, 2)]}
    assert read_result(folder).accuracy == run.test["accuracy"]


def test_top_5_accuracy_stands_in_the_table_where_there_are_many_classes(make_run, monkeypatch):
    gathered = gather([make_run("a"), make_run("b", probabilities=False)])
    titles = [column.name for column in comparison.compare(gathered).blocks[0].columns]
    assert "top-5" not in titles
    monkeypatch.setattr(comparison, "_MANY", 5)
    table = comparison.compare(gathered).blocks[0]
    place = [column.name for column in table.columns].index("top-5")
    shown = {run.scored.folder.name: row[place].text for run, row in zip(gathered.runs, table.rows, strict=True)}
    labels, scores = next(run.scored.test for run in gathered.runs if run.scored.folder.name == "a")
    assert shown["a"] == f"{(metrics.ranks(labels, scores) < 5).mean():.4f}"
    assert not shown["b"].startswith("0.")  # vote shares are no probabilities
