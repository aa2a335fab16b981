"""Pictures to begin with: those of the test set, or photographs that come with scikit-image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerascifar.core.contracts import Dataset
from kerascifar.core.shown import printable

MOST = 240  # test images on offer, drawn without regard to their class
_SAMPLES = {"cat": "a cat", "rocket": "a rocket", "astronaut": "a person", "coffee": "a cup of coffee"}
_SIDE = 128  # pixels, of a photograph's longer side


@dataclass(frozen=True)
class Gallery:
    """Pictures with what they show.

    Attributes:
        title: where they are from.
        images: uint8 (H, W, 3) each.
        captions: one for each.
    """

    title: str
    images: Sequence[np.ndarray]
    captions: Sequence[str]


def test_images(data: Dataset) -> Gallery:
    """Return at most MOST of the test images, always the same ones in the same order."""
    chosen = np.random.default_rng(0).permutation(len(data.test))[:MOST]
    captions = [f"test image {index}: {printable(data.classes[data.test.labels[index]])}" for index in chosen]
    return Gallery(f"From the test images of {printable(data.name)}", data.test.images[chosen], captions)


test_images.__test__ = False  # no test, for pytest


def photographs() -> Gallery:
    """Return the photographs that come with scikit-image (all in the public domain), made smaller."""
    from PIL import Image
    from skimage import data

    images = []
    for name in _SAMPLES:
        picture = Image.fromarray(getattr(data, name)())
        picture.thumbnail((_SIDE, _SIDE))
        images.append(np.asarray(picture))
    return Gallery("Photographs", images, list(_SAMPLES.values()))
