"""The chief of a search on several processes or machines: hands out trials, and watches the workers.

KerasTuner's chief waits forever for a worker that was killed. Here a worker that this process started is restarted and
resumes its trial; one on another machine is taken for dead when its pulse stops, and another worker gets its trial.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from kerascifar.core import files
from kerascifar.core.endings import EXIT_INPUT
from kerascifar.core.errors import InputError
from kerascifar.core.processor import share
from kerascifar.devices.cluster import free_ports
from tuner.definition import Search
from tuner.oracles import Durable
from tuner.search import Trials, prepare, run_trials
from tuner.worker import ADDRESS, LIFELINE, PATIENCE, PORT, TUNER_ID, pulse_file

MAX_STARTS = 5  # of one worker while no trial ends


@dataclass
class Child:
    """A worker that runs on this machine, started by the chief."""

    process: subprocess.Popen
    starts: int = 1
    ended: int = 0  # trials that had ended when it was last started


@dataclass
class Pulse:
    """The last sign of life of a worker that another process has started."""

    content: str = ""
    changed: float = field(default_factory=time.monotonic)


def serve(search: Search, workers: int, argv: Sequence[str], timeout: float) -> Durable:
    """Search with `workers` processes on this machine, and with all that join from elsewhere.

    Args:
        search: what is searched.
        workers: how many to start here; 0 where all are started by hand.
        argv: this command's arguments, which the workers get too.
        timeout: seconds of silence after which a worker from elsewhere is taken for dead.

    Returns:
        The oracle, with all trials.

    Raises:
        InputError: the folder holds another search or another process writes it, a worker found bad input, or no
            worker is left.
    """
    with files.only_writer(search.folder, "--dir"):
        if not os.environ.get(TUNER_ID):
            os.environ |= {TUNER_ID: "chief", ADDRESS: "127.0.0.1", PORT: str(free_ports(1)[0])}
        oracle = prepare(search)
        failures: list[Exception] = []
        threading.Thread(target=_answer, args=(Trials(search, oracle), failures), daemon=True).start()
        children = {name: Child(_start(search, name, argv, workers)) for name in (f"worker{i}" for i in range(workers))}
        try:
            _watch(search, oracle, children, argv, timeout, failures)
        finally:
            for child in children.values():
                child.process.kill()
                child.process.wait()
    return oracle


def _watch(
    search: Search,
    oracle: Durable,
    children: dict[str, Child],
    argv: Sequence[str],
    timeout: float,
    failures: list[Exception],
) -> None:
    """Return when every trial has ended; until then make sure that each trial has a living worker."""
    pulses: dict[str, Pulse] = {}
    workers, lonely_since = len(children), time.monotonic()
    while not oracle.finished():
        time.sleep(0.5)
        if failures or oracle.failure:
            raise (failures or [oracle.failure])[0]
        for name, child in list(children.items()):
            code = child.process.poll()
            if code is None:
                continue
            log = _log(search, name)
            if code == EXIT_INPUT:
                last_line = log.read_text(encoding="utf-8").strip().splitlines()[-1]
                raise InputError(f"{name}: {last_line.removeprefix('error: ')}")
            del children[name]
            if code != 0:
                ended = len(oracle.end_order)
                starts = child.starts + 1 if ended == child.ended else 1
                if starts <= MAX_STARTS:
                    print(f"{name} died ({code}), see {log}; restarting it", flush=True)
                    children[name] = Child(_start(search, name, argv, workers), starts, ended)
                    continue
                print(f"{name} died {MAX_STARTS} times while no trial ended; giving it up, see {log}", flush=True)
            oracle.retire(name)
        for name in oracle.active() - set(children):
            pulse = pulses.setdefault(name, Pulse())
            path = pulse_file(search.folder, name)
            content = path.read_text(encoding="utf-8") if path.exists() else ""
            if content != pulse.content:
                pulses[name] = Pulse(content)
            elif time.monotonic() - pulse.changed > timeout:
                print(f"{name} has been silent for {timeout:.0f} s and is taken for dead", flush=True)
                oracle.retire(name)
                del pulses[name]
        if children or oracle.active():
            lonely_since = time.monotonic()
        elif workers or time.monotonic() - lonely_since > PATIENCE:
            raise InputError(f"no worker is left for the search in {search.folder}; the same command resumes it")


def _answer(tuner: Trials, failures: list[Exception]) -> None:
    """Answer the workers' calls, which is all that KerasTuner's search does in a chief."""
    try:
        run_trials(tuner)
    except Exception as error:
        if "bind" in str(error):  # gRPC has no exception class for it
            error = InputError(f"{ADDRESS}={os.environ[ADDRESS]} {PORT}={os.environ[PORT]}: {error}")
        failures.append(error)


def _start(search: Search, name: str, argv: Sequence[str], workers: int) -> subprocess.Popen:
    """Start a worker with this command's arguments; its output goes to a file."""
    log = _log(search, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    threads = [] if "threads" in search.fields else ["--threads", str(share(workers))]
    environment = {**os.environ, TUNER_ID: name, LIFELINE: "1", "PYTHONUNBUFFERED": "1"}
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else the first worker takes all memory of the GPU
    with open(log, "ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "tuner", *argv, *threads],
            env=environment, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _log(search: Search, name: str):
    return search.folder / "workers" / f"{name}.log"
