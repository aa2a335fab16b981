"""python -m kerascifar.demo: what it refuses, what it writes, and that it serves until it is interrupted."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.answers import refused
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "RUN is missing: give a run folder or a shipped net's name, such as tiny36k"),
        (["--out", "site"], "RUN is missing"),
        (["nowhere"], "RUN nowhere is not a folder"),
        (["tiny12k", "tiny36k", "lai"], "RUN: at most 2 nets stand side by side, got 3"),
        (["tiny12k", "--port", "70000"], "--port: must be from 0 to 65535, got 70000"),
        (["tiny12k", "--port", "x"], "argument --port: invalid int value: 'x'"),
        (["tiny12k", "--int8"], "--int8 is for the files that --out DIR writes, which is missing"),
        (["tiny12k", "--port", "0", "--out", "site"], "--port is for the page that is served; --out only writes files"),
        (["tiny12k", "--device", "gpu", "--out", "site"], "--device does not apply with --out"),
        (["tiny12k", "--fetch-runtime", "r"], "--fetch-runtime is for the files that --out DIR writes"),
        (["--runtime-archive", "x.tgz", "tiny12k"], "--runtime-archive: --fetch-runtime DIR"),
        (["--fetch-runtime", "r", "--runtime-archive", "x.tgz"], "--runtime-archive: there is no file x.tgz"),
    ],
)
def test_it_refuses_with_one_line(argv, message, command, tmp_path):
    refused(command("kerascifar.demo", *argv), message)
    assert not list(tmp_path.iterdir())


def test_it_writes_and_says_what_is_missing(command, tmp_path):
    done = command("kerascifar.demo", "tiny12k", "--int8", "--out", "site")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "wrote site/index.html",
        "wrote site/tiny12k-624d50aa7526-int8.onnx",
        "still missing: python -m kerascifar.demo --fetch-runtime site/runtime",
    ]


def test_it_serves_until_it_is_interrupted(centroid_run, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "kerascifar.demo", str(centroid_run), "--port", "0"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a suite in the background
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        assert line.startswith("nearest_centroid: open http://127.0.0.1:")
        url = line.split()[2]
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<h1>Try nearest_centroid</h1>" in answer.read()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest, errors) == (0, "\nended\n", "")
    finally:
        process.kill()
