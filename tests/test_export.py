"""Exported nets answer as Keras does, in their own runtimes; what cannot be exported is told in a line."""

import gc
import hashlib
import json
import os

import keras
import numpy as np
import pytest

from kerascifar import export, latency, layers
from kerascifar.configure import configure
from kerascifar.contracts import Part
from kerascifar.errors import InputError
from kerascifar.exporting import agreement
from kerascifar.exporting.formats import FORMATS, check_format
from kerascifar.exporting.plain import plain
from kerascifar.models import VARIANTS, build
from kerascifar.results import read_result
from kerascifar.run import run


def pixels(count=8, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), "uint8")


def settled(name, **how):
    """A net with the BatchNorm statistics of `pixels`, without which the logits of a deep one fade or explode."""
    keras.utils.set_random_seed(0)
    net = build(name, mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0), **how)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    net(pixels(), training=True)
    return net


def through(to, net, folder, images=None):
    """What the net's exported file gives for `pixels`, and the file."""
    row = FORMATS[to]
    path = folder / (row.file if images is None else row.int8_file)
    row.load().write(plain(net), path, images)
    predict = row.load().load(path, 2)
    logits = predict(pixels())
    np.testing.assert_allclose(predict(pixels()[:1]), logits[:1], atol=1e-5 if images is None else 0.5)  # any number
    assert (logits.dtype, logits.shape) == (np.float32, (8, 10))
    return logits, path


@pytest.mark.parametrize("to", FORMATS)
def test_our_layers_are_exported(to, tmp_path):
    net = settled("airbench94", widths=(8, 12))  # it whitens, and has GELU, for which ONNX has no word
    logits, _ = through(to, net, tmp_path)
    np.testing.assert_allclose(logits, net.predict_on_batch(pixels()), rtol=0, atol=1e-5)


LARGE = 1_000_000  # parameters
NEEDED = "takes minutes, VGG up to 19 GB: KERASCIFAR_LARGE=1 tools/test --all tests/test_export.py"


def _or_skipped(name):
    skips = VARIANTS[name].params > LARGE and not os.environ.get("KERASCIFAR_LARGE")
    return pytest.param(name, marks=pytest.mark.skip(reason=NEEDED)) if skips else name


@pytest.mark.slow
@pytest.mark.parametrize("name", [_or_skipped(name) for name in VARIANTS])
def test_every_net_agrees_with_keras_in_every_format(name, tmp_path):
    net = settled(name)
    wanted = net.predict_on_batch(pixels())
    assert wanted.std() > 1e-3  # else any two nets agree
    for to in FORMATS:
        logits, path = through(to, net, tmp_path)
        np.testing.assert_allclose(logits, wanted, rtol=0, atol=1e-4, err_msg=to)
        if path.is_file():  # VGG's takes half a gigabyte
            path.unlink()
        gc.collect()
    del net
    keras.backend.clear_session()
    gc.collect()


# Without training the errors of MobileNetV2's 53 layers add up to a third of its logits and more, by either converter.
SMALL = [name for name, row in VARIANTS.items() if row.params < 3_000_000 and not name.startswith("mobilenet_v2")]


@pytest.mark.slow
@pytest.mark.parametrize("name", [_or_skipped(name) for name in SMALL])
@pytest.mark.parametrize("to", [to for to, row in FORMATS.items() if row.int8_file])
def test_small_nets_stay_near_in_int8(name, to, tmp_path):
    net = settled(name)
    wanted = net.predict_on_batch(pixels())
    _, whole = through(to, net, tmp_path)
    logits, path = through(to, net, tmp_path, images=pixels())
    # Logits drawn anew would be about 1.1 times their spread away.
    assert np.abs(logits - wanted).mean() < 0.25 * wanted.std()
    assert path.stat().st_size < 0.6 * whole.stat().st_size


