"""What a study's table says: for each row what the paper prints, and what the finished runs found, as JSON types."""

import json
import statistics as stats
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.architectures import ARCHITECTURES
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.evaluation.voting import combine
from kerascifar.results import Result
from kerascifar.studies.lengths import FULL
from kerascifar.studies.plan import DIVERGED, FOUND, Piece, folder_of, longest
from kerascifar.studies.rows import MODES, Ensemble, Quoted, Row, Search, Trained
from kerascifar.studies.study import Study

Figure = dict[str, Any]


def rows(study: Study, pieces: Sequence[Piece], folder: Path, votes: Path) -> list[dict[str, Any]]:
    """Return a dict for each row of `study`, in its order.

    Each has name, kind, table, arch, paper (the printed figures), fault, note, and for each mode that has an end a
    figure: accuracy with interval or spread, on how many images and after how many epochs, and from which file.

    Args:
        study: the recipe.
        pieces: of all plans in `folder`.
        folder: the study's.
        votes: what the ensembles' members vote is written below this folder, as ensembles/NAME.json.
    """
    shown: dict[tuple[str, str], list[Piece]] = {}
    for piece in longest(study, pieces, folder):
        shown.setdefault((piece.row, piece.mode), []).append(piece)
    told = {row.name: _told(row) for row in study.rows}
    for (name, mode), found in shown.items():
        told[name][mode] = _figure(study, found, pieces, folder)
    for row in study.rows:
        if isinstance(row, Ensemble):
            members = {name: told[name].get("corrected", {}) for name in row.members}
            if all("run" in figure for figure in members.values()):
                told[row.name]["corrected"] = _vote(row, members, folder, votes)
        if parent := getattr(row, "init_from", ""):
            _compare_with_parent(told[row.name], told[parent])
    return list(told.values())


def _told(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"name": row.name, "kind": type(row).__name__.lower(), "table": row.table}
    told |= {"arch": row.arch if isinstance(row, Trained | Quoted) else None}
    told |= {"paper": dict(row.expect), "fault": row.fault, "note": row.note, "stand_in": row.stand_in}
    told |= {"headline": row.headline, "not_run": getattr(row, "not_run", "")}
    if isinstance(row, Quoted) and row.arch:
        told["parameters"] = ARCHITECTURES[row.arch].params
    return told


def _figure(study: Study, pieces: list[Piece], every: Sequence[Piece], folder: Path) -> Figure:
    """Return the figure of one row and mode from its finished runs, a seed each; lengths are never mixed."""
    length = max(pieces, key=lambda piece: piece.length.size).length
    same = sorted((piece for piece in pieces if piece.length == length), key=lambda piece: piece.seed)
    places = [folder_of(study, piece, every, folder) for piece in same]
    for place in places:
        if (place / DIVERGED).exists():
            told = (place / DIVERGED).read_text(encoding="utf-8").strip()
            return {"diverged": told, "file": (place / DIVERGED).relative_to(folder).as_posix()}
    row = study[same[0].row]
    full = row.config(same[0].mode, folder, parent=Path("parent") if getattr(row, "init_from", "") else None)
    if isinstance(row, Search):
        found = read_json(places[0] / FOUND)
        file = (places[0].relative_to(folder) / found.pop("file")).as_posix()
        return {**found, "of_epochs": full.epochs, "shortened": length != FULL, "file": file}
    return _of_runs([results.read_result(place) for place in places], places, folder) | {
        "of_epochs": full.epochs,
        "shortened": length != FULL,
    }


def _of_runs(found: list[Result], places: list[Path], folder: Path) -> Figure:
    first, tests = found[0], [result.metrics["test"] for result in found]
    accuracies = [test["accuracy"] for test in tests]
    figure: Figure = {
        "test_accuracy": stats.fmean(accuracies),
        "interval": tests[0]["accuracy_interval"],
        "images": tests[0]["images"],
        "epochs": min(len(first.history), first.config["epochs"]) or None,
        "training_images": first.dataset["images"]["train"],
        "seeds": len(found),
        "run": places[0].relative_to(folder).as_posix(),
        "file": (places[0].relative_to(folder) / results.FINISHED).as_posix(),
        "parameters": first.trainable_parameters,
        "seconds_per_epoch": first.seconds_per_epoch,
        "device": first.notes.get("device"),
        "processor": " and ".join(sorted({r.notes["processor"] for r in found if "processor" in r.notes})),
        "run_seconds": _median([result.notes["run_seconds"] for result in found if "run_seconds" in result.notes]),
    }
    for average in ("weighted", "macro"):
        figure[average] = {key: stats.fmean(test[average][key] for test in tests) for key in tests[0][average]}
    if first.metrics["validation"]:
        figure["validation_accuracy"] = stats.fmean(result.metrics["validation"]["accuracy"] for result in found)
    if len(found) > 1:
        figure |= {
            "interval": None,  # it is that of one run; between runs the spread counts
            "spread": stats.stdev(accuracies),
            "runs": [place.relative_to(folder).as_posix() for place in places],
            "accuracies": accuracies,
        }
    if "folds_mean" in first.notes:
        figure["folds_mean"] = first.notes["folds_mean"]
    return figure


def _median(values: Sequence[float]) -> float | None:
    return stats.median(values) if values else None


def _vote(row: Ensemble, members: Mapping[str, Figure], folder: Path, votes: Path) -> Figure:
    """Let the members' runs vote, write what comes of it, and return its figure."""
    places = [folder / figure["run"] for figure in members.values()]
    try:
        found = combine(places, row.vote, row.weights, row.temperature)
    except InputError as error:
        return {"refused": str(error)}
    for told, figure in zip(found["members"], members.values(), strict=True):
        told["run"] = figure["run"]  # from the study's folder on, wherever that lies
    file = Path("ensembles") / f"{row.name}.json"
    files.write_text(votes / file, json.dumps(found, indent=1, allow_nan=False) + "\n")
    test = found["metrics"]["test"]
    return {
        "test_accuracy": test["accuracy"],
        "interval": test["accuracy_interval"],
        "images": test["images"],
        "members": {name: [figure["epochs"], figure["of_epochs"]] for name, figure in members.items()},
        "shortened": any(figure["shortened"] for figure in members.values()),
        "training_images": min(figure["training_images"] for figure in members.values()),
        "weighted": test["weighted"],
        "macro": test["macro"],
        "file": file.as_posix(),
    }


def _compare_with_parent(child: dict[str, Any], parent: Mapping[str, Any]) -> None:
    """Put beside a child's accuracy what share of its parent's it is."""
    for mode in MODES:
        above = parent.get(mode, parent.get("corrected", {})).get("test_accuracy")
        if above and "test_accuracy" in child.get(mode, {}):
            child[mode]["to_parent"] = child[mode]["test_accuracy"] / above
