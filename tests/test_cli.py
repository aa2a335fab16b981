"""The one table that commands print."""

import sys

from kerascifar.cli import print_table

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
