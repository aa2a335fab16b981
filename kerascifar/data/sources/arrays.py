"""Images that the user holds in arrays, as a data set whose name follows from what they are."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split, check_class_count
from kerascifar.core.errors import InputError
from kerascifar.data.split import check_images, check_labels, check_names, split

NAMES = ("train", "validation", "test")
_TEST_SHARE = 0.2  # of images that come without a test split
_HELD: dict[str, Dataset] = {}

Arrays = tuple[np.ndarray, np.ndarray]


def hold(data: Arrays | Mapping[str, Arrays], classes: Sequence[str] | None = None) -> str:
    """Keep images for this process, and return the ``--dataset`` that reads them: ``arrays:`` and their checksum.

    The images are copied, so that the name stays true when the caller's arrays change afterwards.

    Args:
        data: (images, labels), of which a stratified fifth becomes the test split; or such pairs by split, "train" and
            "test" and, if you like, "validation". Images are uint8 (N, side, side, 3), labels integers (N,) from 0.
        classes: names by label; without them "0", "1", and so on.

    Raises InputError: the arrays are of another kind, do not match, or a split is missing.
    """
    pairs = data if isinstance(data, Mapping) else {"train": data}
    if "train" not in pairs or not set(pairs) <= set(NAMES):
        raise InputError(
            f"data: expected (images, labels) by split, among {', '.join(NAMES)}, got {', '.join(map(str, pairs))}"
        )
    splits = {name: _checked(name, pair) for name, pair in pairs.items()}
    if len({one.images.shape[1:] for one in splits.values()}) > 1:
        raise InputError("data: the splits hold images of different shapes")
    count = 1 + max(int(one.labels.max()) for one in splits.values())
    if max(count, len(classes or ())) < 2:
        raise InputError("data: all labels are 0; at least two classes are needed")
    check_class_count(count, "data")
    names = tuple(map(str, range(count) if classes is None else classes))
    check_names(names, "classes")
    for name, labelled in splits.items():
        check_labels(labelled, names, f"data ({name})")
    notes = {"split": "given"}
    if "test" not in splits:
        splits["train"], splits["test"] = split(splits["train"], _TEST_SHARE, seed=0)
        notes = {"split": "ours", "split_seed": 0}
    digest = hashlib.sha256(repr((names, [(name, splits[name].checksum) for name in NAMES if name in splits])).encode())
    dataset = f"arrays:{digest.hexdigest()[:16]}"
    _HELD[dataset] = Dataset(dataset, names, splits["train"], splits.get("validation"), splits["test"], notes)
    return dataset


def read(config: RunConfig, argument: str) -> Dataset:
    """Return what `hold` keeps under the name.

    Raises InputError: this process holds no such arrays.
    """
    if config.dataset not in _HELD:
        raise InputError(
            f"--dataset {config.dataset}: the arrays are not in this process; give them to kerascifar.fit(data=…) again"
        )
    return _HELD[config.dataset]


def check(argument: str) -> None:
    """Check what follows the colon; raises InputError."""
    if not argument:
        raise InputError("--dataset arrays: is for kerascifar.fit(data=…) in Python, which names the arrays itself")


def _checked(name: str, pair: Arrays) -> Split:
    try:
        images, labels = map(np.array, pair)
    except (TypeError, ValueError):  # no pair, or rows of different lengths
        raise InputError(f"data: {name} must be a pair (images, labels) of arrays, got {type(pair).__name__}") from None
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets gives them
        labels = labels[:, 0]
    check_images(Split(images, labels), f"data ({name})")
    if not len(images):
        raise InputError(f"data: {name} holds no images")
    return Split(images, labels.astype(np.int64))
