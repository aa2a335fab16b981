"""Pictures in class folders: CINIC-10, and any set of one's own."""

import hashlib
import os
import re
import sys
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split, Whole
from kerascifar.core.errors import InputError
from kerascifar.core.files import write_atomically
from kerascifar.core.progress import counted
from kerascifar.core.reading import read_arrays
from kerascifar.core.shown import few, file_name, printable
from kerascifar.data.sources.images import FORMATS, Reader, is_image, visible_files
from kerascifar.data.sources.places import looked_in, places
from kerascifar.data.split import split

SIDE = 32
TEST_SHARE = 0.2  # of one flat set of class folders
_CINIC10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CINIC10_FOLDERS = ("cinic10", "CINIC-10", "cinic-10", "cinic10-sample")
# Folders of a set's own parts, upper or lower case; the first of several for one part is taken.
_PARTS = {"train": "train", "test": "test", "valid": "validation", "validation": "validation", "val": "validation"}
_LIKE_A_SPLIT = re.compile(
    r"(train(ing)?|test(ing)?|val(id(ation)?)?|dev|eval(uation)?|holdout)s?([-_ ]?(set|data|images|\d+))*"
)


def read_cinic10(config: RunConfig, _: str = "") -> Dataset:
    """Read CINIC-10 from ``--data-dir`` or ``$KERASCIFAR_DATA``: that folder, or ``cinic10`` or ``CINIC-10`` in it.

    It is read as ``read_folder`` says, but pictures must be 32x32.

    Source: L. Darlow et al., CINIC-10 is not ImageNet or CIFAR-10, 2018; https://datashare.ed.ac.uk/handle/10283/3192

    Raises:
        InputError: it is nowhere, or see ``read_folder``.
    """
    return _read(_cinic10_root(config), config, None)


def _cinic10_root(config: RunConfig) -> Path:
    folders = places(config)
    for folder in folders:
        for root in (*(folder / name for name in _CINIC10_FOLDERS), folder):
            if root.is_dir() and {"train", *_CINIC10_CLASSES} & {name.lower() for name in _folders(root)}:
                return root
    raise InputError(
        f"cinic10 not found; looked in {looked_in(config, folders)} for cinic10/train/CLASS/*.png; unpack "
        "CINIC-10.tar.gz from https://datashare.ed.ac.uk/handle/10283/3192 into cinic10 there, or use "
        "--dataset digits, which needs no files"
    )


def read_folder(config: RunConfig, _: str = "") -> Dataset:
    """Read any set of class folders under ``--data-dir``; pictures are resized to ``--image-size``, 32 if not given.

    ``train/CLASS/`` and ``test/CLASS/`` are taken as they are; a folder ``valid`` (or ``validation`` or ``val``) beside
    them becomes the validation part, whatever the share, unless ``--validation 0``; upper and lower case are the same.
    One flat set ``CLASS/`` is split by the seed, 80 % for training, 20 % for the test, the same share of each class.
    Classes are numbered in alphabetical order; names that differ only in Unicode's form, as those of macOS do, are one
    class. Files and folders whose names start with a dot are left out. Files that hold no picture, whatever their
    names, and all that lies in folders inside class folders is passed over, and counted on stderr. Images are in a
    fixed random order, so that the first N are a mix. Decoded arrays are kept in ``$XDG_CACHE_HOME/kerascifar`` and
    used again while names, sizes and times of the files stay the same.

    Raises:
        InputError: no class folders, an empty one, some that are called like splits, parts with different classes, or
            damaged pictures, of which it names the first ten.
    """
    return _read(_root(config), config, config.image_size or SIDE)


def _root(config: RunConfig) -> Path:
    (root,) = places(config)
    if not root.is_dir():
        raise InputError(f"--data-dir: not a folder: {root}")
    return root


def read_whole(config: RunConfig, _: str = "") -> Whole:
    """Read the pictures of ``read_folder`` or ``read_cinic10`` before any split of ours, with the names of their files.

    One flat set ``CLASS/`` is the part train alone.

    Raises InputError: see those.
    """
    cinic10 = config.dataset == "cinic10"
    root, side = (_cinic10_root(config), None) if cinic10 else (_root(config), config.image_size or SIDE)
    classes, parts, loaded, listed = _read_parts(root, config, side)
    files = {name: tuple(entry.path for entry, _ in pictures.files) for name, pictures in listed.items()}
    if "all" in parts:
        loaded, files = {"train": loaded["all"]}, {"train": files["all"]}
    return Whole(classes, loaded, files)


