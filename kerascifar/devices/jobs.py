"""Executors of trainings, as ``concurrent.futures`` has them: this process itself, or processes beside each other.

A training, such as a study's row, gets a process of its own, so that one that dies, by a lack of memory say, costs only
itself, and nothing that one left behind reaches the next.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from kerascifar.core import streams
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores, share

AUTO = "auto"
LOGS = "jobs"  # folder of what processes print


def job_count(text: str) -> int:
    """Return the number of processes that --jobs asks for; `auto` means the cores that this process may use.

    >>> job_count("3")
    3

    Raises:
        InputError: it is no number of processes.
    """
    if text == AUTO:
        return cores()
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise InputError(f"--jobs: expected a number from 1 to 1024 or {AUTO}, got {text!r}")
    return int(text)


def threads_each(jobs: int) -> int | None:
    """Return the threads of each of `jobs` processes; None for one process alone, and for JAX, which takes none."""
    return None if jobs == 1 or os.environ.get("KERAS_BACKEND") == "jax" else share(jobs)


def make_executor(jobs: int, folder: Path, prepare: Callable[[], object]) -> Executor:
    """Return what runs `jobs` tasks at once; what they print goes to the terminal if one, else to files in `folder`.

    Args:
        jobs: how many.
        folder: gets the folder of those files.
        prepare: called first in each process but this one; picklable.
    """
    return InThisProcess() if jobs == 1 else Processes(jobs, folder / LOGS, prepare)


class InThisProcess(Executor):
    """Runs a task when it is submitted; an interrupt passes through."""

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Return the future of a call that has ended already."""
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """Runs each task in a fresh process, at most `count` at once, which end with this one however it ends.

    Args:
        count: of processes.
        logs: folder of job0.log and so on: what they print.
        prepare: called first in each; picklable.
    """

    def __init__(self, count: int, logs: Path, prepare: Callable[[], object]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        # spawn: a fork of a process in which TensorFlow has threads would hang.
        self._context = get_context("spawn")
        # Its writing end is open in this process only, so that its end tells all others, whatever ends this one.
        self._lifeline, self._held = self._context.Pipe(duplex=False)
        self._prepare = prepare
        self._threads = ThreadPoolExecutor(count)
        self._logs: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(count):
            self._logs.put(logs / f"job{number}.log")

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Return the future of ``fn(*args, **kwargs)``, all of which must be picklable; InputError where it dies."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable, args: Any, kwargs: Any) -> Any:
        log = self._logs.get()
        begin = {"initializer": _begin, "initargs": (self._lifeline, log, self._prepare)}
        try:
            with ProcessPoolExecutor(1, mp_context=self._context, **begin) as pool:
                return pool.submit(fn, *args, **kwargs).result()
        except BrokenProcessPool:
            raise InputError(f"its process died, perhaps of a lack of memory; what it printed is in {log}") from None
        finally:
            self._logs.put(log)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End when all tasks have ended; with `cancel_futures`, end the processes now."""
        if cancel_futures:
            self._held.close()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._held.close()
            self._lifeline.close()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.shutdown(cancel_futures=kind is not None)


def _begin(lifeline: Connection, log: Path, prepare: Callable[[], object]) -> None:
    """Begin a process: what it prints goes to `log`, it ends when `lifeline` does, and `prepare` is called."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends this process
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    streams.prepare()
    for text in (sys.stdout, sys.stderr):
        text.reconfigure(line_buffering=True)
    # Else the first process takes all memory of a GPU.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    prepare()


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: this returns at the end of the pipe
    os._exit(1)
