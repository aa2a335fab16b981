"""A run from end to end, and what it leaves behind."""

import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from kerascifar import results
from kerascifar.configure import configure
from kerascifar.core import finding
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.run import restore, run

GIVEN = {"arch": "modified_net", "dataset": "synthetic:300", "epochs": 2, "batch_size": 50, "device": "cpu"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = configure(**GIVEN, runs=str(tmp_path_factory.mktemp("runs")))
    return config, run(config)


def test_the_folder_holds_what_readme_promises(finished):
    config, _ = finished
    left = {path.name for path in config.folder.iterdir()}
    assert left == {"result.json", "scores.npz", "model.keras", "history.csv", "tensorboard", ".lock"}
    curves = {path.name: path for path in (config.folder / "tensorboard").iterdir()}
    assert {name for name, path in curves.items() if path.is_dir()} == {"train", "validation"}
    (session,) = (name for name, path in curves.items() if path.is_file())  # HParams and the confusion matrix
    assert session.startswith("events.out.tfevents.")


def test_result_json_has_its_fixed_keys(finished):
    config, result = finished
    saved = json.loads((config.folder / "result.json").read_text())
    assert saved["run_id"] == config.run_id == config.folder.name
    assert 0 <= saved["metrics"]["test"]["accuracy"] <= 1
    assert 0 <= saved["metrics"]["validation"]["accuracy"] <= 1
    low, high = saved["metrics"]["test"]["accuracy_interval"]
    assert low <= saved["metrics"]["test"]["accuracy"] <= high
    assert saved["trainable_parameters"] == 35_730
    assert saved["multiply_adds"] > 0
    assert saved["images_per_second"] > 0
    assert saved["notes"]["processor"]  # without it, no time means anything
    assert saved["notes"]["cores"] >= 1
    assert saved["notes"]["run_seconds"] >= sum(row["seconds"] for row in saved["history"]) > 0
    assert saved["versions"]["keras"]
    assert len(saved["dataset"]["sha256"]["train"]) == 64
    assert len(saved["history"]) == 2
    assert "runs" not in saved["config"]
    assert results.read_result(config.folder) == result


def test_history_csv_agrees_with_result_json(finished):
    config, result = finished
    head, *rows = (config.folder / "history.csv").read_text().splitlines()
    assert head == "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds,cpu_seconds"
    assert [float(row.split(",")[2]) for row in rows] == [row["loss"] for row in result.history]
    # cosine over 2 epochs: the rate at each epoch's begin is the peak, then half of it
    assert [row["learning_rate"] for row in result.history] == pytest.approx([0.05, 0.025])


def test_scores_are_those_of_the_saved_model(finished):
    config, result = finished
    data, scores = load(config), results.read_scores(config.folder)
    assert scores["test_scores"].shape == (len(data.test), 10)
    np.testing.assert_allclose(scores["test_scores"].sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(scores["test_labels"], data.test.labels)
    assert str(scores["test_checksum"]) == data.test.checksum
    assert np.mean(scores["test_scores"].argmax(1) == data.test.labels) == result.accuracy
    _, _, score = restore(config.folder)
    np.testing.assert_array_equal(score(data.test.images, "test"), scores["test_scores"])


def test_the_saved_model_takes_pixels_and_needs_only_our_layers(finished):
    import keras

    config, _ = finished
    model = keras.models.load_model(config.folder / "model.keras")
    data = load(config)
    logits = model.predict(data.test.images[:8], verbose=0)
    saved = results.read_scores(config.folder)["test_scores"][:8]
    np.testing.assert_array_equal(logits.argmax(1), saved.argmax(1))
    assert getattr(model, "optimizer", None) is None


def test_a_finished_run_is_not_trained_twice(finished):
    config, result = finished
    before = (config.folder / "result.json").stat().st_mtime_ns
    assert run(configure(**GIVEN, runs=config.runs)) == result
    assert (config.folder / "result.json").stat().st_mtime_ns == before


def test_the_test_images_are_scored_once_and_last(tmp_path, monkeypatch):
    from kerascifar.training import scoring

    seen = []
    whole = scoring.score

    def watched(model, images, *how, **named):
        history = list(tmp_path.rglob("history.csv"))
        seen.append((len(images), len(history[0].read_text().splitlines()) - 1))
        return whole(model, images, *how, **named)

    monkeypatch.setattr(scoring, "score", watched)
    run(configure(**GIVEN, runs=str(tmp_path)))
    # 30 validation images and 75 test images, each once, after both epochs
    assert seen == [(30, 2), (75, 2)]


def test_without_validation_its_metrics_are_null(tmp_path):
    result = run(configure(**GIVEN | {"epochs": 1}, validation=0.0, runs=str(tmp_path)))
    assert result.metrics["validation"] is None
    assert result.dataset["images"] == {"train": 300, "test": 75}


def test_classes_of_ones_own_pictures_are_told_at_the_start(tmp_path, capsys):
    for label, name in enumerate(("0", "10", "2")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (32, 32), (80 * label, i, 0)).save(tmp_path / "data" / name / f"{i}.png")
    own = {"arch": "nearest_centroid", "dataset": "folder", "data_dir": str(tmp_path / "data")}
    run(configure(**own, runs=str(tmp_path / "runs")))
    assert '3 classes: 0, 10, 2; label ids follow the alphabet: "2" has 2' in capsys.readouterr().out


def test_again_trains_anew_and_gives_the_same(finished, monkeypatch):
    config, result = finished
    again = run(configure(**GIVEN, runs=config.runs, again=True))
    assert again.metrics == result.metrics
    assert [r["loss"] for r in again.history] == [r["loss"] for r in result.history]


def test_find_run_takes_a_run_or_a_folder_with_one(finished, tmp_path):
    config, _ = finished
    assert finding.find_run(config.folder) == finding.find_run(config.folder.parent) == config.folder
    with pytest.raises(InputError, match="holds no finished run"):
        finding.find_run(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text("{}")
    with pytest.raises(InputError, match="holds 2 finished runs; name one: a, b"):
        finding.find_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is corrupt"),
        ("[]", "is corrupt: Expected `object`, got `array`"),
        ('{"metrics": {}}', "is corrupt: Object missing required field `run_id`"),
    ],
)
def test_foreign_results_are_refused(text, told, tmp_path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(InputError, match=told):
        results.read_result(tmp_path)


def test_a_result_with_an_impossible_accuracy_is_refused(finished, tmp_path):
    config, _ = finished
    saved = json.loads((config.folder / "result.json").read_text())
    saved["metrics"]["test"]["accuracy"] = 7
    (tmp_path / "result.json").write_text(json.dumps(saved))
    with pytest.raises(InputError, match="from 0 to 1, got 7"):
        results.read_result(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("image_shape", [1_000_000, 1_000_000, 3], "a side has from 1 to 4096 pixels"),
        ("image_shape", [32, 32], "Expected `array` of length 3, got 2"),
        ("image_shape", "32", "dataset.image_shape: Expected `array`, got `str`"),
        ("image_shape", [32, -1, 3], "a side has from 1 to 4096 pixels"),
        ("classes", ["x"] * 30_000, "30000 classes; at most 2048"),
        ("classes", [1, 2], "Expected `str`, got `int`"),
    ],
)
def test_a_result_of_odd_images_is_refused(finished, tmp_path, key, value, told):
    config, _ = finished
    saved = json.loads((config.folder / "result.json").read_text())
    saved["dataset"][key] = value
    (tmp_path / "result.json").write_text(json.dumps(saved))
    with pytest.raises(InputError, match=re.escape(told)):
        results.read_result(tmp_path)


def test_corrupt_scores_are_refused(tmp_path):
    (tmp_path / "scores.npz").write_bytes(b"PK garbage")
    with pytest.raises(InputError, match=r"scores\.npz is corrupt"):
        results.read_scores(tmp_path)


def test_tensorboard_shows_train_and_validation_side_by_side(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    config, result = finished
    for part, key in (("train", "loss"), ("validation", "val_loss")):
        events = EventAccumulator(str(config.folder / "tensorboard" / part)).Reload()
        losses = [float(make_ndarray(e.tensor_proto)) for e in events.Tensors("epoch_loss")]
        assert losses == pytest.approx([row[key] for row in result.history])


def test_what_cannot_be_drawn_keeps_no_run_from_its_result(tmp_path, monkeypatch, capsys):
    from kerascifar.plots import confusion as figures

    def fail(*_):
        raise TypeError("no such\nletter")

    monkeypatch.setattr(figures, "draw_confusion", fail)
    config = configure(**GIVEN | {"epochs": 2}, runs=str(tmp_path))
    config.folder.mkdir(parents=True)
    (config.folder / "tensorboard").touch()  # a file where Keras's curves want a folder
    result = run(config)
    assert results.read_result(config.folder) == result
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.split(" (")[0] for line in warnings] == ["warning: without curves in TensorBoard"]
    (config.folder / "tensorboard").unlink()
    run(configure(**GIVEN | {"epochs": 2}, runs=str(tmp_path), again=True))
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: without confusion matrix and settings in TensorBoard (TypeError: no such letter)",
    ]


