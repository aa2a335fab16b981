"""Exact nearest neighbours: screen in blocks, keep what could be near, decide by the definition."""

import collections
import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits
from wrapt import lazy_import

from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images
from kerascifar.baselines.memory import block_sizes
from kerascifar.baselines.projection import projections
from kerascifar.baselines.screens import ByDefinition, Cosine, Product, Queries, Screen
from kerascifar.core import progress
from kerascifar.core.processor import cores

_compiled = lazy_import("kerascifar.baselines.compiled")  # needs numba
COMPILED = ("l1", "ssim")  # the searches with loops that numba compiles
_MEASURED, _MINUTES = 200, 120  # pairs; seconds from which minutes are told
GROUP = 8
HEAD = 2  # candidates beside the first k whose distances are computed before all others
ROUNDING = 1e-12  # of a distance by definition, relative to the larger of it and 1
Neighbors = tuple[np.ndarray, np.ndarray]  # distances or estimates (Q, n), and indices of training images (Q, n)
Advance = Callable[[int], object] | None  # called with a number of pairs that are done, from any thread
MakeScreens = Callable[[Distance, Images, bool, int], list[Screen]]


def numba_installed() -> bool:
    """Return whether the compiled loops can be used."""
    return importlib.util.find_spec("numba") is not None


def _product(distance: Distance, training: Images, as_bytes: bool, memory: int) -> list[Screen]:
    products = [Product(training, distance, precision) for precision in (np.float32, np.float64)]
    return [*projections(distance, training, memory), *products]


def _cosine(sign: int) -> MakeScreens:
    return lambda distance, training, as_bytes, memory: [
        Cosine(training, precision, sign) for precision in (np.float32, np.float64)
    ]


def _l1(distance: Distance, training: Images, as_bytes: bool, memory: int) -> list[Screen]:
    if not numba_installed():
        return []
    if as_bytes:
        return [_compiled.L1Bytes(training)]
    return [_compiled.L1Floats(training, precision) for precision in (np.float32, np.float64)]


def _ssim(distance: Distance, training: Images, as_bytes: bool, memory: int) -> list[Screen]:
    if not numba_installed():
        return []
    # Running sums of anything but bytes need float64 from the start.
    precisions = (np.float32, np.float64) if training.stored.dtype == np.uint8 else (np.float64,)
    return [_compiled.Structural(training, precision, distance.data_range) for precision in precisions]


# The screens of a distance, by its `search`; from coarse to fine.
SCREENS: dict[str, MakeScreens] = {
    "definition": lambda distance, training, as_bytes, memory: [],
    "product": _product,
    "cosine": _cosine(-1),
    "cosine_inverted": _cosine(1),
    "l1": _l1,
    "ssim": _ssim,
}


def screens(distance: Distance, training: Images, as_bytes: bool, memory: int) -> list[Screen]:
    """Return the screens of a distance, from coarse to exact.

    Args:
        distance: a row of DISTANCES.
        training: the images searched.
        as_bytes: whether queries and training images are bytes on one scale.
        memory: bytes that may be used in all.
    """
    return [*SCREENS[distance.search](distance, training, as_bytes, memory), ByDefinition(training, distance)]


def slowness(distance: Distance, training: Images, queries: Images, threads: int) -> str:
    """Return a line on how long the search of all pairs takes without numba; "" where numba is here, or not needed.

    A few pairs are measured, by the definition, which alone is left.
    """
    if distance.search not in COMPILED or numba_installed():
        return ""
    some = slice(0, _MEASURED)
    distance.between(queries, slice(0, 1), training, slice(0, 1))  # what happens once
    begun = time.perf_counter()
    distance.between(queries, slice(0, 1), training, some)
    per_pair = (time.perf_counter() - begun) / min(len(training), _MEASURED)
    seconds = per_pair * len(queries) * len(training) / threads
    takes = f"{seconds:.0f} s" if seconds < _MINUTES else f"{seconds / 60:,.0f} minutes"
    return (
        f"numba is not installed (python -m pip install numba), so {distance.search} neighbours are searched without "
        f"compiled loops: about {takes} for {len(queries):,} images among {len(training):,}"
    )


