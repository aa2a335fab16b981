"""Accuracies on a selection of the test images, from scores that a run has saved: what an audit's lists change.

Nothing is scored again. Images are known by the checksum of their pixels, so that a list serves every copy of a set.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kerascifar.core.audit_lists import DUPLICATES, KINDS, AuditList, Label, Pair, read_list
from kerascifar.core.errors import InputError
from kerascifar.evaluation.metrics import wilson_interval

TEST = (
    "Fisher's exact test, two-sided; the two are different images under one net, so that a paired test such as "
    "McNemar's does not apply"
)
_FIELDS = {Pair: "pairs", Label: "labels"}


@dataclass(frozen=True)
class Lists:
    """The lists of one audit: of pairs, of labels, or both."""

    pairs: AuditList | None = None
    labels: AuditList | None = None

    @property
    def empty(self) -> bool:
        """Whether no image is named."""
        return not any(found.rows for found in (self.pairs, self.labels) if found is not None)

    def check(self, known: Collection[str], what: str) -> None:
        """Refuse a list that names none of the images `known` by their checksums in hex.

        Raises InputError: says `what` those images are.
        """
        for found in filter(None, (self.pairs, self.labels)):
            named = {checksum for row in found.rows for checksum in _checksums(row)}
            if named and named.isdisjoint(known):
                raise InputError(
                    f"{found.path} names {len(named):,} images, none of which is among {what}; it is a list of another "
                    "data set, or of images of another size"
                )


@dataclass(frozen=True)
class Share:
    """How many of some images are labelled correctly."""

    images: int
    right: int

    @property
    def accuracy(self) -> float | None:
        """From 0 to 1; None where there are no images."""
        return self.right / self.images if self.images else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the accuracy; None where there are no images."""
        return wilson_interval(self.right, self.images) if self.images else None

    def __str__(self) -> str:
        if not self.images:
            return "no image"
        return "{:.4f} ({:.4f} to {:.4f})".format(self.accuracy, *self.interval)


@dataclass(frozen=True)
class Contrast:
    """The images that a list names, and all others.

    Attributes:
        alone: those that it names.
        without: the others.
    """

    alone: Share
    without: Share

    @property
    def p(self) -> float | None:
        """The probability, by TEST, of accuracies at least as different if both were equal; None where one is empty.

        >>> round(Contrast(Share(4, 3), Share(4, 1)).p, 4)  # Fisher's tea: 34 of 70
        0.4857
        """
        from scipy.stats import fisher_exact

        if not self.alone.images or not self.without.images:
            return None
        table = [[share.right, share.images - share.right] for share in (self.alone, self.without)]
        return float(fisher_exact(table).pvalue)


@dataclass(frozen=True)
class Selected:
    """A run's accuracies on selections of its test images.

    Attributes:
        whole: on all test images.
        duplicates: on those with a near-duplicate among the training images, and the others; None without such a list.
        suspects: on those whose labels are suspect, and the others; None without such a list.
        clean: on those that neither list names; None unless there are both lists.
        unnamed: bool (N,), the test images that no list names.
    """

    whole: Share
    duplicates: Contrast | None
    suspects: Contrast | None
    clean: Share | None
    unnamed: np.ndarray = field(compare=False, repr=False)

    def rows(self) -> Iterator[tuple[str, Share, Contrast | None]]:
        """Yield title, share, and, with what a list names, the contrast to the others."""
        yield "all test images", self.whole, None
        if self.duplicates is not None:
            yield "without a near-duplicate in training", self.duplicates.without, None
            yield "near-duplicates alone", self.duplicates.alone, self.duplicates
        if self.suspects is not None:
            yield "without suspect labels", self.suspects.without, None
            yield "suspect labels alone", self.suspects.alone, self.suspects
        if self.clean is not None:
            yield "without either", self.clean, None


def read_lists(paths: Sequence[str | Path], flag: str) -> Lists:
    """Return the lists in the files that `flag` names, in any order.

    Raises InputError: a file cannot be read, is no list of an audit, or there are two of a kind.
    """
    by_field: dict[str, AuditList] = {}
    for path in paths:
        found = read_list(path, flag)
        if found.kind not in _FIELDS:
            raise InputError(
                f"{flag} {path}: it holds what a training left out; expected an audit's list of all images"
            )
        name = _FIELDS[found.kind]
        if name in by_field:
            raise InputError(f"{flag}: {by_field[name].path} and {path} are both lists of {name}; give one of each")
        by_field[name] = found
    return Lists(**by_field)


def read_audit(folder: Path, flag: str) -> Lists:
    """Return the lists in the `folder` of an audit. Raises InputError: it holds neither; or as `read_lists`."""
    names = [name for name, kind in KINDS.items() if kind in _FIELDS]
    paths = [folder / name for name in names if (folder / name).exists()]
    if not paths:
        raise InputError(f"{flag} {folder}: expected the folder of an audit, which holds {' or '.join(names)}")
    return read_lists(paths, flag)


def select(right: np.ndarray, checksums: Sequence[str], lists: Lists) -> Selected:
    """Return the accuracies on what `lists` select.

    Args:
        right: bool (N,), which test images the run labels correctly.
        checksums: of the N images, in hex, as ``Split.image_checksums`` counts them.
        lists: whose images stand anywhere among these.

    >>> pairs = AuditList(Path("pairs.csv"), Pair, [Pair("test", 1, "train", 7, "same pixels", "b", "b")])
    >>> selected = select(np.array([True, True, False]), ["a", "b", "c"], Lists(pairs))
    >>> selected.duplicates.alone.accuracy, selected.duplicates.without.accuracy
    (1.0, 0.5)
    """
    near = None if lists.pairs is None else _among(checksums, duplicated(lists.pairs.rows))
    suspect = None if lists.labels is None else _among(checksums, suspected(lists.labels.rows))
    named = [mask for mask in (near, suspect) if mask is not None]
    unnamed = ~np.logical_or.reduce([np.zeros(len(right), bool), *named])
    return Selected(
        _share(right, np.ones(len(right), bool)),
        None if near is None else Contrast(_share(right, near), _share(right, ~near)),
        None if suspect is None else Contrast(_share(right, suspect), _share(right, ~suspect)),
        None if near is None or suspect is None else _share(right, unnamed),
        unnamed,
    )


def duplicated(pairs: Sequence[Pair]) -> set[str]:
    """Return the checksums of the test images with the same pixels or a near-duplicate among the images of training.

    Those of validation, which select, count as images of training, as they do in ``Dataset.overlap``.
    """
    return {
        pair.a_sha256 if pair.a_split == "test" else pair.b_sha256
        for pair in pairs
        if pair.verdict in DUPLICATES and (pair.a_split == "test") != (pair.b_split == "test")
    }


def suspected(labels: Sequence[Label]) -> set[str]:
    """Return the checksums of the test images whose labels are suspect."""
    return {row.sha256 for row in labels if row.suspect and row.split == "test"}


def _checksums(row: Pair | Label) -> tuple[str, ...]:
    return (row.a_sha256, row.b_sha256) if isinstance(row, Pair) else (row.sha256,)


def _among(checksums: Sequence[str], chosen: Collection[str]) -> np.ndarray:
    return np.array([checksum in chosen for checksum in checksums], bool)


def _share(right: np.ndarray, chosen: np.ndarray) -> Share:
    return Share(int(chosen.sum()), int((right & chosen).sum()))
