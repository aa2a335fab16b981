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
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerascifar import planning
from kerascifar.cli import Parser, entry
from kerascifar.config import FIELDS
from kerascifar.costs import meter
from kerascifar.errors import InputError
from kerascifar.flags import add_flags
from kerascifar.lengths import duration, seconds
from kerascifar.performing import perform
from kerascifar.plan import ASKED_FULL, Piece, Plan, config_of, finished, folder_of, read, versions, write
from kerascifar.rows import MODES
from kerascifar.run import MACHINE
from kerascifar.study import Study, load_study, studies
from kerascifar.study_table import write_table


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
    plan = planning.make(study, asked, wanted, old, folder, measure, lambda: time.monotonic() - begun)
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
    every = planning.with_rows_needed(study, names)
    if added := [study[name].label for name in every if name not in names]:
        print(f"also needed: {', '.join(added)}")
    return every


def _tell(study: Study, old: Plan, plan: Plan, pieces: Sequence[Piece], folder: Path) -> None:
    """Say whether a plan is made or goes on, and what other plans left."""
    new = len(plan.pieces) - len(old.pieces)
    left = [piece for piece in pieces if not finished(folder_of(study, piece, plan.pieces, folder))]
    time_left = duration(sum(piece.seconds or 0.0 for piece in left))
    made = "made" if new == len(pieces) else "goes on" if not new else f"goes on, {new} runs added"
    print(f"plan {plan.asked}: {made}, {len(left)} of {len(pieces)} runs to do, about {time_left}")
    for other in dict.fromkeys(piece.asked for piece in old.pieces if piece.asked != plan.asked):
        done = sum(finished(folder_of(study, piece, plan.pieces, folder)) for piece in old.of(other))
        if done:
            print(f"plan {other}: {done} finished runs stay, and show in the table where they are the longest")


def _show(study: Study, plan: Plan, pieces: Sequence[Piece], folder: Path) -> None:
    """Print what would be run, in order, with the time of each."""
    for number, piece in enumerate(planning.ordered(study, pieces), start=1):
        done = finished(folder_of(study, piece, plan.pieces, folder))
        state = "finished" if done else f"about {duration(piece.seconds or 0.0)}"
        print(f"[{number}/{len(pieces)}] {describe(study, piece, plan, folder)}: {state}")


def describe(study: Study, piece: Piece, plan: Plan, folder: Path) -> str:
    """Say in a line what a piece is: row, version, seed, and how much of the recipe."""
    config, row = config_of(study, piece, plan.pieces, folder), study[piece.row]
    full = row.config(piece.mode, folder, parent=Path("parent") if getattr(row, "init_from", "") else None)
    parts = [row.label, piece.mode, *([f"seed {config.seed}"] if piece.seed else [])]
    if full.epochs > 1:
        parts.append(f"{config.epochs} of {full.epochs} epochs")
    limits = {"training": piece.length.train_limit, "test": piece.length.test_limit}
    parts += [f"the first {limit:,} {kind} images" for kind, limit in limits.items() if limit]
    return ", ".join(parts)


def _run(study: Study, plan: Plan, pieces: Sequence[Piece], folder: Path, machine: dict[str, Any]) -> None:
    """Run what is not finished, tell how far the whole is, and write the table after each."""
    every = planning.ordered(study, pieces)
    todo = [piece for piece in every if not finished(folder_of(study, piece, plan.pieces, folder))]
    begun, estimated = time.monotonic(), 0.0
    for number, piece in enumerate(todo):
        place = folder_of(study, piece, plan.pieces, folder)
        if finished(place):  # by a row that asks for the same
            continue
        left = sum(other.seconds or 0.0 for other in todo[number:])
        slower = (time.monotonic() - begun) / estimated if estimated else 1.0  # than was estimated
        done = len(every) - len(todo) + number
        print(f"{done} of {len(every)} runs done, about {duration(left * slower)} left", flush=True)
        print(f"[{done + 1}/{len(every)}] {describe(study, piece, plan, folder)}", flush=True)
        perform(study[piece.row], replace(config_of(study, piece, plan.pieces, folder), **machine), place)
        estimated += piece.seconds or 0.0
        write_table(study, read(folder, study).pieces, folder)  # another process may have added to the plan
    print(f"{len(every)} of {len(every)} runs done")


if __name__ == "__main__":
    entry(main)
