"""Loops over the images of a batch on all cores, with sums that do not depend on the number of cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

from kerascifar.core.processor import cores

# A batch is cut into this many sections on every machine, so that sums are the same to the last bit.
_SECTIONS = 16
# A block of this many bytes, with what is computed from it, fits a core's second-level cache.
_BLOCK = 3 * 2**20
_pool: ThreadPoolExecutor | None = None
_threads = 0
_blas: ThreadpoolController | None = None


def use_threads(threads: int | None = None) -> None:
    """Set the threads of these loops and of the matrix products of dense layers; None means all cores."""
    global _pool, _blas, _threads
    _threads = threads = threads or cores()
    if _pool is not None:
        _pool.shutdown()
    _pool = ThreadPoolExecutor(threads, thread_name_prefix="scratch")
    _blas = ThreadpoolController().select(user_api="blas")
    _blas.limit(limits=threads)


def threads_in_use() -> int:
    """Return the threads of these loops."""
    return _threads or cores()


def over_images(work: Callable[[slice], np.ndarray | None], count: int, image_bytes: int) -> np.ndarray | None:
    """Call ``work(images)`` for slices of `count` images and return the sum of its results.

    Copies and matrix products release Python's lock, so threads run in parallel. Meanwhile BLAS uses one thread per
    product: with blocks this small, two cores are faster on two blocks than on one.

    Args:
        work: processes the images of one slice.
        count: images in the batch.
        image_bytes: memory that `work` needs per image; slices are chosen to fit the cache.
    """
    if _pool is None:
        use_threads()
    each = -(-count // _SECTIONS)
    blocks = -(-each // max(1, _BLOCK // max(image_bytes, 1)))
    at_once = -(-each // blocks)  # even blocks: a remainder of one image would cost as many calls as a full block

    def run(first: int) -> np.ndarray | None:
        total = None
        last = min(first + each, count)
        for start in range(first, last, at_once):
            result = work(slice(start, min(start + at_once, last)))
            total = result if total is None else total + result
        return total

    with _blas.limit(limits=1):
        sums = list(_pool.map(run, range(0, count, each)))
    return None if sums[0] is None else sum(sums[1:], start=sums[0])
