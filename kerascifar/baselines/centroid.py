"""Nearest centroid, as a scikit-learn estimator."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from kerascifar.baselines import memory as budget
from kerascifar.baselines.estimators import check_distance, check_queries, check_training
from kerascifar.baselines.images import Images
from kerascifar.core.processor import cores


class NearestCentroid(ClassifierMixin, BaseEstimator):
    """Classify by the class whose mean image is nearest; of equal distances the lower class wins.

    Args:
        distance: a name in DISTANCES.
        data_range: of ssim; None takes max - min of the query, as study 000 did.
        memory: working memory beside the images as given, such as "512MiB".
        n_jobs: threads; all cores if None.

    Attributes:
        classes_: sorted labels.
        centroids_: float64 (classes, ...), the mean of each class's normalised images.
    """

    def __init__(
        self,
        distance: str = "euclidean",
        data_range: float | None = None,
        memory: str | int = budget.DEFAULT,
        n_jobs: int | None = None,
    ) -> None:
        self.distance = distance
        self.data_range = data_range
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(self, X: np.ndarray | Images, y: np.ndarray) -> "NearestCentroid":
        """Average each class.

        Args:
            X: (N, ...) numbers; (N, H, W, C) for ssim.
            y: (N,) labels.

        Raises:
            InputError: an argument, the images or the labels cannot be used.
        """
        images, encoded = check_training(self, X, y)
        check_distance(self.distance, self.data_range, images.shape)
        budget.parse_memory(self.memory)
        # The mean of normalised images is the normalised mean, which needs no copy of them.
        means = [images.stored[encoded == c].mean(0, dtype=np.float64) for c in range(len(self.classes_))]
        self.centroids_ = Images(np.stack(means), images.mean, images.std)[:]
        return self

    def distances(self, X: np.ndarray | Images) -> np.ndarray:
        """Return float64 distances (Q, classes) from the centroids, by the definition."""
        check_is_fitted(self)
        images = check_queries(self, X, self.centroids_.shape[1:])
        centroids = Images(self.centroids_)
        distance = check_distance(self.distance, self.data_range, images.shape)
        threads = self.n_jobs or cores()
        plan = budget.plan(
            budget.parse_memory(self.memory), threads, len(centroids), len(images), 0, 128 * images.pixels
        )
        blocks = [slice(i, i + plan.training) for i in range(0, len(images), plan.training)]
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(
                list(pool.map(lambda rows: distance.between(images, rows, centroids, slice(None)), blocks))
            )

    def predict_proba(self, X: np.ndarray | Images) -> np.ndarray:
        """Return 1 for the class of the nearest centroid, 0 for the others: float64 (Q, classes)."""
        nearest = self.distances(X).argmin(1)
        return np.eye(len(self.classes_))[nearest]

    def predict(self, X: np.ndarray | Images) -> np.ndarray:
        """Return labels (Q,)."""
        nearest = self.distances(X).argmin(1)
        return self.classes_[nearest]
