"""evaluate --latency: what is timed gives the scores of the run, and what is written can be read."""

import dataclasses
import json

import numpy as np
import pytest

from kerascifar import evaluate
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.results import read_result, read_scores, write_result
from kerascifar.run import run
from kerascifar.serving.serve import serve
from tests.conftest import ROOT

TINY = "saved_models/tiny12k/624d50aa7526"
NETS = {
    "modified_net": {"epochs": 1, "dataset": "synthetic:120", "tta": "mirror"},
    "scratch_fc3": {"epochs": 1, "dataset": "synthetic:120"},
    "knn": {"dataset": "synthetic:120"},
}


@pytest.fixture(scope="module", params=NETS)
def finished(request, tmp_path_factory):
    runs = str(tmp_path_factory.mktemp("runs"))
    config = configure(arch=request.param, runs=runs, device="cpu", **NETS[request.param])
    run(config)
    return config


def test_what_is_timed_gives_the_scores_of_the_run(finished):
    from scipy.special import softmax

    from kerascifar.data.datasets import load

    served, images = serve(finished.folder, device="cpu"), load(finished).test.images[:20]
    scores = served.predict(images)
    one = served.predict(images[:1])
    if finished.arch == "modified_net":  # logits
        scores, one = softmax(scores, 1), softmax(one, 1)
    np.testing.assert_allclose(scores, read_scores(finished.folder)["test_scores"][:20], atol=1e-6)
    np.testing.assert_allclose(one, scores[:1], atol=1e-6)
    assert served.images.dtype == np.uint8
    assert served.images.shape[1:] == images.shape[1:]


def test_a_latency_is_written_beside_the_result(finished, capsys):
    evaluate.main([str(finished.folder), "--latency", "--repeats", "100", "--device", "cpu"])
    latency = json.loads((finished.folder / "latency.json").read_text())
    assert 0 < latency["p50_ms"] <= latency["p99_ms"]
    assert latency["images_per_second"] > 0
    assert (latency["repeats"], latency["device"]) == (100, "cpu")
    assert latency["threads"] >= 1
    assert {"batch_size", "machine", "versions", "revision", "call"} <= set(latency)
    captured = capsys.readouterr()
    assert f"latency {latency['p50_ms']:.3g} ms" in captured.out
    assert captured.err == ""
    assert not list(finished.folder.glob(".part*"))


def test_a_run_that_kept_no_net_is_timed_with_fresh_weights(tmp_path, capsys):
    config = configure(arch="lenet", dataset="cifar100", epochs=1, runs=str(tmp_path), device="cpu")
    other = read_result(ROOT / TINY)
    dataset = {**other.dataset, "name": "cifar100", "classes": [f"class {i}" for i in range(100)]}
    kept = dataclasses.replace(other, run_id=config.run_id, config=config.to_dict(), dataset=dataset)
    config.folder.mkdir(parents=True)
    write_result(config.folder, kept)
    evaluate.main([str(config.folder), "--latency", "--repeats", "100", "--device", "cpu"])
    assert "weights: fresh, since the run kept no net" in capsys.readouterr().out
    latency = json.loads((config.folder / "latency.json").read_text())
    assert latency["p50_ms"] > 0
    assert latency["weights"].startswith("fresh")
    assert serve(config.folder, device="cpu").predict(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, 100)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--latency", "--repeats", "10"], "needs 100 calls or more, got 10"),
        (["--latency", "--repeats", "many"], "--repeats: invalid int value: 'many'"),
        (["--repeats", "200"], "--repeats is for --latency"),
        (["--latency", "--tta", "mirror"], "--tta is for scoring"),
    ],
)
def test_bad_input_is_refused_in_one_line(argv, message, tmp_path):
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(InputError, match=message):
        evaluate.main([str(tmp_path), *argv])
    assert not (tmp_path / "latency.json").exists()
