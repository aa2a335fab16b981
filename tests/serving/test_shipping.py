"""`card`: a net that was trained in half precision is shipped in float32, with the same weights."""

import dataclasses
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from kerascifar import card, evaluate, results
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.core.provenance import Provenance
from kerascifar.run import load_again, read_run, run
from kerascifar.serving import shipping
from kerascifar.serving.export_run import read_exports
from kerascifar.serving.half_weights import WEIGHTS, as_float16, in_float16
from kerascifar.serving.shipping import _sha256, shipped_form
from kerascifar.training.scoring import load_model
from kerascifar.training.sharing import find_training


@pytest.fixture(scope="module", params=["mixed_bfloat16", "bfloat16_convolutions"])
def trained(request, tmp_path_factory):
    """A finished run in half precision, with an int8 file that was exported from it."""
    config = configure(
        arch="modified_net", dataset="synthetic:200", epochs=1, validation=0.2, precision=request.param,
        device="cpu", runs=str(tmp_path_factory.mktemp("runs")),
    )  # fmt: skip
    run(config)
    exported = config.folder / "exported"
    exported.mkdir()
    (exported / "model_int8.onnx").write_bytes(b"int8")
    summary = {"model_sha256": _sha256(config.folder / "model.keras"), "exports": {"model_int8.onnx": {"bytes": 4}}}
    (exported / "export.json").write_text(json.dumps(summary))
    return config.folder


def policies(folder):
    return {layer.compute_dtype for layer in load_model(folder).layers if layer.name != "pixels"}


def test_the_same_weights_in_float32_scored_anew(trained, capsys):
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    with shipped_form(trained) as form:
        assert form.parts[-2:] == trained.parts[-2:]
        assert policies(trained) == {"float32", "bfloat16"}
        assert policies(form) == {"float32"}
        assert weights_checksum(form / "model.keras") == weights_checksum(trained / "model.keras")
        own, shipped = results.read_result(trained), results.read_result(form)
        assert (shipped.run_id, shipped.config, shipped.history) == (own.run_id, own.config, own.history)
        assert shipped.notes["precision"] == "float32"
        assert shipped.notes["training_precision"] == own.config["precision"]
        assert read_run(form)[0].precision == "float32"
        assert not np.array_equal(results.read_scores(form)["test_scores"], results.read_scores(trained)["test_scores"])
        capsys.readouterr()
        evaluate.main([str(form), "--device", "cpu"])
        told = capsys.readouterr().out
        assert told.count("as in result.json") == 2
        assert "float32" in told.splitlines()[0]
        # What was exported of it computes in float32 too, and stays.
        assert read_exports(form / "exported" / "export.json", _sha256(form / "model.keras"))
    assert not form.exists()
    assert {path: path.read_bytes() for path in before} == before


def test_what_computes_in_float32_is_shipped_as_it_is(trained, tmp_path):
    card.main([str(trained), "--out", str(tmp_path)])
    shipped = tmp_path / trained.name
    markdown = (shipped / "README.md").read_text()
    assert markdown.startswith('---\nlicense: "unknown"\nlibrary_name: "keras"\n')
    precision = results.read_result(trained).config["precision"]
    assert f"training_precision: {precision}" in markdown.replace("\\", "")
    assert (shipped / "exported" / "plain.keras").is_file()
    assert (shipped / "exported" / "model_int8.onnx").is_file()
    with shipped_form(shipped) as form:
        assert form == shipped
    card.main([str(trained), "--out", str(tmp_path)])  # again, over itself: the same numbers


def test_weights_in_half_the_bytes_are_scored_as_they_are_then(trained, tmp_path, capsys):
    card.main([str(trained), "--out", str(tmp_path), "--float16"])
    shipped = tmp_path / trained.name
    assert (shipped / "model.keras").stat().st_size < 0.65 * (trained / "model.keras").stat().st_size
    before, after = load_model(trained).weights, load_model(shipped).weights
    assert any(weights.ndim > 1 for weights in before)
    for own, half in zip(before, after, strict=True):
        values = np.asarray(own)
        expected = values.astype(np.float16).astype(np.float32) if values.ndim > 1 else values
        np.testing.assert_array_equal(np.asarray(half), expected, err_msg=own.path)
    assert policies(shipped) == {"float32"}
    assert (shipped / "exported" / "plain.keras").stat().st_size < 1.3 * (shipped / "model.keras").stat().st_size
    assert results.read_result(shipped).notes["weights"] == "float16"
    # What was exported before held the weights as they were.
    assert {path.name for path in (shipped / "exported").glob("*.*")} - {".lock"} == {
        "export.json",
        "labels.txt",
        "plain.keras",
    }
    capsys.readouterr()
    evaluate.main([str(shipped), "--device", "cpu"])
    assert capsys.readouterr().out.count("as in result.json") == 2


