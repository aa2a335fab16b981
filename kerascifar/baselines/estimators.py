"""Checks that both estimators share; as in scikit-learn, fit and predict check, __init__ does not."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from kerascifar.baselines.distances import DISTANCES, Distance
from kerascifar.baselines.images import Images
from kerascifar.baselines.ssim import check_ssim
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup


def check_training(estimator: Any, X: np.ndarray | Images, y: np.ndarray) -> tuple[Images, np.ndarray]:
    """Set ``estimator.classes_``; return the images and the positions of their labels in it.

    Raises InputError: images are not numbers, NaN or infinite, or do not match the labels.
    """
    try:
        if not isinstance(X, Images):
            X, y = validate_data(estimator, X, y, allow_nd=True)
        check_classification_targets(y)
    except ValueError as error:
        raise InputError(str(error)) from None
    if len(X) != len(y):
        raise InputError(f"{len(X)} images but {len(y)} labels")
    estimator.classes_, encoded = np.unique(y, return_inverse=True)
    return _images(X), encoded


def check_queries(estimator: Any, X: np.ndarray | Images, shape: tuple[int, ...]) -> Images:
    """Return the images.

    Raises InputError: images are not numbers, NaN or infinite, or have another shape than the training images.
    """
    if len(shape) > 1 and np.shape(X)[1:] != shape:
        raise InputError(f"images of shape {np.shape(X)[1:]} cannot be compared with training images of shape {shape}")
    if not isinstance(X, Images):
        try:
            X = validate_data(estimator, X, reset=False, allow_nd=True)
        except ValueError as error:
            raise InputError(str(error)) from None
    return _images(X)


def check_distance(name: str, data_range: float | None, shape: tuple[int, ...]) -> Distance:
    """Return the row of DISTANCES.

    Raises InputError: the name is unknown, the data range does not apply, or the distance cannot compare such images.
    """
    distance = lookup(DISTANCES, name, "--distance")
    if distance.images:
        check_ssim(shape)
    if data_range is None:
        return distance
    if not distance.images or not data_range > 0:
        raise InputError(f"a data range is for ssim and above 0, got {data_range!r} for {name}")
    return distance.with_range(float(data_range))


def _images(X: np.ndarray | Images) -> Images:
    """Wrap an array; bytes and floats stay as they are, other numbers become float64."""
    if isinstance(X, Images):
        return X
    return Images(X if X.dtype in (np.uint8, np.float32, np.float64) else X.astype(np.float64))
