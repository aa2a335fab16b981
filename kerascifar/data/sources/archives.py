"""Read named files of a data set out of a folder or a .tar.gz, and compare checksums."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_bytes

# CIFAR-100's train is the largest of the official files, 155 MB. A member that claims more is no such file.
LARGEST = 2**28
# The official archives have ten members at the most, and no long names.
_MOST_MEMBERS, _LARGEST_HEADER = 1000, 2**16
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE)


def read_files(place: Path, folder: str, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of each of `names`, in any order.

    Args:
        place: a folder that holds them, or a .tar.gz that holds them in `folder`. The archive is read as a stream:
            no member is written anywhere, links and members elsewhere are passed over.
        folder: the folder inside the archive.
        names: files that must be there.

    Raises:
        InputError: a file is missing or cannot be read, or the archive is truncated or none.
    """
    missing = set(names)
    try:
        for name, content in (_from_folder if place.is_dir() else _from_tar)(place, folder, missing):
            missing.discard(name)
            yield name, content
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {error.filename or place}: {error.strerror or error}") from None
    except Exception as error:  # tarfile and zlib raise many kinds for damaged files
        raise InputError(f"{place}: not a whole .tar.gz ({error}); get the file again") from None
    if missing:
        raise InputError(f"{place}: holds no {', '.join(sorted(missing))}; expected the official {folder}")


def check_sum(what: object, algorithm: str, is_: str, official: str) -> None:
    """Compare a checksum with the official one. Raises InputError: they differ; names both."""
    if is_ != official:
        raise InputError(
            f"{what}: {algorithm} is {is_}, the official one is {official}; get the file again, or give --unverified"
        )


def check_md5s(
    place: Path, contents: Iterator[tuple[str, bytes]], official: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Pass (name, content) pairs on, each after its MD5 was compared with the official one.

    Raises InputError: a file differs.
    """
    for name, content in contents:
        check_sum(place / name, "MD5", hashlib.md5(content).hexdigest(), official[name])
        yield name, content


def md5_of(path: Path) -> str:
    """Return the MD5 of a file. Raises InputError: it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _from_folder(place: Path, folder: str, names: set[str]) -> Iterator[tuple[str, bytes]]:
    for name in sorted(names):
        if (place / name).is_file():
            yield name, read_bytes(place / name, LARGEST)


class _Member(tarfile.TarInfo):
    """Refuses a header that is followed by more headers, or by a long one, as tarfile reads those into memory whole."""

    @classmethod
    def frombuf(cls, *arguments: Any) -> "_Member":
        member = super().frombuf(*arguments)
        if member.type == tarfile.GNUTYPE_SPARSE or (member.type not in _PLAIN and member.size > _LARGEST_HEADER):
            raise tarfile.ReadError(f"a header of {member.size} bytes; no official file has one")
        return member


def _from_tar(place: Path, folder: str, names: set[str]) -> Iterator[tuple[str, bytes]]:
    wanted = {f"{folder}/{name}": name for name in names}
    with tarfile.open(place, "r|gz", tarinfo=_Member) as archive:
        for count, member in enumerate(archive):
            if count == _MOST_MEMBERS:
                raise InputError(f"{place}: has more than {_MOST_MEMBERS} members; the official one has ten at most")
            name = wanted.pop(member.name.removeprefix("./"), None) if member.isfile() else None
            if name is None:
                continue
            if member.size > LARGEST:
                raise InputError(f"{place}: {member.name} claims {member.size} bytes; no official file has as many")
            yield name, archive.extractfile(member).read()
            if not wanted:
                return
