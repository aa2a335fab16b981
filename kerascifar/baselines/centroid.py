"""Nearest centroid, as a scikit-learn estimator."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from kerascifar.baselines.estimators import check_distance, check_queries, check_training
from kerascifar.baselines.images import Images
from kerascifar.baselines.memory import DEFAULT_MEMORY, block_sizes, parse_memory
from kerascifar.core.processor import cores


class NearestCentroid(ClassifierMixin, BaseEstimator):
    """Classify by the class whose mean image is nearest; of equal distances the lower class wins.

    Args:
        distance: a name in DISTANCES.
        data_range: of ssim; None means max - min of the query, as in study 000.
        memory: working memory in addition to the images, such as "512MiB".
        n_jobs: number of threads; None means one per core.

    Attributes:
        classes_: sorted labels.
        centroids_: float64 (classes, ...), the mean of each class's normalised images.

    >>> points, labels = np.array([[0, 0], [2, 4], [7, 2]]), np.array(["a", "a", "b"])
    >>> model = NearestCentroid().fit(points, labels)
    >>> model.centroids_.tolist(), model.predict(np.array([[1, 3], [6, 2]])).tolist()
    ([[1.0, 2.0], [7.0, 2.0]], ['a', 'b'])
    """

    def __init__(
        self,
        distance: str = "euclidean",
        data_range: float | None = None,
        memory: str | int = DEFAULT_MEMORY,
        n_jobs: int | None = None,
    ) -> None:
        self.distance = distance
        self.data_range = data_range
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(self, X: np.ndarray | Images, y: np.ndarray) -> "NearestCentroid":
        """Average the images of each class.

        Args:
            X: (N, ...) numbers; (N, H, W, C) for ssim.
            y: (N,) labels.

        Raises:
            InputError: an argument, the images or the labels are not valid.
        """
        images, encoded = check_training(self, X, y)
        check_distance(self.distance, self.data_range, images.shape)
        parse_memory(self.memory)
        # The mean of normalised images is the normalised mean, which needs no copy of them.
        means = [images.stored[encoded == c].mean(0, dtype=np.float64) for c in range(len(self.classes_))]
        self.centroids_ = Images(np.stack(means), images.mean, images.std)[:]
        return self

    def distances(self, X: np.ndarray | Images) -> np.ndarray:
        """Return float64 distances (Q, classes) from the centroids, by definition."""
        check_is_fitted(self)
        images = check_queries(self, X, self.centroids_.shape[1:])
        centroids = Images(self.centroids_)
        distance = check_distance(self.distance, self.data_range, images.shape)
        threads = self.n_jobs or cores()
        # The few centroids stand where a search has its queries, so blocks are cut from the images.
        sizes = block_sizes(parse_memory(self.memory), threads, len(centroids), len(images), 0, 128 * images.pixels)
        blocks = [slice(i, i + sizes.training) for i in range(0, len(images), sizes.training)]
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