class Search:
    """The k nearest of fixed training images, by one distance.

    Attributes:
        training: the images searched.
        distance: a row of DISTANCES.
        memory: bytes for everything but the images as given.
        threads: how many work at once; None means one per core.
    """

    def __init__(self, training: Images, distance: Distance, memory: int, threads: int | None = None) -> None:
        self.training, self.distance, self.memory = training, distance, memory
        self.threads = threads or cores()
        self._screens: dict[tuple[bool, bool], list[Screen]] = {}

    def nearest(self, queries: Images, k: int, advance: Advance = None) -> Neighbors:
        """Find the k nearest training images of each query.

        Of equal distances the lower index comes first. The answer is that of sorting all distances by definition; where
        both splits are normalised by the same two numbers, distances are those of the stored pixels, scaled.

        Args:
            queries: (Q, ...) like the training images.
            k: at most the number of training images.
            advance: called now and then with the number of pairs done since, from any thread.

        Returns:
            float64 distances (Q, k), ascending, and int64 indices (Q, k).
        """
        training, scale = self.training, 1.0
        one_scale = self.distance.power is not None and training.same_scale(queries)
        if one_scale:
            scale = training.std**-self.distance.power
            training, queries = Images(training.stored), Images(queries.stored)
        as_bytes = one_scale and training.stored.dtype == queries.stored.dtype == np.uint8
        nearest = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        undecided = np.arange(len(queries))
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(self.threads) as pool:
            if (one_scale, as_bytes) not in self._screens:
                self._screens[one_scale, as_bytes] = screens(self.distance, training, as_bytes, self.memory)
            for screen in self._screens[one_scale, as_bytes]:
                undecided = self._pass(screen, queries, undecided, nearest, pool, advance)
                advance = None  # what a finer screen repeats is not counted
                if not len(undecided):
                    break
        return nearest[0] * scale, nearest[1]

    def _pass(
        self, screen: Screen, queries: Images, places: np.ndarray, nearest: Neighbors, pool: Executor, advance: Advance
    ) -> np.ndarray:
        """Search for the queries at `places` with one screen; return the places that it could not decide."""
        training = screen.training
        keep = min(nearest[0].shape[1] + screen.spare, len(training))
        sizes = block_sizes(
            self.memory - screen.kept_bytes,
            self.threads,
            len(places),
            len(training),
            # Candidates: a value and an index, of each thread and of the block that joins them.
            screen.query_bytes + 40 * keep * (self.threads + 1),
            screen.training_bytes,
        )
        undecided = []
        for first in range(0, len(places), sizes.queries):
            rows = places[first : first + sizes.queries]
            prepared = screen.prepare(queries, rows)
            estimates, candidates = self._candidates(screen, prepared, keep, sizes.training, pool, advance)
            bounds = screen.lower_bounds(prepared, estimates)
            complete = screen.exact or keep == len(training)

            def decide(i, rows=rows, bounds=bounds, candidates=candidates, complete=complete):
                return self._decide(queries, rows[i], training, candidates[i], bounds[i], complete, nearest)

            decided = np.fromiter(pool.map(decide, range(len(rows)), chunksize=16), bool, len(rows))
            undecided.append(rows[~decided])
        return np.concatenate(undecided)

    def _decide(
        self,
        queries: Images,
        row: int,
        training: Images,
        candidates: np.ndarray,
        bounds: np.ndarray,
        complete: bool,
        nearest: Neighbors,
    ) -> bool:
        """Compute the distances of all candidates that could be among the k nearest; False if there may be others.

        Args:
            queries: all of them.
            row: the place of one query.
            training: the images searched.
            candidates: their indices, by ascending estimate.
            bounds: lower bounds of their distances.
            complete: whether no other image can be nearer than a candidate.
            nearest: the answer for all queries, written at `row`.
        """
        k = nearest[0].shape[1]
        query = slice(row, row + 1)
        distances = self.distance.between(queries, query, training, candidates[: k + HEAD])[0]
        limit = np.partition(distances, k - 1)[k - 1]
        limit += ROUNDING * max(1.0, abs(limit))
        near = np.flatnonzero(~(bounds[k + HEAD :] > limit)) + k + HEAD
        if not complete and not bounds[-1] > limit:
            return False
        if len(near):
            more = self.distance.between(queries, query, training, candidates[near])[0]
            candidates, distances = np.append(candidates[: k + HEAD], candidates[near]), np.append(distances, more)
        order = np.lexsort((candidates[: len(distances)], distances))[:k]
        nearest[0][row], nearest[1][row] = distances[order], candidates[order]
        return True

    def _candidates(
        self, screen: Screen, prepared: Queries, keep: int, block: int, pool: Executor, advance: Advance
    ) -> Neighbors:
        """Return each query's `keep` smallest estimates over all training images, ascending, and their indices."""
        starts = collections.deque(range(0, len(screen.training), block))
        lock = threading.Lock()

        def work() -> Neighbors | None:
            best = None
            while True:
                try:
                    start = starts.popleft()
                except IndexError:
                    return best
                rows = slice(start, min(start + block, len(screen.training)))
                estimates = screen.estimate(prepared, rows)
                indices = np.broadcast_to(np.arange(rows.start, rows.stop), estimates.shape)
                smallest = _smallest(estimates, indices, keep, screen.exact, best)
                best = _joined([smallest] if best is None else [best, smallest], keep, screen.exact)
                if advance is not None:
                    with lock:
                        advance(estimates.size)

        try:
            bests = [best for best in pool.map(lambda _: work(), range(self.threads)) if best is not None]
        finally:
            starts.clear()  # on an error or an interrupt, let the other threads finish only their current block
        estimates, indices = _joined(bests, keep, screen.exact)
        order = np.lexsort((indices, estimates))
        return np.take_along_axis(estimates, order, 1), np.take_along_axis(indices, order, 1)


