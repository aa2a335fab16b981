"""`export` scores a run's file in its own runtime and records that; what cannot be exported is refused in one line."""

import hashlib
import json

import keras
import numpy as np
import pytest

from kerascifar import export
from kerascifar.configure import configure
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.evaluation.equivalence import equivalence, in_words
from kerascifar.models import build
from kerascifar.results import read_result
from kerascifar.run import run
from kerascifar.serving import agreement, export_run, latency
from kerascifar.serving.formats import FORMATS, check_format


def test_agreement_by_hand():
    splits = {"test": Split(np.zeros((4, 1, 1, 3), np.uint8), np.array([0, 1, 1, 0]))}
    keras_side = {"test": np.array([[2.0, 1], [3, 1], [0, 1], [1, 0]])}  # labels 0, 0, 1, 0: three are right
    exported = {"test": np.array([[2.0, 1], [1, 1.5], [0, 1], [1.25, 0]])}  # 0, 1, 1, 0: all are
    assert agreement.compare(exported, keras_side, splits) == {
        "test": {
            "largest_logit_difference": 2.0,
            "equal_predictions": 0.75,
            "accuracy_difference": 0.25,
            "flips": {"to_right": 1, "to_wrong": 0, "between_wrong": 0},
            "equivalence": equivalence(1, 0, 4),
        }
    }
    metrics = agreement.measure(exported, splits, ("a", "b"))["test"]
    assert (metrics["images"], metrics["accuracy"]) == (4, 1.0)
    # Softmax of two logits gives the right one 1 / (1 + exp(-lead)): leads of 1, 0.5, 1 and 1.25.
    assert metrics["nll"] == pytest.approx(np.mean(np.log1p(np.exp([-1, -0.5, -1, -1.25]))))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    runs = str(tmp_path_factory.mktemp("runs"))
    config = configure(arch="modified_net", dataset="digits", epochs=2, runs=runs, device="cpu", tta="mirror")
    run(config)
    return config.folder


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(latency, "_WARM_UP_SECONDS", 0.0)


def exported(finished, capfd, *argv):
    """Run the command line on the run, and return what it wrote in export.json and on stdout."""
    before = {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    export.main([str(finished), "--repeats", "100", *argv])
    after = {p.name: p.read_bytes() for p in finished.iterdir() if p.is_file()}
    assert before == after  # what the run left stays as it was
    captured = capfd.readouterr()
    assert captured.err == ""
    assert not list((finished / "exported").glob(".part*"))
    return json.loads((finished / "exported" / "export.json").read_text()), captured.out


def test_an_exported_run_is_scored_in_its_own_runtime(finished, hurried, capfd):
    from ai_edge_litert.interpreter import Interpreter

    from kerascifar.data.datasets import load

    summary, printed = exported(finished, capfd, "--to", "litert")
    assert "model.tflite" in printed
    assert summary["classes"] == list("0123456789")
    assert (finished / "exported" / "labels.txt").read_text().splitlines() == summary["classes"]
    entry = summary["exports"]["model.tflite"]
    path = finished / "exported" / "model.tflite"
    assert entry["bytes"] == path.stat().st_size
    assert entry["keras"]["bytes"] == (finished / "model.keras").stat().st_size
    for split in ("validation", "test"):
        assert entry["agreement"][split]["largest_logit_difference"] < 1e-4
        assert entry["agreement"][split]["equal_predictions"] == 1
        assert entry["metrics"][split]["accuracy"] == entry["keras"]["metrics"][split]["accuracy"]
    assert 0 < entry["latency"]["p50_ms"] <= entry["latency"]["p99_ms"]
    assert {"latency", "metrics"} <= set(entry["keras"])

    # The accuracy once more, by the runtime alone: uint8 pixels in, one image at a time.
    result = read_result(finished)
    test = load(configure(**result.config)).test
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("serving_default")
    labels = [runner(pixels=test.images[i : i + 1])["logits"].argmax() for i in range(len(test))]
    assert entry["metrics"]["test"]["accuracy"] == np.mean(labels == test.labels)
    # The run's own accuracy is of two views of each image.
    assert ("with --tta mirror" in printed) == (result.accuracy != entry["keras"]["metrics"]["test"]["accuracy"])


@pytest.mark.parametrize("to", ["litert", pytest.param("onnx", marks=pytest.mark.slow)])
def test_int8_is_small_and_near(finished, hurried, capfd, to):
    float_bytes = 4 * read_result(finished).trainable_parameters
    summary, printed = exported(finished, capfd, "--to", to, "--int8")
    entry = summary["exports"][FORMATS[to].int8_file]
    assert entry["bytes"] < float_bytes / 2
    assert entry["representative_images"] == export_run.REPRESENTATIVE
    for split in ("validation", "test"):
        agreed = entry["agreement"][split]
        assert agreed["equal_predictions"] > 0.9
        assert abs(agreed["accuracy_difference"]) < 0.05
        own, other = (side["metrics"][split]["accuracy"] for side in (entry, entry["keras"]))
        assert agreed["accuracy_difference"] == pytest.approx(own - other)
        changed, images = agreed["flips"], entry["metrics"][split]["images"]
        assert agreed["accuracy_difference"] == (changed["to_right"] - changed["to_wrong"]) / images
        assert sum(changed.values()) == round((1 - agreed["equal_predictions"]) * images)
        assert agreed["equivalence"]["margin"] == 0.005
        assert f"{split}: {in_words(agreed)}" in printed


def test_a_saved_model_replaces_an_older_one_and_stands_beside_others(finished, hurried, capfd):
    into = finished / "exported"
    sha256 = hashlib.sha256((finished / "model.keras").read_bytes()).hexdigest()
    (into / "saved_model").mkdir(parents=True, exist_ok=True)
    (into / "saved_model" / "left.txt").write_text("of an older export")
    (into / ".part-killed").mkdir()
    (into / "export.json").write_text(json.dumps({"model_sha256": sha256, "exports": {"model.onnx": {"bytes": 1}}}))
    summary, _ = exported(finished, capfd, "--to", "saved_model")
    assert not (into / "saved_model" / "left.txt").exists()
    assert set(summary["exports"]) == {"model.onnx", "saved_model"}
    entry = summary["exports"]["saved_model"]
    assert entry["bytes"] == sum(f.stat().st_size for f in (into / "saved_model").rglob("*") if f.is_file())
    assert entry["agreement"]["test"]["largest_logit_difference"] < 1e-4


def test_what_was_made_of_another_model_is_not_told_any_more(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"model_sha256": "a", "exports": {"model.onnx": {"bytes": 1}}}))
    assert export_run.read_exports(path, "a") == {"model.onnx": {"bytes": 1}}
    assert export_run.read_exports(path, "b") == {}
    assert export_run.read_exports(tmp_path / "none.json", "a") == {}
    for wrong in ("{", "[]", '{"exports": 1, "model_sha256": "a"}', "\xff"):
        path.write_bytes(wrong.encode("latin-1"))
        with pytest.raises(InputError, match=r"export\.json is corrupt"):
            export_run.read_exports(path, "a")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: --to"),
        (
            ["--to", "onxx"],
            r"unknown --to 'onxx' \(did you mean onnx\?\); choose from keras, safetensors",
        ),
        (["--to", "saved_model", "--int8"], "--int8: saved_model has no int8; give --to litert or --to onnx"),
        (["--to", "saved_model", "--repeats", "9"], "needs 100 calls or more, got 9"),
        (["--to", "saved_model"], "holds no finished run"),
    ],
)
def test_bad_input_is_refused_in_one_line(argv, message, tmp_path):
    with pytest.raises(InputError, match=message):
        export.main([str(tmp_path), *argv])
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    from kerascifar.serving import formats

    monkeypatch.setattr(formats, "find_spec", lambda name: None if name in ("tf2onnx", "onnxruntime") else name)
    assert check_format("saved_model", False)[1] == "saved_model"
    with pytest.raises(
        InputError, match=r"not installed here: tf2onnx, onnxruntime; python -m pip install tf2onnx onn"
    ):
        check_format("onnx", False)


