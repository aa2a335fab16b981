"""Few images: linear classifiers on what shipped nets see in them, or on their pixels where no net is at hand."""

import functools
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerascifar.auditing.poses import resized
from kerascifar.config import RunConfig
from kerascifar.core import shipped
from kerascifar.core.contracts import Split
from kerascifar.core.finding import find_run
from kerascifar.devices import placement

# The nets, and scikit-learn's C for a classifier on the last features of each: how little its weights are held small.
# One learned ten classes and one a hundred, since of other pictures nobody knows which of them tells more.
NETS = {"airbench94": 0.003, "airbench_cifar100": 0.003}
INSTEAD = {"tiny36k": 0.01}  # where the nets above have not come along: they are not in the wheel
PIXELS, OF_PIXELS = 32, 0.01  # principal components, where there is no net at all, and C
TRUST = 0.75  # weight of the classifier that labels most of what it did not learn from right; the others share the rest
INNER = 4  # folds within what is learned from, to find that classifier


def recipe() -> tuple[object, ...]:
    """Return what decides the probabilities: the numbers above, and which nets are at hand."""
    return TRUST, INNER, PIXELS, OF_PIXELS, [(name, shipped.NETS[name].run, C) for name, C in _at_hand().items()]


def feature_probabilities(
    train: Split, classes: int, images: Mapping[str, np.ndarray], threads: int | None = None
) -> dict[str, np.ndarray]:
    """Return the probabilities of `images`, float32 (N, classes) by name, of classifiers that learned from `train`.

    Multinomial logistic regressions on the last features of each shipped net; the one with the most right in a
    cross-validation within `train` has the weight TRUST. A class without training images has probability 0, a single
    one 1.

    Args:
        train: uint8 images (N, S, S, 3) and their labels.
        classes: how many there are.
        images: uint8 (M, S, S, 3), by name.
        threads: of the nets; None means one per core. The first call decides.
    """
    if len(np.unique(train.labels)) == 1:
        return {name: np.eye(classes, dtype=np.float32)[[train.labels[0]] * len(of)] for name, of in images.items()}
    found, right = [], []
    for see, classifier in _views(len(train), threads):
        seen = see(train.images)
        right.append(_right(classifier, seen, train.labels))
        classifier.fit(seen, train.labels)
        found.append({name: classifier.predict_proba(see(batch)) for name, batch in images.items()})
    weights = np.full(len(found), (1 - TRUST) / max(1, len(found) - 1))
    weights[np.argmax(right)] = TRUST if len(found) > 1 else 1.0
    known = np.unique(train.labels)
    probabilities = {name: np.zeros((len(batch), classes), np.float32) for name, batch in images.items()}
    for name, values in probabilities.items():
        values[:, known] = sum(weight * one[name] for weight, one in zip(weights, found, strict=True))
    return probabilities


def _right(classifier: Any, seen: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of `labels` that is met in a cross-validation; 0 where a class has too few images for one."""
    from sklearn.model_selection import cross_val_score

    if np.bincount(labels)[np.unique(labels)].min() < INNER:
        return 0.0
    return float(cross_val_score(classifier, seen, labels, cv=INNER).mean())


def _views(count: int, threads: int | None) -> list[tuple[Callable[[np.ndarray], np.ndarray], Any]]:
    """Return what is seen in images, a function to float (N, D), with a classifier of it that is to learn `count`."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def classifier(strength: float, *before: Any) -> Any:
        return make_pipeline(*before, StandardScaler(), LogisticRegression(C=strength, max_iter=2000))

    nets = _at_hand()
    if not nets:
        print("no net came with this installation: labels are judged by pixels alone", file=sys.stderr)
        components = max(1, min(PIXELS, (INNER - 1) * count // INNER - 1))  # no more than the cross-validation learns
        return [(_flat, classifier(OF_PIXELS, StandardScaler(), PCA(components, random_state=0)))]
    return [(_features(name, threads), classifier(strength)) for name, strength in nets.items()]


def _at_hand() -> dict[str, float]:
    """Return the nets that came along, and C for each: all of NETS, else INSTEAD, else none."""
    return next((nets for nets in (NETS, INSTEAD) if all(map(shipped.net, nets))), {})


def _flat(images: np.ndarray) -> np.ndarray:
    """Return the images as means of 8x8 pieces: float32 (N, 8 * 8 * 3)."""
    return resized(images, 8).reshape(len(images), -1)


@functools.cache  # it is asked for by each fold
def _features(name: str, threads: int | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from images to the last features of the shipped net `name`, float32 (N, D)."""
    placement.start(RunConfig(device="cpu", threads=threads))
    import keras

    from kerascifar.training.scoring import load_model

    net = load_model(find_run(name))
    head = next(layer for layer in reversed(net.layers) if isinstance(layer, keras.layers.Dense))
    trunk = keras.Model(net.inputs, head.input)
    known: dict[bytes, np.ndarray] = {}  # folds ask for the same images again

    def features(images: np.ndarray) -> np.ndarray:
        keys = [hashlib.sha256(image.tobytes()).digest() for image in images]
        new = list({key: place for place, key in enumerate(keys) if key not in known}.values())
        if new:
            known.update(zip([keys[place] for place in new], _seen(trunk, images[new]), strict=True))
        return np.stack([known[key] for key in keys])

    return features


def _seen(trunk: Any, images: np.ndarray) -> Sequence[np.ndarray]:
    """Return the mean of the features of the images and their mirror images, (N, D)."""
    whole = np.round(resized(images, 32)).astype(np.uint8)
    views = [trunk.predict(view, verbose=0) for view in (whole, whole[:, :, ::-1])]
    return np.mean(views, axis=0, dtype=np.float32).reshape(len(images), -1)
