"""A step divided over replicas is the step of one device; workers agree, resume after a kill, and do not hang."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.data.batches import evaluation_batches, evaluation_steps, steps_per_epoch, training_batches
from kerascifar.devices.cluster import free_ports

ROOT = Path(__file__).resolve().parents[2]
MIRRORED = ("--device", "cpu:2", "--strategy", "mirrored")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_norm": 1.0}, "--clip-norm does not go with --strategy mirrored: Keras clips the gradient of each"),
        ({"clip_value": 1.0}, "--clip-value does not go with --strategy mirrored"),
        ({"loss": "class_weighted"}, "--loss class_weighted does not go with --strategy mirrored"),
        ({"arch": "knn"}, "--strategy does not apply to knn"),
    ],
)
def test_what_a_strategy_would_break_is_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        configure(strategy="mirrored", device="cpu:2", **options)


def split(n):
    return Split(np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8), np.arange(n) % 3)


def numbers(batches):
    return [x[:, 0, 0, 0] for x, _ in batches.as_numpy_iterator()]


@pytest.mark.parametrize("replicas", [2, 3])
def test_the_shares_of_replicas_make_up_the_batch_of_one_device(replicas):
    # 100 images in batches of 12: 8 whole ones and 4 images, of which 3 replicas can share 3
    whole = numbers(training_batches(split(100), 3, 12, 5, 2))
    shares = [
        numbers(training_batches(split(100), 3, 12, 5, 2, 0, None, replicas, range(r, r + 1))) for r in range(replicas)
    ]
    assert steps_per_epoch(100, 12, replicas) == 9
    assert len(shares[0]) == 18
    for step, batch in enumerate(whole):
        divisible = len(batch) - len(batch) % replicas
        np.testing.assert_array_equal(np.concatenate([share[step] for share in shares]), batch[:divisible])
        assert len({len(share[step]) for share in shares}) == 1


def test_a_remainder_below_the_replicas_makes_no_step():
    # 97 = 8 x 12 + 1: one image cannot be shared by 2
    assert steps_per_epoch(97, 12) == 9
    assert steps_per_epoch(97, 12, 2) == 8
    assert len(numbers(training_batches(split(97), 3, 12, 0, 1, 0, None, 2, range(2)))) == 16  # 2 elements per step


@pytest.mark.parametrize(("n", "batch_size", "replicas"), [(100, 12, 2), (5, 4, 4), (3, 8, 3), (97, 12, 4)])
def test_each_image_is_evaluated_once_and_no_replica_is_idle(n, batch_size, replicas):
    shares = [numbers(evaluation_batches(split(n), 3, batch_size, replicas, range(r, r + 1))) for r in range(replicas)]
    assert {len(share) for share in shares} == {evaluation_steps(n, batch_size)}
    assert min(len(piece) for share in shares for piece in share) >= 1
    assert sorted(np.concatenate([piece for share in shares for piece in share])) == list(range(n))


def history(runs):
    """History of the only finished run below `runs`, one dict of numbers per epoch."""
    path = next(runs.glob("*/*/result.json")).parent / "history.csv"
    with open(path) as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def weights(runs):
    from kerascifar.training.scoring import load_model

    return load_model(next(runs.glob("*/*/result.json")).parent).get_weights()


SAME = ("--dataset", "synthetic:300", "--batch-size", "48", "--epochs", "3", "--threads", "1")


@pytest.mark.parametrize(
    ("options", "rel", "images"),
    [
        pytest.param(
            ("--arch", "lenet_relu", "--ema", "0.9"), 1e-5, 0, marks=pytest.mark.release, id="without BatchNorm"
        ),
        # With BatchNorm: the variance is summed in another way, and the moving one is the biased one.
        pytest.param(
            ("--arch", "modified_net", "--dropout", "0"), 0.02, 3, marks=pytest.mark.slow, id="with BatchNorm"
        ),
    ],
)
def test_two_mirrored_devices_follow_the_curve_of_one(options, rel, images, command, tmp_path):
    # No dropout, whose masks differ; 270 training images, so that the last batch has 30; 30 validation images.
    flags = (*options, *SAME, "--augment", "flip_crop")
    for name, how in (("one", ("--device", "cpu")), ("two", MIRRORED)):
        done = command("kerascifar.train", *flags, *how, "--runs", name)
        assert done.returncode == 0, done.stderr
    assert "mirrored over 2 replicas" in done.stdout
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=rel)
        assert b["val_loss"] == pytest.approx(a["val_loss"], rel=rel)
        assert abs(b["val_accuracy"] - a["val_accuracy"]) <= images / 30 + 1e-6
    if not images:
        for a, b in zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    notes = json.loads(next((tmp_path / "two").glob("*/*/result.json")).read_text())["notes"]
    assert (notes["strategy"], notes["replicas"], notes["device"]) == ("mirrored", 2, "cpu:2")


def workers(tmp_path, *flags):
    """Start two real processes, as two machines would; returns them, chief first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    started = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": json.dumps(task)}
        line = [sys.executable, "-m", "kerascifar.train", "--strategy", "multiworker", "--device", "cpu", *flags]
        with open(tmp_path / f"{index}.err", "w") as err:
            started.append(subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=err))
    return started


