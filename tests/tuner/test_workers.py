"""Chief and workers in real processes, with workers that are really killed: the search ends, and no trial is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.outcome import read_trials

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SPACE = 'learning_rate = {low = 1e-3, high = 1e-1, scale = "log"}\nmomentum = [0.0, 0.9]\n'
FLAGS = ["--arch", "origin_net", "--dataset", "synthetic:400", "--validation", "0.2", "--epochs", "4"]
FLAGS += ["--batch-size", "16", "--checkpoint-steps", "1", "--device", "cpu", "--threads", "1"]
FLAGS += ["--space", "space.toml", "--oracle", "random", "--max-trials", "3", "--dir", "search"]


@pytest.fixture
def begin(tmp_path):
    """Start `python -m tuner` in a folder of the test's own; whatever still runs at its end is killed."""
    (tmp_path / "space.toml").write_text(SPACE)
    begun = []

    def call(name, *flags, **environment):
        with open(tmp_path / name, "wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tuner", *FLAGS, *flags], cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )  # fmt: skip
        begun.append(process)
        return process

    yield call
    for process in begun:
        process.kill()
        process.wait()


def wait_for(condition, limit=300):
    """Wait until `condition` returns something true, and return that."""
    until = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return value


def in_a_trial(search):
    """Return the name of a worker that is in the middle of a trial, if there is one."""
    if not (search / "oracle.json").exists() or not list(search.glob("trials/*/checkpoint.npz")):
        return None
    ongoing = json.loads((search / "oracle.json").read_text())["ongoing_trials"]
    return next(iter(ongoing), None)


def after_an_epoch(search):
    """Return the name of a worker of this machine that has trained an epoch of its trial."""
    ongoing = json.loads((search / "oracle.json").read_text())["ongoing_trials"] if in_a_trial(search) else {}
    return next((name for name in ongoing if "val_loss" in (search / "workers" / f"{name}.log").read_text()), None)


def pid_of(search, worker):
    return int((search / "workers" / f"{worker}.pulse").read_text().split()[0])


def alive(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_worker_is_started_again_and_a_killed_chief_takes_its_workers_along(begin, tmp_path):
    search = tmp_path / "search"
    chief = begin("first", "--workers", "2")
    victim = wait_for(lambda: after_an_epoch(search))
    trial = json.loads((search / "oracle.json").read_text())["ongoing_trials"][victim]
    killed = pid_of(search, victim)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: pid_of(search, victim) != killed)
    assert f"{victim} died (-9)" in (tmp_path / "first").read_text()
    wait_for(lambda: f"trial {trial}: {victim} was killed during it" in (tmp_path / "first").read_text())

    # Now the chief itself: none of its processes may remain, and the same command resumes.
    wait_for(lambda: "resuming in epoch" in (search / "workers" / f"{victim}.log").read_text())
    workers = [pid_of(search, name) for name in ("worker0", "worker1")]
    chief.kill()
    wait_for(lambda: not any(map(alive, workers)), limit=10)
    chief = begin("second", "--workers", "2")
    assert chief.wait(timeout=300) == 0, (tmp_path / "second").read_text()
    trials = read_trials(search)
    assert [t["status"] for t in trials] == ["COMPLETED"] * 3
    assert (search / "best.toml").exists()


@pytest.mark.release
def test_a_worker_of_another_machine_that_is_killed_loses_no_trial(begin, tmp_path):
    """As on several machines: all are started by hand, and the chief knows no process, only pulses."""
    search = tmp_path / "search"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    where = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": port}
    timeout = ("--worker-timeout", "6")
    chief = begin("chief", *timeout, KERASTUNER_TUNER_ID="chief", **where)
    doomed = begin("doomed", *timeout, KERASTUNER_TUNER_ID="doomed", **where)
    wait_for(lambda: in_a_trial(search))
    doomed.send_signal(signal.SIGKILL)
    lost = json.loads((search / "oracle.json").read_text())["ongoing_trials"]["doomed"]
    other = begin("other", *timeout, KERASTUNER_TUNER_ID="other", **where)
    assert chief.wait(timeout=300) == 0, (tmp_path / "chief").read_text()
    assert other.wait(timeout=60) == 0, (tmp_path / "other").read_text()
    printed = (tmp_path / "chief").read_text()
    assert "doomed has been silent for 6 s" in printed
    assert f"trial {lost}: doomed was killed during it" in printed
    trials = read_trials(search)
    assert [t["status"] for t in trials] == ["COMPLETED"] * 3
    assert "resuming in epoch" in (tmp_path / "other").read_text()


def test_bad_input_in_a_worker_ends_the_chief_in_one_line(begin, tmp_path):
    chief = begin("out", "--workers", "1", "--dataset", "cifar10", "--data-dir", "nowhere")
    assert chief.wait(timeout=300) == 2
    *_, line = (tmp_path / "out").read_text().strip().splitlines()
    assert line.startswith("error: worker0: ")
    assert "nowhere" in line
