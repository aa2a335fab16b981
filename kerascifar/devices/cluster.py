"""The processes of a --strategy multiworker run: who they are (TF_CONFIG), and a watch for one that is gone.

Nothing here imports TensorFlow. The processes talk without a password, as TensorFlow's do: run them on one machine, or
on a network that you trust.
"""

import contextlib
import errno
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kerascifar.core.errors import InputError
from kerascifar.core.reading import decode_json

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'
JOBS = ("chief", "worker")  # in the order in which TensorFlow numbers the processes; a chief is optional
PATIENCE = 600.0  # seconds to wait for the others, which may still be reading their data
PAUSE, MISSES = 4.0, 3  # a worker that fails to answer MISSES times, PAUSE seconds apart, is gone
EXIT_GONE = 2
# Names of TensorFlow's errors that mean another process is lost; by name, since TensorFlow is not imported here.
LOST = ("UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError", "InternalError")


@dataclass(frozen=True)
class Cluster:
    """The workers of one run.

    Attributes:
        addresses: host:port of each worker; the first is the chief, which writes the run folder.
        index: the place of this process among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def follows(self) -> bool:
        """Whether this process is a worker other than the chief."""
        return self.index > 0

    @property
    def local_index(self) -> int:
        """How many earlier workers share this one's host, hence the number of the GPU to use."""
        host = self.addresses[self.index].rpartition(":")[0]
        return sum(address.rpartition(":")[0] == host for address in self.addresses[: self.index])

    @property
    def others(self) -> dict[int, str]:
        """Addresses of all other processes, by index."""
        return {i: address for i, address in enumerate(self.addresses) if i != self.index}


@dataclass(frozen=True)
class _Task:
    type: str
    index: int | str