def _read(root: Path, config: RunConfig, side: int | None) -> Dataset:
    classes, parts, loaded, _ = _read_parts(root, config, side)
    if "all" in parts:
        kept, test = split(loaded["all"], TEST_SHARE, config.seed)
        return Dataset(config.dataset, classes, kept, None, test, {"split": "ours", "split_seed": config.seed})
    notes = {"split": "official"} | ({"validation": "official"} if "validation" in loaded else {})
    return Dataset(config.dataset, classes, loaded["train"], loaded.get("validation"), loaded["test"], notes)


def _read_parts(
    root: Path, config: RunConfig, side: int | None
) -> tuple[tuple[str, ...], dict[str, Path], dict[str, Split], dict[str, "_Pictures"]]:
    """Return class names, and by part its folder, its images and the list of its files; a flat set is the part all."""
    reader, parts = Reader(), _parts(root)
    if {"train", "test"} <= parts.keys():
        _note_beside(root, parts.values(), reader)
    else:
        _refuse_splits(root)
        parts = {"all": root}
    if config.validation == 0:
        parts.pop("validation", None)
    found = {name: _class_folders(folder, reader) for name, folder in parts.items()}
    first = next(iter(found.values()))
    for name, folders in found.items():
        if differing := sorted({*first} ^ {*folders}):
            raise InputError(
                f"{parts[name]}: its classes are not those of {next(iter(found))}; differing: {', '.join(differing)}"
            )
    listed = {name: _list(parts[name], [folders[key] for key in first], reader) for name, folders in found.items()}
    loaded = {name: _load(pictures, side, name, reader) for name, pictures in listed.items()}
    reader.tell()
    if reader.damaged:
        raise InputError(reader.damage())
    return tuple(printable(file_name(folders[0].name)) for folders in first.values()), parts, loaded, listed


def _parts(root: Path) -> dict[str, Path]:
    """Return the folders of `root` that are called train, test and valid, by part."""
    parts, folders = {}, sorted(_folders(root), reverse=True)  # lower case first
    for called, part in _PARTS.items():
        for name in folders:
            if name.lower() == called:
                parts.setdefault(part, root / name)
    return parts


def _refuse_splits(root: Path) -> None:
    """Refuse folders that would be taken for classes but are called like splits.

    One alone may be a class: a train among vehicles, valid beside invalid. It is none if it is called test, or holds
    nothing but folders.
    """
    alike = [name for name in _folders(root) if _LIKE_A_SPLIT.fullmatch(name.lower())]
    if alike and (
        len(alike) > 1
        or alike[0].lower().startswith("test")
        or all(entry.is_dir() for entry in _visible(root / alike[0]))
    ):
        raise InputError(
            f"{root}: {few(alike)} {'are' if len(alike) > 1 else 'is'} called like splits of a data set, not like "
            f"classes; expected train/CLASS/ and test/CLASS/ in it, or a folder of pictures for each class"
        )


def _note_beside(root: Path, parts: Collection[Path], reader: Reader) -> None:
    """Note what lies beside the folders of the parts."""
    for entry in _visible(root):
        path = Path(entry.path)
        if entry.is_dir() and path not in parts:
            for file in visible_files(path):
                reader.pass_over("files in folders beside train and test", file)
        elif is_image(path):
            reader.pass_over("pictures outside class folders", path)


