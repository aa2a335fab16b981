"""Few images: a linear classifier on what a shipped net sees in them, and on their pixels."""

import functools
import sys
from collections.abc import Callable, Mapping

import numpy as np

from kerascifar.auditing.poses import resized
from kerascifar.config import RunConfig
from kerascifar.core import shipped
from kerascifar.core.contracts import Split
from kerascifar.devices import placement
from kerascifar.results import find_run

NET = "tiny36k"
PIXEL_COMPONENTS = 32
STRENGTH = 0.01  # scikit-learn's C: how little the weights are held small


def recipe() -> tuple[object, ...]:
    """Return what decides the probabilities: the numbers above, and whether the shipped net is at hand."""
    return PIXEL_COMPONENTS, STRENGTH, shipped.net(NET) and shipped.NETS[NET].run


def feature_probabilities(
    train: Split, classes: int, images: Mapping[str, np.ndarray], threads: int | None = None
) -> dict[str, np.ndarray]:
    """Return the probabilities of `images`, float32 (N, classes) by name, of a classifier that learned from `train`.

    A multinomial logistic regression on the last features of the shipped net, where it is at hand, and on the
    first principal components of the pixels. A class without training images has probability 0, a single one 1.

    Args:
        train: uint8 images (N, S, S, 3) and their labels.
        classes: how many there are.
        images: uint8 (M, S, S, 3), by name.
        threads: of the net; None means one per core. The first call decides.
    """
    if len(np.unique(train.labels)) == 1:
        return {name: np.eye(classes, dtype=np.float32)[[train.labels[0]] * len(of)] for name, of in images.items()}
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pixels = make_pipeline(
        StandardScaler(), PCA(min(PIXEL_COMPONENTS, len(train) - 1), random_state=0), StandardScaler()
    )
    pixels.fit(_flat(train.images))
    deep = _features(threads)

    def seen(images: np.ndarray) -> np.ndarray:
        return np.concatenate([pixels.transform(_flat(images)), *([deep(images)] if deep else [])], axis=1)

    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
    classifier.fit(seen(train.images), train.labels)
    found = {}
    for name, batch in images.items():
        found[name] = np.zeros((len(batch), classes), np.float32)
        found[name][:, classifier.classes_] = classifier.predict_proba(seen(batch))
    return found


def _flat(images: np.ndarray) -> np.ndarray:
    """Return the images as means of 8x8 pieces: float32 (N, 8 * 8 * 3)."""
    return resized(images, 8).reshape(len(images), -1)


@functools.cache  # it is asked for by each fold
def _features(threads: int | None) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the function from images to the last features of the shipped net; None, and a line, without it."""
    folder = shipped.net(NET)
    if folder is None:
        print(f"the net {NET} did not come with this installation: only pixels are looked at", file=sys.stderr)
        return None
    placement.start(RunConfig(device="cpu", threads=threads))
    import keras

    from kerascifar.training.scoring import load_model

    net = load_model(find_run(folder))
    trunk = keras.Model(net.inputs, net.layers[-1].input)

    def features(images: np.ndarray) -> np.ndarray:
        whole = np.round(resized(images, 32)).astype(np.uint8)
        views = [trunk.predict(view, verbose=0) for view in (whole, whole[:, :, ::-1])]
        return np.mean(views, axis=0, dtype=np.float32).reshape(len(images), -1)

    return features
