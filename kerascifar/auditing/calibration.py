"""How far the verdicts can be trusted on this data set: copies that we make are to be found, strangers are not."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kerascifar.auditing.duplicates import Progress, are_near, compare
from kerascifar.auditing.findings import Pair
from kerascifar.auditing.poses import WIDE
from kerascifar.core.audit_lists import NEAR
from kerascifar.core.contracts import Split, Whole

COPIES = 200


@dataclass(frozen=True)
class Reliability:
    """What was measured.

    Attributes:
        copies: how many training images were copied, each shifted, scaled, mirrored or not, recoloured, recompressed.
        copies_listed: of these, how many were listed with the image that they were made of.
        copies_near: of these, how many bear the verdict *near-duplicate*.
        others_near: training images that bear it with one of the copies, though they are not its source nor listed with
            it: false positives, but for copies that the search within the training images does not meet.
        two_labels: pairs across splits of the audit whose labels differ, nearly all of them look-alikes.
        two_labels_near: of these, how many bear the verdict; some are copies with a wrong label.
        near: pairs across splits that bear it.
    """

    copies: int
    copies_listed: int
    copies_near: int
    others_near: int
    two_labels: int
    two_labels_near: int
    near: int

    def facts(self) -> list[tuple[str, str]]:
        """Return what the page and the command say of it, in three lines."""
        return [
            ("made copies found", f"{self.copies_near} of {self.copies} (listed {self.copies_listed})"),
            ("strangers taken for made copies", f"{self.others_near}"),
            ("near-duplicates across splits with differing labels", f"{self.two_labels_near} of {self.near}"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return it for audit.json."""
        return asdict(self)


def measure(whole: Whole, pairs: Sequence[Pair], seed: int, progress: Progress, threads: int | None) -> Reliability:
    """Make copies of training images, search for them as for test images, and count what was found of them.

    Args:
        whole: the data set.
        pairs: what its audit found.
        seed: decides which images are copied, and how.
        progress: makes a counter for a stage.
        threads: None means one per core.
    """
    rng = np.random.default_rng(seed)
    train = whole.splits["train"]
    rows = np.sort(rng.choice(len(train), min(COPIES, len(train)), replace=False))
    copies = Split(np.stack([altered(train.images[row], rng) for row in rows]), train.labels[rows])
    # By the rules of the comparison with the most images that such a copy would be met in.
    compared = len(train) * max([len(s) for name, s in whole.splits.items() if name != "train"], default=len(train))
    (a, b), aligned = compare(copies, train, WIDE, False, "made copies", progress, threads, compared)
    own = rows[a] == b
    near_here = are_near(a, aligned, compared, train.images.shape[1])
    within = {frozenset((p.a_index, p.b_index)) for p in pairs if p.a_split == p.b_split == "train"}
    ends = zip(rows[a].tolist(), b.tolist(), strict=True)
    known = np.array([frozenset(pair) in within for pair in ends], bool)
    across = [pair for pair in pairs if pair.a_split != pair.b_split]
    near = [pair for pair in across if pair.verdict == NEAR]
    return Reliability(
        len(rows),
        int(own.sum()),
        int((near_here & own).sum()),
        int((near_here & ~own & ~known).sum()),
        sum(pair.a_label != pair.b_label for pair in across),
        sum(pair.a_label != pair.b_label for pair in near),
        len(near),
    )


def altered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a copy, uint8 (S, S, C), moved by up to an eighth, scaled by up to a sixth, and recoloured, as JPEG."""
    from PIL import Image
    from skimage.transform import SimilarityTransform, warp

    side = image.shape[0]
    middle, scale = (side - 1) / 2, rng.uniform(6 / 7, 7 / 6)
    shift = rng.uniform(-side / 8, side / 8, 2)
    place = SimilarityTransform(scale=scale, translation=middle - scale * middle + shift)
    moved = warp(image[:, ::-1] if rng.random() < 0.5 else image, place, mode="edge", preserve_range=True)
    colours = rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, 3) * moved + rng.uniform(-25, 25)
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.round(colours), 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=80)
    with Image.open(stream) as picture:
        return np.asarray(picture.convert("RGB"))
