"""The pictures of a page, each once, in no more bytes than the page may have.

Small images are stored without loss. Where that is too much, a coarser grade is taken for all: fewer bits per channel
for images of at most 64 pixels a side (6 bits are off by two grey levels of 255 at the most), smaller and with more
loss for larger ones. What even the coarsest grade has no room for is listed without pictures.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

BUDGET = 7_500_000  # bytes of base64: with its lists, the page stays near 8 MB
SMALL = 64  # pixels a side: up to here an image is stored pixel by pixel
STRENGTH = 4  # how much stronger than it is a difference is shown
_LEVELS = 16  # grey levels of a difference
_SAMPLE = 60  # images by which the size of all is estimated

Key = tuple[str, int]
Read = Callable[[str, int], np.ndarray | None]


@dataclass(frozen=True)
class Grade:
    """How finely pictures are stored: bits per channel of small ones; longest side and WebP quality of larger ones."""

    bits: int
    side: int
    quality: int


GRADES = (Grade(8, 256, 90), Grade(7, 224, 85), Grade(6, 192, 80), Grade(5, 128, 75), Grade(5, 96, 60))


@dataclass(frozen=True)
class Shot:
    """A stored picture: width and height in which it is stored, those that it had, and WebP bytes as base64."""

    width: int
    height: int
    full_width: int
    full_height: int
    data: str


@dataclass(frozen=True)
class Difference:
    """A stored difference of two pictures, and the mean of it in grey levels of 255."""

    shot: Shot
    mean: float


def choose_grade(keys: Sequence[Key], read: Read, budget: int = BUDGET) -> Grade:
    """Return the finest grade in which the images `keys` take at most `budget` bytes, or the coarsest.

    The size is estimated from images evenly spread over `keys`, so the same images always get the same grade.

    Args:
        keys: (split, index) of each image, once.
        read: returns the image (H, W, 3), uint8, or None where there is none.
        budget: bytes of base64.
    """
    step = max(1, len(keys) // _SAMPLE)
    sample = [image for key in keys[::step] if (image := read(*key)) is not None]
    for grade in GRADES:
        taken = sum(len(store(image, grade).data) for image in sample)
        if taken * len(keys) <= budget * max(1, len(sample)):
            return grade
    return GRADES[-1]


def store(image: np.ndarray, grade: Grade) -> Shot:
    """Return an image (H, W, 3) or (H, W), uint8, as a WebP picture in the given grade.

    Raises:
        ValueError: it is no such array.

    >>> shot = store(np.zeros((32, 32, 3), np.uint8), GRADES[0])
    >>> shot.width, shot.height, shot.data[:5]
    (32, 32, 'UklGR')
    """
    from PIL import Image

    grey = image.ndim == 2
    if image.dtype != np.uint8 or not (grey or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"an image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    small = max(height, width) <= SMALL
    picture = Image.fromarray(_coarse(image, grade.bits) if small and not grey else image)
    if max(height, width) > max(grade.side, SMALL):
        picture.thumbnail((grade.side, grade.side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if small:
        picture.save(file, "webp", lossless=True, quality=75, method=4)
    else:
        picture.save(file, "webp", quality=grade.quality, method=4)
    return Shot(*picture.size, width, height, base64.b64encode(file.getvalue()).decode())


def difference(a: np.ndarray, b: np.ndarray, grade: Grade) -> Difference:
    """Return how far `b`, aligned to `a`, is from it: the mean over the channels, STRENGTH times as strong.

    Args:
        a: image (H, W, 3), uint8.
        b: image of the same shape.
        grade: in which it is stored.

    Raises:
        ValueError: the shapes differ.

    >>> image = np.zeros((32, 32, 3), np.uint8)
    >>> difference(image, image + 10, GRADES[0]).mean
    10.0
    """
    if a.shape != b.shape:
        raise ValueError(f"an aligned image must have the shape of the first, {a.shape}, got {b.shape}")
    apart = np.abs(a.astype(np.float32) - b.astype(np.float32)).mean(axis=2)
    step = 255 / (_LEVELS - 1)  # few levels compress well, and the eye tells no more apart
    shown = np.round(np.minimum(apart * STRENGTH, 255) / step) * step
    return Difference(store(shown.astype(np.uint8), grade), float(apart.mean()))


def _coarse(image: np.ndarray, bits: int) -> np.ndarray:
    """Return the image rounded to `bits` bits per channel."""
    if bits == 8:
        return image
    step = 1 << (8 - bits)
    return np.minimum((image.astype(np.int16) + step // 2) // step * step, 255).astype(np.uint8)


class Album:
    """Stored pictures, each once, until `budget` bytes are taken.

    >>> album = Album(GRADES[0], lambda split, index: np.zeros((32, 32, 3), np.uint8))
    >>> album.add([("test", 1), ("train", 2)], None), sorted(album.shots)
    (True, [('test', 1), ('train', 2)])
    """

    def __init__(self, grade: Grade, read: Read, budget: int = BUDGET) -> None:
        self.grade, self.shots, self._read, self._left = grade, dict[Key, Shot](), read, budget

    def add(self, keys: Sequence[Key], drawn: Difference | None) -> bool:
        """Store the images `keys`, and count `drawn`, if there is room for all of them; return whether there was."""
        new = {key: store(image, self.grade) for key in dict.fromkeys(keys)
               if key not in self.shots and (image := self._read(*key)) is not None}  # fmt: skip
        size = sum(len(shot.data) for shot in new.values()) + (len(drawn.shot.data) if drawn else 0)
        if size > self._left:
            return False
        self._left -= size
        self.shots |= new
        return True
