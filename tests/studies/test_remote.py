"""Rows on other machines: their files come back, other data is refused, and a worker that dies costs only its row."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kerascifar import results
from kerascifar.core.errors import InputError
from kerascifar.reproduce import main
from kerascifar.scratch.checkpoint import Checkpoint
from kerascifar.studies import remote
from kerascifar.studies.execution import Ended, attempt
from kerascifar.studies.lengths import FULL
from kerascifar.studies.plan import PlannedRun, StudyRun
from kerascifar.studies.remote import Carrying
from kerascifar.studies.study import load_study

ROOT = Path(__file__).resolve().parents[2]
NET = """
arch = "scratch_fc3"
widths = [16]
epochs = 3
"""
RECIPE = f"""
title = "Nets"
source = "ours"
[common]
dataset = "digits"
[[run]]
name = "plain"
{NET}
[[run]]
name = "few"
test_limit = 50
{NET}
[[run]]
name = "other"
learning_rate = 0.001
{NET}
[[run]]
name = "neighbours"
arch = "knn"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    return StudyRun(load_study(str(tmp_path / "mine.toml")), tmp_path / "runs" / "mine")


def carried(study, name, **changes):
    planned = PlannedRun("--full", name, "corrected", 0, FULL)
    config, folder = replace(study.config_of(planned), **changes), study.folder_of(planned)
    with Carrying(ThreadPoolExecutor(1)) as pool:
        return pool.submit(attempt, study.study[name], config, folder, 2).result(), folder


def test_files_come_back_and_a_begun_run_goes_on_elsewhere(study, monkeypatch):
    save = Checkpoint.save

    def once(self, network, optimizer, progress, patience):
        save(self, network, optimizer, progress, patience)
        raise InputError("the machine is needed")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", once)
        ended, folder = carried(study, "plain")
    assert ended == Ended(error="the machine is needed")
    assert {path.name for path in folder.iterdir()} == {"checkpoint.npz"}
    ended, _ = carried(study, "plain")
    assert ended == Ended()
    assert {path.name for path in folder.iterdir()} == {"result.json", "scores.npz", "history.csv", "model.npz"}
    result = results.read_result(folder)
    assert "run_seconds" not in result.notes  # it went on
    assert result.notes["jobs"] == 2
    ended, folder = carried(study, "few")  # whose training is finished here
    assert results.read_result(folder).notes["training"] == result.run_id


def test_other_data_is_refused(study, monkeypatch):
    here, calls = remote.provenance, []

    def changed(config):
        calls.append(config)
        found = here(config)
        return replace(found, sha256={**found.sha256, "test": "0" * 64}) if len(calls) == 2 else found

    monkeypatch.setattr(remote, "provenance", changed)
    ended, folder = carried(study, "plain", data_dir="/on/this/machine")
    assert "other data than this: its SHA-256 of the test images was" in ended.error
    assert "give it these by KERASCIFAR_DATA there" in ended.error
    assert calls[1].data_dir is None
    assert not folder.exists()


@pytest.mark.parametrize("name", ["/etc/passwd", "../../escaped"])
def test_nothing_is_written_outside(name, tmp_path):
    with pytest.raises(InputError, match="would lie outside of the study"):
        remote._unpack({name: b""}, tmp_path)


def test_a_lack_of_the_package_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(RECIPE)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"--dask needs the package distributed: pip install 'kerascifar\[dask\]'"):
        main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), "--dask", "tcp://127.0.0.1:9"])
    with pytest.raises(InputError, match="not allowed with argument"):
        main([str(tmp_path / "mine.toml"), "--dask", "tcp://127.0.0.1:9", "--jobs", "2"])


needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")


@needs_dask
def test_no_scheduler_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(RECIPE)
    monkeypatch.setattr(remote, "_PATIENCE", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(InputError, match=f"--dask {address}: no scheduler answers there"):
            main([str(tmp_path / "mine.toml"), "--runs", str(tmp_path / "runs"), "--dask", address])


@pytest.fixture
def dask(tmp_path):
    """Start a scheduler and two workers on this machine; give the address, and each worker with its folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    file, started = tmp_path / "scheduler.json", []

    def start(module, *args, **more):
        line = [
            sys.executable,
            "-m",
            f"distributed.cli.{module}",
            "--scheduler-file",
            str(file),
            "--no-dashboard",
            *args,
        ]
        started.append(
            subprocess.Popen(
                line, cwd=tmp_path, env=environment | more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        return started[-1]

    start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    workers = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        workers.append(
            (start("dask_worker", "--nthreads", "1", "--no-nanny", TMPDIR=str(tmp_path / name)), tmp_path / name)
        )
    end = time.monotonic() + 60
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.1)
    yield json.loads(file.read_text())["address"], workers
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
@needs_dask
def test_a_worker_that_dies_costs_only_its_row(dask, tmp_path):
    address, workers = dask
    (tmp_path / "mine.toml").write_text(RECIPE.replace("epochs = 3", "epochs = 120"))
    line = [sys.executable, "-m", "kerascifar.reproduce", str(tmp_path / "mine.toml"), "--full"]
    line += ["--runs", str(tmp_path / "runs"), "--threads", "1", "--dask", address]
    study = subprocess.Popen(
        line, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    begun, end = None, time.monotonic() + 120
    while begun is None and time.monotonic() < end:
        begun = next((w for w, folder in workers if list(folder.glob("kerascifar-*/*/*/checkpoint.npz"))), None)
        time.sleep(0.02)
    begun.send_signal(signal.SIGKILL)
    told, errors = study.communicate(timeout=240)
    assert study.returncode == 0, errors
    assert "4 of 4 runs done\n" in told
    finished = list((tmp_path / "runs").rglob("result.json"))
    assert len(finished) == 4
    assert all(len(results.read_result(path.parent).history) in (0, 120) for path in finished)
    assert (tmp_path / "runs" / "mine" / "table.md").exists()
