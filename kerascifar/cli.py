"""What the commands share: one-line errors and exit codes, flags of RunConfig fields, tables."""

import argparse
import contextlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from kerascifar.config import FIELDS, GROUPS, RunConfig, fields_of, flag, kinds
from kerascifar.core import streams
from kerascifar.core.endings import EXIT_INPUT, EXIT_INTERRUPTED, ending
from kerascifar.core.errors import InputError
from kerascifar.core.fields import metavar
from kerascifar.core.plugged import FILES
from kerascifar.core.registry import nearest
from kerascifar.core.shown import printable
from kerascifar.results import Result, untested


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and which answers an unknown flag with the nearest one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_abbrev=False, add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )
        self.rare: frozenset[str] = frozenset()  # flags that only --help all shows
        self.add_argument("-h", "--help", action=_Help)

    def short_help(self) -> str:
        """Return the help without the flags that few need, and a line on how to see them."""
        rare = [action for action in self._actions if action.dest in self.rare]
        texts = [action.help for action in rare]
        for action in rare:
            action.help = argparse.SUPPRESS
        shown = self.format_help()
        for action, text in zip(rare, texts, strict=True):
            action.help = text
        return f"{shown}\n--help all shows {len(rare)} more flags, in groups.\n" if rare else shown

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")

    def parse_args(self, args: Sequence[str], namespace: Any = None) -> Any:
        for before, arg in zip(["", *args], args, strict=False):
            if not arg or re.fullmatch("--[a-z-]+=", arg):  # as a script's unset variable makes it
                flag = before if before.startswith("--") and not arg else arg.rstrip("=")
                self.error(f"argument {flag}: expected a value, got ''" if flag else "an argument is empty: ''")
        known, unknown = self.parse_known_args([_at_home(arg) for arg in args], namespace)
        if unknown:
            flags = [option for action in self._actions for option in action.option_strings]
            first = unknown[0].split("=")[0]
            self.error(f"unknown argument {first}{nearest(first, flags) if first.startswith('-') else ''}")
        return known


class _Joined(argparse.Action):
    """Joins the values of a flag that is given several times by commas."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        before = [getattr(namespace, self.dest)] if hasattr(namespace, self.dest) else []
        setattr(namespace, self.dest, ",".join([*before, values]))


class _Help(argparse.Action):
    """Prints the everyday flags, or with ``--help all`` every flag."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        how = {"nargs": "?", "default": argparse.SUPPRESS, "metavar": "all"}
        super().__init__(option_strings, argparse.SUPPRESS, help="show the everyday flags, or all, and exit", **how)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if values not in (None, "all"):
            parser.error(f"--help: nothing or 'all' may follow it, got {values!r}")
        print(end=parser.format_help() if values else parser.short_help())
        sys.exit(0)


def entry(main: Callable[[Sequence[str]], None]) -> NoReturn:
    """Run `main` with the command line's arguments, and turn expected errors into one line on stderr.

    A training goes on to its result when the reader of its output leaves.

    Exit codes: 0 done, 2 bad input, a file that cannot be read or written, or too little memory, 3 done in part, as
    `main` exits, 130 interrupted.
    """
    # A command draws into files. A notebook passes on a canvas of its own, of a package that need not be here.
    os.environ["MPLBACKEND"] = "agg"
    streams.prepare()
    try:
        if sys.stdout is None:
            raise InputError("standard output is closed; redirect it to a file, or to /dev/null")
        main(sys.argv[1:])
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        _fail(f"cannot read or write{where}: {error.strerror or error}")
    except (Exception, KeyboardInterrupt) as error:  # libraries make errors of their own out of these two
        if (told := ending(error)) is None:
            raise
        print(("\n" if told[1] == EXIT_INTERRUPTED else "") + told[0], file=sys.stderr)
        sys.exit(told[1])
    sys.exit(0)


