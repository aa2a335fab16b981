"""How many cores there are for this process."""

import os


def cores() -> int:
    """Return the cores that this process may run on: those of the machine, or fewer under ``taskset`` or in a cpuset.

    TensorFlow counts them in the same way.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
