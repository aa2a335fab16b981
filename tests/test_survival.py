"""kill -9 at any moment, then the same command again: the end is that of an undisturbed run, bit for bit."""

import csv
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
KILLS = 3
ARGS = (
    "--arch", "modified_net", "--dataset", "digits", "--epochs", "24", "--checkpoint-steps", "2", "--device", "cpu",
    "--augment", "flip_crop", "--ema", "0.99", "--patience", "40",
)  # fmt: skip


def ended(runs):
    """Weights, and history but for the seconds, of the one finished run below `runs`."""
    import keras

    import kerascifar.layers  # noqa: F401

    folder = next(runs.glob("*/*/result.json")).parent
    with open(folder / "history.csv") as file:
        history = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in csv.DictReader(file)]
    return keras.models.load_model(folder / "model.keras").get_weights(), history


def written(folder):
    """When the checkpoints below `folder` were written; None while one is being replaced."""
    try:
        return [path.stat().st_mtime_ns for path in folder.glob("disturbed/*/*/checkpoint.npz")]
    except FileNotFoundError:
        return None


@pytest.mark.slow
def test_kills_change_nothing(command, tmp_path):
    undisturbed = command("kerascifar.train", *ARGS, "--runs", "undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    line = [sys.executable, "-m", "kerascifar.train", *ARGS, "--runs", "disturbed"]
    rng, seen = random.Random(0), set()
    for _ in range(KILLS):
        process = subprocess.Popen(
            line, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        )
        before = written(tmp_path)
        while process.poll() is None and written(tmp_path) == before:  # however long a busy machine takes to begin
            time.sleep(0.05)
        try:
            process.wait(rng.uniform(0.0, 2.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for checkpoint in tmp_path.glob("disturbed/*/*/checkpoint.npz"):
            assert zipfile.is_zipfile(checkpoint)  # whole, however the writer died
            with np.load(checkpoint) as saved:
                seen.add(str(saved["progress"])[:30])
    assert len(seen) > 1  # the kills did fall into the training
    finished = command("kerascifar.train", *ARGS, "--runs", "disturbed")
    assert finished.returncode == 0, finished.stderr
    notes = [json.loads(next(tmp_path.glob(f"{runs}/*/*/result.json")).read_text())["notes"] for runs in
             ("undisturbed", "disturbed")]  # fmt: skip
    assert ["run_seconds" in told for told in notes] == [True, False]  # what the killed ones took is not known
    weights, history = ended(tmp_path / "undisturbed")
    again, told = ended(tmp_path / "disturbed")
    assert told == history
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not list((tmp_path / "disturbed").rglob(".part-*"))  # no temporary file of a killed writer