def _at_home(arg: str) -> str:
    """Return an argument with a leading ~ expanded; a shell leaves that of ``--runs=~/runs`` alone."""
    head, equals, value = arg.partition("=") if arg.startswith("--") else ("", "", arg)
    return head + equals + os.path.expanduser(value)


def _fail(message: str) -> NoReturn:
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # it may be what failed
            print(end="\n" if sys.stdout.isatty() else "", flush=True)  # ends the line of a progress bar
    print(f"error: {printable(message.strip())}", file=sys.stderr)
    sys.exit(EXIT_INPUT)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns, those of numbers to the right; `columns` are their titles, all "" for no head.

    A terminal gets bold titles and wrapped cells; a pipe gets one plain line per row, with nothing cut or wrapped.
    """
    from rich.console import Console
    from rich.table import Table

    cells, terminal = [[printable(cell) for cell in row] for row in rows], sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for place, title in enumerate(columns):
        has_words = any(row[place][:1].isalpha() for row in cells)
        table.add_column(printable(title), justify="left" if has_words else "right", overflow="fold")
    for row in cells:
        table.add_row(*row)
    width = None if terminal else 10**6  # None is the terminal's own; rich takes 80 for a pipe
    console = Console(width=width, force_terminal=terminal, markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def suggest(*words: object) -> None:
    """Show the likely next command, `words` after ``python -m``, in a line on stderr: to a person, not to a script."""
    if sys.stderr is not None and sys.stderr.isatty():
        words = (*words, *(word for file in FILES.values() for word in ("--plugin", file)))
        print(f"next: python -m {' '.join(shlex.quote(printable(word)) for word in words)}", file=sys.stderr)


def as_flags(fields: Mapping[str, Any]) -> list[str]:
    """Return the flags that gave `fields` of RunConfig, for the next command.

    >>> as_flags({"arch": "lenet", "nesterov": False, "again": True})
    ['--arch', 'lenet', '--no-nesterov', '--again']
    """
    words: list[str] = []
    for name, value in fields.items():
        named = flag(name) if value is not False else "--no-" + flag(name)[2:]
        words += [named] if isinstance(value, bool) else [named, value]
    return words


def add_flags(parser: Any, only: Iterable[str] = ()) -> None:
    """Add a flag per RunConfig field, in groups, or per field in `only`; flags not given are not in the namespace.

    `parser` is a Parser, whose short help then shows the everyday flags; with `only` it may be a group of one.
    """
    if only:
        _add(parser, only)
        return
    parser.rare = frozenset(name for name, f in FIELDS.items() if f.metadata["asked"] and not f.metadata["everyday"])
    for group in GROUPS:
        _add(parser.add_argument_group(group), fields_of(group))


def _add(group: argparse._ActionsContainer, names: Iterable[str]) -> None:
    for name in names:
        if not FIELDS[name].metadata["asked"]:
            continue
        default, text = FIELDS[name].default, FIELDS[name].metadata["help"].replace("%", "%%")
        if default not in (None, (), False, True):
            text += f" (default {default})"
        is_bool = bool in kinds(name)
        kind = {"action": argparse.BooleanOptionalAction} if is_bool else {"metavar": metavar(kinds(name)[0])}
        kind |= {"action": _Joined} if FIELDS[name].metadata["repeated"] else {}
        group.add_argument(flag(name), dest=name, default=argparse.SUPPRESS, help=text, **kind)


def print_result(config: RunConfig, result: Result) -> None:
    """Print the accuracies of a finished run and where it lies."""
    test, validation = result.metrics["test"], result.metrics["validation"]
    low, high = test["accuracy_interval"]
    if validation is not None:
        print(f"validation accuracy {validation['accuracy']:.4f} ({validation['images']} images)")
    print(f"test accuracy {test['accuracy']:.4f} ({test['images']} images, 95 % interval {low:.4f} to {high:.4f})")
    if missing := untested(test):
        print(missing)
    print(f"run {printable(config.folder)}")
