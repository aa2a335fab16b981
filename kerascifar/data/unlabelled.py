"""Images to be labelled: picture files, folders of them, arrays, and CIFAR pickles without labels."""

import mmap
import pickle
import pickletools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kerascifar.core import shipped
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_array, read_arrays
from kerascifar.core.shown import few, printable
from kerascifar.data.sources import cifar
from kerascifar.data.sources.images import FORMATS, Reader, check_regular, is_image, resize, visible_files

ARRAYS = (".npy", ".npz")


def read_unlabelled(paths: Sequence[str], side: int) -> tuple[list[str], np.ndarray, Reader]:
    """Read everything that `paths` name as one batch.

    Args:
        paths: picture files; folders, searched through and sorted, but for what is hidden in them; .npy or .npz
            arrays, uint8 (N, H, W, 3) or one (H, W, 3); pickles in CIFAR's layout, whose key ``data`` is uint8
            (N, 3072), names in ``ids``; or a picture that comes along, by its name, if there is no such file.
        side: height and width the images are resized to.

    Returns:
        Names, uint8 images (N, side, side, 3), and the reader, which knows the pictures that could not be read.

    Raises:
        InputError: a path does not exist, is no regular file or of no known kind; or not one image can be read.
    """
    reader = Reader()
    named = [pair for path in map(_found, paths) for pair in _read(path, side, reader)]
    if not named:
        raise InputError(reader.damage() or f"no image in {few(list(map(printable, paths)))}")
    return [name for name, _ in named], np.stack([image for _, image in named]), reader


def _found(path: str) -> Path:
    return Path(path) if Path(path).exists() else shipped.picture(path) or Path(path)


def _read(path: Path, side: int, reader: Reader) -> Iterator[tuple[str, np.ndarray]]:
    if path.is_dir():
        yield from _read_folder(path, side, reader)
        return
    check_regular(path)
    if is_image(path):
        if (image := reader.read(path, side)) is not None:
            yield printable(path), image
    else:
        names, array = _array(path) if path.suffix.lower() in ARRAYS else _pickled(path)
        for name, image in zip(names, array, strict=True):
            fits = image.shape[:2] == (side, side)
            yield f"{printable(path)}[{name}]", image if fits else resize(image, side)


def _read_folder(folder: Path, side: int, reader: Reader) -> Iterator[tuple[str, np.ndarray]]:
    files = sorted(visible_files(folder, reader.cannot_open))
    pictures = {path for path in files if is_image(path)}
    if not pictures and not reader.damaged:
        raise InputError(f"{printable(folder)}: no image in this folder ({', '.join(FORMATS)}), of {len(files)} files")
    for path in files:
        if path not in pictures:
            reader.pass_over("files that hold no picture", path)
        elif (image := reader.read(path, side)) is not None:
            yield printable(path), image


def _pickled(path: Path) -> tuple[list[str], np.ndarray]:
    if not _is_pickle(path):
        raise InputError(
            f"{printable(path)}: expected a picture ({', '.join(FORMATS)}), a .npy or .npz array, or a CIFAR pickle; "
            f"its content is none of these"
        )
    return cifar.unlabelled(path)


def _is_pickle(path: Path) -> bool:
    """Return whether the file begins as every binary pickle does, or reads as one of text to its end."""
    try:
        # Mapped, a length that a stranger's file declares takes no memory.
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[:1] != pickle.PROTO:
                for _ in pickletools.genops(content):
                    pass
    except OSError as error:
        raise InputError(f"cannot read {printable(path)}: {error.strerror}") from None
    except Exception:  # an empty file, or no pickle, on which genops raises anything
        return False
    return True


def _array(path: Path) -> tuple[range, np.ndarray]:
    if path.suffix.lower() == ".npz":
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