def pictures(tmp_path, *classes):
    """Class folders with ten pictures each."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in classes:
        folder = os.path.join(os.fsencode(tmp_path), b"pictures", name)
        os.makedirs(folder)
        for i in range(10):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(os.fsdecode(folder) + f"/{i}.png")
    return tmp_path / "pictures"


def test_class_folders_may_have_names_that_are_no_text(tmp_path):
    given = {"arch": "nearest_centroid", "dataset": "folder", "data_dir": str(pictures(tmp_path, b"aa", b"b\xe9b"))}
    config = configure(**given, runs=str(tmp_path))
    result = run(config)
    assert results.read_result(config.folder) == result
    assert result.dataset["classes"] == ["aa", r"b\xe9b"]


def test_another_keras_in_the_surroundings_does_no_harm(command):
    short = ("--arch", "lenet", "--dataset", "digits", "--train-limit", 100, "--test-limit", 20, "--epochs", 1)
    done = command("kerascifar.train", *short, TF_USE_LEGACY_KERAS="1")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr


def test_a_net_of_ones_own_pictures_is_used_without_them(tmp_path, capsys):
    from kerascifar import evaluate, predict

    data = pictures(tmp_path, b"aa", b"bb")
    given = {"arch": "scratch_fc3", "dataset": "folder", "epochs": 1}
    config = configure(**given, data_dir=str(data), runs=str(tmp_path / "runs"))
    run(config)
    picture = data / "aa" / "0.png"
    (tmp_path / "away").mkdir()
    picture = picture.rename(tmp_path / "away" / "0.png")
    data.rename(tmp_path / "away" / "pictures")
    predict.main([str(config.folder), str(picture)])
    assert str(picture) in capsys.readouterr().out
    evaluate.main([str(config.folder), "--latency", "--repeats", "100"])
    assert (config.folder / "latency.json").exists()
    for needs_pictures in (lambda: evaluate.main([str(config.folder)]), lambda: configure(**given)):
        with pytest.raises(InputError, match="--data-dir DIR is needed"):
            needs_pictures()
