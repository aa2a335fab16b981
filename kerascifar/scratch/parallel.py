"""All cores for loops over the images of a batch, with sums that do not depend on how many cores there are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

from kerascifar.core.processor import cores

# The batch is cut into this many runs whatever the machine, so that sums come out the same to the last bit.
_RUNS = 16
# A block of this many bytes, with what is computed from it, stays in a core's second-level cache.
_BLOCK = 3 * 2**20
_pool: ThreadPoolExecutor | None = None
_blas: ThreadpoolController | None = None


def use_threads(threads: int | None = None) -> None:
    """Use so many threads, for these loops and for the matrix products of dense layers; None means all cores."""
    global _pool, _blas
    threads = threads or cores()
    if _pool is not None:
        _pool.shutdown()
    _pool = ThreadPoolExecutor(threads, thread_name_prefix="scratch")
    _blas = ThreadpoolController().select(user_api="blas")
    _blas.limit(limits=threads)


def over_images(work: Callable[[slice], np.ndarray | None], count: int, image_bytes: int) -> np.ndarray | None:
    """Call ``work(images)`` for slices of `count` images and return the sum of what it gives.

    Copies and matrix products release Python's lock, so threads run side by side. Meanwhile BLAS keeps to one
    thread a product: on blocks this small, two cores are better used for two blocks.

    Args:
        work: handles the images of one slice.
        count: images in the batch.
        image_bytes: memory that `work` needs for one image; slices are cut so that they fit the cache.
    """
    if _pool is None:
        use_threads()
    each = -(-count // _RUNS)
    blocks = -(-each // max(1, _BLOCK // max(image_bytes, 1)))
    at_once = -(-each // blocks)  # even blocks: a rest of one image would cost as many calls as a full one

    def run(first: int) -> np.ndarray | None:
        total = None
        last = min(first + each, count)
        for start in range(first, last, at_once):
            part = work(slice(start, min(start + at_once, last)))
            total = part if total is None else total + part
        return total

    with _blas.limit(limits=1):
        sums = list(_pool.map(run, range(0, count, each)))
    return None if sums[0] is None else sum(sums[1:], start=sums[0])
