"""Static files: the page and the net as ONNX, and nothing else."""

import base64
import dataclasses
import json
import re

import numpy as np
import pytest

from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.demonstration import site
from kerascifar.demonstration.site import write_site
from kerascifar.serving.export_run import exported_file
from tests.conftest import ROOT


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_the_page_and_an_exported_net(tmp_path):
    folder = find_run("tiny12k")
    page, net = write_site([folder], tmp_path / "site", int8=True)
    assert {path.name for path in (tmp_path / "site").iterdir()} == {"index.html", "tiny12k-624d50aa7526-int8.onnx"}
    assert net.read_bytes() == (folder / "exported/model_int8.onnx").read_bytes()
    text = page.read_text()
    (facts,) = data_of(text)["nets"]
    assert facts["file"] == net.name
    assert facts["classes"][3] == "cat"
    assert "https://" not in text
    assert "http://" not in text
    assert "script-src &#39;sha256-" in text
    assert "&#39;wasm-unsafe-eval&#39;" in text
    assert 'integrity="sha256-+uzgfoT6' in text
    assert "tiny12k here computes with 8-bit weights" in text
    assert write_site([folder], tmp_path / "site", int8=True)[0].read_text() == text
    assert len(text) < 300_000


def test_every_colour_of_the_page_is_defined(tmp_path):
    page, _ = write_site([find_run("tiny12k")], tmp_path, int8=True)
    style = re.search(r"<style>(.*?)</style>", page.read_text(), re.S)[1]
    used, defined = re.findall(r"var\((--[\w-]+)", style), re.findall(r"(--[\w-]+):", style)
    assert {"--paper", "--ink", "--line", "--heat"} <= set(used) <= set(defined)


def test_two_nets_stand_side_by_side(tmp_path):
    page, *nets = write_site([find_run("tiny12k"), find_run("tiny36k")], tmp_path, int8=True)
    assert [facts["file"] for facts in data_of(page.read_text())["nets"]] == [net.name for net in nets]
    assert "<h1>Try tiny12k and tiny36k</h1>" in page.read_text()


def test_the_photographs_stand_in_the_page(tmp_path):
    page, _ = write_site([find_run("tiny12k")], tmp_path, int8=True)
    sources = [item["src"] for item in data_of(page.read_text())["gallery"]["items"]]
    assert len(sources) == 4
    assert all(base64.b64decode(src.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG") for src in sources)


def test_what_cannot_be_written_is_refused(tmp_path, centroid_run, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out: expected a folder, got the file"):
        write_site([find_run("tiny12k")], tmp_path / "file")
    with pytest.raises(InputError, match="nearest_centroid cannot be exported; only Keras nets can"):
        write_site([centroid_run], tmp_path / "site")
    net = site.describe(find_run("tiny12k"))
    scrambled = dataclasses.replace(net, config=dataclasses.replace(net.config, pixels="planar"))
    monkeypatch.setattr(site, "describe", lambda folder: scrambled)
    with pytest.raises(InputError, match="it reads pixels in the order planar, which no ONNX file does"):
        write_site([find_run("tiny12k")], tmp_path / "site")
    assert not (tmp_path / "site").exists()


@pytest.mark.slow
def test_a_float_net_is_made_without_images_and_agrees_with_keras(tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("KERASCIFAR_DATA", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    from kerascifar.training.scoring import load_model

    folder = find_run(ROOT / "saved_models/modified_net")
    content = exported_file(folder, "onnx")
    assert not (folder / "exported/model.onnx").exists()
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    logits = onnxruntime.InferenceSession(content).run(["logits"], {"pixels": images})[0]
    expected = load_model(folder).predict(images, verbose=0)
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()
