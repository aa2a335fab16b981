"""How commands end: a reader that leaves, a closed stdout, too little memory, an interrupt."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.answers import refused

ROOT = Path(__file__).resolve().parent.parent


SHORT = ("--arch", "scratch_fc3", "--dataset", "digits", "--train-limit", "60", "--test-limit", "20")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_training_goes_on_to_its_result_when_its_reader_leaves(unbuffered, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "kerascifar.train", *SHORT, "--epochs", "2", "--runs", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    process.stdout.close()  # head has ended before the first line
    assert process.wait(120) == 0
    assert len(list(tmp_path.glob("*/*/result.json"))) == 1


def test_a_list_for_a_reader_that_leaves_is_no_error(tmp_path):
    line = [sys.executable, "-m", "kerascifar.train", "--list"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0


def test_a_closed_stdout_is_one_line(command):
    refused(command("kerascifar.train", "--list", before=lambda: os.close(1)), "standard output is closed")


@pytest.mark.parametrize("megabytes", [200, 400, 3000])
def test_too_little_memory_is_one_line(megabytes, command, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20,) * 2)

    done = command("kerascifar.train", "--dataset", "digits", "--runs", tmp_path / "runs", before=limit)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "ulimit -v" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_interrupt_while_modules_are_imported_is_one_line():
    code = "import sys; sys.argv = ['-m']; import {}; raise {}"
    for package in ("kerascifar", "tuner"):
        for error in ("KeyboardInterrupt", "ImportError('init failed') from KeyboardInterrupt()"):
            line = [sys.executable, "-c", code.format(package, error)]
            done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 130
            assert done.stderr == "\ninterrupted; the same command resumes from the last checkpoint\n"


def test_the_library_leaves_interrupts_to_its_user():
    line = [sys.executable, "-c", "import kerascifar.run; raise KeyboardInterrupt"]
    assert "Traceback" in subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False).stderr
