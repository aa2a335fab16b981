"""CIFAR-10 and CIFAR-100 from python pickles or binary files, in a folder or in the official .tar.gz."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_bytes
from kerascifar.data.sources import tfds
from kerascifar.data.sources.archives import LARGEST, check_md5s, check_sum, md5_of, read_files
from kerascifar.data.sources.cifar_tables import LABELLINGS, ORIGIN, Labelling, Layout
from kerascifar.data.sources.pickles import read_pickle
from kerascifar.data.sources.places import fetch, keras_datasets, looked_in, places, tfds_folder, unreachable

SIDE = 32
_PIXELS = 3 * SIDE * SIDE  # a row: all red, all green, all blue pixels, each from top left along the lines


def read(config: RunConfig, _: str = "") -> Dataset:
    """Find, check and read ``cifar10``, ``cifar100`` or ``cifar100_coarse``; download it where it is nowhere.

    Raises:
        InputError: it is nowhere and cannot be downloaded, a file differs from the official one (unless
            ``config.unverified``), is truncated, or holds a label out of range.
    """
    labelling = LABELLINGS[config.dataset]
    folders = places(config, keras_datasets(), tfds_folder())
    for folder in folders:
        if layout := next(_layouts(folder, labelling), None):
            return read_layout(*layout, config)
        if prepared := tfds.prepared(folder, labelling.tfds[0]):
            return _read_tfds(prepared, config)
    return _download(config, folders)


def read_layout(place: Path, layout: Layout, config: RunConfig) -> Dataset:
    """Read the data set ``config.dataset`` from `place`, a folder or archive of `layout`.

    Raises InputError: see ``read``.
    """
    labelling = LABELLINGS[config.dataset]
    which = labelling.layouts.index(layout)
    names_file = labelling.names_file[which]
    if place.is_file() and not config.unverified:
        check_sum(place, "MD5", md5_of(place), layout.archive_md5)
    contents = read_files(place, layout.folder, (*layout.train, *layout.test, names_file))
    if place.is_dir() and layout.md5 and not config.unverified:
        contents = check_md5s(place, contents, layout.md5)
    classes, batches = (), {}
    for name, content in contents:
        source = f"{place / name}"
        if name == names_file:
            classes = _class_names(content, source, labelling, layout)
        else:
            batches[name] = _records(content, source, labelling, layout)
    dataset = Dataset(
        name=config.dataset,
        classes=classes,
        train=_joined([batches.pop(name) for name in layout.train]),
        validation=None,
        test=_joined([batches.pop(name) for name in layout.test]),
        notes={"layout": layout.archive if place.is_file() else layout.folder, "verified": not config.unverified},
    )
    if place.is_dir() and not layout.md5 and not config.unverified:
        _check_content(place, dataset)
    return dataset


def unlabelled(path: Path) -> tuple[list[str], np.ndarray]:
    """Return names and images, uint8 (N, 32, 32, 3), of a CIFAR pickle that may lack labels.

    Its ``data`` may be (N, 3072) rows of colour planes, as in the official files, or (N, 32, 32, 3). Where it has
    ``ids``, a different number or text for each image, as hidden test sets do, these are the names, else 0, 1, ...

    Raises:
        InputError: the file cannot be read, is no such pickle, or is refused (see ``pickles.read_pickle``).
    """
    content = read_pickle(read_bytes(path, LARGEST), str(path))
    images = content.get("data")
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == (SIDE, SIDE, 3)):
        images = _rows(images, str(path)).reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1).copy()
    return _names(content.get("ids"), len(images)), images


def _names(ids: Any, count: int) -> list[str]:
    """Return `ids` as text, or positions where they name no image each."""
    values = ids.tolist() if isinstance(ids, np.ndarray) else ids
    if isinstance(values, list) and all(isinstance(one, str | bytes) or _is_id(one) for one in values):
        names = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values]
        if len(set(names)) == len(names) == count:
            return names
    return [str(place) for place in range(count)]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < 2**63  # Python writes no number of thousands of digits


def _layouts(folder: Path, labelling: Labelling) -> Iterator[tuple[Path, Layout]]:
    """Yield the folders and archives that lie in `folder` or are it."""
    for layout in labelling.layouts:
        for place in (folder / layout.folder, folder / f"{layout.folder}-target" / layout.folder):  # Keras 3: -target
            if place.is_dir():
                yield place, layout
        for place in (folder / layout.archive, folder):
            if place.name == layout.archive and place.is_file():
                yield place, layout
        if any((folder / name).is_file() for name in layout.train):
            yield folder, layout


def _records(content: bytes, source: str, labelling: Labelling, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels, uint8 (N, 3072), and labels, int64 (N,), of one file."""
    if layout.label_bytes:
        width = layout.label_bytes + _PIXELS
        if not content or len(content) % width:
            raise InputError(
                f"{source}: {len(content)} bytes are no whole number of records of {width}; get the file again"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, width)
        rows, labels = records[:, layout.label_bytes :], records[:, labelling.label_byte].astype(np.int64)
    else:
        pickled = read_pickle(content, source)
        rows = _rows(pickled.get("data"), source)
        labels = _labels(pickled.get(labelling.label_key), len(rows), source, labelling.label_key)
    wrong = np.flatnonzero((labels < 0) | (labels >= labelling.classes))
    if wrong.size:
        raise InputError(
            f"{source}: the label of image {wrong[0]} is {labels[wrong[0]]}, expected 0 to {labelling.classes - 1}"
        )
    return rows, labels