def _smallest(
    values: np.ndarray, indices: np.ndarray, keep: int, exact: bool, best: Neighbors | None = None
) -> Neighbors:
    """Return the `keep` smallest of each row, in no order; with `exact`, of equal values those of lowest index.

    What is no smaller than all of `best`, the smallest so far, may be left out.
    """
    width = values.shape[1]
    if width <= keep:
        return values, indices
    if exact:
        chosen = np.lexsort((indices, values))[:, :keep]
    elif width % GROUP == 0 and width >= 2 * GROUP * keep:
        # One pass takes the minimum of every GROUP; the smallest lie in the groups with the smallest minima.
        groups = width // GROUP
        minima = values.reshape(-1, GROUP, groups).min(1)
        if best is not None and best[0].shape[1] == keep:
            keep = min(keep, max(1, int((minima < best[0].max(1, keepdims=True)).sum(1).max())))
        chosen = np.argpartition(minima, keep - 1, axis=1)[:, :keep]
        chosen = (chosen[:, None, :] + groups * np.arange(GROUP)[:, None]).reshape(len(values), -1)
    else:
        chosen = np.argpartition(values, keep - 1, axis=1)[:, :keep]
    return np.take_along_axis(values, chosen, 1), np.take_along_axis(indices, chosen, 1)


def _joined(candidates: list[Neighbors], keep: int, exact: bool) -> Neighbors:
    values, indices = (np.concatenate(side, axis=1) for side in zip(*candidates, strict=True))
    return _smallest(values, indices, keep, exact)


@contextmanager
def progress_bar(pairs: int, shown: bool, title: str) -> Iterator[Callable[[int], object]]:
    """Yield a function to call with the number of pairs done since its last call."""
    with progress.bar(pairs, title, "pair", shown, unit_scale=True, smoothing=0.05, delay=1) as bar:
        yield bar.update
