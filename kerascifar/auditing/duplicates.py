"""Near-duplicates of a data set: candidates by correlation, each aligned, and a verdict by what is left."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from kerascifar.auditing.alignment import (
    FITTED,
    HOPELESS,
    OVERLAP,
    ROUNDS,
    SIGMAS,
    STEPS,
    Aligned,
    align,
    channels_first,
    exchanged,
    first_places,
    moved_onto,
)
from kerascifar.auditing.candidates import COMPONENTS, KEPT, LEAST, LEAST_OF_FEW, Candidates, Searched
from kerascifar.auditing.findings import Pair
from kerascifar.auditing.kept import Arrays, kept
from kerascifar.auditing.poses import NARROW, SIDE, WIDE, Pose
from kerascifar.core.audit_lists import NEAR, SAME, SIMILAR, SPLITS
from kerascifar.core.contracts import Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores

# Residuals up to which a pair bears a verdict (tools/decisions/0027-audit.md).
SIMILAR_UP_TO, SIMILAR_OF_FEW = 0.5, 0.6
NEAR_OF_CIFAR, CIFAR_PAIRS, PER_DECADE = 0.28, 10_000 * 50_000, 0.04
# Pictures that lie on each other as they stand: unmirrored, and to within half a step of the poses in place and of one
# size; and the share of the comparisons that are of pictures as they stand.
STANDING_SHIFT, STANDING_SCALE = 3, 1.055
STANDING = sum(not p.mirror and p.scale == 1 and max(abs(p.x), abs(p.y)) < STANDING_SHIFT for p in WIDE) / len(WIDE)
# A test image that has several partners in training is known by the nearest; the others count as near-duplicates only
# where there is no doubt at all.
FURTHER_UP_TO = 0.12
# Up to so many pairs of images, as within 2,000, everything is looked at from all poses, and more of it is aligned.
FEW_PAIRS = 4_000_000
NEAR_AT_MOST, FEWEST_PAIRS = 0.5, 500 * 500  # from there down to this many the limit rises to that
LIKE = SPLITS[::-1]  # where two splits differ, the one that stands further left is a
_COLUMNS = {field.name: (None, 4) if field.name == "place" else (None,) for field in fields(Aligned)}  # and shapes
MOST_ZOOM = 3  # logarithm of the scale: no alignment gets there
BATCH = 250  # pairs that are aligned at a time
# Names what a search keeps, which another version's search does not go on from.
_DECIDES = (WIDE, NARROW, KEPT, LEAST, LEAST_OF_FEW, COMPONENTS, FEW_PAIRS, SIMILAR_UP_TO, SIMILAR_OF_FEW)
RECIPE = hashlib.sha256(repr((*_DECIDES, SIGMAS, FITTED, OVERLAP, STEPS, ROUNDS, HOPELESS)).encode()).hexdigest()[:8]
Progress = Callable[[str, int], Callable[[int], object]]  # from a title and a total to what counts them


def comparisons(whole: Whole) -> list[tuple[str, str, Sequence[Pose]]]:
    """Return which splits are searched in which, (a, b, poses): each pair of splits once, and each within itself."""
    names = [name for name in LIKE if name in whole.splits]
    return [
        (a, b, NARROW if a == b and len(whole.splits[a]) ** 2 > FEW_PAIRS else WIDE)
        for a, b in itertools.combinations_with_replacement(names, 2)
    ]


def find_pairs(whole: Whole, folder: Path, progress: Progress, threads: int | None = None) -> list[Pair]:
    """Return all pairs that are at least similar, the best first.

    What a comparison of two splits found is kept in `folder`, so that a search that was killed goes on.

    Args:
        whole: the data set; images of one side.
        folder: of this data set alone.
        progress: makes a counter for a stage.
        threads: None means one per core.
    """
    checksums = {name: [digest.hex() for digest in split.image_checksums()] for name, split in whole.splits.items()}
    pairs = []
    for a, b, poses in comparisons(whole):

        def found(a: str = a, b: str = b, poses: Sequence[Pose] = poses) -> Arrays:
            ends, aligned = compare(whole.splits[a], whole.splits[b], poses, a == b, f"{a} in {b}", progress, threads)
            return {"a": ends[0], "b": ends[1]} | {name: getattr(aligned, name) for name in _COLUMNS}

        arrays = kept(folder / f"pairs-{a}-{b}.npz", {"a": (None,), "b": (None,)} | _COLUMNS, found)
        ends = tuple(arrays[name].astype(np.int64) for name in "ab")
        if any(
            (end < 0).any() or (end >= len(whole.splits[name])).any() for end, name in zip(ends, (a, b), strict=True)
        ):
            raise InputError(f"{folder}: what is kept there names images that there are not; delete it")
        if np.abs(arrays["place"][:, 2:]).max(initial=0) > MOST_ZOOM:
            raise InputError(f"{folder}: what is kept there scales pictures as no search does; delete it")
        aligned = Aligned(**{name: arrays[name] for name in _COLUMNS})
        pairs += _pairs(whole, checksums, (a, b), *_with_copies(checksums[a], checksums[b], a == b, ends, aligned))
    return sorted(pairs, key=lambda pair: (pair.score, LIKE.index(pair.a_split), pair.a_index, pair.b_index))


def compare(
    first: Split,
    second: Split,
    poses: Sequence[Pose],
    same: bool,
    title: str,
    progress: Progress,
    threads: int | None = None,
    compared: int | None = None,
) -> tuple[tuple[np.ndarray, np.ndarray], Aligned]:
    """Return the indices of the pairs that are at least similar, a in `first` and b in `second`, and how they align.

    Args:
        first: images that are searched for, of one side with those of `second`.
        second: images among which they are searched, at least one.
        poses: under which an image of `first` is looked at.
        same: whether both are one split; then each pair is given once, a below b.
        title: of what is done, for the progress.
        progress: makes a counter for a stage.
        threads: None means one per core.
        compared: how many pairs of images the limits are for; as many as there are here if not given.
    """
    compared = compared or len(first) * len(second)
    advance = progress(f"searching {title}", len(first))
    least = LEAST_OF_FEW if compared <= FEW_PAIRS else LEAST
    found = Searched(second.images).candidates(first.images, poses, same, advance, threads, least)
    mirror, place = first_places(found, poses, first.images.shape[1])
    if same:
        found, mirror, place = _ascending(found, mirror, place, poses, first.images.shape[1])
    advance = progress(f"aligning {title}", len(found))

    def batch(rows: slice) -> Aligned:
        aligned = align(first.images[found.a[rows]], second.images[found.b[rows]], mirror[rows], place[rows])
        advance(len(aligned.residual))
        return aligned

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or cores()) as pool:
        batches = list(pool.map(batch, [slice(k, k + BATCH) for k in range(0, max(1, len(found)), BATCH)]))
    aligned = {field.name: np.concatenate([getattr(x, field.name) for x in batches]) for field in fields(Aligned)}
    alike = aligned["residual"] <= similar_up_to(compared)
    return (found.a[alike], found.b[alike]), Aligned(**{name: values[alike] for name, values in aligned.items()})


def near_up_to(pairs: float) -> float:
    """Return the residual up to which two images are near-duplicates, where `pairs` of images were compared.

    The more strangers are compared, the better the best of them fits, so the limit falls with the logarithm of their
    number; faster while there are few. Those that lie on each other as they stand were found by fewer comparisons: the
    share STANDING of them.

    >>> near_up_to(10_000 * 50_000), near_up_to(10_000 * 50_000 * STANDING), near_up_to(500 * 500), near_up_to(9)
    (0.28, 0.337, 0.5, 0.5)
    """
    of_many = NEAR_OF_CIFAR + PER_DECADE * math.log10(CIFAR_PAIRS / max(pairs, FEW_PAIRS))
    fewer = min(1.0, max(0.0, math.log(FEW_PAIRS / pairs) / math.log(FEW_PAIRS / FEWEST_PAIRS)))
    return round(of_many + fewer * (NEAR_AT_MOST - of_many), 3)


def similar_up_to(pairs: int) -> float:
    """Return the residual up to which a pair is listed at all, where `pairs` of images were compared.

    >>> similar_up_to(10_000 * 50_000), similar_up_to(500 * 500)
    (0.5, 0.6)
    """
    return SIMILAR_OF_FEW if pairs <= FEW_PAIRS else SIMILAR_UP_TO


def near_limits(aligned: Aligned, compared: int, side: int) -> np.ndarray:
    """Return for each pair the residual up to which it is a near-duplicate, float64 (P,).

    Args:
        aligned: pairs of images of two splits.
        compared: how many pairs of images were compared.
        side: of the images, in pixels.
    """
    enlarged, (shift_y, shift_x) = aligned.enlarged, aligned.shifts
    moved = np.maximum(np.abs(shift_y), np.abs(shift_x)) * SIDE / side
    stands = ~aligned.mirror & (moved < STANDING_SHIFT) & (np.abs(np.log(enlarged)) < math.log(STANDING_SCALE))
    return np.where(stands, near_up_to(compared * STANDING), near_up_to(compared))


def are_near(a: np.ndarray, aligned: Aligned, compared: int, side: int) -> np.ndarray:
    """Return whether each pair of images of two splits is a near-duplicate, bool (P,).

    Args:
        a: int64 (P,), the image of each pair that was searched for; its nearest partner is judged by `near_limits`, the
            others by FURTHER_UP_TO.
        aligned: the pairs.
        compared: how many pairs of images were compared.
        side: of the images, in pixels.
    """
    nearest = np.full(a.max(initial=-1) + 1, np.inf)
    np.minimum.at(nearest, a, aligned.residual)
    limits = near_limits(aligned, compared, side)
    return aligned.residual <= np.where(aligned.residual == nearest[a], limits, FURTHER_UP_TO)


def aligner(whole: Whole) -> Callable[[Pair], np.ndarray]:
    """Return the function that gives a pair's b as it lies under a, uint8 (S, S, C), with a's contrast."""

    def aligned(pair: Pair) -> np.ndarray:
        image = whole.splits[pair.b_split].images[[pair.b_index]]
        sign, scale = (1 if pair.mirror else -1), 1 / pair.scale
        place = np.array([[-pair.shift_y * scale, sign * pair.shift_x * scale, np.log(scale), np.log(scale)]])
        moved, inside = moved_onto(channels_first(image), place.astype(np.float32))
        shown = np.where(inside, pair.gain * moved + pair.offset, 0)[0].transpose(1, 2, 0)
        return np.clip(np.round(shown[:, ::-1] if pair.mirror else shown), 0, 255).astype(np.uint8)

    return aligned


def _ascending(
    found: Candidates, mirror: np.ndarray, place: np.ndarray, poses: Sequence[Pose], side: int
) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """Return the pairs so that a < b, as they must be for one of each group of copies to stay when b is left out."""
    swapped, other_mirror, other_place = exchanged(found, poses, side)
    down = found.a > found.b
    columns = {
        field.name: np.where(down, getattr(swapped, field.name), getattr(found, field.name))
        for field in fields(Candidates)
    }
    return (
        Candidates(**columns),
        np.where(down, other_mirror, mirror),
        np.where(down[:, None], other_place, place),
    )


def _with_copies(
    first: list[str],
    second: list[str],
    same: bool,
    indices: tuple[np.ndarray, np.ndarray],
    aligned: Aligned,
) -> tuple[tuple[np.ndarray, np.ndarray], Aligned]:
    """Return the pairs, and those of the same pixels that are not among them: blank images correlate with nothing.

    Of those that are added each stands with the first copy alone.
    """
    place: dict[str, int] = {}
    for index, checksum in enumerate(second):
        place.setdefault(checksum, index)
    known = set(zip(*(index.tolist() for index in indices), strict=True))
    copies = [(place[checksum], index) if same else (index, place[checksum])
              for index, checksum in enumerate(first) if checksum in place]  # fmt: skip
    more = [pair for pair in copies if pair not in known and not (same and pair[0] == pair[1])]
    count = len(more)
    added = Aligned(
        np.zeros(count, bool), np.zeros((count, 4), np.float32), *np.float32([[0] * count, [1] * count, [0] * count])
    )
    columns = {
        field.name: np.concatenate([getattr(aligned, field.name), getattr(added, field.name)])
        for field in fields(Aligned)
    }
    ends = np.array(more, np.int64).reshape(-1, 2)
    return (np.append(indices[0], ends[:, 0]), np.append(indices[1], ends[:, 1])), Aligned(**columns)


def _pairs(
    whole: Whole,
    checksums: dict[str, list[str]],
    names: tuple[str, str],
    indices: tuple[np.ndarray, np.ndarray],
    aligned: Aligned,
) -> Iterator[Pair]:
    """Yield the findings of one comparison."""
    (a_split, b_split), no_files = names, [""] * max(map(len, whole.splits.values()))
    labels = [whole.splits[name].labels for name in names]
    compared, side = len(labels[0]) * len(labels[1]), whole.splits[a_split].images.shape[1]
    if a_split == b_split:
        near = aligned.residual <= near_up_to(compared)
    else:
        near = are_near(indices[0], aligned, compared, side)
    shift_y, shift_x = aligned.shifts
    files = [whole.files.get(name, no_files) for name in names]
    for row, (a, b) in enumerate(zip(*(index.tolist() for index in indices), strict=True)):
        shas = (checksums[a_split][a], checksums[b_split][b])
        same = shas[0] == shas[1]
        yield Pair(
            a_split, a, b_split, b,
            score=0.0 if same else float(aligned.residual[row]),
            verdict=SAME if same else NEAR if near[row] else SIMILAR,
            shift_x=float(shift_x[row]),
            shift_y=float(shift_y[row]),
            scale=float(aligned.enlarged[row]),
            mirror=bool(aligned.mirror[row]),
            gain=float(aligned.gain[row]),
            offset=float(aligned.offset[row]),
            a_label=whole.classes[labels[0][a]],
            b_label=whole.classes[labels[1][b]],
            a_sha256=shas[0],
            b_sha256=shas[1],
            a_file=files[0][a],
            b_file=files[1][b],
        )  # fmt: skip
