"""How many images are processed at once, so that a search stays within its memory."""

import re
from dataclasses import dataclass

from kerascifar.core.errors import InputError

DEFAULT_MEMORY = "1GiB"
_UNITS = {"": 1, "B": 1} | {p + i + "B": b**e for e, p in enumerate("KMGT", 1) for i, b in (("", 1000), ("i", 1024))}
_UNITS_LOWER = {unit.lower(): size for unit, size in _UNITS.items()}
# Larger blocks are no faster: a block of float32 distances of this size is 16 MiB per thread.
QUERIES, TRAINING, STEP = 2048, 2048, 32
# The rest is for what is not counted in rows: Python objects, BLAS packing buffers and allocator slack.
SHARE = 0.7


@dataclass(frozen=True)
class BlockSizes:
    """Queries that are processed at once, and training images that each thread compares them with at once."""

    queries: int
    training: int


def parse_memory(text: str | int) -> int:
    """Return the number of bytes: ``"1GiB"`` is 2**30, ``"500MB"`` 5 * 10**8, a plain number is bytes.

    Raises InputError: not a positive amount.
    """
    match = re.fullmatch(r"\s*(\d{1,18}(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    if match and match[2].lower() in _UNITS_LOWER:
        size = int(float(match[1]) * _UNITS_LOWER[match[2].lower()])
        if size > 0:
            return size
    raise InputError(f"--memory: expected an amount such as 512MiB or 1GiB, got {text!r}")


def block_sizes(
    memory: int, threads: int, queries: int, training: int, query_bytes: int, training_bytes: int
) -> BlockSizes:
    """Return the largest blocks that fit.

    Args:
        memory: bytes for everything but the images as given.
        threads: number of threads, each with its own block of training images.
        queries: number of queries.
        training: number of training images.
        query_bytes: memory of one prepared query.
        training_bytes: memory of one prepared training image.

    Raises:
        InputError: not even one query against STEP training images per thread fits.
    """
    room = int(memory * SHARE)
    rows, step = min(queries, QUERIES), min(training, STEP)
    while True:
        # A distance takes 8 bytes, and finding the smallest takes 8 more.
        cost = training_bytes + 16 * rows
        block = (room - rows * query_bytes) // (threads * cost)
        if block >= step:
            return BlockSizes(rows, min(block // STEP * STEP or step, TRAINING))
        if rows == 1:
            least = (query_bytes + threads * step * cost) / SHARE / 2**20
            raise InputError(f"--memory: {memory} bytes are too few here; at least {least:.0f}MiB are needed")
        rows = (rows + 1) // 2
