"""Confident learning: which labels held-out probabilities contradict.

Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70.
"""

import numpy as np


def thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return for each class the mean probability that images labelled so give it, float64 (K,); of none, 1.

    >>> thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6]]))
    array([0.7, 0.6])
    """
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, own, minlength=probabilities.shape[1])
    return np.divide(sums, counts, out=np.ones(len(counts)), where=counts > 0)


def confident_classes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the class that each image confidently belongs to, int64 (N,), -1 where there is none.

    Of the classes whose probability reaches the class's own threshold, it is the most probable.

    >>> confident_classes(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6]]))
    array([ 0, -1,  1])
    """
    reaches = probabilities >= thresholds(labels, probabilities) - 1e-9  # means of equal numbers round
    chosen = np.where(reaches, probabilities, -1.0).argmax(1)
    return np.where(reaches.any(1), chosen, -1)


def confident_joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return how many images labelled i confidently belong to class j, int64 (K, K).

    Args:
        labels: int (N,), as given.
        probabilities: (N, K), of nets that did not learn from the image.

    >>> confident_joint(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6]]))
    array([[1, 0],
           [0, 1]])
    """
    classes = probabilities.shape[1]
    confident = confident_classes(labels, probabilities)
    sure = confident >= 0
    return np.bincount(labels[sure] * classes + confident[sure], minlength=classes**2).reshape(classes, classes)


def noise(labels: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return the estimated number of images of class j among those labelled i, float64 (K, K).

    Each row of the joint is scaled to the number of images labelled so. A class with no confident image is taken as
    labelled right.

    >>> noise(np.array([0, 0, 0, 0, 1, 1]), np.array([[1, 1], [0, 1]]))
    array([[2., 2.],
           [0., 2.]])
    """
    counts = np.bincount(labels, minlength=len(joint))
    rows = joint.sum(1, keepdims=True)
    return np.where(rows > 0, joint * counts[:, None] / np.maximum(rows, 1), np.diag(counts))


def margins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the normalised margin of each label, float64 (N,), and the strongest other class, int64 (N,).

    The margin is the probability of the given label less that of the strongest other: from -1, surely wrong, to 1.

    >>> margins(np.array([0, 1]), np.array([[0.75, 0.25], [1.0, 0.0]]))
    (array([ 0.5, -1. ]), array([1, 0]))
    """
    others = probabilities.astype(np.float64)
    rows = np.arange(len(labels))
    own = others[rows, labels].copy()
    others[rows, labels] = -1
    strongest = others.argmax(1)
    return own - others[rows, strongest], strongest
