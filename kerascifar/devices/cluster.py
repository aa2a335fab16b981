"""The processes of a --strategy multiworker run: who they are (TF_CONFIG), and a watch that none has gone.

Nothing here imports TensorFlow. The processes talk without a password, as TensorFlow's do: use this machine, or a
network that you trust.
"""

import contextlib
import json
import os
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
JOBS = ("chief", "worker")  # in the order in which TensorFlow numbers the processes; a chief is not demanded
PATIENCE = 600.0  # seconds that the others may take to come: they may still be reading their data
PAUSE, MISSES = 4.0, 3  # a worker that does not answer MISSES times, PAUSE seconds apart, has gone
EXIT_GONE = 2
# TensorFlow's errors that tell of another process, by class, since TensorFlow is not imported here.
LOST = ("UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError", "InternalError")


@dataclass(frozen=True)
class Cluster:
    """The workers of one run.

    Attributes:
        addresses: host:port of each worker; the first is the chief, who writes the run folder.
        index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def follows(self) -> bool:
        """Whether this process is a worker other than the chief."""
        return self.index > 0

    @property
    def local_index(self) -> int:
        """How many earlier workers share this one's host: the number of the GPU that it takes."""
        host = self.addresses[self.index].rpartition(":")[0]
        return sum(address.rpartition(":")[0] == host for address in self.addresses[: self.index])

    @property
    def others(self) -> dict[int, str]:
        """Address by index of all but this process."""
        return {i: address for i, address in enumerate(self.addresses) if i != self.index}


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Read TF_CONFIG (https://www.tensorflow.org/guide/distributed_training#TF_CONFIG).

    Raises:
        InputError: it is not set, malformed, or names fewer than two workers.
    """
    text = environment.get(VARIABLE)
    if not text:
        raise InputError(
            f"--strategy multiworker needs {VARIABLE}: start the workers with python -m kerascifar.launch --workers N "
            f"-- FLAGS, or set it on each machine, such as {EXAMPLE}"
        )
    try:
        told = decode_json(text)
        jobs = {job: list(addresses) for job, addresses in told["cluster"].items()}
        kind, index = told["task"]["type"], int(told["task"]["index"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(f"{VARIABLE}: expected JSON such as {EXAMPLE}, got {text!r}") from None
    if set(jobs) - set(JOBS) or len(jobs.get("chief", ())) > 1:
        raise InputError(f"{VARIABLE}: cluster may hold worker and one chief, got {', '.join(jobs)}")
    addresses = [address for job in JOBS for address in jobs.get(job, ())]
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 2**16:
            raise InputError(f"{VARIABLE}: expected host:port, got {address!r}")
    if len(addresses) < 2 or len(set(addresses)) < len(addresses):
        raise InputError(f"{VARIABLE}: needs 2 or more workers of different addresses, got {addresses}")
    if not 0 <= index < len(jobs.get(kind, ())):
        raise InputError(f"{VARIABLE}: task {kind} {index} is not in the cluster {json.dumps(jobs)}")
    return Cluster(tuple(addresses), index + (len(jobs.get("chief", ())) if kind == "worker" else 0))


class Watch:
    """A thread that ends this process, with one line on stderr, when another worker has gone.

    TensorFlow's collective operations wait for ever for a process that was killed. A worker is there while its port
    takes connections, which the system refuses as soon as the process is dead.

    Args:
        cluster: who is watched.
        pause: seconds between two looks.
        end: what ends the process, given the line to print.
    """

    def __init__(
        self,
        cluster: Cluster,
        pause: float = PAUSE,
        end: Callable[[str], object] | None = None,
    ) -> None:
        self.cluster, self.pause = cluster, pause
        self._stderr = os.dup(2)  # devices.quiet() may hold file descriptor 2 back when the line is due
        self._end = end or self._exit
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> "Watch":
        """Begin to watch."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the watch; the others may leave now."""
        self._stopped.set()
        self._thread.join()
        os.close(self._stderr)

    def gone(self) -> str | None:
        """Return who does not answer, as text, as soon as someone does not; None when all still do after a pause.

        A killed process closes its sockets one after another, so that its port may answer after its connection is lost.
        """
        until = time.monotonic() + self.pause
        while True:
            silent = [f"worker {i} ({address})" for i, address in self.cluster.others.items() if not answers(address)]
            if silent or time.monotonic() > until:
                return " and ".join(silent) or None
            time.sleep(0.1)

    def _look(self) -> None:
        came: set[int] = set()
        missed = dict.fromkeys(self.cluster.others, 0)
        while not self._stopped.wait(self.pause):
            for i, address in self.cluster.others.items():
                if answers(address):
                    came.add(i)
                    missed[i] = 0
                    continue
                missed[i] += 1
                if i in came and missed[i] >= MISSES:
                    return self._end(message(f"worker {i} ({address})"))
        return None

    def _exit(self, line: str) -> None:
        if self._stopped.is_set():
            return
        sys.stdout.flush()
        os.write(self._stderr, f"\nerror: {line}\n".encode())
        os._exit(EXIT_GONE)  # the main thread waits in native code and could not be woken


@contextlib.contextmanager
def watched(cluster: Cluster | None, pause: float = PAUSE) -> Iterator[None]:
    """Watch the other workers while the block runs; None for a run in one process, which has none.

    Raises:
        InputError: TensorFlow noticed that a worker has gone, before the watch did, or cannot reach a live one.
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
            said = str(error).splitlines()[0][:300]
            raise InputError(f"TensorFlow lost touch with another worker ({said}); the same command goes on") from None
        raise InputError(message(gone)) from None
    finally:
        watch.stop()


def wait_for_all(cluster: Cluster, patience: float = PATIENCE) -> None:
    """Return when every other worker has come, so that TensorFlow, which waits with Python's lock held, need not.

    Until then this process listens at its own address, for the others to see.

    Raises:
        InputError: one has not come within `patience` seconds, or the address is not ours to listen at.
    """
    address = cluster.addresses[cluster.index]
    try:
        own = socket.create_server(("", int(address.rpartition(":")[2])), backlog=128)
    except OSError as error:
        raise InputError(f"{VARIABLE}: cannot listen at {address}: {error.strerror}") from None
    until = time.monotonic() + patience
    with own:
        for i, other in cluster.others.items():
            while not answers(other):
                if time.monotonic() > until:
                    raise InputError(f"worker {i} ({other}) has not come within {patience:.0f} s; start all workers")
                time.sleep(0.2)


def message(who: str) -> str:
    """Return the line that says `who` has gone."""
    return f"{who} has gone; the same command on all workers goes on from the last checkpoint"


def answers(address: str, timeout: float = 3.0) -> bool:
    """Tell whether something listens at `address`, host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
    except OSError:
        return False
    return True
