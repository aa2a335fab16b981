"""Leave images out of a data set by the checksum of their pixels, as --exclude asks."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.core.exclusion import FLAG, Excluded, find, identity
from kerascifar.core.shown import csv_cell

MOST = 0.2  # share of the images from which on leaving them out is remarked on
NOTE = "excluded"  # key of a data set's notes: how many images were left out, and of which verdicts


def hold(config: RunConfig) -> RunConfig:
    """Return `config` with its list read: what is left out stays the same, whatever becomes of the file meanwhile.

    Raises InputError: the list cannot be read, or leaves nothing out.
    """
    return config if config.exclude is None else replace(config, exclude=identity(config.exclude))


def leave_out(data: Dataset, source: str) -> Dataset:
    """Return `data` without the training and validation images that the list `source` names; test images all stay.

    Where one copy of the pixels is to stay, it is the first, the validation images before the training images.

    Args:
        data: as the data set's files give it, before limits and before a validation split is held out.
        source: path or identity of a list, see ``kerascifar.core.exclusion``.

    Raises InputError: the list cannot be read, leaves out none of these images, or all of a split.
    """
    names = [csv_cell(name) for name in data.classes]  # as a list holds them
    excluded = find(source).among(names)
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    left = {
        name: _without(split, names, excluded, counts, seen)
        for name, split in (("validation", data.validation), ("train", data.train))
        if split is not None
    }
    if not counts:
        learned = len(data.train) + len(data.validation or ())
        raise InputError(
            f"{FLAG} {excluded.source}: leaves out none of the {learned:,} training and validation images of "
            f"{data.name}; it is a list of another data set, of images of another size, or of images that are gone "
            "already"
        )
    for name, split in left.items():
        if not len(split):
            raise InputError(
                f"{FLAG} {excluded.source}: leaves out all {len(data.splits[name]):,} {name} images of {data.name}"
            )
    before = sum(len(data.splits[name]) for name in left)
    if counts.total() > MOST * before:
        print(
            f"{FLAG} {excluded.source} leaves out {counts.total():,} of {before:,} training and validation images: is "
            "that what the audit meant?",
            file=sys.stderr,
        )
    notes = {**data.notes, NOTE: {"images": counts.total(), **dict(sorted(counts.items()))}}
    return replace(data, **left, notes=notes)


def describe_exclusion(notes: Mapping[str, Any]) -> str:
    """Return a line on what was left out, from a data set's notes; "" where nothing was.

    >>> describe_exclusion({"excluded": {"images": 12, "near-duplicate": 10, "same pixels": 2}})
    '12 training or validation images are left out: 10 near-duplicate, 2 same pixels'
    """
    if not (excluded := dict(notes.get(NOTE, {}))):
        return ""
    total = excluded.pop("images")
    whys = ", ".join(f"{count:,} {why}" for why, count in excluded.items())
    return f"{total:,} training or validation images are left out: {whys}"


def _without(split: Split, names: Sequence[str], excluded: Excluded, counts: Counter[str], seen: set[str]) -> Split:
    """Return what stays of a split; counts what goes by why, and remembers in `seen` of which pixels a copy stayed."""
    stays = np.ones(len(split), bool)
    for place, (checksum, label) in enumerate(zip(split.image_checksums(), split.labels, strict=True)):
        row = excluded.row(checksum.hex(), names[label])
        if row is None:
            continue
        if row.kept and row.sha256 not in seen:
            seen.add(row.sha256)
        else:
            stays[place] = False
            counts[row.why] += 1
    return Split(split.images[stays], split.labels[stays])
