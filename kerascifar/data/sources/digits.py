"""scikit-learn's handwritten digits, enlarged to CIFAR's shape: real images that need no files and no network."""

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Split
from kerascifar.data.sources.images import resize
from kerascifar.data.split import split

SIDE = 32
_TEST_SHARE = 0.2


def read(config: RunConfig, _: str = "") -> Dataset:
    """Return the 1,797 digits as uint8 32x32x3 in 10 classes, a fixed stratified 80 % for training, 20 % for the test.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, its test split, as
    ``sklearn.datasets.load_digits`` holds it: 8x8, 0 to 16.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack([resize(image, SIDE) for image in np.repeat(grey[..., None], 3, axis=-1)])
    train, test = split(Split(images, digits.target.astype(np.int64)), _TEST_SHARE, seed=0)
    return Dataset("digits", tuple(map(str, digits.target_names)), train, None, test, {"split": "ours"})
