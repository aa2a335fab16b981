"""Run a published study again: paper beside as-published beside corrected.

    python -m kerascifar.reproduce lai --only 'modified_net/*' --budget 10m
    python -m kerascifar.reproduce palaska --only 'knn/*' --full
    python -m kerascifar.reproduce rawat --budget 2h --dry-run

Runs what has no finished result yet; killed and started again, it goes on. How long each row is trained is planned at
the first call and kept in RUNS/STUDY/plan.json: --full takes the recipe's epochs, --epochs N at most N, and --budget
divides the time at hand among the rows and leaves out what does not fit. Without any of them the last plan goes on, or
--full where there is none. The runs lie in RUNS/STUDY, and so do table.md and table.json, written anew after every row.
A row whose longer run is finished shows that one; delete plan.json to have a plan made anew.
"""

import fnmatch
import time
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.config import FIELDS, MACHINE
from kerascifar.core.errors import InputError
from kerascifar.studies import budget
from kerascifar.studies.execution import _run, _show, _tell
from kerascifar.studies.lengths import duration, seconds
from kerascifar.studies.plan import ASKED_FULL, read, versions, write
from kerascifar.studies.rows import MODES
from kerascifar.studies.study import Study, load_study, studies
from kerascifar.studies.tables import write_table
from kerascifar.studies.timing import meter


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    begun = time.monotonic()
    machine = vars(_parser().parse_args(argv))
    study = load_study(machine.pop("study"))
    only, mode, seeds, dry = (machine.pop(name) for name in ("only", "mode", "seeds", "dry_run"))
    asked = _asked(*(machine.pop(name) for name in ("full", "epochs", "budget")))
    if seeds < 1:
        raise InputError(f"--seeds: must be greater than 0, got {seeds}")
    folder = Path(machine.pop("runs", FIELDS["runs"].default)) / study.name
    wanted = versions(study, _chosen(study, only), MODES if mode == "both" else (mode,), seeds)
    old = read(folder, study)
    asked = asked or old.asked or ASKED_FULL
    measure = meter(machine)
    plan = budget.make(study, asked, wanted, old, folder, measure, lambda: time.monotonic() - begun)
    every = [piece for piece in plan.of(asked) if piece.version in wanted]
    pieces = [piece for piece in every if not piece.left_out]
    for piece in every:
        if piece.left_out:
            print(f"{study[piece.row].label}, {piece.mode} takes {duration(piece.seconds)} at least: left out")
    _tell(study, old, plan, pieces, folder)
    if dry:
        _show(study, plan, pieces, folder)
        return
    if plan.pieces != old.pieces or plan.asked != old.asked:
        write(folder, plan)
    write_table(study, plan.pieces, folder)
    _run(study, plan, pieces, folder, machine)
    print(f"table {folder / 'table.md'}")


def _parser() -> Parser:
    parser = Parser(prog="python -m kerascifar.reproduce", description=__doc__)
    parser.add_argument("study", metavar="STUDY", help=f"one of {', '.join(studies())}, or a recipe.toml")
    parser.add_argument(
        "--only", metavar="GLOB", default="*", help="rows whose NAME or ARCH/NAME matches, such as 'knn/*ssim*'"
    )
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both", help="which version to run (default both)")
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="run each row with N seeds; mean and spread (default 1)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="all epochs of the recipe")
    length.add_argument("--epochs", metavar="N", type=int, help="at most N epochs a row")
    length.add_argument("--budget", metavar="TIME", help="divide this time among the rows: 90s, 30m, 2h, 1h30m")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with the time of each row; run nothing")
    add_flags(parser, ("runs", "input", *MACHINE))
    return parser


def _asked(full: bool, epochs: int | None, budget: str | None) -> str | None:
    """Return the flag that decides the lengths, as plan.json keeps it; None where none was given."""
    if epochs is not None and epochs < 1:
        raise InputError(f"--epochs: must be greater than 0, got {epochs}")
    if budget is not None:
        return f"--budget {seconds(budget):g}s"
    return ASKED_FULL if full else None if epochs is None else f"--epochs {epochs}"


def _chosen(study: Study, only: str) -> list[str]:
    """Return the names of the rows that --only matches, and of those that they need."""
    names = [row.name for row in study.rows if any(fnmatch.fnmatch(told, only) for told in (row.name, row.label))]
    if not names:
        known = ", ".join(row.label for row in study.rows)
        raise InputError(f"--only {only!r} matches no row of {study.name}: {known}")
    every = budget.with_rows_needed(study, names)
    if added := [study[name].label for name in every if name not in names]:
        print(f"also needed: {', '.join(added)}")
    return every


if __name__ == "__main__":
    entry(main)
