"""Sections on classes: the share of each that runs and ensembles have right, and confusion matrices side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.reading import read_json
from kerascifar.plots import charts
from kerascifar.reporting.comparison import RUN, run_cells
from kerascifar.reporting.document import Block, Chart, Column, Section, Table, Text, share, text
from kerascifar.reporting.drawing import chart
from kerascifar.reporting.gather import Gathered, Run, finite
from kerascifar.results import untested

ENSEMBLES = "ensembles"  # folder of a study
_SIDE_BY_SIDE = 6
_CONFUSED = 3  # pairs of classes named


def classes(gathered: Gathered) -> Section:
    """Return accuracy per class and run, the longer of the two as rows, and bars of the best and of ensembles."""
    blocks: list[Block] = []
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        names = runs[0].scored.classes
        recalls = [[share(row["recall"]) for row in run.test["per_class"]] for run in runs]
        if len(names) > len(runs):
            columns = (Column("class", numbers=False), *(Column(f"#{run.number}", note=run.label) for run in runs))
            rows = [[text(name), *of_class] for name, of_class in zip(names, zip(*recalls, strict=True), strict=True)]
        else:
            columns = (*RUN, *(Column(name) for name in names))
            rows = [[*run_cells(run), *of_run] for run, of_run in zip(runs, recalls, strict=True)]
        blocks.append(Table(f"Share of each class's test images that a run labels correctly, {title}.", columns, rows))
        if missing := untested(runs[0].test):
            blocks.append(Text(f"{title}: {missing}."))
        if len(runs) > 1 and len(names) <= charts.CLASSES:
            shares = {
                run.name: [*(row["recall"] for row in run.test["per_class"]), run.test["accuracy"]]
                for run in _chosen(runs)
            }
            blocks.append(_bars(f"classes-{place}", title, names, shares))
    return Section(
        "classes", "Accuracy per class", "Which classes are hard, and for which runs?", blocks + _votes(gathered)
    )


def confusions(gathered: Gathered) -> Section:
    """Return the confusion matrices of some runs, those of the best of each study first."""
    blocks = [
        confusion(run, title) for title, runs in gathered.groups.items() if len(runs) > 1 for run in _chosen(runs)
    ]
    return Section("confusions", "Confusion side by side", "Do the runs confuse the same classes?", blocks)


def confusion(run: Run, title: str = "") -> Chart | Text:
    """Return the run's confusion matrix."""
    most = most_confused(run)
    return chart(
        f"confusion-{run.number}",
        f"Confusion matrix on the test images of {run.name}. Most often: {most}",
        f"{f'{run.name}, {title}' if title else 'Confusion matrix'}: rows are true classes, columns predicted ones. "
        f"Most often: {most}.",
        charts.confusion,
        np.array(run.test["confusion_matrix"]),
        run.scored.classes,
    )


def most_confused(run: Run) -> str:
    """Return in words which classes are most often mistaken for which others on the test images."""
    matrix, names = np.array(run.test["confusion_matrix"]), run.scored.classes
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSED]
    pairs = [np.unravel_index(index, wrong.shape) for index in order]
    return (
        "; ".join(
            f"{names[a]} taken for {names[b]} ({wrong[a, b]:,} of {matrix[a].sum():,})" for a, b in pairs if wrong[a, b]
        )
        or "nothing is confused"
    )


def _chosen(runs: Sequence[Run]) -> list[Run]:
    """Return some of `runs`: the best of each study, then the second best, and so on."""
    ranked, seen = [], dict[str, int]()
    for run in sorted(runs, key=lambda run: (run.shortened, -run.test["accuracy"])):
        seen[run.study] = seen.get(run.study, 0) + 1
        ranked.append((run.shortened, seen[run.study], run.number, run))
    return [run for *_, run in sorted(ranked, key=lambda one: one[:3])[:_SIDE_BY_SIDE]]


def _bars(name: str, title: str, names: Sequence[str], shares: Mapping[str, Sequence[float | None]]) -> Chart | Text:
    ends = "; ".join(f"{run} {values[-1]:.4f}" for run, values in shares.items())
    return chart(
        name,
        f"Share of each class's test images labelled correctly, {title}; in total {ends}",
        f"Share of each class's test images labelled correctly, and in total, {title}.",
        charts.bars,
        [*names, "total"],
        shares,
    )


def _votes(gathered: Gathered) -> list[Block]:
    """Return bars of each study's ensembles and of their members."""
    runs = {run.scored.folder: run for run in gathered.runs}
    studies = dict.fromkeys(folder.parents[1] for folder in runs)  # STUDY/NAME/RUN-ID
    drawn = (votes(study, sorted((study / ENSEMBLES).glob("*.json")), runs) for study in studies)
    return [block for block in drawn if block is not None]


def votes(study: Path, files: Sequence[Path], runs: Mapping[Path, Run]) -> Chart | Text | None:
    """Return bars of the ensembles in `files`, which `kerascifar.ensemble` wrote, and of their members.

    None where there are none, or too many classes.
    """
    try:
        names, shares = (), dict[str, list[float | None]]()
        for file in files:
            content = read_json(file)
            shares = _members(content, study, runs) | shares
            test = content["metrics"]["test"]
            names = tuple(str(row["class"]) for row in test["per_class"])
            shares[file.stem] = [*(finite(row["recall"]) for row in test["per_class"]), finite(test["accuracy"])]
        if not shares or len(names) > charts.CLASSES:
            return None
        shown = dict(list(shares.items())[: charts.SERIES])
        return _bars(f"votes-{study.name}", f"ensembles of {study.name} and their members", names, shown)
    except Exception as error:  # a stranger's file holds keys, types and numbers that none of ours has
        return Text(f"{study.name}/{ENSEMBLES} is not shown: {type(error).__name__} {str(error)[:200]}")


def _members(content: Mapping[str, Any], study: Path, runs: Mapping[Path, Run]) -> dict[str, list[float | None]]:
    """Return accuracy per class and in total of an ensemble's members, by name."""
    found = {}
    for member in content["members"]:
        run = runs.get(study / str(member["run"]))
        found[run.name if run else str(member["name"])] = [
            *map(finite, member["class_accuracy"]),
            finite(member["accuracy"]),
        ]
    return found
