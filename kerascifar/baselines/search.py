"""Exact nearest neighbours: screen in blocks, keep what could be near, decide by the definition."""

import collections
import importlib.util
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from kerascifar.baselines import memory as budget
from kerascifar.baselines.distances import Distance
from kerascifar.baselines.images import Images
from kerascifar.baselines.projection import projections
from kerascifar.baselines.screens import ByDefinition, Cosine, Product, Screen
from kerascifar.core.processor import cores

GROUP = 8
HEAD = 2  # candidates beside the first k whose distances are worked out before all others
ROUNDING = 1e-12  # of a distance by definition, relative to the larger of it and 1
Found = tuple[np.ndarray, np.ndarray]


class Search:
    """The k nearest of fixed training images, by one distance.

    Attributes:
        training: the images searched.
        distance: a row of DISTANCES.
        memory: bytes for everything but the images as given.
        threads: how many work at once; all cores if None.
    """

    def __init__(self, training: Images, distance: Distance, memory: int, threads: int | None = None) -> None:
        self.training, self.distance, self.memory = training, distance, memory
        self.threads = threads or cores()
        self._screens: dict[tuple[bool, bool], list[Screen]] = {}

    def nearest(self, queries: Images, k: int, advance: Callable[[int], object] | None = None) -> Found:
        """Find the k nearest training images of each query.

        Equal distances go to the lower index. The answer is that of sorting all distances by definition; where both
        splits are normalised by the same two numbers, distances are those of the stored pixels, scaled.

        Args:
            queries: (Q, ...) like the training images.
            k: at most the number of training images.
            advance: called with the number of pairs done, now and then, from any thread.

        Returns:
            float64 distances (Q, k), ascending, and int64 indices (Q, k).
        """
        bare = self.distance.power is not None and self.training.same_scale(queries)
        if bare:
            scale = self.training.std**-self.distance.power
            training, queries = Images(self.training.stored), Images(queries.stored)
        else:
            scale, training = 1.0, self.training
        whole = bare and training.stored.dtype == queries.stored.dtype == np.uint8
        found = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        todo = np.arange(len(queries))
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(self.threads) as pool:
            if (bare, whole) not in self._screens:
                self._screens[bare, whole] = screens(self.distance, training, whole, self.memory)
            for screen in self._screens[bare, whole]:
                todo = self._pass(screen, queries, todo, k, found, pool, advance)
                advance = None  # what a finer screen does again is not counted
                if not len(todo):
                    break
        return found[0] * scale, found[1]

    def _pass(self, screen, queries, todo, k, found, pool, advance) -> np.ndarray:
        """Search for the queries `todo` with one screen; return those it could not decide."""
        training = screen.training
        keep = min(k + screen.spare, len(training))
        plan = budget.plan(
            self.memory - screen.kept_bytes,
            self.threads,
            len(todo),
            len(training),
            # Candidates: a value and an index, of each thread and of the block that joins them.
            screen.query_bytes + 40 * keep * (self.threads + 1),
            screen.training_bytes,
        )
        undecided = []
        for first in range(0, len(todo), plan.queries):
            rows = todo[first : first + plan.queries]
            prepared = screen.prepare(queries, rows)
            values, candidates = self._candidates(screen, prepared, keep, plan.training, pool, advance)
            least = screen.least(prepared, values)
            complete = screen.exact or keep == len(training)

            def decide(i, rows=rows, least=least, candidates=candidates, complete=complete):
                return self._decide(queries, rows[i], training, candidates[i], least[i], complete, found)

            decided = np.fromiter(pool.map(decide, range(len(rows)), chunksize=16), bool, len(rows))
            undecided.append(rows[~decided])
        return np.concatenate(undecided)

    def _decide(self, queries, row, training, candidates, least, complete, found) -> bool:
        """Work out the distances of all candidates that could be among the k nearest; False if there may be others.

        Args:
            queries: all of them.
            row: the query.
            training: the images searched.
            candidates: their indices, by ascending estimate.
            least: what their distances are at the least.
            complete: no image outside the candidates can be nearer than one of them.
            found: all queries' distances and indices, where the answer is put.
        """
        k = found[0].shape[1]
        query = slice(row, row + 1)
        distances = self.distance.between(queries, query, training, candidates[: k + HEAD])[0]
        limit = np.partition(distances, k - 1)[k - 1]
        limit += ROUNDING * max(1.0, abs(limit))
        near = np.flatnonzero(~(least[k + HEAD :] > limit)) + k + HEAD
        if not complete and not least[-1] > limit:
            return False
        if len(near):
            more = self.distance.between(queries, query, training, candidates[near])[0]
            candidates, distances = np.append(candidates[: k + HEAD], candidates[near]), np.append(distances, more)
        order = np.lexsort((candidates[: len(distances)], distances))[:k]
        found[0][row], found[1][row] = distances[order], candidates[order]
        return True

    def _candidates(self, screen, prepared, keep, block, pool, advance) -> Found:
        """Return each query's `keep` smallest estimates over all training images, ascending, and their indices."""
        todo = collections.deque(range(0, len(screen.training), block))
        lock = threading.Lock()

        def work() -> Found | None:
            best = None
            while True:
                try:
                    start = todo.popleft()
                except IndexError:
                    return best
                rows = slice(start, min(start + block, len(screen.training)))
                estimates = screen.estimate(prepared, rows)
                indices = np.broadcast_to(np.arange(rows.start, rows.stop), estimates.shape)
                part = _smallest(estimates, indices, keep, screen.exact, best)
                best = _joined([part] if best is None else [best, part], keep, screen.exact)
                if advance is not None:
                    with lock:
                        advance(estimates.size)

        try:
            parts = [part for part in pool.map(lambda _: work(), range(self.threads)) if part is not None]
        finally:
            todo.clear()  # on an error or an interrupt, let the other threads end with the block in hand
        values, indices = _joined(parts, keep, screen.exact)
        order = np.lexsort((indices, values))
        return np.take_along_axis(values, order, 1), np.take_along_axis(indices, order, 1)


