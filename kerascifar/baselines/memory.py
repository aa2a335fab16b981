"""How many images are worked on at once, so that a search stays within its memory."""

import re
from dataclasses import dataclass

from kerascifar.core.errors import InputError

DEFAULT = "1GiB"
_UNITS = {"": 1, "B": 1} | {p + i + "B": b**e for e, p in enumerate("KMGT", 1) for i, b in (("", 1000), ("i", 1024))}
_UNITS_LOWER = {unit.lower(): size for unit, size in _UNITS.items()}
# Rows beyond these bring no more speed: a block of float32 distances of this size is 16 MiB a thread.
QUERIES, TRAINING, STEP = 2048, 2048, 32
# Python objects, BLAS packing buffers and allocator slack are not counted in rows: keep a share for them.
SHARE = 0.7


@dataclass(frozen=True)
class Plan:
    """Rows of queries worked on at once, and rows of training images each thread takes at once."""

    queries: int
    training: int


def parse_memory(text: str | int) -> int:
    """Return bytes: ``"1GiB"`` is 2**30, ``"500MB"`` 5 * 10**8, a plain number bytes.

    Raises:
        InputError: not a positive amount.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    if match and match[2].lower() in _UNITS_LOWER:
        size = int(float(match[1]) * _UNITS_LOWER[match[2].lower()])
        if size > 0:
            return size
    raise InputError(f"--memory: expected an amount such as 512MiB or 1GiB, got {text!r}")


def plan(memory: int, threads: int, queries: int, training: int, query_bytes: int, training_bytes: int) -> Plan:
    """Choose the largest blocks that fit.

    Args:
        memory: bytes for everything but the images as given.
        threads: each works on its own block of training images.
        queries: how many there are.
        training: how many there are.
        query_bytes: of one prepared query.
        training_bytes: of one prepared training image.

    Raises:
        InputError: not even one query against STEP training images a thread fits.
    """
    room = int(memory * SHARE)
    rows, step = min(queries, QUERIES), min(training, STEP)
    while True:
        # A distance is 8 bytes, and finding the smallest takes as much again.
        cost = training_bytes + 16 * rows
        block = (room - rows * query_bytes) // (threads * cost)
        if block >= step:
            return Plan(rows, min(block // STEP * STEP or step, TRAINING))
        if rows == 1:
            least = (query_bytes + threads * step * cost) / SHARE / 2**20
            raise InputError(f"--memory: {memory} bytes are too few here; at least {least:.0f}MiB are needed")
        rows = (rows + 1) // 2
