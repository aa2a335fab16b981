"""Files are written whole or not at all, and only one process writes a folder."""

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath

from kerascifar.core.errors import FolderInUse, InputError
from kerascifar.core.shown import printable

_PART = ".part-"
_LONGEST = 200  # bytes; file systems take 255, and a suffix may follow


def write_atomically(path: Path, write: Callable[[Path], object], before: Path | None = None) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk, then rename it to `path`.

    What `path` held until then is kept as `before`, if that is given.

    A reader sees the old file or the new one, never a part; nothing is left behind on failure.

    Raises:
        OSError: the disk is full or read-only, say; it names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{_PART}{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        write(Path(part))
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(part, 0o644)
        if before is not None and path.exists():
            os.replace(path, before)
        os.replace(part, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write() does not know its file
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def set_aside(path: Path, why: str) -> Path:
    """Rename `path` to PATH.WHY, or PATH.WHY.2 and so on where that is taken, and return the new path."""
    free, number = path.with_name(f"{path.name}.{why}"), 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{why}.{number}")
    return path.rename(free)


def deflate(path: Path, change: Callable[[str, bytes], bytes] = lambda _, content: content) -> None:
    """Rewrite the zip archive at `path`, which must lie in a draft, with its members compressed and undated.

    `change` gets name and content of each member, and returns the content to write.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), change(name, content), zipfile.ZIP_DEFLATED, 9)


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` atomically, as UTF-8; what came from a file name that is none becomes ``\udcXX``."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", errors="backslashreplace"))


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """Give an empty folder in `folder` to prepare files in, and remove what is left in it at the end."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=_PART) as part:
        yield Path(part)


def publish(made: Path, path: Path) -> None:
    """Flush the file or folder `made`, which lies in a draft beside `path`, and put it in the place of `path`."""
    for file in [f for f in made.rglob("*") if f.is_file()] if made.is_dir() else [made]:
        with open(file, "rb") as written:
            os.fsync(written.fileno())
    if path.is_dir():  # a folder that holds something cannot be replaced in one step
        os.replace(path, made.with_name(f"{made.name}.old"))
    os.replace(made, path)


def safe_name(name: str, what: str) -> str:
    """Return `name`, which was read from a file, if it can only name something directly in a folder.

    Args:
        name: such as a run id.
        what: what it is called in the message, such as ``FILE: run_id``.

    Raises:
        InputError: it is empty, too long, ``.``, ``..`` or absolute, or holds a separator, a drive or what no terminal
            shows.

    >>> safe_name("a1b2", "run_id")
    'a1b2'
    """
    # Windows's rules are the stricter ones: both separators, and drives.
    plain = isinstance(name, str) and name not in ("", "..") and PureWindowsPath(name).name == printable(name) == name
    if not plain or len(name.encode()) > _LONGEST:
        raise InputError(f"{what} must be a plain name of at most {_LONGEST} bytes, got {str(name)[:80]!r}")
    return name


@contextlib.contextmanager
def only_writer(folder: Path, flag: str = "--name") -> Iterator[None]:
    """Hold `folder` for this process; the lock ends with the process, even when it is killed.

    A folder in which nothing was written is removed at the end, so bad input leaves nothing behind.

    Args:
        folder: made if it is not there.
        flag: what chooses another folder, for the message.

    Raises:
        FolderInUse: another process holds it.
    """
    from filelock import FileLock, Timeout

    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUse(
            f"another process is writing {folder}: wait for it to end, or choose another {flag}"
        ) from None
    for left in folder.glob(f"{_PART}*"):  # by a writer that was killed
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    try:
        yield
    finally:
        if [child.name for child in folder.iterdir()] == [".lock"]:
            (folder / ".lock").unlink()
            with contextlib.suppress(OSError):  # not empty: another run was begun beside it meanwhile
                for place in made:
                    place.rmdir()
        lock.release()
