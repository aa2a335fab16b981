"""Rows on a Dask cluster: what a row needs goes with its task, and what it wrote comes back, so no disk is shared.

The scheduler and its workers run what they are told by anyone who reaches them: use a network that you trust, or TLS as
Dask documents it. A row that was on a worker that died is begun anew on another one.
"""

import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from kerascifar import results
from kerascifar.architectures import engine
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.origin import weights_checksum
from kerascifar.core.provenance import PARENT, Provenance
from kerascifar.data.datasets import DATASETS
from kerascifar.plugins.loading import load_all
from kerascifar.run import provenance
from kerascifar.studies.execution import Ended, attempt
from kerascifar.studies.plan import DIVERGED, FOUND
from kerascifar.studies.rows import Row
from kerascifar.training.sharing import find_training

_PATIENCE = 30  # seconds for which a scheduler, or a first worker, is waited for
_KEPT_HERE = (".lock",)
_LAST = (results.FINISHED, FOUND, DIVERGED)  # files that mean: finished


@dataclass(frozen=True)
class Cargo:
    """A task on its way: what ``attempt`` is given, with folders as names below the study's.

    Attributes:
        row: of the study.
        config: its `runs` and `init_weights` are set anew where it arrives.
        folder: of the result.
        parent: folder of the weights that it starts from; None without.
        contents: of files, by their name below the study's folder.
        expected: the data here.
        jobs: how many rows run at once.
    """

    row: Row
    config: RunConfig
    folder: str
    parent: str | None
    contents: Mapping[str, bytes]
    expected: Provenance
    jobs: int


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """Give an executor on the Dask scheduler at `address`, and how many rows its workers take at once.

    Raises:
        InputError: distributed is not installed, nothing answers there, or there is no worker.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--dask needs the package distributed: pip install 'kerascifar[dask]'") from None
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:  # distributed's time-outs are OSErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"--dask {address}: no scheduler answers there ({reason})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise InputError(
                f"--dask {address}: the scheduler has no workers; start them by dask worker {address} --nthreads 1"
            ) from None
        # Not pure: a row that failed is to be tried again when it is asked for again.
        yield Carrying(client.get_executor(pure=False)), sum(client.nthreads().values())


class Carrying(Executor):
    """Runs ``attempt`` through another executor, with the files that it needs, and writes what comes back.

    Args:
        executor: whose processes need not see this machine's disk.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Return the future of ``attempt(row, config, folder, jobs)``, the only function that is known here."""
        if fn is not attempt:
            raise TypeError(f"only attempt() can be carried, got {fn}")
        row, config, folder, jobs = args
        ended: Future[Ended] = Future()
        root = Path(config.runs)
        cargo = self._pack(row, config, folder, jobs, root)

        def arrived(future: Future) -> None:
            try:
                outcome, contents = future.result()
                _unpack(contents, root)
                for name in cargo.contents if contents else ():  # such as the checkpoint of a run that has ended
                    if name.startswith(f"{cargo.folder}/") and name not in contents:
                        (root / name).unlink(missing_ok=True)
                ended.set_result(outcome)
            except Exception as error:  # a worker died too often, or cannot import what is needed
                ended.set_result(Ended(error=f"{type(error).__name__}: {error}"))

        self._executor.submit(deliver, cargo).add_done_callback(arrived)
        return ended

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut the other executor down; what it has not begun is only done if it is waited for."""
        self._executor.shutdown(wait and not cancel_futures)  # Dask's takes nothing else

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.shutdown(cancel_futures=kind is not None)

    def _pack(self, row: Row, config: RunConfig, folder: Path, jobs: int, root: Path) -> Cargo:
        here = provenance(config)
        weights = results.first_weights(config.init_weights)  # its folder need not hold it yet
        needed = [path for path in folder.rglob("*") if path.is_file() and path.name not in _KEPT_HERE]
        parent = None
        if weights is not None and weights.is_relative_to(root):
            parent = weights.parent.relative_to(root).as_posix()
            needed += [weights, weights.with_name(results.FINISHED)]
        kind = engine(config.arch)
        if weights is not None and weights.is_file():
            begins = Provenance(here.classes, here.sha256 | {PARENT: weights_checksum(weights)})
        else:
            begins = here
        if kind.TRAINED and (found := find_training(config, begins, kind.MODEL)):
            needed += [found[0] / name for name in (kind.MODEL, results.FINISHED)]
        contents = {path.relative_to(root).as_posix(): path.read_bytes() for path in needed if path.is_file()}
        if not DATASETS[config.dataset.partition(":")[0]].needs_folder:  # a worker has them elsewhere
            config = replace(config, data_dir=None)
        return Cargo(row, config, folder.relative_to(root).as_posix(), parent, contents, here, jobs)


def deliver(cargo: Cargo) -> tuple[Ended, dict[str, bytes]]:
    """Perform what `cargo` says in a folder of its own; return how it ended, and the files it left, by name."""
    load_all(())  # the plugins that are installed here; a file given by --plugin does not travel
    with tempfile.TemporaryDirectory(prefix="kerascifar-") as place:
        root = Path(place)
        _unpack(cargo.contents, root)
        config = replace(cargo.config, runs=place)
        if cargo.parent is not None:
            config = replace(config, init_weights=str(root / cargo.parent))
        try:
            cargo.expected.refuse(
                provenance(config),
                f"the study on {socket.gethostname()} is of",
                "give it these by KERASCIFAR_DATA there",
            )
        except InputError as error:
            return Ended(error=str(error)), {}
        folder = root / cargo.folder
        ended = attempt(cargo.row, config, folder, cargo.jobs)
        left = [path for path in folder.rglob("*") if path.is_file() and path.name not in _KEPT_HERE]
        return ended, {path.relative_to(root).as_posix(): path.read_bytes() for path in left}


def _unpack(contents: Mapping[str, bytes], root: Path) -> None:
    """Write `contents` below `root`; the files that say that a run is finished come last."""
    for path in sorted(map(PurePosixPath, contents), key=lambda path: path.name in _LAST):
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"a worker sent a file that would lie outside of the study: {str(path)!r}")
        files.write_atomically(root / path, lambda part, content=contents[str(path)]: part.write_bytes(content))
