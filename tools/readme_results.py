"""Write the tables of all studies, and of README and docs, from the results in saved_models; --check: say what drifted.

Each study's table.json and table.md are made anew from its result.json files; the tables of README and docs, between
their marker comments, from the headline rows of all of them and from the benchmarks in tools/measured. With --check
nothing is written: what differs from what would be written is named, and the exit code is 2.

    python tools/readme_results.py
    python tools/readme_results.py --check
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import audit_table
import speed_table

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.reporting.study_table import PAPER, table
from kerascifar.studies import tables
from kerascifar.studies.outcomes import Outcome, Refused, RowOutcomes, row_outcomes
from kerascifar.studies.plan import StudyRun
from kerascifar.studies.study import load_study, studies

ROOT = Path(__file__).resolve().parent.parent
# The page that holds each table, and what its links begin with.
PAGES = {
    "records": (Path("README.md"), Path()),
    "results": (Path("docs/studies.md"), Path("..")),
    "speed": (Path("docs/speed.md"), Path("..")),
    "audits": (Path("docs/audit.md"), Path("..")),
    "data": (Path("README.md"), Path()),
}
AUDITS = Path("saved_models/audits")
MADE = ("<!-- {}: made by tools/readme_results.py -->", "<!-- end of {} -->")
HEAD = ("study", "row, and what to know of it", "paper", "as published", "corrected")
INTRODUCTION = """\
## What the papers say, and what came out

*As published* does what the authors' code did, faults included; *corrected* does what the paper says. Accuracies on
the test images, with 95 % intervals; the number of epochs and training images stands below. Links lead to the
results, a study's name to all of its rows."""
SHORTENED = "Run at a fraction of their epochs so far, as their tables say:"
RECORDS_HEAD = ("row", "goal", "test accuracy", "parameters", "whole run")
RECORDS = """\
## What two CPU cores can do

`tools/awake python -m kerascifar.reproduce records --only '*speedrun94*' --full`, and so on. A run's time, the median
over its seeds, is that from the config to the score, on two cores, of an AMD EPYC where no processor is named
([how](tools/decisions/0015-speedrun.md)). Six recipes were tried for 95 %, a run of each was scored, and all
six stand here."""


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python tools/readme_results.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 2 if something would change")
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout that holds README.md and saved_models")
    args = parser.parse_args(argv)
    wanted = texts(args.root)
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    named = ", ".join(path.relative_to(args.root).as_posix() for path in changed)
    if args.check and changed:
        raise InputError(f"not what the results say: {named}; run python tools/readme_results.py")
    for path in changed:
        files.write_text(path, wanted[path])
    print(f"wrote {named}" if changed else f"{len(wanted)} files are what the results say")


def texts(root: Path) -> dict[Path, str]:
    """Return what every page and table of the checkout `root` should hold, README and docs last."""
    wanted, lines, records, shortened = {}, [], [], []
    for name in studies():
        folder = root / "saved_models" / name
        if not (folder / "table.json").exists():
            continue
        study = load_study(name)
        with tempfile.TemporaryDirectory() as made:  # the votes of ensembles are made as well
            entries = row_outcomes(StudyRun.read(study, folder), Path(made))
            for file in sorted(Path(made).rglob("*.json")):
                wanted[folder / file.relative_to(made)] = file.read_text(encoding="utf-8")
        wanted |= {folder / file: text for file, text in tables.texts(study, entries).items()}
        headlines = [entry for entry in entries if entry.row.headline]
        shown = [entry for entry in headlines if any(map(whole, entry.by_mode.values()))]
        if study.beside == PAPER:
            linked = PAGES["results"][1] / folder.relative_to(root)
            lines += [line(study.title, entry, linked) for entry in shown]
            cut = any(not isinstance(outcome, Refused) for entry in headlines for outcome in entry.by_mode.values())
            shortened += [link(study.title, linked)] if cut and not shown else []
        else:
            records += [record(entry, folder.relative_to(root)) for entry in shown]
    results = [INTRODUCTION, table(HEAD, lines)]
    results += [f"{SHORTENED} {', '.join(shortened)}."] if shortened else []
    blocks = {"results": "\n\n".join(results), "speed": speed_table.text(root / "tools" / "measured")}
    if (root / AUDITS).is_dir():
        blocks["audits"] = audit_table.text(root / AUDITS, PAGES["audits"][1] / AUDITS)
        blocks["data"] = audit_table.short_text(root / AUDITS)
    if records:
        blocks["records"] = f"{RECORDS}\n\n{table(RECORDS_HEAD, records)}"
    for name, text in blocks.items():
        page = root / PAGES[name][0]
        wanted[page] = between(page, wanted.get(page) or page.read_text(encoding="utf-8"), name, text)
    return wanted


def whole(outcome: Outcome) -> bool:
    """Tell whether an outcome comes from a run of full length."""
    return not isinstance(outcome, Refused) and not outcome.shortened


def link(title: str, folder: Path) -> str:
    """Return a link to a study's table, its number and authors."""
    return f"[{title.split(':')[0]}]({folder.as_posix()}/table.md)"


def line(title: str, entry: RowOutcomes, folder: Path) -> list[str]:
    """Return a row of the table of studies; `folder` is the study's, from where the page lies."""
    row, links = entry.row, f"{folder.as_posix()}/"
    stand_in = f"stand-in: {row.stand_in}" if row.stand_in else ""
    name = "<br>".join(text for text in (row.name, row.fault or row.note, stand_in) if text)
    # A shortened run beside a whole one would be read as what the fault costs.
    whole_runs = {mode: outcome for mode, outcome in entry.by_mode.items() if whole(outcome)}
    return [link(title, folder), name, tables.paper_cell(row), *tables.mode_cells(row, whole_runs, root=links)]


def record(entry: RowOutcomes, folder: Path) -> list[str]:
    """Return a row of README's table of records."""
    outcome = entry.by_mode["corrected"]
    accuracy = tables.cell(outcome, root=f"{folder.as_posix()}/")
    took = "" if outcome.run_seconds is None else f"{outcome.run_seconds / 60:.1f} min"
    if took and outcome.processor:  # results from before it was noted have none
        took += f"<br>{outcome.processor}"
    return [entry.row.name, entry.row.table, accuracy, f"{outcome.parameters:,}", took]


def between(path: Path, page: str, name: str, text: str) -> str:
    """Return `page`, the text of the file `path`, with `text` between the markers of `name`.

    Raises:
        InputError: the markers are missing.
    """
    first, last = (marker.format(name) for marker in MADE)
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise InputError(f"{path.name} needs the lines {first} and {last}")
    return f"{before}{first}\n\n{text}\n\n{last}{after}"


if __name__ == "__main__":
    entry(main)