@dataclass(frozen=True)
class _Spec:
    """What TF_CONFIG holds."""

    cluster: dict[str, list[str]]
    task: _Task


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Read TF_CONFIG (https://www.tensorflow.org/guide/distributed_training#TF_CONFIG).

    Raises InputError: it is not set, malformed, or names fewer than two workers.
    """
    text = environment.get(VARIABLE)
    if not text:
        raise InputError(
            f"--strategy multiworker needs {VARIABLE}: start the workers with python -m kerascifar.launch --workers N "
            f"-- FLAGS, or set it on each machine, such as {EXAMPLE}"
        )
    try:
        spec = decode_json(text, _Spec)
        jobs, kind, index = spec.cluster, spec.task.type, int(spec.task.index)
    except ValueError as error:
        raise InputError(f"{VARIABLE}: expected JSON such as {EXAMPLE}, got {text[:200]!r} ({error})") from None
    if set(jobs) - set(JOBS) or len(jobs.get("chief", ())) > 1:
        raise InputError(f"{VARIABLE}: cluster may hold workers and one chief, got {', '.join(jobs)}")
    addresses = [address for job in JOBS for address in jobs.get(job, ())]
    for address in addresses:
        match = re.fullmatch(r"[\w.:\[\]-]+:([0-9]{1,5})", address)
        if match is None or not 0 < int(match[1]) < 2**16:
            raise InputError(f"{VARIABLE}: expected host:port, got {address[:200]!r}")
    if len(addresses) < 2 or len(set(addresses)) < len(addresses):
        raise InputError(f"{VARIABLE}: needs 2 or more workers with different addresses, got {addresses}")
    if not 0 <= index < len(jobs.get(kind, ())):
        raise InputError(f"{VARIABLE}: task {kind} {index} is not in the cluster {json.dumps(jobs)}")
    return Cluster(tuple(addresses), index + (len(jobs.get("chief", ())) if kind == "worker" else 0))


class Watch:
    """A thread that ends this process, with one line on stderr, when another worker is gone.

    TensorFlow's collective operations wait forever for a process that was killed. A worker is alive while its port
    accepts connections; the system refuses them as soon as the process is dead.

    Args:
        cluster: whose other workers are watched.
        pause: seconds between two checks.
        end: called with the line to print, to end the process; by default prints it and exits.
    """

    def __init__(self, cluster: Cluster, pause: float = PAUSE, end: Callable[[str], object] | None = None) -> None:
        self.cluster, self.pause = cluster, pause
        self._stderr = os.dup(2)  # placement.quiet() may have redirected file descriptor 2 when the line is due
        self._end = end or self._exit
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._check, daemon=True)

    def start(self) -> "Watch":
        """Start watching."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop watching; the others may end now."""
        self._stopped.set()
        self._thread.join()
        os.close(self._stderr)

    def gone(self) -> str | None:
        """Return the workers that do not answer, as text, once there are any; None if all still do after a pause.

        A killed process closes its sockets one by one, so its port may still answer after its connection is lost.
        """
        deadline = time.monotonic() + self.pause
        while True:
            silent = [f"worker {i} ({address})" for i, address in self.cluster.others.items() if not answers(address)]
            if silent or time.monotonic() > deadline:
                return " and ".join(silent) or None
            time.sleep(0.1)

    def _check(self) -> None:
        seen: set[int] = set()
        missed = dict.fromkeys(self.cluster.others, 0)
        while not self._stopped.wait(self.pause):
            for i, address in self.cluster.others.items():
                if answers(address):
                    seen.add(i)
                    missed[i] = 0
                    continue
                missed[i] += 1
                if i in seen and missed[i] >= MISSES:
                    self._end(message(f"worker {i} ({address})"))
                    return

    def _exit(self, line: str) -> None:
        if self._stopped.is_set():
            return
        sys.stdout.flush()
        os.write(self._stderr, f"\nerror: {line}\n".encode())
        os._exit(EXIT_GONE)  # the main thread waits in native code and could not be woken


@contextlib.contextmanager
def watched(cluster: Cluster | None, pause: float = PAUSE) -> Iterator[None]:
    """Watch the other workers while the block runs; `cluster` is None for a run in one process.

    Raises InputError: TensorFlow noticed before the watch did that a worker is gone, or cannot reach a live one.
    """
    if cluster is None:
        yield
        return
    watch = Watch(cluster, pause).start()
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in LOST or not type(error).__module__.startswith("tensorflow"):
            raise
        gone = watch.gone()
        if gone is None:
            reason = str(error).splitlines()[0][:300]
            raise InputError(f"TensorFlow lost another worker ({reason}); run the same command to resume") from None
        raise InputError(message(gone)) from None
    finally:
        watch.stop()


def wait_for_all(cluster: Cluster, patience: float = PATIENCE) -> None:
    """Return once every other worker listens, so that TensorFlow, which waits with Python's lock held, need not wait.

    Until then this process listens at its own address, for the others to see.

    Raises:
        InputError: a worker did not start within `patience` seconds, or this process cannot listen at its address.
    """
    deadline = time.monotonic() + patience
    with _listening(cluster):
        for i, other in cluster.others.items():
            while not answers(other):
                if time.monotonic() > deadline:
                    raise InputError(f"worker {i} ({other}) did not start within {patience:.0f} s; start all workers")
                time.sleep(0.2)


def _listening(cluster: Cluster) -> socket.socket:
    """Return a server at this process's address and at no other; raises InputError.

    It is at all addresses of the machine where that one is translated to one of them on the way.
    """
    address = cluster.addresses[cluster.index]
    host, _, port = address.rpartition(":")
    try:
        family, _, _, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        # What Debian's /etc/hosts makes of the machine's own name; the others reach it by another address.
        if place[0] != "127.0.1.1" or all(each.startswith(f"{host}:") for each in cluster.addresses):
            try:
                return socket.create_server(place, family=family, backlog=128)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        return socket.create_server(("", int(port)), backlog=128)
    except OSError as error:
        raise InputError(f"{VARIABLE}: cannot listen at {address}: {error.strerror}") from None


def message(who: str) -> str:
    """Return the line that says that `who` is gone."""
    return f"{who} is gone; run the same command on all workers to resume from the last checkpoint"


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of this machine that nothing listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def answers(address: str, timeout: float = 3.0) -> bool:
    """Tell whether something listens at `address`, host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
    except (OSError, UnicodeError):  # Unicode: no name of a host
        return False
    return True
