"""Run a published study again: paper beside as-published beside corrected.

    python -m kerascifar.reproduce palaska --only 'knn/*'
    python -m kerascifar.reproduce palaska --dry-run

Runs what has no finished result yet, row by row; killed and started again, it goes on. The runs lie in RUNS/STUDY, and
so do table.md and table.json, written anew after every row from the results that are there.
"""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerascifar import files, results
from kerascifar.cli import Parser, entry
from kerascifar.config import FIELDS, add_flags
from kerascifar.errors import InputError, TrainingDiverged
from kerascifar.run import MACHINE, run
from kerascifar.study import MODES, Row, Study, load_study, studies

# What a row leaves whose loss became no number: that is what it found.
DIVERGED = "diverged.txt"


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.reproduce", description=__doc__)
    parser.add_argument("study", metavar="STUDY", help=f"one of {', '.join(studies())}, or a recipe.toml")
    parser.add_argument(
        "--only", metavar="GLOB", default="*", help="rows whose ARCH/NAME matches, such as 'knn/*ssim*'"
    )
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both", help="which version to run (default both)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be run, and run nothing")
    add_flags(parser, ("runs", *MACHINE))
    machine = vars(parser.parse_args(argv))
    study = load_study(machine.pop("study"))
    only, mode, dry = (machine.pop(name) for name in ("only", "mode", "dry_run"))
    folder = Path(machine.pop("runs", FIELDS["runs"].default)) / study.name
    chosen = [row for row in study.rows if fnmatch.fnmatch(f"{row.given.get('arch')}/{row.name}", only)]
    if not chosen:
        known = ", ".join(f"{row.given.get('arch')}/{row.name}" for row in study.rows)
        raise InputError(f"--only {only!r} matches no row of {study.name}: {known}")
    plan = [(row, m) for row in chosen for m in (MODES if mode == "both" else (mode,)) if m in modes(row)]
    for number, (row, m) in enumerate(plan, start=1):
        config = row.config(m, folder)
        done = (config.folder / results.FINISHED).exists() or (config.folder / DIVERGED).exists()
        print(f"[{number}/{len(plan)}] {row.name}, {m}: {'finished' if done else 'to run'}", flush=True)
        if not dry and not done:
            try:
                run(replace(config, **machine))
            except TrainingDiverged as error:  # a finding: the study goes on
                print(f"{row.name}, {m}: {error}", flush=True)
                files.write_text(config.folder / DIVERGED, f"{error}\n")
            write_table(study, folder)
    if not dry:
        write_table(study, folder)
        print(f"table {folder / 'table.md'}")


def modes(row: Row) -> tuple[str, ...]:
    """Return the versions of a row: both where the authors' code is known to differ, else the corrected one alone."""
    return MODES if row.as_published else ("corrected",)


def entries(study: Study, folder: Path) -> list[dict[str, Any]]:
    """Return what each row's paper says and what the finished runs in `folder` found, as JSON types."""
    told = []
    for row in study.rows:
        entry_ = {"name": row.name, "table": row.table, "arch": row.given.get("arch"), "paper": dict(row.expect)}
        for mode in modes(row):
            config = row.config(mode, folder)
            if (config.folder / DIVERGED).exists():
                entry_[mode] = {"diverged": (config.folder / DIVERGED).read_text(encoding="utf-8").strip()}
            elif (config.folder / results.FINISHED).exists():
                result = results.read_result(config.folder)
                test = result.metrics["test"]
                entry_[mode] = {
                    "test_accuracy": test["accuracy"],
                    "interval": test["accuracy_interval"],
                    "images": test["images"],
                    "epochs": len(result.history) or None,
                    "training_images": result.dataset["images"]["train"],
                    "run": config.folder.relative_to(folder).as_posix(),
                }
                if "folds_mean" in result.notes:
                    entry_[mode]["folds_mean"] = result.notes["folds_mean"]
        told.append(entry_ | {"fault": row.fault, "note": row.note})
    return told


def write_table(study: Study, folder: Path) -> None:
    """Write table.json and table.md from the finished runs in `folder`."""
    told = entries(study, folder)
    files.write_text(folder / "table.json", json.dumps({"study": study.title, "rows": told}, indent=1) + "\n")
    lines = [f"# {study.title}", "", study.source, ""]
    published = any(row.as_published for row in study.rows)
    head = ["table", "row", "paper", "as published", "corrected"] if published else ["row", "test accuracy"]
    head += ["test images", "what was wrong" if published else "note"]
    lines += ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for row in told:
        cells = [row["table"], row["name"], _figure(row["paper"].get("test_accuracy"))] if published else [row["name"]]
        cells += [_cell(row.get(mode)) for mode in (MODES if published else MODES[1:])]
        images = sorted({row[mode]["images"] for mode in MODES if "images" in row.get(mode, {})})
        cells += [", ".join(f"{n:,}" for n in images), "; ".join(t for t in (row["fault"], row["note"]) if t)]
        lines.append("| " + " | ".join(cells) + " |")
    files.write_text(folder / "table.md", "\n".join(lines) + "\n")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    if "diverged" in found:
        return "diverged"
    epochs = f", {found['epochs']} epochs on {found['training_images']:,} images" if found["epochs"] else ""
    if "folds_mean" in found:
        epochs += f"; folds {found['folds_mean']:.4f}"
    return f"[{found['test_accuracy']:.4f}]({found['run']}/result.json){epochs}"


if __name__ == "__main__":
    entry(main)
