"""tools/bench_epoch.py: what it makes of the times, what it refuses, and a whole run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerascifar.core.errors import InputError

TOOL = Path(__file__).resolve().parents[2] / "tools" / "bench_epoch.py"


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_epoch")


def test_ratios_by_hand(bench, monkeypatch, capsys, tmp_path):
    seconds = {"cpu": 6.0, "gpu": 0.4}
    monkeypatch.setattr(bench, "measure", lambda arch, device, *_: (seconds[device], device.replace("gpu", "gpu:0")))
    out = tmp_path / "epochs.json"
    bench.main(["--arch", "lenet", "--devices", "cpu", "gpu", "--images", "2000", "--out", str(out)])
    # 50,000 images take 25 times as long as 2,000; 6.0 / 0.4 = 15.
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["lenet", "cpu", "6.00", "150.0", "1.00x"], ["lenet", "gpu:0", "0.40", "10.0", "15.00x"]]
    found = json.loads(out.read_text())
    assert [row["speed_up"] for row in found["rows"]] == pytest.approx([1, 15])
    assert (found["images"], found["batch_size"]) == (2000, 64)


def test_without_a_gpu_it_says_so_and_times_the_cpu(bench, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(bench, "gpu_is_there", lambda: False)
    monkeypatch.setattr(bench, "measure", lambda arch, device, *_: asked.append((arch, device)) or (1.0, device))
    bench.main(["--arch", "lenet"])
    assert asked == [("lenet", "cpu")]
    assert "no GPU is visible to TensorFlow here: the CPU alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--epochs", "1"], "must be 2 or more, got 1"),
        (["--arch", "lenett"], "did you mean lenet"),
        (["--arch", "knn"], "only Keras nets run on a GPU"),
    ],
)
def test_bad_input_is_told_in_a_line(bench, argv, told):
    with pytest.raises(InputError, match=told):
        bench.main(argv)


def call(*args):
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.run(
        [sys.executable, str(TOOL), *args], env=env, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.release
def test_a_net_is_timed():
    done = call("--arch", "lenet", "--images", "200", "--epochs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "no GPU is visible to TensorFlow here: the CPU alone"
    assert float(done.stdout.splitlines()[-1].split()[2]) > 0


@pytest.mark.release
def test_a_device_that_is_not_there_is_refused():
    done = call("--arch", "lenet", "--images", "200", "--epochs", "2", "--devices", "gpu")
    assert done.returncode == 2
    assert done.stderr.startswith("error: lenet on gpu: --device gpu: TensorFlow sees no GPU here")
    assert len(done.stderr.splitlines()) == 1