def _smallest(values: np.ndarray, indices: np.ndarray, keep: int, exact: bool, best: Found | None = None) -> Found:
    """Return the `keep` smallest of each row, in no order; with `exact`, of equal values those of lowest index.

    What is no smaller than all of `best`, the smallest so far, may be left out.
    """
    width = values.shape[1]
    if width <= keep:
        return values, indices
    if exact:
        chosen = np.lexsort((indices, values))[:, :keep]
    elif width % GROUP == 0 and width >= 2 * GROUP * keep:
        # One pass takes the least of every GROUP; the smallest lie in the groups whose least is among the smallest.
        groups = width // GROUP
        least = values.reshape(-1, GROUP, groups).min(1)
        if best is not None and best[0].shape[1] == keep:
            keep = min(keep, max(1, int((least < best[0].max(1, keepdims=True)).sum(1).max())))
        chosen = np.argpartition(least, keep - 1, axis=1)[:, :keep]
        chosen = (chosen[:, None, :] + groups * np.arange(GROUP)[:, None]).reshape(len(values), -1)
        return np.take_along_axis(values, chosen, 1), np.take_along_axis(indices, chosen, 1)
    else:
        chosen = np.argpartition(values, keep - 1, axis=1)[:, :keep]
    return np.take_along_axis(values, chosen, 1), np.take_along_axis(indices, chosen, 1)


def _joined(parts: list[Found], keep: int, exact: bool) -> Found:
    values, indices = (np.concatenate(side, axis=1) for side in zip(*parts, strict=True))
    return _smallest(values, indices, keep, exact)


@contextmanager
def progress_bar(pairs: int, shown: bool, what: str) -> Iterator[Callable[[int], object]]:
    """Yield what to call with the number of pairs done."""
    with tqdm(total=pairs, disable=not shown, desc=what, unit="pair", unit_scale=True, smoothing=0.05, delay=1) as bar:
        yield bar.update


def compiled() -> bool:
    """Whether the loops of kernels.py can be had: the extra [fast] is installed."""
    return importlib.util.find_spec("numba") is not None


def _l1(distance: Distance, training: Images, whole: bool, memory: int) -> list[Screen]:
    if not compiled():
        return []
    from kerascifar.baselines.compiled import L1Bytes, L1Floats

    return [L1Bytes(training)] if whole else [L1Floats(training, np.float32), L1Floats(training, np.float64)]


def _ssim(distance: Distance, training: Images, whole: bool, memory: int) -> list[Screen]:
    if not compiled():
        return []
    from kerascifar.baselines.compiled import Structural

    # Running sums of anything but bytes need float64 from the start.
    precisions = (np.float32, np.float64) if training.stored.dtype == np.uint8 else (np.float64,)
    return [Structural(training, precision, distance.data_range) for precision in precisions]


def _product(distance: Distance, training: Images, whole: bool, memory: int) -> list[Screen]:
    exact = [Product(training, distance, precision) for precision in (np.float32, np.float64)]
    return [*projections(distance, training, memory), *exact]


def _cosine(sign: int) -> Callable[[Distance, Images, bool, int], list[Screen]]:
    def make(distance: Distance, training: Images, whole: bool, memory: int) -> list[Screen]:
        return [Cosine(training, precision, sign) for precision in (np.float32, np.float64)]

    return make


SCREENS: dict[str, Callable[[Distance, Images, bool, int], list[Screen]]] = {
    "product": _product,
    "cosine": _cosine(-1),
    "cosine_inverted": _cosine(1),
    "l1": _l1,
    "ssim": _ssim,
}


def screens(distance: Distance, training: Images, whole: bool, memory: int) -> list[Screen]:
    """Return the screens of a distance, from coarse to exact.

    Args:
        distance: a row of DISTANCES.
        training: the images searched.
        whole: queries and training images are bytes on one scale.
        memory: bytes that may be used in all.
    """
    return [*SCREENS[distance.search](distance, training, whole, memory), ByDefinition(training, distance)]
