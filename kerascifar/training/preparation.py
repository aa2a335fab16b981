"""Images as a run reads them: in the order of --pixels, and augmented for scoring under --augment-evaluation."""

from dataclasses import replace

import numpy as np

from kerascifar.augment.policies import augment_once
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.data.pixel_order import read

# Published faults in how a run is scored, by field and value, and what the result's notes say about them.
_FAULTS = {
    ("pixels", "planar"): "all images are scrambled: planar bytes read as interleaved",
    ("pixels", "interleaved"): "all images are scrambled: interleaved bytes read as planar",
    ("statistics", "own"): "the test images are normalised by their own statistics",
    ("augment_evaluation", True): "validation and test images are augmented",
    ("select", "test"): "the epoch was chosen on the test images, so their accuracy is too high",
}


def prepared(config: RunConfig, data: Dataset) -> Dataset:
    """Return `data` with the images as the config's net sees them; a split that stays the same is not copied."""
    changed = {}
    for name, split in data.splits.items():
        images = prepare(config, split.images, name)
        if images is not split.images:
            changed[name] = Split(images, split.labels)
    return replace(data, **changed)


def prepare(config: RunConfig, images: np.ndarray, split: str) -> np.ndarray:
    """Return uint8 `images` (N, H, W, C) as the config's net sees them.

    `split` is "train", "validation" or "test"; images of any other name, as in predict, are never augmented.
    """
    images = read(images, config.pixels)
    if config.augment_evaluation and split in ("validation", "test"):
        images = augment_once(images, config.augment, config.seed)
    return images


def faults(config: RunConfig) -> list[str]:
    """Return the published faults in how the config's run is scored, one sentence each."""
    return [sentence for (name, value), sentence in _FAULTS.items() if getattr(config, name) == value]