def until_checkpoint(folder, processes, seconds=300):
    """Wait until a checkpoint lies below `folder`."""
    end = time.monotonic() + seconds
    while not list(folder.glob("*/*/checkpoint.npz")):
        assert time.monotonic() < end, "no checkpoint came"
        assert all(p.poll() is None for p in processes), "a worker ended"
        time.sleep(0.1)


def same_weights(folder, seconds=120):
    """Wait until chief and worker have a checkpoint of the same epoch, and compare every variable."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        paths = list(folder.glob("*/*/checkpoint.npz"))
        pair = [dict(np.load(path)) for path in paths]
        epochs = {json.loads(str(arrays.pop("progress")))["epoch"] for arrays in pair}
        if len(pair) == 2 and len(epochs) == 1:
            for name, value in pair[0].items():
                np.testing.assert_array_equal(value, pair[1][name], err_msg=name)
            return
        time.sleep(0.05)
    raise AssertionError("chief and worker never had a checkpoint of the same epoch")


def end(processes):
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.release  # what two workers compute, and that a kill changes nothing, are tested apart
def test_two_workers_killed_and_started_again_end_as_one_device(command, tmp_path):
    flags = ("--arch", "lenet_relu", *SAME[:4], "--epochs", "40", "--threads", "1")
    alone = command("kerascifar.train", *flags, "--device", "cpu", "--runs", "one")
    assert alone.returncode == 0, alone.stderr
    pair = workers(tmp_path, *flags, "--runs", "two")
    try:
        until_checkpoint(tmp_path / "two", pair)
    finally:
        end(pair)
    assert not list((tmp_path / "two").glob("*/*/result.json"))  # the kill fell into the training
    launched = command("kerascifar.launch", "--workers", "2", "--", *flags, "--device", "cpu", "--runs", "two")
    assert launched.returncode == 0, launched.stderr
    assert "resuming in epoch" in launched.stdout
    # Not by lines: two processes write to one pipe, and one's end of line may come after the other's line.
    accuracies = re.findall(r"test accuracy [^()]*\([^()]*\)", launched.stdout)
    assert len(accuracies) == 2
    assert len(set(accuracies)) == 1  # both say what the chief has written
    # The shared folder holds the chief's run and nothing of the other.
    assert [p.name for p in (tmp_path / "two" / "lenet_relu").iterdir()] == [
        next((tmp_path / "two").glob("*/*/result.json")).parent.name
    ]
    curves = history(tmp_path / "one"), history(tmp_path / "two")
    assert len(curves[0]) == len(curves[1]) == 40
    # Later the loss leaps (the learning rate is high), and float error grows by a factor of 1,000 within three epochs.
    for a, b in zip(curves[0][:10], curves[1][:10], strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-5)
        assert b["val_accuracy"] == pytest.approx(a["val_accuracy"], abs=1e-6)


@pytest.mark.parametrize(
    "killed",
    [pytest.param(0, marks=pytest.mark.slow, id="chief"), pytest.param(1, marks=pytest.mark.release, id="other")],
)
def test_workers_hold_the_same_and_a_killed_one_ends_the_other_within_a_minute(killed, tmp_path):
    # Dropout and BatchNorm too: what the workers hold must be the same to the last bit, moving statistics included.
    pair = workers(tmp_path, "--arch", "modified_net", *SAME[:4], "--epochs", "100000", "--runs", "k")
    try:
        until_checkpoint(tmp_path / "k", pair)
        same_weights(tmp_path / "k")
        pair[killed].send_signal(signal.SIGKILL)
        assert pair[1 - killed].wait(60) == 2
    finally:
        end(pair)
    last = (tmp_path / f"{1 - killed}.err").read_text().strip().splitlines()[-1]
    assert last.startswith(f"error: worker {killed} (127.0.0.1:")
    assert last.endswith("is gone; run the same command on all workers to resume from the last checkpoint")
