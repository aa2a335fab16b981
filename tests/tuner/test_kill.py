"""A real search, killed twice with SIGKILL and completed; and what TensorBoard shows of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from kerascifar.results import VALIDATED, read_result
from tuner.definition import Search
from tuner.outcome import read_trials
from tuner.search import run_search
from tuner.spaces import Choice

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning"),  # KerasTuner's
]
ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"arch": "origin_net", "dataset": "synthetic:400", "validation": 0.2, "epochs": 3, "batch_size": 32}
MACHINE = {"device": "cpu", "checkpoint_steps": 1}
# A learning rate of 1e30 makes the loss infinite: two of the four trials really fail.
SPACE = {"learning_rate": Choice((0.02, 1e30)), "momentum": Choice((0.0, 0.9))}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a search that was killed twice, and what its processes printed."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "space.toml").write_text("learning_rate = [0.02, 1e30]\nmomentum = [0.0, 0.9]\n")
    flags = [word for k, v in {**FIELDS, **MACHINE}.items() for word in (f"--{k.replace('_', '-')}", str(v))]
    command = [sys.executable, "-m", "tuner", *flags, "--space", "space.toml", "--oracle", "grid", "--dir", "search"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def begin(out):
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)

    for trial in (0, 1):  # in the middle of the first good trial, then of the second
        with open(folder / f"out{trial}", "wb") as out:
            process = begin(out)
            limit = time.monotonic() + 120
            while not _in_training(folder / "search", trial):
                assert process.poll() is None, (folder / f"out{trial}").read_text()
                assert time.monotonic() < limit
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with open(folder / "out2", "wb") as out:
        assert begin(out).wait(timeout=240) == 0, (folder / "out2").read_text()
    return folder


def _in_training(search_folder, done):
    """Return whether `done` trainings have ended and one more has a checkpoint."""
    return len(list(search_folder.glob("trials/*/validation.json"))) == done and any(
        not (path.parent / "validation.json").exists() for path in search_folder.glob("trials/*/checkpoint.npz")
    )


def _histories(search_folder):
    """Every epoch's numbers of every run, seconds left out."""
    runs = {
        path.parent.name: read_result(path.parent, VALIDATED) for path in search_folder.glob("trials/*/validation.json")
    }
    assert len(runs) == 2
    return {
        name: [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in run.history]
        for name, run in runs.items()
    }


def test_it_ends_as_an_uninterrupted_search(killed, tmp_path):
    search = Search(
        {**FIELDS, **MACHINE}, SPACE, "grid", max_trials=None, initial_points=None, seeds=1, folder=tmp_path / "whole"
    )
    run_search(search)
    both = [
        [{**trial, "message": None} for trial in read_trials(place)] for place in (killed / "search", search.folder)
    ]
    assert both[0] == both[1]  # but for the messages, which name the folder
    assert [trial["status"] for trial in read_trials(search.folder)] == ["COMPLETED"] * 2 + ["FAILED"] * 2
    assert _histories(killed / "search") == _histories(search.folder)


def test_it_went_on_from_the_checkpoints_and_repeated_nothing(killed):
    outs = [(killed / f"out{i}").read_text() for i in range(3)]
    assert "resuming in epoch" in outs[1]
    assert "resuming in epoch" in outs[2]
    begun = [re.findall(r"^trial (\d+): learning_rate", out, re.MULTILINE) for out in outs]
    assert begun == [["0000"], ["0000", "0001"], ["0001", "0002", "0003"]]


def test_the_failures_are_printed(killed):
    shown = (killed / "out2").read_text()
    assert re.search(r"trial 0002: the loss became (nan|inf) in epoch 1", shown)
    assert 'arch = "origin_net"' in (killed / "search" / "best.toml").read_text()


def test_a_changed_space_is_refused_in_one_line(killed, command):
    space = killed / "other.toml"
    space.write_text("learning_rate = [0.02, 0.1]\nmomentum = [0.0, 0.9]\n")
    flags = [word for k, v in FIELDS.items() for word in (f"--{k.replace('_', '-')}", str(v))]
    done = command("tuner", *flags, "--space", space, "--oracle", "grid", "--dir", killed / "search")
    assert done.returncode == 2
    assert re.fullmatch(r"error: --dir .*space learning_rate was \[0\.02, 1e\+30\], is now .*\n", done.stderr)


def test_tensorboard_shows_the_trials(killed):
    """Ask the HParams plugin over HTTP, as its page does."""
    from tensorboard import program

    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", str(killed / "search"), "--port", "0", "--load_fast", "false"])
    url = board.launch()

    def ask(what, body):
        address = f"{url.rstrip('/')}/data/plugin/hparams/{what}"
        request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    query = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 100,
    }
    limit, groups = time.monotonic() + 60, []
    while len(groups) < 4 and time.monotonic() < limit:  # it reads the files in the background
        time.sleep(0.5)
        groups = ask("session_groups", query).get("sessionGroups", [])
    experiment = ask("experiment", {"experimentName": ""})
    assert {info["name"] for info in experiment["hparamInfos"]} >= {"learning_rate", "momentum"}
    assert [info["name"]["tag"] for info in experiment["metricInfos"]] == ["val_accuracy"]
    trials = {trial["trial_id"]: trial for trial in read_trials(killed / "search")}
    assert {group["name"] for group in groups} == set(trials)
    for group in groups:
        trial, (session,) = trials[group["name"]], group["sessions"]
        assert {name: group["hparams"][name] for name in SPACE} == trial["values"]
        if trial["status"] == "COMPLETED":
            assert session["status"] == "STATUS_SUCCESS"
            assert session["metricValues"][0]["value"] == pytest.approx(trial["score"])
        else:
            assert session["status"] == "STATUS_FAILURE"
