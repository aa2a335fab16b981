"""The processor, and how many of its cores there are for this process."""

import os
import platform
from pathlib import Path
from typing import Any


def cores() -> int:
    """Return the cores that this process may run on: those of the machine, or fewer under ``taskset`` or in a cpuset.

    TensorFlow counts them in the same way.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(processes: int) -> int:
    """Return the threads of each of `processes` that share the cores: at least one."""
    return max(1, cores() // processes)


def processor() -> dict[str, Any]:
    """Return the name of the processor, not of the machine, and the cores that there are for this process."""
    return {"processor": _told("model name") or platform.machine(), "cores": cores()}


def flags() -> frozenset[str]:
    """Return the instructions that an x86 processor lists, as Linux names them: avx512_bf16; none where none tells."""
    return frozenset(_told("flags").split())


def _told(key: str) -> str:
    """Return what /proc/cpuinfo says under `key` of the first core, or an empty text."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
