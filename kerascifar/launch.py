"""Start the workers of a --strategy multiworker training on this machine.

    python -m kerascifar.launch --workers 2 -- --arch resnet18 --epochs 10

What follows -- goes to kerascifar.train. Killed and started again, the same command goes on where it was. On several
machines, set TF_CONFIG on each and start python -m kerascifar.train --strategy multiworker there.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from kerascifar.cli import EXIT_INPUT, Parser, entry
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores
from kerascifar.devices.cluster import VARIABLE

# Seconds that the others have to notice that a worker has gone, and to say so; then they are killed.
GRACE = 60.0


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.launch", usage="%(prog)s --workers N -- FLAG …", description=__doc__)
    parser.add_argument("--workers", type=int, required=True, metavar="N", help="processes to start, 2 or more")
    argv = list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    given, flags = parser.parse_args(argv[:cut]), argv[cut + 1 :]
    if given.workers < 2:
        raise InputError(f"--workers: must be 2 or more, got {given.workers}; one process needs no launch")
    code = launch(given.workers, flags)
    if code:
        sys.exit(code)


def launch(workers: int, flags: Sequence[str]) -> int:
    """Train with `workers` processes and return the exit code: 0, or that of the first worker that failed.

    The chief prints as any training does; the lines of the others begin with their number. The cores are divided
    evenly, unless --threads is among `flags`.
    """
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    share = max(1, cores() // workers)
    threads = [] if any(f.split("=")[0] == "--threads" for f in flags) else ["--threads", str(share)]
    line = [sys.executable, "-m", "kerascifar.train", *flags, "--strategy", "multiworker", *threads]
    started: list[subprocess.Popen] = []
    try:
        for index in range(workers):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, VARIABLE: json.dumps(task), "PYTHONUNBUFFERED": "1"}
            out = None if index == 0 else subprocess.PIPE
            error = None if index == 0 else subprocess.STDOUT
            started.append(subprocess.Popen(line, env=environment, stdout=out, stderr=error, stdin=subprocess.DEVNULL))
            if index:
                threading.Thread(target=_relay, args=(started[-1], index), daemon=True).start()
        return _wait(started)
    finally:
        for process in started:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing listens at on this machine."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def _wait(started: list[subprocess.Popen]) -> int:
    """Return when all have ended well, or GRACE seconds after one has not."""
    code, until = 0, None
    while any(process.poll() is None for process in started):
        failed = [process.returncode for process in started if process.returncode]
        if failed and until is None:
            code, until = failed[0], time.monotonic() + GRACE
        if until is not None and (time.monotonic() > until or EXIT_INPUT in failed):
            time.sleep(1)  # for others that are just saying the same
            break
        time.sleep(0.2)
    code = code or next((process.returncode for process in started if process.returncode), 0)
    return EXIT_INPUT if code < 0 else code  # killed by a signal


def _relay(process: subprocess.Popen, index: int) -> None:
    """Print the lines of a worker, with its number before each."""
    for line in process.stdout:
        text = line.decode(errors="replace")
        print(f"[worker {index}] {text}" if text.strip() else text, end="", flush=True)


if __name__ == "__main__":
    entry(main)
