"""The table of committed audits in docs/audit.md, from their audit.json: what was found, and what it does to scores."""

from pathlib import Path
from typing import Any

from kerascifar.core.reading import read_json
from kerascifar.reporting.study_table import table

FOUND = (
    "data set",
    "test images with a copy in training",
    "pairs within the training images",
    "suspect test labels",
    "moved, scaled and recompressed copies listed",
)
INTRODUCTION = """\
## What was found in CIFAR

The lists lie in `saved_models/audits`; the pages there have no pictures, the command above makes one that has."""
CIRCULAR = """\
These runs found the suspect labels, so what they score on those, and without them, is their own doing. The columns tell
something of nets that had no part in it."""
SHORT = """\
## What is in the data

Of CIFAR-10's {test:,} test images {copies:,} have a near-duplicate in training, and {suspect:,} bear a label that
{runs} of our runs find suspect; confident learning holds {wrong:.0f} for wrong. Accuracy with and without
near-duplicates, of one run each ([all of it](docs/audit.md)):"""
SHOWN = ("airbench95", "airbench94", "tiny36k", "tiny12k")  # the first run of each
COLUMNS = ("run", "all test images", "without a near-duplicate", "near-duplicates alone")
EFFECTS = (
    "What that does to the accuracies of some of our runs on {dataset}; how many images each column counts stands in "
    "brackets:"
)


def text(audits: Path, linked: Path) -> str:
    """Return the tables of all audits in the folder `audits`, which links reach by `linked`."""
    summaries = {file.parent.name: read_json(file) for file in sorted(audits.glob("*/audit.json"))}
    parts = [INTRODUCTION, table(FOUND, [_found(name, one, linked) for name, one in summaries.items()])]
    for summary in summaries.values():
        if rows := summary["runs"]:
            heads = tuple(rows[0])
            cells = [tuple(_cell(row[head]) for head in heads) for row in rows]
            parts += [EFFECTS.format_map(summary), table(heads, cells)]
    return "\n\n".join([*parts, CIRCULAR])


def short_text(audits: Path) -> str:
    """Return README's section: what CIFAR-10's audit in the folder `audits` found, and some runs' scores."""
    summary = read_json(audits / "cifar10" / "audit.json")
    told = SHORT.format(
        test=summary["images"]["test"],
        copies=summary["test_images_with_copies_in_training"],
        suspect=summary["suspect_labels"]["test"],
        runs=len(summary["scores_of"]),
        wrong=summary["estimated_wrong_labels"]["test"],
    )
    first = {row["run"].partition("/")[0]: tuple(row.values())[:4] for row in reversed(summary["runs"])}
    return f"{told}\n\n{table(COLUMNS, [tuple(map(_cell, first[name])) for name in SHOWN if name in first])}"


def _found(name: str, summary: dict[str, Any], linked: Path) -> tuple[str, ...]:
    pairs = {(row["splits"], row["verdict"]): row["pairs"] for row in summary["pairs"]}
    within = [
        f"{pairs.get(('train and train', verdict), 0):,} {verdict}" for verdict in ("same pixels", "near-duplicate")
    ]
    labels = summary["suspect_labels"].get("test")
    by = f"{len(summary['scores_of'])} runs" if summary["scores_of"] else f"{summary['folds']} folds"
    return (
        f"[{summary['dataset']}]({(linked / name / 'audit.json').as_posix()})",
        f"{summary['test_images_with_copies_in_training']:,} of {summary['images']['test']:,}",
        ", ".join(within),
        "not looked at" if labels is None else f"{labels:,} by {by}",
        "{copies_listed} of {copies}, {copies_near} as near-duplicates".format_map(summary["reliability"]),
    )


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
