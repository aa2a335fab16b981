"""Candidates for near-duplicates: the exact best of all correlations over a table of poses, in blocks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from kerascifar.auditing.poses import Pose, banded, descriptors
from kerascifar.core.processor import cores

KEPT = 16  # candidates per image at most
LEAST = 0.62  # correlation; of two unrelated CIFAR images the best over all training images is about 0.66
LEAST_OF_FEW = 0.4  # where so few images are compared that aligning more of them costs little
COMPONENTS = 128  # principal components, which hold 92 % of the descriptors' variance on CIFAR-10
COLUMNS = 2000  # images compared at a time, so that a block of products stays in the cache's reach
PRODUCTS = 20_000_000  # at most in one block: 80 MB per thread
UPRIGHT = Pose(1.0, 0, 0, False)


@dataclass(frozen=True)
class Candidates:
    """Pairs that may be near-duplicates.

    Attributes:
        a: int64 (P,), indices of the images that were searched for.
        b: int64 (P,), indices of the images among which they were searched.
        pose: int64 (P,), the row of the table of poses under which they correlate best.
        correlation: float32 (P,).
    """

    a: np.ndarray
    b: np.ndarray
    pose: np.ndarray
    correlation: np.ndarray

    def __len__(self) -> int:
        return len(self.a)


class Searched:
    """Images among which others are searched.

    Args:
        images: uint8 (N, H, W, C), at least one.
    """

    def __init__(self, images: np.ndarray) -> None:
        blocks = [images[first : first + COLUMNS] for first in range(0, len(images), COLUMNS)]  # for less memory
        rows = np.concatenate([descriptors(banded(block), UPRIGHT) for block in blocks])
        with threadpool_limits(1, user_api="blas"):  # the same axes on any number of cores
            _, vectors = np.linalg.eigh(rows.T @ rows)
            self.axes = np.ascontiguousarray(vectors[:, ::-1][:, :COMPONENTS])
            self.columns = np.ascontiguousarray((rows @ self.axes).T)
        self.total = len(images)

    def candidates(
        self,
        images: np.ndarray,
        poses: Sequence[Pose],
        same: bool,
        advance: Callable[[int], object],
        threads: int | None = None,
        least: float = LEAST,
    ) -> Candidates:
        """Return for each image its KEPT most correlated ones, under the best pose, that reach `least`.

        Args:
            images: uint8 (Q, H, W, C).
            poses: under which an image is looked at.
            same: whether `images` are those searched; then each pair is given once, with a below b.
            least: the correlation that a pair needs.
            advance: called with the number of images done since its last call, from any thread.
            threads: None means one per core.
        """
        rows = max(1, PRODUCTS // (len(poses) * COLUMNS))

        def block(start: int) -> Candidates:
            chosen = self._block(images[start : start + rows], poses, start if same else None, least)
            advance(min(rows, len(images) - start))
            return Candidates(chosen.a + start, chosen.b, chosen.pose, chosen.correlation)

        starts = range(0, len(images), rows)
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or cores()) as pool:
            blocks = list(pool.map(block, starts))
        return joined(blocks, same)

    def _block(self, images: np.ndarray, poses: Sequence[Pose], own: int | None, least: float) -> Candidates:
        """Return the candidates of some images; `own` is the index of the first where they are among those searched."""
        seen = banded(images)
        views = np.stack([descriptors(seen, pose) @ self.axes for pose in poses], axis=1)
        count, number, width = views.shape
        flat = views.reshape(-1, width)
        kept = min(KEPT, self.total)
        best, which = np.empty((count, 0), np.float32), np.empty((count, 0), np.int64)
        for first in range(0, self.total, COLUMNS):
            part = flat @ self.columns[:, first : first + COLUMNS]
            part = part.reshape(count, number, -1).max(1)
            places = np.arange(first, first + part.shape[1])
            if own is not None:
                part[(own + np.arange(count))[:, None] == places] = -1
            # The best so far and these, so that memory does not grow with the number of images.
            best = np.concatenate([best, part], axis=1)
            which = np.concatenate([which, np.broadcast_to(places, part.shape)], axis=1)
            if best.shape[1] > kept:
                chosen = np.argpartition(best, -kept, axis=1)[:, -kept:]
                best, which = (np.take_along_axis(values, chosen, 1) for values in (best, which))
        a, place = np.nonzero(best >= least)
        b = which[a, place]
        pose = np.einsum("pvd,dp->pv", views[a], self.columns[:, b]).argmax(1)
        return Candidates(a, b, pose, best[a, place])


def joined(blocks: Sequence[Candidates], same: bool) -> Candidates:
    """Return all candidates in one, by a and then b; of `same` images each pair once, as it was found from a below b.

    Where only the higher index found the lower one, that is how it stands: its pose is the one of the higher in the
    lower, so a stays above b.
    """
    a, b, pose, correlation = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("a", "b", "pose", "correlation")
    )
    order = np.lexsort((a > b, np.maximum(a, b), np.minimum(a, b))) if same else np.lexsort((b, a))
    if same:
        low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
        order = order[first]
    return Candidates(a[order], b[order], pose[order], correlation[order])
