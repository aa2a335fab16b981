"""The table of data sets, and ``load``: read, limit, hold a validation split out."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from kerascifar.config import RunConfig
from kerascifar.core import plugged
from kerascifar.core.contracts import Dataset, Split, Whole, check_class_count
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.core.shown import few, printable
from kerascifar.data.exclusion import leave_out
from kerascifar.data.sources import arrays, cifar, digits, folders, synthetic, tfds
from kerascifar.data.sources.places import keras_datasets, places, tfds_folder
from kerascifar.data.split import check_images, check_labels, check_names, split

Read = TypeVar("Read", Dataset, Whole)
_CIFAR = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"


def _no_argument(argument: str) -> None:
    if argument:
        raise InputError(f"--dataset: nothing may follow the name, got {argument!r}")


@dataclass(frozen=True)
class Source:
    """One row of the table of data sets.

    Attributes:
        read: ``read(config, argument) -> Dataset`` with no validation split, or with the set's own.
        help: what it is, in a line.
        source: paper or place.
        check: checks the argument of a name such as ``synthetic:500``, before anything is read.
        resizes: whether ``--image-size`` means something.
        needs_folder: whether ``--data-dir`` must be given.
        fixed: the name alone says which images they are: their checksum is official, or code draws them.
        whole: ``whole(config, argument) -> Whole``, where `read` holds images out; else `read` gives them all.
        training_images: how many there are before validation images are held out; None where that is not the same
            everywhere.
    """

    read: Callable[[RunConfig, str], Dataset]
    help: str
    source: str
    check: Callable[[str], None] = _no_argument
    resizes: bool = False
    needs_folder: bool = False
    fixed: bool = True
    whole: Callable[[RunConfig, str], Whole] | None = None
    training_images: int | None = None


DATASETS = {
    "cifar10": Source(cifar.read, "60,000 photographs, 32x32, 10 classes", _CIFAR, training_images=50_000),
    "cifar100": Source(cifar.read, "60,000 photographs, 32x32, 100 classes", _CIFAR, training_images=50_000),
    "cifar100_coarse": Source(cifar.read, "CIFAR-100 by its 20 superclasses", _CIFAR, training_images=50_000),
    "cinic10": Source(
        folders.read_cinic10,
        "270,000 photographs, 32x32, 10 classes",
        "Darlow et al. 2018, arXiv:1810.03505",
        fixed=False,
        whole=folders.read_whole,
    ),
    "folder": Source(
        folders.read_folder,
        "pictures in class folders under --data-dir",
        "the user's own",
        resizes=True,
        needs_folder=True,
        fixed=False,
        whole=folders.read_whole,
    ),
    "tfds": Source(
        tfds.read,
        "tfds:NAME, any image classification set of TensorFlow Datasets",
        "https://www.tensorflow.org/datasets/catalog",
        tfds.check,
        resizes=True,
        fixed=False,
    ),
    "arrays": Source(
        arrays.read, "images of one's own in Python: kerascifar.fit(data=…)", "the user's own", arrays.check
    ),
    "digits": Source(
        digits.read, "1,797 handwritten digits, enlarged to 32x32; needs no files", "Alpaydin and Kaynak 1998, UCI"
    ),
    "synthetic": Source(
        synthetic.read, "gratings drawn by NumPy, 32x32, 10 classes; synthetic:N draws N", "ours", synthetic.check
    ),
}


# Test images that the published training images hold too, pixel for pixel: counted by SHA-256 (Dataset.overlap).
# CIFAR-10's official split has none.
PUBLISHED_OVERLAP = {"cifar100": 10, "cifar100_coarse": 10, "tfds:cifar100": 10}


def check_name(config: RunConfig) -> None:
    """Check what can be told about the data flags without reading anything.

    Raises:
        InputError: unknown data set, malformed ``synthetic:N`` or ``tfds:NAME``, ``--image-size`` for a set whose
            images have one size.
    """
    _row(config)


def check_place(config: RunConfig) -> None:
    """Refuse ``folder`` without ``--data-dir``: needed to read images, not to use a net that learned from them."""
    if _row(config)[0].needs_folder and config.data_dir is None:
        raise InputError(
            f"--dataset {config.dataset}: --data-dir DIR is needed, with DIR/CLASS/*.png or DIR/train/CLASS/*.png"
        )


def contents_are_fixed(config: RunConfig, notes: Mapping[str, Any]) -> bool:
    """Tell whether images of this name are the same everywhere, for a config now and a result with these `notes`."""
    return _row(config)[0].fixed and not config.unverified and config.exclude is None and notes.get("verified", True)


def describe_classes(classes: Sequence[str]) -> str:
    """Return the first names in a line, and how class folders called by numbers are numbered, where that surprises.

    >>> describe_classes(["0", "1", "10", "2"])
    '4 classes: 0, 1, 10, 2; label ids follow the alphabet: "2" has 3'
    """
    line = f"{len(classes)} classes: {few(classes, 5)}"
    if all(name.isdecimal() for name in classes):
        for label, (before, name) in enumerate(pairwise(classes), 1):
            if int(name) < int(before):
                return f'{line}; label ids follow the alphabet: "{name}" has {label}'
    return line


def load(config: RunConfig) -> Dataset:
    """Read ``config.dataset``, leave out what ``exclude`` names, keep the first images, hold a validation split out.

    The first are ``train_limit`` and ``test_limit`` of those that are left, as if the data set had never held more.

    The validation split is a stratified share of the training images that are left, chosen by ``config.seed``, both in
    their original order; a set's own validation split is taken as it is; ``validation=0`` gives None. Nothing but the
    test split holds test images.

    Returns:
        A data set of uint8 images (N, H, W, 3) and int64 labels from 0.

    Raises:
        InputError: see ``check_name`` and ``check_place``; or the set cannot be found, read or split.

    >>> from kerascifar.configure import configure
    >>> {name: len(split) for name, split in load(configure(dataset="synthetic:50")).splits.items()}
    {'train': 45, 'validation': 5, 'test': 12}
    """
    check_place(config)
    row, argument = _row(config)
    dataset = _checked(row.read(config, argument), config.dataset)
    if config.exclude is not None:
        dataset = leave_out(dataset, config.exclude)
    dataset = replace(
        dataset, train=_first(dataset.train, config.train_limit), test=_first(dataset.test, config.test_limit)
    )
    if dataset.validation is not None or config.validation == 0:
        return dataset
    train, validation = split(dataset.train, config.validation, config.seed)
    return replace(dataset, train=train, validation=validation)


def at_hand(config: RunConfig) -> Iterator[Dataset]:
    """Yield the data set as `load` reads it from each place where it lies already: nothing is downloaded.

    Nothing is yielded for TFDS, which might download. Raises InputError: a folder that was named is not there.

    >>> from kerascifar.configure import configure
    >>> [len(dataset.train) for dataset in at_hand(configure(dataset="synthetic:50"))]
    [45]
    """
    source = config.dataset.partition(":")[0]
    # `load` downloads only where no folder is named, so each place is named.
    near = [str(path) for path in places(config, keras_datasets(), tfds_folder()) if path.is_dir()]
    if plugged.owners("dataset", config.dataset):  # the plugin knows where its images lie
        near = [config.data_dir]
    ways = {"tfds": [], "digits": [None], "synthetic": [None], "folder": [config.data_dir]}
    for folder in ways.get(source, near):
        with contextlib.suppress(InputError):
            yield load(replace(config, data_dir=folder))


def load_whole(config: RunConfig) -> Whole:
    """Read ``config.dataset`` as its files give it: nothing is held out, no image is left out.

    Raises InputError: see ``load``.

    >>> from kerascifar.configure import configure
    >>> {name: len(split) for name, split in load_whole(configure(dataset="synthetic:50")).splits.items()}
    {'train': 50, 'test': 12}
    """
    check_place(config)
    row, argument = _row(config)
    if row.whole is not None:
        whole = row.whole(config, argument)
    else:
        dataset = row.read(config, argument)
        whole = Whole(dataset.classes, dataset.splits)
    return _checked(whole, config.dataset)


def _checked(read: Read, name: str) -> Read:
    """Return what the source of `name`, maybe a plugin, has read, with class names that every file can hold."""
    check_class_count(len(read.classes), name)
    named = replace(read, classes=tuple(map(printable, read.classes)))
    check_names(named.classes, name)
    for part, labelled in named.splits.items():
        check_images(labelled, f"{name} ({part})")
        check_labels(labelled, named.classes, f"{name} ({part})")
    return named


def _row(config: RunConfig) -> tuple[Source, str]:
    name, colon, argument = config.dataset.partition(":")
    row = lookup(DATASETS, name, "--dataset")
    if colon and not argument:
        raise InputError(f"--dataset: something must follow {config.dataset!r}, such as synthetic:500 or tfds:mnist")
    row.check(argument)
    if config.image_size is not None and not row.resizes:
        raise InputError(f"--image-size: the images of {name} have one size; only folder and tfds: are resized")
    return row, argument


def _first(whole: Split, limit: int | None) -> Split:
    """Return the first images, copied, so that the rest can be freed."""
    if limit is None or limit >= len(whole):
        return whole
    return Split(whole.images[:limit].copy(), whole.labels[:limit].copy())