def test_a_weight_that_float16_cannot_hold_is_refused():
    file = io.BytesIO()
    with h5py.File(file, "w") as archive:
        archive["dense/vars/0"] = np.full((2, 2), 1e6, np.float32)
    with pytest.raises(InputError, match="dense/vars/0 holds a number that float16 cannot hold"):
        in_float16(WEIGHTS, file.getvalue())


def test_only_what_float16_holds_exactly_is_kept_as_that():
    arrays = {"exact": [[0.5, -2.0]], "tenth": [[0.5, 0.1]], "large": [[0.5, 1e6]], "no number": [[np.nan, 1.0]]}
    arrays["bias"] = [0.5]
    file = io.BytesIO()
    with h5py.File(file, "w") as archive:
        for name, values in arrays.items():
            archive[name] = np.array(values, np.float32)
    assert as_float16("config.json", file.getvalue()) == file.getvalue()
    with h5py.File(io.BytesIO(as_float16(WEIGHTS, file.getvalue()))) as kept:
        assert [name for name in arrays if kept[name].dtype == np.float16] == ["exact"]
        for name, values in arrays.items():
            np.testing.assert_array_equal(kept[name][()].astype(np.float32), np.array(values, np.float32))


def test_a_run_that_is_only_scored_takes_the_net_as_it_was_trained(trained, tmp_path):
    card.main([str(trained), "--out", str(tmp_path / "modified_net")])
    config, result = read_run(trained)
    given = Provenance.of(load_again(config, result))
    for runs, found in ((trained.parents[1], True), (tmp_path, False)):
        wanted = dataclasses.replace(config, tta="mirror", runs=str(runs))
        assert bool(find_training(wanted, given, "model.keras")) == found


def test_a_run_is_not_overwritten_by_its_shipped_form(trained):
    with pytest.raises(InputError, match="holds another result of the same config; choose another --out"):
        card.main([str(trained), "--out", str(trained.parent)])


def test_a_net_that_keras_lacks_a_layer_for_is_shipped_without_plain_keras(trained, tmp_path, monkeypatch, capsys):
    def refuse(folder, to, **machine):
        raise InputError(
            "plain.keras cannot be made from this net: its layer x is a Mine\x1b, which Keras does not have"
        )

    monkeypatch.setattr(shipping, "export", refuse)
    with pytest.raises(SystemExit) as ended:
        card.main([str(trained), "--out", str(tmp_path)])
    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        "without plain.keras: plain.keras cannot be made from this net: its layer x is a Mine\\x1b, which Keras does "
        "not have\n"
    )
    assert (tmp_path / trained.name / "README.md").is_file()


def test_a_strangers_file_is_refused_before_it_is_unpacked(trained, tmp_path, monkeypatch):
    copy = tmp_path / "net" / trained.name
    copy.mkdir(parents=True)
    (copy / "result.json").write_bytes((trained / "result.json").read_bytes())
    (copy / "model.keras").write_bytes(b"PK not a model")
    monkeypatch.setattr(shipping.files, "deflate", None)
    with pytest.raises(InputError, match=r"model\.keras is not a Keras model that can be loaded"):
        card.main([str(copy), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.keras", "exported", "exported/model.tflite"])
def test_a_link_is_not_followed(name, trained, tmp_path):
    copy, private = tmp_path / "net" / trained.name, tmp_path / "private"
    copy.mkdir(parents=True)
    for kept in ("result.json", "model.keras", "scores.npz"):
        (copy / kept).write_bytes((trained / kept).read_bytes())
    private.mkdir()
    for file in ("model.keras", "exported/export.json"):
        (private / Path(file).name).write_bytes((trained / file).read_bytes())
    before = {path: path.read_bytes() for path in private.iterdir()}
    link = copy / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(private if name == "exported" else private / "model.keras")
    with pytest.raises(InputError, match=rf"{name} is a link"):
        card.main([str(copy), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    assert {path: path.read_bytes() for path in private.iterdir()} == before
