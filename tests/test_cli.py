"""The one table that commands print, and what stands around every command."""

import ast
import re
import sys
from pathlib import Path

import pytest

from kerascifar import cli
from kerascifar.__main__ import commands
from kerascifar.cli import print_table, suggest
from kerascifar.config import FIELDS, flag
from kerascifar.core import streams
from kerascifar.core.errors import InputError
from tests.answers import refused

ROWS = (("lenet", "61,706", "[red]LeCun[/red] :smile: " + "1998 " * 40), ("k-nn", "-", "none"), ("vgg", 7, ""))


def test_a_pipe_gets_one_whole_plain_line_per_row(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    print_table(("arch", "parameters", "source"), ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "arch   parameters  source",
        "lenet      61,706  [red]LeCun[/red] :smile: " + " ".join(["1998"] * 40),
        "k-nn            -  none",
        "vgg             7",
    ]


def test_columns_without_titles_have_no_head(capsys):
    print_table(("", ""), [("all", 10), ("size", 9)])
    assert capsys.readouterr().out == "all   10\nsize   9\n"


def test_a_terminal_wraps_and_loses_no_word(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    print_table(("arch", "parameters", "source"), ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert sum(line.count("1998") for line in lines) == 40


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["cp1252", "ascii", "C"],
)
def test_a_name_that_stdout_cannot_encode_is_escaped(command, environment):
    train = ["--arch", "nearest_centroid", "--dataset", "digits", "--runs", "runs", "--name", "猫"]
    done = command("kerascifar.train", *train, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"run runs/(\\u732b|(\\udc..){3}|(\\x..){3})/[0-9a-f]{12}$", done.stdout.strip())
    other = command("kerascifar.train", "--arch", "猫", **environment)
    assert other.returncode == 2
    assert re.match(r"error: unknown --arch '(\\u732b|(\\udc..){3}|(\\x..){3})'", other.stderr)


def test_keras_progress_bar_stays_short_where_it_cannot_be_drawn():
    error = UnicodeEncodeError("ascii", "1/2 ━━ 猫", 4, 6, "no")
    assert streams._spelled(error) == ("==", 6)
    assert streams._spelled(UnicodeEncodeError("ascii", "━猫", 0, 2, "no")) == (r"\u2501\u732b", 2)


def test_a_tilde_is_the_home_in_every_way_to_give_a_path(command, tmp_path):
    home = {"HOME": str(tmp_path / "home")}
    train = ("--arch", "nearest_centroid", "--dataset", "digits")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "run.toml").write_text('arch = "nearest_centroid"\ndataset = "digits"\nruns = "~/c"\n')
    for given in (("--runs", "~/a"), ("--runs=~/b",)):
        assert command("kerascifar.train", *train, *given, **home).returncode == 0
    assert command("kerascifar.train", "--config", "~/run.toml", **home).returncode == 0
    assert command("kerascifar.report", "~/a", "~/b", "--out=~/page", **home).returncode == 0
    assert {"a", "b", "c", "page"} <= {path.name for path in (tmp_path / "home").iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_the_short_help_has_the_everyday_flags_and_says_where_the_others_are(command):
    short, whole = (command("kerascifar.train", "--help", *more) for more in ((), ("all",)))
    flags = [set(re.findall(r"^  (--[a-z0-9-]+)", done.stdout, re.M)) for done in (short, whole)]
    everyday = {flag(name) for name, f in FIELDS.items() if f.metadata["everyday"]}
    asked = {flag(name) for name, f in FIELDS.items() if f.metadata["asked"]}
    own = {"--list", "--list-augment", "--config", "--plugin"}
    assert own | everyday <= flags[0]
    assert not flags[0] & (asked - everyday)
    assert asked | own <= flags[1]
    assert 12 <= len(everyday) <= 18
    assert short.stdout.count("    python -m kerascifar.train ") == 3
    assert short.stdout.endswith(f"--help all shows {len(asked - everyday)} more flags, in groups.\n")
    refused(command("kerascifar.train", "--help", "everything"), "--help: nothing or 'all' may follow it")


def test_a_command_that_has_few_flags_shows_them_all(command):
    short, whole = (command("kerascifar.evaluate", "--help", *more) for more in ((), ("all",)))
    assert short.stdout == whole.stdout
    assert "--threads" in short.stdout


def test_the_next_command_is_shown_to_a_person(capsys, monkeypatch):
    suggest("kerascifar.report", "my runs")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    suggest("kerascifar.report", "my runs", "--out", "report")
    assert capsys.readouterr().err == "next: python -m kerascifar.report 'my runs' --out report\n"


def test_the_next_command_takes_the_same_plugins(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(cli, "FILES", {"/my net.py": "my net.py", "/b.py": "b.py"})
    suggest("kerascifar.report", "runs")
    told = capsys.readouterr().err
    assert told == "next: python -m kerascifar.report runs --plugin 'my net.py' --plugin b.py\n"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--out", ""], "argument --out: expected a value, got ''"),
        (["--name="], "argument --name: expected a value, got ''"),
        (["", "--out", "x"], "an argument is empty: ''"),
    ],
)
def test_an_unset_variable_is_no_value(argv, told):
    parser = cli.Parser(prog="x")
    parser.add_argument("run", nargs="?")
    parser.add_argument("--out")
    cli.add_flags(parser, ("name",))
    with pytest.raises(InputError, match=re.escape(told)):
        parser.parse_args(argv)


def test_a_flag_that_may_be_repeated_keeps_all_values():
    parser = cli.Parser(prog="x")
    cli.add_flags(parser, ("exclude", "seed"))
    given = parser.parse_args(["--exclude", "a.csv", "--seed", "1", "--exclude", "b.csv", "--seed", "2"])
    assert (given.exclude, given.seed) == ("a.csv,b.csv", "2")


def hints():
    """The words after ``python -m`` of each call of `suggest`, as far as they stand in the source, with its command."""
    for name in commands():
        tree = ast.parse((Path(__file__).resolve().parent.parent / f"kerascifar/{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "suggest":
                yield name, [word.value for word in node.args if isinstance(word, ast.Constant)]


def test_commands_end_with_a_next_one():
    # A demo goes on in a browser; what launch starts is a training, which says it.
    assert set(commands()) - {name for name, _ in hints()} <= {"demo", "launch"}


@pytest.mark.parametrize("following", sorted({words[0] for _, words in hints()}))
def test_the_next_command_exists_with_its_flags(following, command):
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", command(following, "--help", "all").stdout))
    named = {word for _, words in hints() if words[0] == following for word in words[1:] if word.startswith("--")}
    assert known
    assert named <= known