@pytest.mark.parametrize("arch", ["nearest_centroid", "scratch_fc3"])
def test_only_keras_nets(arch, tmp_path):
    config = configure(arch=arch, dataset="synthetic:60", runs=str(tmp_path), device="cpu")
    with pytest.raises(InputError, match=f"{arch} cannot be exported; only Keras nets can"):
        export_run.check_net(config, tmp_path)


def copied(finished, to):
    for name in ("result.json", "model.keras"):
        (to / name).write_bytes((finished / name).read_bytes())
    return to


def test_a_run_without_its_net(finished, tmp_path):
    (copied(finished, tmp_path) / "model.keras").unlink()
    with pytest.raises(InputError, match=r"holds no model\.keras"):
        export.main([str(tmp_path), "--to", "litert"])


def test_a_strangers_model_runs_nothing_and_leaves_nothing(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(copied(finished, tmp_path))
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    hidden = keras.layers.Lambda(lambda x: [__import__("pathlib").Path("ran").touch(), x[:, 0, 0]][1])(inputs)
    keras.Model(inputs, keras.layers.Dense(10)(hidden)).save("model.keras")
    (tmp_path / "ran").unlink()
    with pytest.raises(InputError, match=r"model\.keras is not a Keras model that can be loaded"):
        export.main([str(tmp_path), "--to", "litert"])
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "exported").exists()


def test_a_model_of_other_images(finished, tmp_path):
    copied(finished, tmp_path)
    build("modified_net", (16, 16, 3), classes=10).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"has input and output .*16, 16, 3.* but result\.json says .*32, 32, 3"):
        export.main([str(tmp_path), "--to", "litert"])
    assert not (tmp_path / "exported").exists()


def test_a_net_that_a_format_cannot_hold_is_told_in_a_line(finished, tmp_path, monkeypatch, capfd):
    from kerascifar.serving import litert

    def refuse(net, path, images):
        path.write_text("half")
        raise RuntimeError("no such operation\nand forty lines more")

    monkeypatch.setattr(litert, "write", refuse)
    with pytest.raises(InputError, match=r"^model\.tflite cannot be made from this net: no such operation$"):
        export.main([str(copied(finished, tmp_path)), "--to", "litert"])
    assert not (tmp_path / "exported").exists()
    assert capfd.readouterr().err == ""