def test_a_net_in_half_precision_becomes_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = settled("modified_net")
    finally:
        keras.config.set_dtype_policy("float32")
    copy = plain(net)
    assert {layer.compute_dtype for layer in copy.layers[1:]} == {"float32"}
    keras.utils.set_random_seed(0)
    full = build("modified_net", mean=(120.0, 121.0, 122.0), std=(60.0, 61.0, 62.0))
    full.set_weights(net.get_weights())
    np.testing.assert_allclose(copy.predict_on_batch(pixels())["logits"], full.predict_on_batch(pixels()), atol=1e-5)


def test_a_compact_litert_file_answers_the_same(tmp_path):
    from kerascifar.exporting import litert

    net = settled("lenet")  # its first convolution computes columns in pairs
    wanted, path = through("litert", net, tmp_path)
    np.testing.assert_allclose(wanted, net.predict_on_batch(pixels()), rtol=0, atol=1e-5)
    before, small = path.read_bytes(), litert.compact(path.read_bytes())
    assert len(small) < len(before)
    path.write_bytes(small)
    np.testing.assert_array_equal(litert.load(path, 2)(pixels()), wanted)
    assert litert.compact(small) == small


def test_agreement_by_hand():
    parts = {"test": Part(np.zeros((4, 1, 1, 3), np.uint8), np.array([0, 1, 1, 0]))}
    keras_side = {"test": np.array([[2.0, 1], [3, 1], [0, 1], [1, 0]])}  # labels 0, 0, 1, 0: three are right
    exported = {"test": np.array([[2.0, 1], [1, 1.5], [0, 1], [1.25, 0]])}  # 0, 1, 1, 0: all are
    assert agreement.compare(exported, keras_side, parts) == {
        "test": {"largest_logit_difference": 2.0, "equal_predictions": 0.75, "accuracy_difference": 0.25}
    }
    told = agreement.measure(exported, parts, ("a", "b"))["test"]
    assert (told["images"], told["accuracy"]) == (4, 1.0)
    # Softmax of two logits gives the right one 1 / (1 + exp(-lead)): leads of 1, 0.5, 1 and 1.25.
    assert told["nll"] == pytest.approx(np.mean(np.log1p(np.exp([-1, -0.5, -1, -1.25]))))


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
    told = capfd.readouterr()
    assert told.err == ""
    assert not list((finished / "exported").glob(".part*"))
    return json.loads((finished / "exported" / "export.json").read_text()), told.out


def test_an_exported_run_is_scored_in_its_own_runtime(finished, hurried, capfd):
    from ai_edge_litert.interpreter import Interpreter

    from kerascifar.data.datasets import load

    found, told = exported(finished, capfd, "--to", "litert")
    assert "model.tflite" in told
    assert found["classes"] == list("0123456789")
    assert (finished / "exported" / "labels.txt").read_text().splitlines() == found["classes"]
    entry = found["exports"]["model.tflite"]
    path = finished / "exported" / "model.tflite"
    assert entry["bytes"] == path.stat().st_size
    assert entry["keras"]["bytes"] == (finished / "model.keras").stat().st_size
    for part in ("validation", "test"):
        assert entry["agreement"][part]["largest_logit_difference"] < 1e-4
        assert entry["agreement"][part]["equal_predictions"] == 1
        assert entry["metrics"][part]["accuracy"] == entry["keras"]["metrics"][part]["accuracy"]
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
    assert ("with --tta mirror" in told) == (result.accuracy != entry["keras"]["metrics"]["test"]["accuracy"])


@pytest.mark.parametrize("to", ["litert", pytest.param("onnx", marks=pytest.mark.slow)])
def test_int8_is_small_and_near(finished, hurried, capfd, to):
    float_bytes = 4 * read_result(finished).trainable_parameters
    found, _ = exported(finished, capfd, "--to", to, "--int8")
    entry = found["exports"][FORMATS[to].int8_file]
    assert entry["bytes"] < float_bytes / 2
    assert entry["representative_images"] == export.REPRESENTATIVE
    for part in ("validation", "test"):
        told = entry["agreement"][part]
        assert told["equal_predictions"] > 0.9
        assert abs(told["accuracy_difference"]) < 0.05
        own, other = (side["metrics"][part]["accuracy"] for side in (entry, entry["keras"]))
        assert told["accuracy_difference"] == pytest.approx(own - other)