def _rows(data: Any, source: str) -> np.ndarray:
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _PIXELS:
        received = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise InputError(f"{source}: 'data' should be uint8 (N, {_PIXELS}), got {received}")
    return data


def _labels(labels: Any, count: int, source: str, key: str) -> np.ndarray:
    wanted = f"{source}: {key!r} should be {count} whole numbers, one an image"
    try:
        array = np.asarray(labels)
    except ValueError:  # lists of different lengths
        raise InputError(wanted) from None
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise InputError(f"{wanted}, got {array.dtype} {array.shape}")
    return array.astype(np.int64)


def _class_names(content: bytes, source: str, labelling: Labelling, layout: Layout) -> tuple[str, ...]:
    if layout.label_bytes:
        names: Any = content.split()
    else:
        names = read_pickle(content, source).get(labelling.names_key)
    if not isinstance(names, list) or len(names) != labelling.classes:
        raise InputError(f"{source}: expected the names of {labelling.classes} classes")
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)


def _joined(batches: list[tuple[np.ndarray, np.ndarray]]) -> Split:
    """Turn rows of colour planes into one array of images, with one copy."""
    images = np.empty((sum(len(labels) for _, labels in batches), SIDE, SIDE, 3), np.uint8)
    at = 0
    for rows, labels in batches:
        images[at : at + len(labels)] = rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        at += len(labels)
    return Split(images, np.concatenate([labels for _, labels in batches]))


def _check_content(place: Path, dataset: Dataset) -> None:
    official = LABELLINGS[dataset.name].sha256
    for what, split, sum_ in (("training", dataset.train, official[0]), ("test", dataset.test, official[1])):
        check_sum(f"{place}: {what} images and labels", "SHA-256", split.checksum, sum_)


def _read_tfds(prepared: Path, config: RunConfig) -> Dataset:
    """Read a prepared TFDS directory; its images come in another order and are put back into the official one."""
    classes, train, test = tfds.read_by_id(prepared, LABELLINGS[config.dataset].tfds[1])
    dataset = Dataset(config.dataset, classes, train, None, test, {"layout": "tfds", "verified": not config.unverified})
    if not config.unverified:
        _check_content(prepared, dataset)
    return dataset


def _download(config: RunConfig, folders: list[Path]) -> Dataset:
    layout, binary = LABELLINGS[config.dataset].layouts
    url = ORIGIN + layout.archive
    missing = (
        f"{config.dataset} not found; looked in {looked_in(config, folders)} for {layout.folder}, {layout.archive}, "
        f"{binary.folder}, {binary.archive} and a prepared TFDS directory"
    )
    remedy = f"put {url} there, or use --dataset digits, which needs no files"
    if config.data_dir is not None:
        raise InputError(f"{missing}: {remedy}")
    reason = unreachable(url)
    if reason is not None:
        raise InputError(f"{missing}; no network to download it ({reason}): {remedy}")
    return read_layout(fetch(url, layout.archive_md5, keras_datasets()), layout, config)
