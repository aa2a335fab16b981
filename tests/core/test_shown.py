import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerascifar import predict, results
from kerascifar.cli import print_table
from kerascifar.core.errors import InputError
from kerascifar.core.files import safe_name
from kerascifar.core.shown import csv_cell, file_name, printable


def test_what_a_terminal_would_obey_is_escaped():
    assert printable("a\x1b]0;owned\x07\x9b2J\r\nb\u2028\u202ec") == r"a\x1b]0;owned\x07\x9b2J\r\nb\u2028\u202ec"
    assert printable(os.fsdecode(b"caf\xe9.png")) == r"caf\xe9.png"
    assert printable("\ud800") == r"\ud800"
    for name in ("猫", "b\u00e9b\u00e9 🐈", "می\u200cخواهم", "10:30\u202fAM.png", r"C:\new"):
        assert printable(name) == name


def test_a_file_has_the_same_name_in_every_locale(tmp_path):
    for name in ("猫", "b\u00e9b", os.fsdecode(b"b\xe9b")):
        assert file_name(name) == name
    (tmp_path / "猫").mkdir()
    code = "import os; from kerascifar.core.shown import file_name; print(*map(ascii, map(file_name, os.listdir())))"
    root = Path(__file__).resolve().parents[2]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(root)}
    run = {"cwd": tmp_path, "env": {**os.environ, **plain}, "capture_output": True, "text": True}
    assert subprocess.run([sys.executable, "-c", code], check=True, **run).stdout == ascii("猫") + "\n"


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "-", "＝1"])
def test_a_name_is_no_formula(name):
    assert csv_cell(name) == f"'{name}"


@pytest.mark.parametrize("name", ["-5", "+1.5e3", "cat", "a=b", "", "7"])
def test_numbers_and_plain_names_stay(name):
    assert csv_cell(name) == name


def test_labels_in_a_csv_hold_neither_formulas_nor_escape_codes():
    text = predict.as_csv(["=1+1.png", "a\n\x1b.png"], np.array([[0.75, 0.25], [0.5, 0.5]]), ["@x", "-1"])
    assert list(csv.reader(io.StringIO(text))) == [
        ["image", "label", "label_id", "confidence", "'@x", "-1"],
        ["'=1+1.png", "'@x", "0", "0.750000", "0.750000", "0.250000"],
        [r"a\n\x1b.png", "'@x", "0", "0.500000", "0.500000", "0.500000"],
    ]


def test_a_history_has_no_formulas(tmp_path):
    results.write_history(tmp_path, [{"epoch": 1, "=x": -0.5}])
    assert (tmp_path / "history.csv").read_text() == "epoch,'=x\n1,-0.5\n"


def test_a_table_is_not_obeyed(capsys):
    print_table(("image", "label"), [("a\x1b[2J\nb.png", "cat")])
    assert r"a\x1b[2J\nb.png" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a1b2", "lai lr-0.005", "..a", ".hidden", "猫", "x" * 200])
def test_a_plain_name_is_a_file_name(name):
    assert safe_name(name, "run_id") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/", "/etc/x", "../../x", "a/b", "a/", "./a", r"a\b", r"\\host\x", "C:", "C:x", "a\0b", "a\nb",
     "\x1b[2J", "\udce9", "x" * 201, "é" * 101, None, 7, ["a"]],
)  # fmt: skip
def test_what_is_no_file_name_is_refused(name):
    with pytest.raises(InputError, match="run_id must be a plain name"):
        safe_name(name, "run_id")