def test_a_saved_model_replaces_an_older_one_and_stands_beside_others(finished, hurried, capfd):
    into = finished / "exported"
    sha256 = hashlib.sha256((finished / "model.keras").read_bytes()).hexdigest()
    (into / "saved_model").mkdir(parents=True, exist_ok=True)
    (into / "saved_model" / "left.txt").write_text("of an older export")
    (into / ".part-killed").mkdir()
    (into / "export.json").write_text(json.dumps({"model_sha256": sha256, "exports": {"model.onnx": {"bytes": 1}}}))
    found, _ = exported(finished, capfd, "--to", "saved_model")
    assert not (into / "saved_model" / "left.txt").exists()
    assert set(found["exports"]) == {"model.onnx", "saved_model"}
    entry = found["exports"]["saved_model"]
    assert entry["bytes"] == sum(f.stat().st_size for f in (into / "saved_model").rglob("*") if f.is_file())
    assert entry["agreement"]["test"]["largest_logit_difference"] < 1e-4


def test_what_was_made_of_another_model_is_not_told_any_more(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"model_sha256": "a", "exports": {"model.onnx": {"bytes": 1}}}))
    assert export.read_exports(path, "a") == {"model.onnx": {"bytes": 1}}
    assert export.read_exports(path, "b") == {}
    assert export.read_exports(tmp_path / "none.json", "a") == {}
    for wrong in ("{", "[]", '{"exports": 1, "model_sha256": "a"}', "\xff"):
        path.write_bytes(wrong.encode("latin-1"))
        with pytest.raises(InputError, match=r"export\.json is corrupt"):
            export.read_exports(path, "a")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "the following arguments are required: --to"),
        (["--to", "onxx"], r"unknown --to 'onxx' \(did you mean onnx\?\); choose from saved_model, litert, onnx"),
        (["--to", "saved_model", "--int8"], "--int8: saved_model has no int8; give --to litert or --to onnx"),
        (["--to", "saved_model", "--repeats", "9"], "needs 100 calls or more, got 9"),
        (["--to", "saved_model"], "holds no finished run"),
    ],
)
def test_bad_input_is_told_in_a_line(argv, told, tmp_path):
    with pytest.raises(InputError, match=told):
        export.main([str(tmp_path), *argv])
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    from kerascifar.exporting import formats

    monkeypatch.setattr(formats, "find_spec", lambda name: None if name in ("tf2onnx", "onnxruntime") else name)
    assert check_format("saved_model", False)[1] == "saved_model"
    with pytest.raises(
        InputError, match=r"not installed here: tf2onnx, onnxruntime; python -m pip install tf2onnx onn"
    ):
        check_format("onnx", False)


@pytest.mark.parametrize(
    ("arch", "told"), [("nearest_centroid", "a baseline, which has no net"), ("scratch_fc3", "a net in NumPy")]
)
def test_only_keras_nets(arch, told, tmp_path):
    config = configure(arch=arch, dataset="synthetic:60", runs=str(tmp_path), device="cpu")
    with pytest.raises(InputError, match=f"{arch} is {told}.*; only Keras nets can be exported"):
        export.check_net(config, tmp_path)


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
    with pytest.raises(InputError, match=r"takes and gives .*16, 16, 3.* but result\.json tells of .*32, 32, 3"):
        export.main([str(tmp_path), "--to", "litert"])
    assert not (tmp_path / "exported").exists()


def test_a_net_that_a_format_cannot_hold_is_told_in_a_line(finished, tmp_path, monkeypatch, capfd):
    from kerascifar.exporting import litert

    def refuse(net, path, images):
        path.write_text("half")
        raise RuntimeError("no such operation\nand forty lines more")

    monkeypatch.setattr(litert, "write", refuse)
    with pytest.raises(InputError, match=r"^model\.tflite cannot be made of this net: no such operation$"):
        export.main([str(copied(finished, tmp_path)), "--to", "litert"])
    assert not (tmp_path / "exported").exists()
    assert capfd.readouterr().err == ""
