"""README's first command, as a newcomer runs it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.release
def test_tools_run_trains_on_the_embedded_digits(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "KERASCIFAR_DATA"}
    done = subprocess.run(
        [ROOT / "tools" / "run"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy, run = re.search(r"test accuracy (0\.\d+) .*\nrun (\S+)", done.stdout).groups()
    assert float(accuracy) >= 0.95
    assert (tmp_path / run / "result.json").exists()
