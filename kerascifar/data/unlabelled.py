"""Images to be labelled: picture files, folders of them, arrays, and CIFAR pickles without labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_array, read_arrays
from kerascifar.data.sources import cifar
from kerascifar.data.sources.images import is_image, read_image, resize

ARRAYS = (".npy", ".npz")


def read_unlabelled(paths: Sequence[str], side: int) -> tuple[list[str], np.ndarray]:
    """Read everything that `paths` name as one batch.

    Args:
        paths: picture files; folders, searched through and sorted; .npy or .npz arrays, uint8 (N, H, W, 3) or one
            (H, W, 3); pickles in CIFAR's layout, whose key ``data`` is uint8 (N, 3072), names in ``ids``.
        side: height and width the images are resized to.

    Returns:
        Names, and uint8 images (N, side, side, 3).

    Raises:
        InputError: a path does not exist, cannot be read, or holds no image.
    """
    names: list[str] = []
    images: list[np.ndarray] = []
    for path in map(Path, paths):
        for name, image in _read(path, side):
            names.append(name)
            images.append(image)
    return names, np.stack(images)


def _read(path: Path, side: int) -> Iterator[tuple[str, np.ndarray]]:
    if path.is_dir():
        pictures = sorted(child for child in path.rglob("*") if is_image(child))
        if not pictures:
            raise InputError(f"{path}: no image in this folder")
        for child in pictures:
            yield str(child), read_image(child, side)
    elif is_image(path) or not path.exists():
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        yield str(path), read_image(path, side)
    else:
        names, array = _array(path) if path.suffix in ARRAYS else cifar.unlabelled(path)
        for name, image in zip(names, array, strict=True):
            fits = image.shape[:2] == (side, side)
            yield f"{path}[{name}]", image if fits else resize(image, side)


def _array(path: Path) -> tuple[range, np.ndarray]:
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        if not arrays:
            raise InputError(f"{path} holds no array")
        images = arrays.get("images", next(iter(arrays.values())))
    else:
        images = read_array(path)
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape:
        raise InputError(f"{path}: expected uint8 (N, height, width, 3), got {images.dtype} {images.shape}")
    return range(len(images)), images
