"""Images as a run reads them: in the order of --pixels, and augmented where --augment-evaluation scores them."""

from dataclasses import replace

import numpy as np

from kerascifar.augment.policies import augment_once
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.data.pixel_order import read

# What to say, in the result's notes, of a run that scores otherwise than it should.
_FAULTS = {
    ("pixels", "planar"): "all images are scrambled: planar bytes read as interleaved",
    ("pixels", "interleaved"): "all images are scrambled: interleaved bytes read as planar",
    ("statistics", "own"): "the test images are normalised by their own statistics",
    ("augment_evaluation", True): "validation and test images are augmented",
    ("select", "test"): "the epoch was chosen on the test images, so their accuracy is too high",
}


def prepared(config: RunConfig, data: Dataset) -> Dataset:
    """Return `data` as the config's net is to see it; the data set itself where nothing changes."""
    found = {}
    for name, split in data.splits.items():
        images = prepare(config, split.images, name)
        if images is not split.images:
            found[name] = Split(images, split.labels)
    return replace(data, **found)


def prepare(config: RunConfig, images: np.ndarray, split: str) -> np.ndarray:
    """Return uint8 `images` (N, H, W, C) as the config's net is to see them.

    `part` is "train", "validation" or "test"; under any other name, as in predict, they are only put in order.
    """
    images = read(images, config.pixels)
    if config.augment_evaluation and split in ("validation", "test"):
        images = augment_once(images, config.augment, config.seed)
    return images


def faults(config: RunConfig) -> list[str]:
    """Say what is wrong, on purpose, with how the config's run is scored."""
    return [told for (name, value), told in _FAULTS.items() if getattr(config, name) == value]