@dataclass(frozen=True)
class _Pictures:
    """The (file, label) pairs of one folder of class folders."""

    root: Path
    files: list[tuple[os.DirEntry, int]]

    @property
    def key(self) -> str:
        """SHA-256 of what tells that the pictures changed: names, sizes, times, and the files themselves.

        Pictures that took the place of others may have their sizes and times; the time of the exchange shows.
        """
        digest = hashlib.sha256()
        for entry, label in self.files:
            stat = entry.stat()
            facts = (label, os.path.realpath(entry.path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
            digest.update(os.fsencode("\0".join(map(str, facts)) + "\n"))
        return digest.hexdigest()


def _class_folders(root: Path, reader: Reader) -> dict[str, list[os.DirEntry]]:
    """Return the class folders by class, in alphabetical order; two are of one class if Unicode has two forms of it."""
    classes: dict[str, list[os.DirEntry]] = {}
    loose = 0
    for entry in _visible(root):
        if entry.is_dir():
            classes.setdefault(unicodedata.normalize("NFC", printable(file_name(entry.name))), []).append(entry)
        elif is_image(Path(entry.path)):
            reader.pass_over("pictures outside class folders", entry.path)
            loose += 1
    if len(classes) < 2:
        raise InputError(
            f"{root}: expected a folder of pictures for each of two classes or more, found {[*classes]} and {loose} "
            f"pictures outside of them"
        )
    return classes


def _list(root: Path, classes: Sequence[Sequence[os.DirEntry]], reader: Reader) -> _Pictures:
    """List the pictures of the class folders of `classes`, whose place is the label."""
    files = []
    for label, folders in enumerate(classes):
        before = len(files)
        for folder in folders:
            for entry in _visible(folder.path):
                if entry.is_dir():
                    for file in visible_files(Path(entry.path)):
                        reader.pass_over("files in folders inside class folders", file)
                elif is_image(Path(entry.path)):
                    files.append((entry, label))
                else:
                    reader.pass_over("files that hold no picture", entry.path)
        if len(files) == before:
            raise InputError(
                f"empty class folder {printable(folders[0].path)}: expected pictures in it ({', '.join(FORMATS)}), not "
                f"in folders inside it, found {[printable(entry.name) for entry in _visible(folders[0].path)][:3]}"
            )
    order = np.random.default_rng(0).permutation(len(files))
    return _Pictures(root, [files[i] for i in order])


def _visible(folder: str | Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot read {printable(folder)}: {error.strerror}") from None


def _folders(root: Path) -> list[str]:
    return [entry.name for entry in _visible(root) if entry.is_dir()]


def _load(pictures: _Pictures, side: int | None, what: str, reader: Reader) -> Split:
    """Return the decoded pictures, from the cache if they lie there; `side` None asks for 32x32 as stored."""
    cached = _cache_folder() / f"{pictures.key}-{side or 'stored'}.npz"
    if (held := _from_cache(cached)) is not None and len(held[0]) == len(pictures.files):
        reader.dark += held[1]
        return held[0]
    damaged, dark = len(reader.damaged), len(reader.dark)
    part = _decode(pictures, side, what, reader)
    if len(reader.damaged) > damaged:
        return part
    arrays = {"images": part.images, "labels": part.labels, "dark": np.array(reader.dark[dark:], str)}
    try:
        write_atomically(cached, lambda path: np.savez(path, **arrays))
    except OSError as error:  # a cache saves time, nothing depends on it
        print(f"not cached in {cached.parent}: {error.strerror}", file=sys.stderr)
    return part


def _decode(pictures: _Pictures, side: int | None, what: str, reader: Reader) -> Split:
    """Return the pictures; those that the reader finds damaged are left black."""
    images = np.zeros((len(pictures.files), side or SIDE, side or SIDE, 3), np.uint8)
    labels = np.array([label for _, label in pictures.files], np.int64)
    title = f"{printable(pictures.root.name)} ({what})"
    for i, (entry, _) in enumerate(counted(pictures.files, len(pictures.files), title, "image")):
        image = reader.read(Path(entry.path), side)
        if image is None:
            continue
        if image.shape == images.shape[1:]:
            images[i] = image
        else:
            got = f"{image.shape[1]}x{image.shape[0]}"
            reader.damaged.append(f"{printable(entry.path)}: expected {SIDE}x{SIDE} pixels, got {got}")
    return Split(images, labels)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerascifar"


def _from_cache(cached: Path) -> tuple[Split, list[str]] | None:
    try:
        arrays = read_arrays(cached)
        return Split(arrays["images"], arrays["labels"]), arrays["dark"].tolist()
    except (OSError, InputError, KeyError):
        return None
