"""Pictures in class folders: CINIC-10, and any set of one's own."""

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.core.files import write_atomically
from kerascifar.core.reading import read_arrays
from kerascifar.data.sources.images import SUFFIXES, is_image, read_image
from kerascifar.data.sources.places import looked_in, places
from kerascifar.data.split import split

SIDE = 32
TEST_SHARE = 0.2  # of one flat set of class folders
_CINIC10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CINIC10_FOLDERS = ("cinic10", "CINIC-10", "cinic-10", "cinic10-sample")
_VALIDATION_FOLDERS = ("valid", "validation", "val")


def read_cinic10(config: RunConfig, _: str = "") -> Dataset:
    """Read CINIC-10 from ``--data-dir`` or ``$KERASCIFAR_DATA``: that folder, or ``cinic10`` or ``CINIC-10`` in it.

    It is read as ``read_folder`` says, but pictures must be 32x32.

    Source: L. Darlow et al., CINIC-10 is not ImageNet or CIFAR-10, 2018; https://datashare.ed.ac.uk/handle/10283/3192

    Raises:
        InputError: it is nowhere, or see ``read_folder``.
    """
    folders = places(config)
    for folder in folders:
        for root in (*(folder / name for name in _CINIC10_FOLDERS), folder):
            if any((root / name).is_dir() for name in ("train", *_CINIC10_CLASSES)):
                return _read(root, config, None)
    raise InputError(
        f"cinic10 not found; looked in {looked_in(config, folders)} for cinic10/train/CLASS/*.png; unpack "
        "CINIC-10.tar.gz from https://datashare.ed.ac.uk/handle/10283/3192 into cinic10 there, or use "
        "--dataset digits, which needs no files"
    )


def read_folder(config: RunConfig, _: str = "") -> Dataset:
    """Read any set of class folders under ``--data-dir``; pictures are resized to ``--image-size``, 32 if not given.

    ``train/CLASS/`` and ``test/CLASS/`` are taken as they are; a folder ``valid`` (or ``validation`` or ``val``) beside
    them becomes the validation part, whatever the share, unless ``--validation 0``. One flat set ``CLASS/`` is split by
    the seed, 80 % for training, 20 % for the test, the same share of each class. Classes are numbered in alphabetical
    order. Files whose name starts with a dot or does not end as pictures do are passed over; so are folders in class
    folders. Images are in a fixed random order, so that the first N are a mix. Decoded arrays are kept in
    ``$XDG_CACHE_HOME/kerascifar`` and used again while names, sizes and times of the files stay the same.

    Raises:
        InputError: no class folders, an empty one, parts with different classes, or a file that is no picture.
    """
    (root,) = places(config)
    if not root.is_dir():
        raise InputError(f"--data-dir: not a folder: {root}")
    return _read(root, config, config.image_size or SIDE)


def _read(root: Path, config: RunConfig, side: int | None) -> Dataset:
    if not ((root / "train").is_dir() and (root / "test").is_dir()):
        pictures = _list(root)
        kept, test = split(_load(pictures, side, "all"), TEST_SHARE, config.seed)
        return Dataset(config.dataset, pictures.classes, kept, None, test, {"split": "ours", "split_seed": config.seed})
    parts = {"train": _list(root / "train"), "test": _list(root / "test")}
    held_out = next((root / name for name in _VALIDATION_FOLDERS if (root / name).is_dir()), None)
    if held_out is not None and config.validation > 0:
        parts["validation"] = _list(held_out)
    classes = parts["train"].classes
    for pictures in parts.values():
        if differing := sorted({*classes} ^ {*pictures.classes}):
            raise InputError(f"{pictures.root}: its classes are not those of train; differing: {', '.join(differing)}")
    loaded = {name: _load(pictures, side, name) for name, pictures in parts.items()}
    notes = {"split": "official"} | ({"validation": "official"} if "validation" in loaded else {})
    return Dataset(config.dataset, classes, loaded["train"], loaded.get("validation"), loaded["test"], notes)


@dataclass(frozen=True)
class _Pictures:
    """Class names and (file, label) pairs of one folder of class folders."""

    root: Path
    classes: tuple[str, ...]
    files: list[tuple[os.DirEntry, int]]

    @property
    def key(self) -> str:
        """SHA-256 of what tells that the pictures changed: names, sizes, times, and the files themselves.

        Pictures that took the place of others may have their sizes and times; the time of the exchange shows.
        """
        digest = hashlib.sha256()
        for entry, label in self.files:
            stat = entry.stat()
            digest.update(
                f"{label}\0{os.path.realpath(entry.path)}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\0"
                f"{stat.st_ino}\n".encode("utf-8", "replace")
            )
        return digest.hexdigest()


def _list(root: Path) -> _Pictures:
    try:
        classes = sorted(entry.name for entry in _visible(root) if entry.is_dir())
        if len(classes) < 2:
            raise InputError(f"{root}: expected a folder of pictures for each of two classes or more, found {classes}")
        files = []
        for label, name in enumerate(classes):
            pictures = [entry for entry in _visible(root / name) if is_image(Path(entry.path)) and entry.is_file()]
            if not pictures:
                raise InputError(f"empty class folder {root / name}: expected pictures ({', '.join(SUFFIXES)})")
            files += [(entry, label) for entry in pictures]
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
    order = np.random.default_rng(0).permutation(len(files))
    return _Pictures(root, tuple(classes), [files[i] for i in order])


def _visible(folder: Path) -> Iterator[os.DirEntry]:
    with os.scandir(folder) as entries:
        yield from sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _load(pictures: _Pictures, side: int | None, what: str) -> Split:
    """Return the decoded pictures, from the cache if they lie there; `side` None asks for 32x32 as stored."""
    cached = _cache_folder() / f"{pictures.key}-{side or 'stored'}.npz"
    part = _from_cache(cached)
    if part is not None and len(part) == len(pictures.files):
        return part
    part = _decode(pictures, side, what)
    try:
        write_atomically(cached, lambda path: np.savez(path, images=part.images, labels=part.labels))
    except OSError as error:  # a cache saves time, nothing depends on it
        print(f"not cached in {cached.parent}: {error.strerror}", file=sys.stderr)
    return part


def _decode(pictures: _Pictures, side: int | None, what: str) -> Split:
    from tqdm import tqdm

    images = np.empty((len(pictures.files), side or SIDE, side or SIDE, 3), np.uint8)
    labels = np.array([label for _, label in pictures.files], np.int64)
    for i, (entry, _) in enumerate(tqdm(pictures.files, desc=f"{pictures.root.name} ({what})", unit=" images")):
        image = read_image(Path(entry.path), side)
        if image.shape != images.shape[1:]:
            raise InputError(f"{entry.path}: expected {SIDE}x{SIDE} pixels, got {image.shape[1]}x{image.shape[0]}")
        images[i] = image
    return Split(images, labels)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerascifar"


def _from_cache(cached: Path) -> Split | None:
    try:
        arrays = read_arrays(cached)
        return Split(arrays["images"], arrays["labels"])
    except (OSError, InputError, KeyError):
        return None
