"""k nearest neighbours, exact, as a scikit-learn estimator."""

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from kerascifar.baselines.estimators import check_distance, check_queries, check_training
from kerascifar.baselines.images import Images
from kerascifar.baselines.memory import DEFAULT_MEMORY, parse_memory
from kerascifar.baselines.search import Search, progress_bar
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup


class KNeighbors(ClassifierMixin, BaseEstimator):
    """Classify by the vote of the k nearest training images.

    Args:
        k: number of neighbours, with one vote each.
        distance: a name in DISTANCES.
        ties: which class wins a tied vote: lowest (id), nearest (neighbour), sum (smallest summed distance).
        data_range: of ssim; None means max - min of the query, as in study 000.
        memory: working memory in addition to the images, such as "512MiB".
        n_jobs: number of threads; None means one per core.
        progress: show a progress bar on stderr.

    Attributes:
        classes_: sorted labels.
        y_: int64 (N,) positions of the training labels in classes_.
        search_: finds the neighbours.

    >>> points, labels = np.array([[0], [1], [8], [9]]), np.array(["a", "a", "b", "b"])
    >>> model = KNeighbors(k=3).fit(points, labels)
    >>> model.predict(np.array([[2], [7]])).tolist()
    ['a', 'b']
    >>> model.kneighbors(np.array([[2]]))
    (array([[1., 2., 6.]]), array([[1, 0, 2]]))
    """

    def __init__(
        self,
        k: int = 1,
        distance: str = "euclidean",
        ties: str = "lowest",
        data_range: float | None = None,
        memory: str | int = DEFAULT_MEMORY,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.k = k
        self.distance = distance
        self.ties = ties
        self.data_range = data_range
        self.memory = memory
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: np.ndarray | Images, y: np.ndarray) -> "KNeighbors":
        """Store the training images.

        Args:
            X: (N, ...) numbers; (N, H, W, C) for ssim. Bytes stay bytes.
            y: (N,) labels.

        Raises:
            InputError: an argument, the images or the labels are not valid.
        """
        images, self.y_ = check_training(self, X, y)
        lookup(TIES, self.ties, "--ties")
        self._check_k(self.k, len(images))
        distance = check_distance(self.distance, self.data_range, images.shape)
        self.search_ = Search(images, distance, parse_memory(self.memory), self.n_jobs)
        return self

    def kneighbors(
        self, X: np.ndarray | Images, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """Find the nearest training images; of equal distances the lower index comes first.

        Args:
            X: (Q, ...) like the training images.
            n_neighbors: None means k.
            return_distance: False returns only the indices.

        Returns:
            float64 distances (Q, n), ascending, and int64 indices (Q, n).

        Raises:
            InputError: the images are not valid, or there are fewer training images than `n_neighbors`.
        """
        check_is_fitted(self)
        images = check_queries(self, X, self.search_.training.shape[1:])
        k = self.k if n_neighbors is None else n_neighbors
        self._check_k(k, len(self.y_))
        with progress_bar(len(images) * len(self.y_), self.progress, self.distance) as advance:
            distances, indices = self.search_.nearest(images, k, advance)
        return (distances, indices) if return_distance else indices

    def predict_proba(self, X: np.ndarray | Images) -> np.ndarray:
        """Return shares of the vote, float64 (Q, classes)."""
        return self._votes(X)[0]

    def predict(self, X: np.ndarray | Images) -> np.ndarray:
        """Return the winners' labels (Q,)."""
        winners = self._votes(X)[1]
        return self.classes_[winners]

    def _votes(self, X: np.ndarray | Images) -> tuple[np.ndarray, np.ndarray]:
        distances, indices = self.kneighbors(X)
        return vote(self.y_[indices], distances, len(self.classes_), self.ties)

    @staticmethod
    def _check_k(k: int, available: int) -> None:
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= available:
            raise InputError(f"--k: expected a whole number from 1 to the {available} training images, got {k!r}")


# A rule for ties: a number for each query and class; of the classes with equally many votes the smallest number wins.
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _lowest(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return np.zeros(voted.shape[::2])


def _nearest(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return voted.argmax(1)


def _sum(voted: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return (voted * distances[:, :, None]).sum(1)


TIES: dict[str, Rule] = {
    "lowest": _lowest,  # the lowest class id, as np.bincount(...).argmax() in study 000
    "nearest": _nearest,  # the class of the nearest neighbour among them
    "sum": _sum,  # the class whose neighbours have the smallest summed distance
}


def vote(labels: np.ndarray, distances: np.ndarray, classes: int, ties: str) -> tuple[np.ndarray, np.ndarray]:
    """Let the neighbours vote, one vote each; where the rule is a tie too, the lowest class id wins.

    Args:
        labels: int (N, k) of the neighbours, nearest first.
        distances: float64 (N, k), ascending.
        classes: number of classes.
        ties: a name in TIES.

    Returns:
        float64 shares (N, classes), and int64 winners (N,).

    Raises:
        InputError: unknown rule.
    """
    rule = lookup(TIES, ties, "--ties")
    voted = labels[:, :, None] == np.arange(classes)
    votes = voted.sum(1)
    order = np.where(votes == votes.max(1, keepdims=True), rule(voted, distances), np.inf)
    return votes / labels.shape[1], order.argmin(1)
