"""What --exclude means: the pixels that a training leaves out. Which those are belongs to a run's identity.

A config names the list by its path, or, in a result, by ``list:`` and the checksum of what it leaves out; the run
folder holds the list itself.
"""

import csv
import functools
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from kerascifar.core.audit_lists import DUPLICATES, SAME, SPLITS, SUSPECT, Exclusion, Label, Pair, Row, read_list
from kerascifar.core.errors import InputError

FLAG = "--exclude"
_IDENTITY = re.compile("list:[0-9a-f]{16}")


@dataclass(frozen=True)
class Excluded:
    """What is left out: one list of pixels whatever the copy of the data set, or the order of its files.

    Attributes:
        rows: in any order, one for the same pixels and label.
        source: the files that told it, for messages.

    >>> Excluded([Exclusion("ab" * 32, 0, "near-duplicate")]).identity
    'list:7f7ab5b703f8a307'
    """

    rows: Sequence[Exclusion]
    source: str = ""

    @cached_property
    def _by_pixels(self) -> Mapping[tuple[str, str], Exclusion]:
        return {(row.sha256, row.label): row for row in self.rows}

    def row(self, sha256: str, label: str) -> Exclusion | None:
        """Return the row about images of these pixels, by checksum, and of the class `label`; None if there is none."""
        found = [row for key in ((sha256, ""), (sha256, label)) if (row := self._by_pixels.get(key))]
        return min(found, key=lambda row: row.kept, default=None)

    def among(self, classes: Collection[str]) -> "Excluded":
        """Return the same for a data set of `classes`: a label that it does not have, as under other names, is any."""
        rows = (row if row.label in classes else replace(row, label="") for row in self.rows)
        return Excluded(_united(rows), self.source)

    @cached_property
    def identity(self) -> str:
        """``list:`` and 16 hex digits, the same for all lists that leave out the same."""
        lines = [" ".join([row.sha256, str(row.kept), *filter(None, [row.label])]) for row in self.rows]
        content = "".join(sorted(f"{line}\n" for line in lines))
        return f"list:{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def to_csv(self) -> str:
        """Return excluded.csv, which `read_list` reads."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(f.name for f in fields(Exclusion))
        writer.writerows(sorted(map(astuple, self.rows)))
        return text.getvalue()


# The lists that this process has read, by identity: a run stays what it is, whatever becomes of the file.
_HELD: dict[str, Excluded] = {}


def identity(source: str) -> str:
    """Return what `source`, an identity or paths with commas between, leaves out: ``list:`` and a checksum.

    Raises InputError: a file is not there, is no such list, or leaves nothing out.
    """
    if _IDENTITY.fullmatch(source):
        return source
    paths = [source] if Path(source).exists() else source.split(",")
    excluded = _joined([_read(path, _state(path)) for path in paths], source)
    _HELD[excluded.identity] = excluded
    return excluded.identity


def find(source: str) -> Excluded:
    """Return what `source`, a path or an identity, leaves out.

    Raises InputError: as `identity` does; or this process has not read the list of that identity.
    """
    name = identity(source)
    if name not in _HELD:
        raise InputError(
            f"the list of the images left out ({name}) is not here: a run folder keeps it as excluded.csv, and {FLAG} "
            "FILE names it for a training"
        )
    return _HELD[name]


def leaves_out(path: Path) -> bool:
    """Return whether `path` is a list that leaves anything out."""
    try:
        return bool(identity(str(path)))
    except InputError:
        return False


def recall(file: Path, name: str) -> None:
    """Hold the list that a run folder keeps in `file`, if it does.

    Raises InputError: it is not the list called `name`.
    """
    if file.exists() and (found := identity(str(file))) != name:
        raise InputError(f"{file} is corrupt: it leaves out {found}, the run left out {name}")


def _state(path: str) -> object:
    """Return what changes with the file; None where there is none: reading it tells what is wrong."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _joined(lists: Sequence[Excluded], source: str) -> Excluded:
    return Excluded(_united(row for one in lists for row in one.rows), source)


def _united(rows: Iterable[Exclusion]) -> list[Exclusion]:
    """Return a row for each: what one leaves out entirely, no other keeps; the first one tells why."""
    united: dict[tuple[str, str], Exclusion] = {}
    for row in rows:
        before = united.get((row.sha256, row.label), row)
        united[row.sha256, row.label] = replace(before, kept=min(row.kept, before.kept))
    return list(united.values())


@functools.lru_cache(maxsize=16)
def _read(source: str, key: object) -> Excluded:  # read again where size or time of change are others
    found = read_list(source, FLAG)
    rows = _united(_EXCLUSIONS[found.kind](found.rows))
    if not rows:
        raise InputError(
            f"{FLAG} {source}: none of its {len(found.rows)} rows leaves an image out; those do whose verdict is "
            f"{' or '.join(DUPLICATES)}, or whose suspect is yes, and which name a train or validation image"
        )
    return Excluded(rows, source)


def _of_pairs(pairs: Sequence[Pair]) -> Iterable[Exclusion]:
    """Yield what duplicates leave out: across splits the training side, within one the second; never a test image.

    Two copies have one checksum, so of such a pair one copy stays. Copies and look-alikes together may name each other
    in a circle; the first of them stays.
    """
    within = []
    for pair in pairs:
        if pair.verdict not in DUPLICATES or pair.a_split == pair.b_split == "test":
            continue
        copies = pair.a_sha256 == pair.b_sha256
        if copies and "test" not in (pair.a_split, pair.b_split):
            yield Exclusion(pair.b_sha256, 1, SAME)
        elif pair.a_split == pair.b_split:
            within.append(pair)
        else:
            a_goes = SPLITS.index(pair.a_split) < SPLITS.index(pair.b_split)
            yield Exclusion(pair.a_sha256 if a_goes else pair.b_sha256, 0, pair.verdict)
    gone = {pair.b_sha256 for pair in within}
    stay = {group[0].a_sha256 for group in _groups(within) if gone >= {pair.a_sha256 for pair in group}}
    for pair in within:
        yield Exclusion(pair.b_sha256, int(pair.b_sha256 in stay), pair.verdict)


def _groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return the pairs that hang together, by their checksums, each group in the order of `pairs`."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    for pair in pairs:
        parent[root(pair.b_sha256)] = root(pair.a_sha256)
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(root(pair.a_sha256), []).append(pair)
    return list(groups.values())


def _of_labels(labels: Sequence[Label]) -> Iterable[Exclusion]:
    return (Exclusion(row.sha256, 0, SUSPECT, row.given) for row in labels if row.suspect and row.split != "test")


_EXCLUSIONS: dict[type[Row], Callable[[Sequence], Iterable[Exclusion]]] = {
    Pair: _of_pairs, Label: _of_labels, Exclusion: iter,
}  # fmt: skip
