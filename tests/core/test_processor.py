import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerascifar.core.processor import cores, processor


def test_there_is_at_least_one_and_no_more_than_the_machine_has():
    assert 1 <= cores() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to a core")
def test_a_process_bound_to_one_core_counts_one():
    core = min(os.sched_getaffinity(0))
    line = f"import os; from kerascifar.core import processor as p; os.sched_setaffinity(0, [{core}]); print(p.cores())"
    assert subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="this system names its processor elsewhere")
def test_the_processor_is_named_as_the_system_names_it():
    named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    assert processor()["cores"] == cores()
    assert not named or processor()["processor"] == named[0].split(":")[1].strip()
