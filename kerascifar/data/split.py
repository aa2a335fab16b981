"""Hold part of a labelled set out, the same share of every class."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.core.shown import printable


def stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (kept, held out) into `labels`, both ascending.

    The images are put in random order, then by class, and every 1/share-th is held out: systematic sampling of sorted
    units (Cochran, Sampling Techniques, 1977, ch. 8), which takes of each class its share to within one image. Unlike
    scikit-learn's ``train_test_split`` it also serves when fewer images are held out than there are classes.
    A class with a single image is never held out.

    Args:
        labels: int (N,).
        share: share held out, above 0 and below 1.
        seed: decides which images.

    Raises:
        InputError: no class has two images, or a class would lose all its images.
    """
    counts = np.bincount(labels)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[counts[labels[order]] > 1]
    if not order.size:
        raise InputError(f"a share of {share} cannot be held out: no class has two images or more")
    by_class = order[np.argsort(labels[order], kind="stable")]
    number = max(1, round(share * len(by_class)))
    held_out = np.sort(by_class[((np.arange(number) + 0.5) * len(by_class) / number).astype(int)])
    left = counts - np.bincount(labels[held_out], minlength=len(counts))
    if (emptied := np.flatnonzero((left == 0) & (counts > 0))).size:
        label = emptied[0]
        raise InputError(
            f"a share of {share} cannot be held out: it would take all {counts[label]} images of class {label}"
        )
    return np.delete(np.arange(len(labels)), held_out), held_out


def split(whole: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Return what is kept of `whole` and what is held out, each in the order of `whole`.

    Raises InputError: see ``stratified``.
    """
    return tuple(Split(whole.images[chosen], whole.labels[chosen]) for chosen in stratified(whole.labels, share, seed))


def check_labels(labelled: Split, classes: Sequence[str], what: str) -> None:
    """Check that there are images and that every label names a class.

    Raises InputError: names the first wrong label and its index.
    """
    if not len(labelled):
        raise InputError(f"{what}: no images")
    wrong = np.flatnonzero((labelled.labels < 0) | (labelled.labels >= len(classes)))
    if wrong.size:
        raise InputError(
            f"{what}: the label of image {wrong[0]} is {labelled.labels[wrong[0]]}, expected 0 to {len(classes) - 1}"
        )


def check_images(labelled: Split, what: str) -> None:
    """Check that images are uint8 (N, side, side, 3) with a whole number as label each. Raises InputError: says so."""
    images, labels = np.asarray(labelled.images), np.asarray(labelled.labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise InputError(f"{what}: images must be uint8 (N, side, side, 3), got {images.dtype} {images.shape}")
    if not images.shape[1]:
        raise InputError(f"{what}: images must have a pixel or more, got {images.shape}")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise InputError(
            f"{what}: labels must be whole numbers of shape ({len(images)},), got {labels.dtype} {labels.shape}"
        )


def check_names(classes: Sequence[str], what: str) -> None:
    """Check that no two classes have one name, under which their numbers would be mixed up. Raises InputError."""
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise InputError(f"{what}: two classes or more are called {printable(twice[0])!r}")
