"""Short runs of the scratch engine, for the tests in this folder."""

import numpy as np

from kerascifar import scratch
from kerascifar.configure import configure
from kerascifar.core.contracts import Dataset, Split
from kerascifar.scratch.fit import fit

SIDE = 8


def dataset(n=120, seed=0):
    """Return three classes: the red, green or blue channel is brighter."""
    rng = np.random.default_rng(seed)

    def split(count):
        labels = rng.integers(0, 3, count)
        images = rng.integers(0, 160, (count, SIDE, SIDE, 3))
        images[np.arange(count), ..., labels] += 60
        return Split(images.astype(np.uint8), labels)

    return Dataset("bright", ("red", "green", "blue"), split(n), split(40), split(60))


def config(**fields):
    short = {"arch": "scratch_convnet", "filters": (4, 6), "epochs": 3, "batch_size": 32, "learning_rate": 0.05}
    return configure(**(short | fields))


def fitted(folder, data=None, **fields):
    made = config(**fields)
    return fit(made, scratch.VARIANTS[made.arch], data or dataset(), folder)


def same_history(a, b):
    return [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in a] == [
        {k: v for k, v in row.items() if not k.endswith("seconds")} for row in b
    ]


def same_scores(a, b):
    images = dataset().test.images
    return np.array_equal(a.score(images, "test"), b.score(images, "test"))
