"""The command lr_find: a rate in a sensible decade, the same twice, and one line for what is wrong."""

import csv
import re

import pytest
from PIL import Image

from tests.answers import refused

DIGITS = ("--arch", "modified_net", "--dataset", "digits", "--device", "cpu", "--steps", "80")


def test_the_suggestion_lies_in_a_sensible_decade_and_comes_again(command, tmp_path):
    done = command("kerascifar.lr_find", *DIGITS, "--out", "one.png")
    assert done.returncode == 0, done.stderr
    suggested = float(re.search(r"^suggested: --learning-rate (\S+),", done.stdout, re.M)[1])
    assert 0.003 < suggested < 0.1  # study 004 trains it with 0.005 and 0.01
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "one.csv"}
    with Image.open(tmp_path / "one.png") as picture:
        assert min(picture.size) > 300
    rows = list(csv.DictReader((tmp_path / "one.csv").open()))
    assert list(rows[0]) == ["learning_rate", "loss", "smoothed_loss"]
    assert float(rows[0]["learning_rate"]) == 1e-6
    assert f"after {len(rows)} steps" in done.stdout
    assert command("kerascifar.lr_find", *DIGITS, "--out", "two.png").returncode == 0
    for kind in ("csv", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_a_scratch_net_from_a_file_of_flags(command, tmp_path):
    (tmp_path / "my.toml").write_text('arch = "scratch_fc3"\ndataset = "digits"\n')
    done = command("kerascifar.lr_find", "--config", "my.toml", "--steps", "60")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lr_find-scratch_fc3-digits.csv").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--low", "0"], "--low: must be greater than 0, got 0"),
        (["--low", "nan"], "--low: must be greater than 0, got nan"),
        (["--high", "1e-6"], "--high: must be at least 10 times --low 1e-06, got 1e-06"),
        (["--high", "inf"], "--high: must be at least 10 times --low"),
        (["--steps", "10"], "--steps: must be from 40 to 2000, got 10"),
        (["--steps", "ten"], "--steps: invalid int value: 'ten'"),
        (["--out", "rates.jpg"], "--out: expected a file name ending in .png, got rates.jpg"),
        (["--optimiser", "adam"], "did you mean --optimizer?"),
        (["--arch", "knn", "--dataset", "digits"], "knn has no learning rate"),
        (["--config", "none.toml"], "--config: there is no file none.toml"),
    ],
)
def test_it_refuses_with_one_line(argv, message, command, tmp_path):
    refused(command("kerascifar.lr_find", *argv), message)
    assert not list(tmp_path.iterdir())
