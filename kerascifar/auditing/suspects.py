"""Suspect labels: what held-out probabilities, near-duplicates and neighbours say against the label of an image."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerascifar.auditing.confidence import confident_joint, margins, noise
from kerascifar.auditing.findings import Pair, Suspect
from kerascifar.auditing.held_out import Probabilities
from kerascifar.baselines.neighbors import KNeighbors
from kerascifar.core.audit_lists import SIMILAR
from kerascifar.core.contracts import Split, Whole

SURE = -0.35  # margin: the other class is more probable by a third or more
COPY = 0.5  # weight of the labels of an image's near-duplicates beside what the nets say
NEIGHBOURS = 3
Place = tuple[str, int]  # split and index


@dataclass(frozen=True)
class LabelFindings:
    """What was found about labels.

    Attributes:
        suspects: images whose strongest class is not the given one, the most suspect first.
        joint: by split, the confident joint, int64 (K, K): images labelled i that confidently belong to class j.
        estimated: by split, how many labels are wrong by the confident joint.
        scored: by split, how many images have probabilities.
    """

    suspects: list[Suspect]
    joint: dict[str, np.ndarray]
    estimated: dict[str, float]
    scored: dict[str, int]


def find_suspects(whole: Whole, probabilities: Probabilities, pairs: Sequence[Pair]) -> LabelFindings:
    """Return the images that may be labelled wrong.

    An image is suspect if another class is more probable by SURE. The labels of its near-duplicates count beside the
    nets, since nets may have learned one of them. How many labels are wrong is estimated by the confident joint.

    Args:
        whole: the data set.
        probabilities: of nets that did not learn from the image; rows of NaN for images that none has scored.
        pairs: its near-duplicates.
    """
    copies = _copies(whole, pairs)
    found, joints, estimated, counts = [], {}, {}, {}
    for name, split in whole.splits.items():
        scored = np.flatnonzero(np.isfinite(probabilities[name]).all(1))
        if not len(scored):
            continue
        counts[name] = len(scored)
        labels, values = split.labels[scored], probabilities[name][scored].astype(np.float64)
        joints[name] = confident_joint(labels, values)
        estimates = noise(labels, joints[name])
        estimated[name] = float(estimates.sum() - np.trace(estimates))
        for row, index in enumerate(scored.tolist()):
            if (votes := copies.get((name, index))) is not None:
                values[row] = (1 - COPY) * values[row] + COPY * votes / votes.sum()
        margin, strongest = margins(labels, values)
        digests = Split(split.images[scored[margin < 0]], labels[margin < 0]).image_checksums()
        for row, digest in zip(np.flatnonzero(margin < 0).tolist(), digests, strict=True):
            index = int(scored[row])
            votes = copies.get((name, index))
            found.append(
                Suspect(
                    name,
                    index,
                    digest.hex(),
                    given=whole.classes[labels[row]],
                    proposed=whole.classes[strongest[row]],
                    margin=float(margin[row]),
                    suspect=bool(margin[row] <= SURE),
                    given_probability=float(probabilities[name][index, labels[row]]),
                    proposed_probability=float(probabilities[name][index, strongest[row]]),
                    neighbours=(),
                    contradiction=votes is not None and votes[labels[row]] < votes.sum(),
                    file=whole.files[name][index] if name in whole.files else "",
                )
            )
    found.sort(key=lambda suspect: (suspect.margin, suspect.split, suspect.index))
    return LabelFindings(_with_neighbours(whole, found, pairs), joints, estimated, counts)


def _with_neighbours(whole: Whole, suspects: Sequence[Suspect], pairs: Sequence[Pair]) -> list[Suspect]:
    """Return the suspects with their nearest images: those that an alignment met, then those nearest by their pixels.

    The pixels' are training images, exact, by Euclidean distance.
    """
    train, alike = whole.splits["train"], _alike(pairs)
    count = min(NEIGHBOURS + 1, len(train))  # a training image is its own nearest
    search = KNeighbors(count).fit(train.images, train.labels)
    places: dict[Place, list[Place]] = {}
    for name, split in whole.splits.items():
        rows = [one.index for one in suspects if one.split == name]
        if rows:
            nearest = search.kneighbors(split.images[rows])[1].tolist()
            places |= {
                (name, row): [("train", index) for index in near] for row, near in zip(rows, nearest, strict=True)
            }
    found = []
    for one in suspects:
        own = (one.split, one.index)
        near = [place for _, *place in alike.get(own, ())]
        near = list(dict.fromkeys(place for place in [*map(tuple, near), *places[own]] if place != own))[:NEIGHBOURS]
        found.append(replace(one, neighbours=tuple((*place, _label(whole, *place)) for place in near)))
    return found


def _alike(pairs: Sequence[Pair]) -> Mapping[Place, list[tuple[float, str, int]]]:
    """Return the most alike images of each image that has any, (score, split, index), the nearest first."""
    near: dict[Place, list[tuple[float, str, int]]] = defaultdict(list)
    for pair in pairs:
        near[pair.a_split, pair.a_index].append((pair.score, pair.b_split, pair.b_index))
        near[pair.b_split, pair.b_index].append((pair.score, pair.a_split, pair.a_index))
    return {place: sorted(found)[:NEIGHBOURS] for place, found in near.items()}


def _copies(whole: Whole, pairs: Sequence[Pair]) -> Mapping[Place, np.ndarray]:
    """Return for each image with copies, same or near, how many of them bear each label: float64 (K,)."""
    votes: dict[Place, Any] = defaultdict(lambda: np.zeros(len(whole.classes)))
    for pair in pairs:
        if pair.verdict != SIMILAR:
            votes[pair.a_split, pair.a_index][whole.splits[pair.b_split].labels[pair.b_index]] += 1
            votes[pair.b_split, pair.b_index][whole.splits[pair.a_split].labels[pair.a_index]] += 1
    return votes


def _label(whole: Whole, split: str, index: int) -> str:
    return whole.classes[whole.splits[split].labels[index]]
