"""KERAS_BACKEND=jax: tests of layers and training run again there, as on a machine without TensorFlow."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGAIN = {
    "batches": ["tests/data/test_array_batches.py"],
    "layers": [
        *(f"tests/augment/test_{name}.py" for name in ("golden", "transforms", "mixing", "trivial")),
        "-k",
        "golden or take_pixels or stateless or cutmix or mixup or pillows and 16",
    ],
    "rules": [f"tests/training/test_{name}.py" for name in ("muon", "losses", "schedules", "optimizers")],
    "training": [
        "tests/training/test_fit.py",
        "-k",
        "died_twice and augmented or another_net or not_there",
    ],
}
# Raises, as where it is not installed; None in sys.modules would not do, for Keras looks whether the name is there.
WITHOUT_TENSORFLOW = """
import sys
class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"no {name} here", name=name)
sys.meta_path.insert(0, NoTensorFlow())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")


@pytest.fixture(scope="module")
def runs():
    """All of AGAIN side by side: each mostly imports and traces on one core."""
    env = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", WITHOUT_TENSORFLOW, "-q", "-p", "no:cacheprovider"]
    how = {"cwd": ROOT, "env": env, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started = {what: subprocess.Popen([*line, *files], **how) for what, files in AGAIN.items()}
    yield started
    for process in started.values():
        process.kill()
        process.wait()


@needs_jax
@pytest.mark.release
@pytest.mark.parametrize("what", AGAIN)
def test_on_jax_too_and_without_tensorflow(what, runs):
    output, _ = runs[what].communicate()
    assert runs[what].returncode == 0, output[-3000:]
    assert "[100%]" in output


@needs_jax
@pytest.mark.release
def test_a_net_trained_on_jax_is_scored_alike_by_tensorflow(command, tmp_path):
    asked = ("--arch", "modified_net", "--dataset", "digits", "--epochs", "2", "--augment", "flip_crop")
    done = command("kerascifar.train", *asked, "--input", "arrays", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("saved_models/modified_net/*/")
    scored = [command("kerascifar.evaluate", run, KERAS_BACKEND=backend) for backend in ("jax", "tensorflow")]
    assert [each.returncode for each in scored] == [0, 0], scored[0].stderr + scored[1].stderr
    accuracies = [
        re.search(r"test accuracy ([\d.]+)", text).group(1) for text in (done.stdout, *(t.stdout for t in scored))
    ]
    assert len(set(accuracies)) == 1
    assert '"backend": "jax"' in (run / "result.json").read_text()


@pytest.mark.parametrize(
    ("backend", "error"),
    [
        ("jax", "error: KERAS_BACKEND=jax has no tf.data: give --input arrays, got --input tf.data\n"),
        ("torch", "error: KERAS_BACKEND=torch: this program runs on tensorflow or jax\n"),
    ],
)
def test_what_the_backend_cannot_do_is_refused(backend, error, command, tmp_path):
    done = command("kerascifar.train", "--arch", "lenet", "--dataset", "synthetic:40", KERAS_BACKEND=backend)
    assert (done.returncode, done.stderr) == (2, error)
    assert not list(tmp_path.glob("saved_models/*/*"))
