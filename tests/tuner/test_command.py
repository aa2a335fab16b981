"""`python -m tuner` as a user meets it: quick answers, one-line errors, the table of trials."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerascifar.cli import Parser
from kerascifar.core.errors import InputError
from tuner.__main__ import main
from tuner.search import run_search
from tuner.worker import role

pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's
ROOT = Path(__file__).resolve().parents[2]


def test_help_and_errors_come_without_keras():
    code = (
        "import sys, tuner.__main__ as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "for argv in (['--spaces', 'x'], ['--oracle', 'grid'], ['show', 'nowhere']):\n"
        "    try: m.main(argv)\n"
        "    except ValueError as e: print('ERROR', e)\n"
        "heavy = ('keras', 'tensorflow', 'keras_tuner', 'tensorboard', 'grpc')\n"
        "print('LOADED', [name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--space NAME|FILE.toml" in done.stdout
    assert "--learning-rate" in done.stdout
    assert done.stdout.count("ERROR") == 3
    assert done.stdout.strip().endswith("LOADED []")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--space", "studdy002"], "did you mean study002"),
        (["--space", "nowhere.toml"], "there is no file nowhere.toml"),
        (["--oracle", "bayes"], "did you mean bayesian"),
        (["--max-trials", "many"], "invalid int value: 'many'"),
        (["--max-trials", "3", "--initial-points", "5"], "--initial-points 5: --max-trials 3 counts them"),
        (["--arch", "custom_cnm"], "did you mean custom_cnn"),
        (["--learning-rate", "-1"], "--learning-rate: must be greater than 0"),
        (["--workers", "-1"], "--workers must be 0 or more"),
        (["--again"], "another --dir"),
        (["--validation", "0"], "--validation 0"),
        (["show"], "DIR"),
        (["show", "."], "holds no search"),
    ],
)
def test_one_line_errors(argv, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        main(argv)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_table_shows_the_best_first(make_search, trained, capsys):
    search = make_search("grid", seeds=2)
    run_search(search)
    capsys.readouterr()
    main(["show", str(search.folder)])
    head, titles, *rows = capsys.readouterr().out.strip().splitlines()
    assert "lenet on synthetic:120" in head
    assert titles.split() == ["trial", "status", "val_accuracy", "lowest", "highest", "batch_size", "learning_rate"]
    # 0.9 - |0.01 - 0.03| = 0.88, and the second seed adds 0.001.
    assert rows[0].split()[1:5] == ["completed", "0.8805", "0.8800", "0.8810"]
    assert [row.split()[2] for row in rows] == sorted((row.split()[2] for row in rows), reverse=True)
    assert len(rows) == 6


def test_a_search_that_has_only_begun_can_be_shown(make_search, capsys):
    search = make_search()
    search.settle()
    main(["show", str(search.folder)])
    assert "0 trials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"KERASTUNER_TUNER_ID": "chief", "KERASTUNER_ORACLE_IP": "h", "KERASTUNER_ORACLE_PORT": "1"}, "chief"),
        ({"KERASTUNER_TUNER_ID": "tuner3", "KERASTUNER_ORACLE_IP": "h", "KERASTUNER_ORACLE_PORT": "1"}, "worker"),
    ],
)
def test_role_by_kerastuner_s_variables(environment, expected):
    assert role(environment) == expected


def test_half_of_the_variables_is_an_error():
    with pytest.raises(InputError, match="KERASTUNER_TUNER_ID is set, so KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT"):
        role({"KERASTUNER_TUNER_ID": "chief"})


def test_a_worker_whose_name_leads_out_of_the_search_is_refused():
    with pytest.raises(InputError, match="KERASTUNER_TUNER_ID must be a plain name"):
        role({"KERASTUNER_TUNER_ID": "../x", "KERASTUNER_ORACLE_IP": "h", "KERASTUNER_ORACLE_PORT": "1"})


def test_every_training_flag_is_a_flag_of_the_tuner():
    from kerascifar.config import FIELDS, flag
    from tuner.__main__ import _parser

    parser = _parser()
    assert isinstance(parser, Parser)
    flags = {option for action in parser._actions for option in action.option_strings}
    assert {flag(name) for name, f in FIELDS.items() if f.metadata["asked"]} <= flags


def test_the_best_of_a_search_on_a_folder_is_trained_by_its_file(command, tmp_path):
    rng = np.random.default_rng(0)
    for place in range(20):
        folder = tmp_path / "猫 pictures" / ("cat", "dog")[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / f"{place}.png")
    (tmp_path / "space.toml").write_text("learning_rate = [0.01]\n")
    search = ("--arch", "lenet", "--dataset", "folder", "--epochs", "1", "--space", "space.toml", "--oracle", "grid")
    done = command("tuner", *search, "--dir", "search", "--data-dir", "猫 pictures")
    assert done.returncode == 0, done.stderr
    trained = command("kerascifar.train", "--config", "search/best.toml")
    assert trained.returncode == 0, trained.stderr
    assert re.search(r"run saved_models/lenet-best/[0-9a-f]{12}$", trained.stdout.strip())
