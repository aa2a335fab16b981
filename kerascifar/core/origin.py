"""What --init-weights means, wherever it lies: the parent's run id, or the SHA-256 of a file of weights.

So a child's run id follows from its parent's, on every machine, and before the parent has been trained.
"""

import functools
import hashlib
from pathlib import Path

from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.core.reading import member_checksum, read_json

SUFFIXES = (".keras", ".pth", ".pt", ".safetensors")  # of files of weights; anything else is a folder
RUN, FILE = "run:", "sha256:"
FINISHED = "result.json"  # a folder that holds it is a finished run


def finished_runs(path: Path) -> list[Path]:
    """Return `path` if it is a finished run, else the finished runs one folder below it, sorted."""
    return [path] if (path / FINISHED).exists() else sorted(file.parent for file in path.glob(f"*/{FINISHED}"))


def place(source: str | Path) -> Path:
    """Return the path that a RUN or a file of weights means: itself, or the folder of a shipped net by its name.

    Raises InputError: `source` is an empty text, which `Path` would take for the folder that one stands in.
    """
    if source == "":
        raise InputError("expected a run, a file or the name of a shipped net, got ''")
    path = Path(source)
    return path if path.exists() else shipped.net(path) or path


def origin(source: str) -> str:
    """Return ``run:RUN-ID`` for a run folder, or for a folder that holds one finished run; ``sha256:HEX`` for a file.

    The name of a shipped net stands for its folder.

    A folder without a finished run is taken for one that is to come, so that its name is the run id. What is an
    origin already is returned as it is.

    Raises:
        InputError: the file of weights is not there.
    """
    if source.startswith((RUN, FILE)):
        return source
    path = place(source)
    if path.suffix in SUFFIXES:
        try:
            status = path.stat()
        except OSError:
            raise InputError(f"--init-weights: no such file: {path}") from None
        if not path.is_file():  # a FIFO or a device would wait for ever
            raise InputError(f"--init-weights: not a regular file: {path}")
        return FILE + _sha256(path, status.st_size, status.st_mtime_ns)
    runs = finished_runs(path)
    if len(runs) != 1:
        return RUN + path.resolve().name
    try:
        return RUN + read_json(runs[0] / FINISHED)["run_id"]
    except (OSError, InputError, KeyError, TypeError):
        raise InputError(f"--init-weights: {runs[0] / FINISHED} is not a result of this program") from None


def weights_checksum(path: Path) -> str:
    """Return the SHA-256 of a file of weights; of a .keras archive, that of its weights, refused if it has none."""
    if path.suffix != ".keras":
        return _sha256(path, path.stat().st_size, path.stat().st_mtime_ns)
    try:
        return member_checksum(path, "model.weights.h5")
    except InputError as error:
        reason = str(error).removeprefix(f"{path} ")
        raise InputError(f"{path} is not a Keras model that can be loaded: {reason}") from None


@functools.lru_cache(maxsize=16)
def _sha256(path: Path, size: int, changed: int) -> str:  # read again where size or time of change are others
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
