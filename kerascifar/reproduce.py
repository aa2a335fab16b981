"""Run a published study again: the paper beside our runs, as published and corrected.

    python -m kerascifar.reproduce lai --only 'modified_net/*' --budget 10m
    python -m kerascifar.reproduce palaska --only 'knn/*' --full
    python -m kerascifar.reproduce lai --full --jobs auto
    python -m kerascifar.reproduce rawat --budget 2h --dry-run

Runs what has no finished result yet; killed and started again, it resumes. How long each row is trained is planned by
the first call and kept in RUNS/STUDY/plan.json: --full takes the recipe's epochs, --epochs N at most N, and --budget
divides the given time among the rows and leaves out what does not fit. Without any of them the last plan is resumed, or
--full where there is none. The runs are in RUNS/STUDY, with table.md and table.json, which are rewritten after each
row. --jobs N trains N rows at once, each on its share of the cores: small nets gain most, and what they print goes to
RUNS/STUDY/jobs; --dask ADDRESS trains them on a cluster (docs/studies.md). A row whose longer run is finished shows
that one; delete plan.json to get a new plan.
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry, suggest
from kerascifar.config import FIELDS, MACHINE
from kerascifar.core.errors import InputError
from kerascifar.core.fields import check_seeds
from kerascifar.devices.jobs import job_count, threads_each
from kerascifar.plugins.loading import parse
from kerascifar.reporting.study_table import MODES
from kerascifar.studies.budget import make_plan
from kerascifar.studies.execution import announce, check_finished, perform_all, print_schedule
from kerascifar.studies.lengths import duration, seconds
from kerascifar.studies.plan import ASKED_FULL, StudyRun, versions, write_plan
from kerascifar.studies.remote import cluster
from kerascifar.studies.study import load_study, studies
from kerascifar.studies.tables import write_table
from kerascifar.studies.timing import meter


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    begun = time.monotonic()
    machine = vars(parse(_parser(), argv))
    study = load_study(machine.pop("study"), machine.pop("dataset"))
    only, mode, seeds, dry = (machine.pop(name) for name in ("only", "mode", "seeds", "dry_run"))
    asked = _asked(*(machine.pop(name) for name in ("full", "epochs", "budget")))
    jobs, address = job_count(machine.pop("jobs")), machine.pop("dask")
    check_seeds(seeds)
    folder = Path(machine.pop("runs", FIELDS["runs"].default)) / study.name
    names = study.matching(only)
    rows = study.with_needed(names)
    if added := [study[name].label for name in rows if name not in names]:
        print(f"also needed: {', '.join(added)}")
    wanted = versions(study, rows, MODES if mode == "both" else (mode,), seeds)
    old = StudyRun.read(study, folder)
    asked = asked or old.plan.asked or ASKED_FULL
    with nullcontext((None, jobs)) if address is None else cluster(address) as (executor, jobs):
        measure = meter({"threads": threads_each(jobs) if executor is None else None, **machine})
        new = make_plan(old, asked, wanted, measure, lambda: time.monotonic() - begun, jobs)
        runs = [planned for planned in new.plan.of(asked) if planned.version in wanted]
        for planned in runs:
            if planned.left_out:
                least = duration(planned.seconds)
                print(f"{study[planned.row].label}, {planned.mode} takes at least {least}: left out")
        runs = [planned for planned in runs if not planned.left_out]
        check_finished(new, runs, machine)
        announce(new, old.plan, runs, jobs)
        if dry:
            print_schedule(new, runs)
            return
        if new.plan != old.plan:
            write_plan(folder, new.plan)
        write_table(new)
        perform_all(new, runs, machine, jobs, executor)
        print(f"table {folder / 'table.md'}")
    suggest("kerascifar.report", folder, "--out", "report")


def _parser() -> Parser:
    parser = Parser(prog="python -m kerascifar.reproduce", description=__doc__)
    parser.add_argument("study", metavar="STUDY", help=f"one of {', '.join(studies())}, or a recipe.toml")
    parser.add_argument(
        "--only", metavar="GLOB", default="*", help="rows whose NAME or ARCH/NAME matches, such as 'knn/*ssim*'"
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="the study's own data set, where another stands in for it: cinic10 for andrzejczuk_orslowski; its runs go "
        "to RUNS/STUDY-NAME",
    )
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both", help="which version to run (default both)")
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="seeds per row; tables show mean and spread (default 1)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="all epochs of the recipe")
    length.add_argument("--epochs", metavar="N", type=int, help="at most N epochs per row")
    length.add_argument("--budget", metavar="TIME", help="divide this time among the rows: 90s, 30m, 2h, 1h30m")
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--jobs", metavar="N", default="1", help="rows trained at once, or auto: as many as there are cores (default 1)"
    )
    places.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="train the rows on the workers of a Dask scheduler, such as tcp://10.0.0.5:8786",
    )
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


if __name__ == "__main__":
    entry(main)
