"""How fast a model labels images: one at a time, and in large batches. The model is a callable: NumPy is enough."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError

REPEATS, SECONDS, BATCH_SIZE = 1000, 60.0, 256
LEAST_REPEATS = 100  # with fewer, the 99th percentile would be little more than the slowest call
_WARM_UP_CALLS, _WARM_UP_SECONDS = 20, 0.5
_BATCHES = 5


def measure(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    repeats: int = REPEATS,
    batch_size: int = BATCH_SIZE,
) -> dict[str, Any]:
    """Time `predict` on single images and on batches, after a warm-up of each.

    Args:
        predict: uint8 (N, H, W, C) to scores (N, classes) in memory, so that a device has finished when it returns.
        images: uint8 (M, H, W, C), M at least 1; single calls take them in turn, a batch repeats them as needed.
        repeats: timed calls with one image; after SECONDS fewer will do, but at least LEAST_REPEATS.
        batch_size: images in a large batch.

    Returns:
        p50_ms and p99_ms, percentiles of the time of a call with one image in milliseconds (NumPy's linear
        interpolation); images_per_second, from the median of 5 large batches; batch_size; repeats, the calls timed.

    Raises:
        InputError: too few repeats for a 99th percentile, no image, or an empty batch.
    """
    check_repeats(repeats)
    if batch_size < 1 or images.ndim != 4 or not len(images):
        raise InputError(f"a latency needs images (N, H, W, C) and a batch, got {images.shape} and {batch_size}")
    singles = [np.ascontiguousarray(images[i : i + 1]) for i in range(min(len(images), repeats))]
    began, calls = time.perf_counter(), 0
    while calls < _WARM_UP_CALLS or time.perf_counter() - began < _WARM_UP_SECONDS:
        predict(singles[calls % len(singles)])
        calls += 1
    single: list[float] = []
    while len(single) < repeats and (len(single) < LEAST_REPEATS or sum(single) < SECONDS):
        single.append(_seconds(predict, singles[len(single) % len(singles)]))
    batch = np.resize(images, (batch_size, *images.shape[1:]))  # repeats the images
    predict(batch)
    large = [_seconds(predict, batch) for _ in range(_BATCHES)]
    p50, p99 = np.percentile(single, (50, 99)) * 1000
    return {
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "images_per_second": batch_size / float(np.median(large)),
        "batch_size": batch_size,
        "repeats": len(single),
    }


def check_repeats(repeats: int) -> None:
    """Refuse too few repeats for a 99th percentile. Raises InputError."""
    if repeats < LEAST_REPEATS:
        raise InputError(f"--repeats: a 99th percentile needs {LEAST_REPEATS} calls or more, got {repeats}")


def _seconds(predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> float:
    began = time.perf_counter()
    predict(images)
    return time.perf_counter() - began
