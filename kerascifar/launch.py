"""Start the workers of a --strategy multiworker training on this machine.

    python -m kerascifar.launch --workers 2 -- --arch resnet18 --epochs 10

What follows -- goes to kerascifar.train. If killed, the same command resumes the training. The workers get a network of
their own where the system allows it, so that no other machine reaches them. To use several machines, set TF_CONFIG and
start python -m kerascifar.train --strategy multiworker on each.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.configure import configure, read_config
from kerascifar.core.endings import EXIT_INPUT
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores
from kerascifar.data.datasets import load
from kerascifar.devices.cluster import VARIABLE, free_ports
from kerascifar.plugins.loading import parse

# Seconds that the others have to notice that a worker is gone, and to say so, before they are killed.
GRACE = 60.0
# A new process, for one that has imported NumPy has threads and can no longer move into another network.
_INSIDE = """
from kerascifar.devices import own_network
own_network.enter()
from kerascifar import cli, launch
cli.entry(launch.inside)
"""


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.launch", usage="%(prog)s --workers N -- FLAG …", description=__doc__)
    parser.add_argument("--workers", type=int, required=True, metavar="N", help="processes to start, 2 or more")
    argv = list(argv)
    end = argv.index("--") if "--" in argv else len(argv)
    workers, flags = parser.parse_args(argv[:end]).workers, argv[end + 1 :]
    if workers < 2:
        raise InputError(f"--workers: must be 2 or more, got {workers}; for one process use kerascifar.train")
    _prepare(flags)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", _INSIDE, str(workers), *flags])


def inside(argv: Sequence[str]) -> None:
    """Train in the network of this process; `argv` is the number of workers and their flags."""
    code = launch(int(argv[0]), argv[1:])
    if code:
        sys.exit(code)


def _prepare(flags: Sequence[str]) -> None:
    """Check `flags`, and get the data set while there is a network to download it; raises InputError."""
    parser = Parser(prog="python -m kerascifar.train")
    parser.add_argument("--config")
    add_flags(parser)
    fields = vars(parse(parser, flags))
    file = fields.pop("config")
    load(configure(**{**(read_config(file) if file else {}), **fields, "strategy": "multiworker"}))


def launch(workers: int, flags: Sequence[str]) -> int:
    """Train with `workers` processes and return the exit code: 0, or that of the first worker that failed.

    The chief prints as any training does; each line of another worker begins with its number. The workers share the
    cores evenly unless --threads is among `flags`.
    """
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    share = max(1, cores() // workers)
    threads = [] if any(f.split("=")[0] == "--threads" for f in flags) else ["--threads", str(share)]
    command = [sys.executable, "-m", "kerascifar.train", *flags, "--strategy", "multiworker", *threads]
    processes: list[subprocess.Popen] = []
    try:
        for index in range(workers):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, VARIABLE: json.dumps(task), "PYTHONUNBUFFERED": "1"}
            out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if index else {}
            processes.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **out))
            if index:
                threading.Thread(target=_relay, args=(processes[-1], index), daemon=True).start()
        return _wait(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait(processes: list[subprocess.Popen]) -> int:
    """Return the exit code when all have succeeded, or GRACE seconds after the first one has failed."""
    code, deadline = 0, None
    while any(process.poll() is None for process in processes):
        failures = [process.returncode for process in processes if process.returncode]
        if failures and deadline is None:
            code, deadline = failures[0], time.monotonic() + GRACE
        if deadline is not None and (time.monotonic() > deadline or EXIT_INPUT in failures):
            time.sleep(1)  # for others that are about to print the same error
            break
        time.sleep(0.2)
    code = code or next((process.returncode for process in processes if process.returncode), 0)
    return EXIT_INPUT if code < 0 else code  # below 0: killed by a signal


def _relay(process: subprocess.Popen, index: int) -> None:
    """Print the lines of a worker, each preceded by its number."""
    for line in process.stdout:
        text = line.decode(errors="replace")
        print(f"[worker {index}] {text}" if text.strip() else text, end="", flush=True)


if __name__ == "__main__":
    entry(main)
