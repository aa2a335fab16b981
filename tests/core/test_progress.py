"""In a pipe: plain lines, no colours, no carriage returns; on a terminal: bars."""

import io
import re
import sys

import pytest

from kerascifar.core import progress

EPOCH = r"epoch {}/2: \d+\.\d s, loss \d\.\d{{4}}, accuracy [01]\.\d{{4}}, val_loss .*val_accuracy [01]\.\d{{4}}"


@pytest.mark.parametrize("arch", ["modified_net", "scratch_fc3"])
def test_a_training_prints_one_plain_line_per_epoch(arch, command):
    done = command("kerascifar.train", "--arch", arch, "--dataset", "synthetic:200", "--epochs", "2", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert not re.search(r"[\r\x1b]", done.stdout + done.stderr)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert re.fullmatch(EPOCH.format(1) + r", about \d+ s left", lines[0]), lines
    assert re.fullmatch(EPOCH.format(2), lines[1]), lines
    assert "next: " not in done.stderr  # it is for people


def test_other_work_prints_a_line_now_and_then(monkeypatch, capsys):
    clock = iter((0.0, 10.0, 31.0, 40.0, 70.0, 100.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(progress.counted("abcde", 5, "letters", "letter")) == list("abcde")
    assert capsys.readouterr().err.splitlines() == [
        "letters: 2 of 5 letters, about 46 s left",
        "letters: 4 of 5 letters, about 18 s left",
    ]


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress.counted("ab", 2, "letters", "letter")) == ["a", "b"]
    assert "\rletters: 100%" in terminal.getvalue()


def test_what_is_closed_is_no_terminal():
    assert not progress.drawn(None)
