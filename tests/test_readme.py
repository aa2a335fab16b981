"""README's Python is run as it stands, and its commands name things that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_example_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.S).group(1)
    assert len([line for line in code.splitlines() if line]) <= 14
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accuracy = float(re.findall(r"^(0\.\d+) \[", done.stdout, re.M)[-1])
    assert accuracy > 0.2
    assert list(tmp_path.glob("saved_models/modified_net/*/result.json"))


def test_every_file_that_readme_names_exists():
    named = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r"`((?:tools|tests|kerascifar)/[\w./]+)`", README)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_flag_that_readme_names_exists():
    from kerascifar.config import FIELDS, flag

    others = {"--list", "--config", "--csv", "--all", "--logdir", "--workers", "--latency", "--vote", "--view", "--to"}
    others |= {"--int8", "--budget", "--full", "--only", "--dry-run", "--max-trials", "--initial-points"}
    others |= {"--train-best", "--out"}
    known = {flag(name) for name in FIELDS} | others
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", README)) <= known
