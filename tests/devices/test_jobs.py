"""Rows side by side: the bits of a row alone, whatever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import CheckpointRefused, InputError
from kerascifar.core.processor import cores
from kerascifar.devices import jobs
from kerascifar.devices.jobs import Processes, job_count, threads_each
from kerascifar.plugins.loading import same_plugins
from kerascifar.reproduce import main
from kerascifar.run import run
from kerascifar.scratch.checkpoint import Checkpoint
from kerascifar.studies import execution
from kerascifar.studies.budget import make_plan
from kerascifar.studies.lengths import FULL
from kerascifar.studies.plan import Plan, PlannedRun, StudyRun, versions
from kerascifar.studies.study import load_study
from kerascifar.studies.timing import Cost
from kerascifar.training.recovery import begun_threads

ROOT = Path(__file__).resolve().parents[2]
NETS = """
title = "Nets"
source = "ours"
[common]
dataset = "digits"
epochs = 30
batch_size = 64
[[run]]
name = "dense"
arch = "scratch_fc3"
widths = [16]
[[run]]
name = "child"
arch = "lenet"
init_from = "parent"
[[run]]
name = "parent"
arch = "lenet"
[[run]]
name = "modified"
arch = "modified_net"
augment = "flip_crop"
"""


def child(*args):
    """The smallest task: what it is given, and the process that it ran in."""
    print("a word of", *args)
    return (*args, os.getpid())


def die(code):
    os._exit(code)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "2000", ""])
def test_a_number_of_jobs_or_auto(text):
    with pytest.raises(InputError, match="--jobs: expected a number from 1 to 1024 or auto, got"):
        job_count(text)
    assert job_count("auto") == cores()
    assert job_count("7") == 7


def test_threads_are_shared(monkeypatch):
    monkeypatch.setattr("kerascifar.core.processor.cores", lambda: 8)
    assert [threads_each(count) for count in (1, 2, 3, 20)] == [None, 4, 2, 1]
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert threads_each(2) is None


def test_a_process_that_dies_costs_its_own_task_only(tmp_path):
    with Processes(2, tmp_path, same_plugins()) as pool:
        dead = pool.submit(die, 7)
        alive = [pool.submit(child, number) for number in range(3)]
        with pytest.raises(InputError, match=r"its process died, .* is in .*/job\d\.log"):
            dead.result()
        numbers, pids = zip(*(future.result() for future in alive), strict=True)
    assert numbers == (0, 1, 2)
    assert len({*pids, os.getpid()}) == 4  # a process for each
    assert "a word of 2\n" in "".join(path.read_text() for path in tmp_path.glob("job*.log"))


def test_an_error_ends_the_processes_at_once(tmp_path):
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Processes(2, tmp_path, same_plugins()) as pool:
        sleeping = [pool.submit(time.sleep, 300) for _ in range(3)]
        pool.submit(child).cancel()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 60
    assert all(future.done() for future in sleeping)


def study_run(tmp_path, text=NETS):
    (tmp_path / "mine.toml").write_text(text)
    study = load_study(str(tmp_path / "mine.toml"))
    runs = [PlannedRun("--full", row.name, "corrected", 0, seconds=1.0) for row in study.rows]
    return StudyRun(study, tmp_path / "runs" / "mine", Plan("--full", tuple(runs))), runs


def test_a_row_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    order = []

    def perform(row, config, folder, jobs):
        order.append(row.name)
        if row.name == "dense":
            raise InputError("no such thing")
        if row.name == "modified":
            raise TypeError("a fault of ours")
        if row.name == "parent":
            time.sleep(0.5)
            assert config.threads is None  # whoever brings an executor brings cores
            order.append("parent ended")
        return ""

    monkeypatch.setattr(execution, "perform", perform)
    monkeypatch.setattr(execution, "write_table", lambda _: None)
    study, runs = study_run(tmp_path)
    with pytest.raises(InputError, match=r"^2 of 4 runs failed, the first: scratch_fc3/dense, corrected, .*no such"):
        execution.perform_all(study, runs, {}, 2, ThreadPoolExecutor(2))  # any Executor does
    assert order.index("child") > order.index("parent ended")
    told = capsys.readouterr()
    assert "Traceback" in told.err
    assert "error: modified_net/modified, corrected, 30 of 30 epochs: TypeError: a fault of ours\n" in told.err
    assert "2 of 4 runs done\n" in told.out
    assert "\r" not in told.out


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A scratch net's run with one thread that was ended after its first epoch."""
    options = {"arch": "scratch_fc3", "dataset": "digits", "widths": (8,), "epochs": 3, "runs": str(tmp_path)}
    config = configure(**options, threads=1)
    save = Checkpoint.save

    def once(*args):
        save(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", once)
        run(config)
    return config


def test_a_run_keeps_its_threads(begun):
    assert begun_threads(begun.folder) == 1
    with pytest.raises(CheckpointRefused, match="was begun with --threads 1, got 2, which gives other bits: leave it"):
        run(replace(begun, threads=2))
    result = run(replace(begun, threads=None), jobs=2)
    assert (result.notes["threads"], result.notes["jobs"]) == (1, 2)
    assert result.cpu_seconds_per_epoch > 0


def test_a_row_goes_on_with_the_threads_it_was_begun_with(begun, monkeypatch):
    monkeypatch.setattr(jobs, "share", lambda count: 5)
    fresh = replace(begun, threads=None)
    study = type("Study", (), {"config_of": lambda self, planned: planned})()
    assert execution._on_this_machine(study, fresh, {}, 2).threads == 1
    assert execution._on_this_machine(study, fresh, {}, 1).threads is None
    assert execution._on_this_machine(study, fresh, {"threads": 3}, 2).threads == 3
    assert execution._on_this_machine(study, replace(fresh, seed=1), {}, 2).threads == 5


def test_the_command_takes_jobs(tmp_path):
    (tmp_path / "mine.toml").write_text(NETS)
    call = [str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), "--only", "dense", "--epochs", "1"]
    with pytest.raises(InputError, match="--jobs"):
        main([*call, "--jobs", "many"])
    main([*call, "--jobs", "2"])
    (file,) = (tmp_path / "runs").rglob("result.json")
    notes = json.loads(file.read_text())["notes"]
    assert (notes["jobs"], notes["threads"]) == (2, max(1, cores() // 2))


def ended(folder):
    """History but for the seconds, and scores, of each finished run by its id."""
    found = {}
    for file in folder.rglob("result.json"):
        result = json.loads(file.read_text())
        history = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in result["history"]]
        with np.load(file.with_name("scores.npz")) as scores:
            found[result["run_id"]] = history, scores["test_scores"].tobytes()
    return found


def children(process):
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc")
def test_a_killed_study_of_two_jobs_ends_with_the_bits_of_one(tmp_path):
    (tmp_path / "mine.toml").write_text(NETS.replace("epochs = 30", "epochs = 3\ncheckpoint_steps = 2"))
    line = [sys.executable, "-m", "kerascifar.reproduce", str(tmp_path / "mine.toml"), "--epochs", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    two = [*line, "--runs", str(tmp_path / "two"), "--jobs", "2", "--threads", "1"]
    first = subprocess.Popen(two, env=environment, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 240
    while not list(tmp_path.glob("two/mine/lenet/*/checkpoint.npz")) and time.monotonic() < end:
        time.sleep(0.02)
    workers = children(first)
    assert workers
    first.send_signal(signal.SIGKILL)
    first.wait()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(finished) < 4
    done = subprocess.run(two, env=environment, capture_output=True, text=True, check=True)
    assert "\r" not in done.stdout
    assert "4 of 4 runs done\n" in done.stdout
    assert finished == {path: path.stat().st_mtime_ns for path in finished}
    one = [*line, "--runs", str(tmp_path / "one"), "--jobs", "1", "--threads", "1"]
    subprocess.run(one, env=environment, capture_output=True, check=True)
    assert ended(tmp_path / "two") == ended(tmp_path / "one")
    assert len(ended(tmp_path / "one")) == 4


SHARED = """
title = "Nets"
source = "ours"
[common]
dataset = "digits"
arch = "lenet"
augment = "flip_crop"
epochs = 20
[[run]]
name = "one"
as_published.augment_evaluation = true
fault = "test images are augmented too"
[[run]]
name = "two"
seed = 1
"""


def test_versions_of_one_training_are_made_one_after_the_other(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(SHARED)
    study, folder = load_study(str(tmp_path / "mine.toml")), tmp_path / "runs" / "mine"

    def measure(config):
        return Cost(once=0, image=0.001, train=1000, validation=0, test=0, epochs=config.epochs)

    wanted = versions(study, ["one", "two"], ("as-published", "corrected"), 1)
    made = make_plan(StudyRun(study, folder), "--budget 20s", wanted, measure, jobs=1)
    told = {(run.row, run.mode): (run.length.epochs, run.seconds) for run in made.plan.runs}
    assert told == {
        ("one", "as-published"): (10, pytest.approx(10)),  # two trainings, not three
        ("one", "corrected"): (10, 0.0),
        ("two", "corrected"): (10, pytest.approx(10)),
    }
    log = []

    def perform(row, config, folder, jobs):
        log.append(("begin", row.name, config.augment_evaluation))
        time.sleep(0.3)
        log.append(("end", row.name, config.augment_evaluation))
        return ""

    monkeypatch.setattr(execution, "perform", perform)
    monkeypatch.setattr(execution, "write_table", lambda _: None)
    execution.perform_all(made, made.plan.runs, {}, 3, ThreadPoolExecutor(3))
    assert log.index(("end", "one", True)) < log.index(("begin", "one", False))
    assert log.index(("begin", "two", False)) < log.index(("end", "one", True))


def test_a_version_whose_training_is_finished_costs_nothing(tmp_path):
    (tmp_path / "mine.toml").write_text(SHARED)
    study, folder = load_study(str(tmp_path / "mine.toml")), tmp_path / "runs" / "mine"
    place = StudyRun(study, folder).folder_of(PlannedRun("--full", "one", "corrected", 0))
    place.mkdir(parents=True)
    (place / "result.json").write_text("{}")
    published = PlannedRun("--full", "one", "as-published", 0)
    assert not StudyRun(study, folder).trained(published)  # its net was not kept
    (place / "model.keras").write_text("")
    assert StudyRun(study, folder).trained(published)
    made = make_plan(StudyRun(study, folder), "--budget 1s", [published.version], lambda config: 1 / 0)
    assert [(run.length, run.seconds) for run in made.plan.runs] == [(FULL, 0.0)]
