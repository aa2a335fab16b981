"""Runs of the engine that take a moment, for the tests beside this file."""

import numpy as np

from kerascifar import scratch
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.scratch.fit import fit

SIDE = 8


def dataset(n=120, seed=0):
    """Three classes: the red, green or blue channel is brighter."""
    rng = np.random.default_rng(seed)

    def split(count):
        labels = rng.integers(0, 3, count)
        images = rng.integers(0, 160, (count, SIDE, SIDE, 3))
        images[np.arange(count), ..., labels] += 60
        return Split(images.astype(np.uint8), labels)

    return Dataset("bright", ("red", "green", "blue"), split(n), split(40), split(60))


def config(**given):
    usual = {
        **{"arch": "scratch_convnet", "filters": (4, 6), "epochs": 3, "batch_size": 32, "learning_rate": 0.05},
        **{"momentum": 0.9, "nesterov": False, "beta_1": 0.9, "beta_2": 0.999},
    }
    return RunConfig(**(usual | given))


def fitted(folder, data=None, **given):
    made = config(**given)
    return fit(made, scratch.VARIANTS[made.arch], data or dataset(), folder)


def same_history(a, b):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in a] == [
        {k: v for k, v in row.items() if k != "seconds"} for row in b
    ]


def same_scores(a, b):
    images = dataset().test.images
    return np.array_equal(a.score(images, "test"), b.score(images, "test"))
