"""List finished runs with their numbers: a table, CSV or JSON.

    python -m kerascifar.runs
    python -m kerascifar.runs saved_models/lai --csv > lai.csv

A PATH is a run folder or any folder above some; without one it is saved_models. `low` and `high` bound the 95 %
interval of the test accuracy. A run that cannot be read is named on stderr and left out.
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, entry, print_table, suggest
from kerascifar.core.errors import InputError
from kerascifar.core.shown import cell, csv_cell
from kerascifar.results import list_runs

_SHOWN = ("run", "dataset", "arch", "epochs", "test_accuracy", "low", "high", "parameters")


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.runs", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, default=[Path("saved_models")])
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="all columns, separated by commas")
    form.add_argument("--json", action="store_true", help="all columns, a list of objects")
    args = parser.parse_args(argv)
    rows, unreadable = list_runs(*args.paths)
    for line in unreadable:
        print(f"left out: {line}", file=sys.stderr)
    if not rows:
        raise InputError(f"no finished run in {', '.join(map(str, args.paths))}")
    if args.json:
        print(json.dumps(rows, indent=1, allow_nan=False))
    elif args.csv:
        writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: csv_cell(x) if isinstance(x, str) else x for name, x in row.items()} for row in rows)
    else:
        print_table(_SHOWN, [[cell(row[name]) for name in _SHOWN] for row in rows])
    suggest("kerascifar.report", *args.paths, "--out", "report")


if __name__ == "__main__":
    entry(main)
