"""The table of committed audits in docs/audit.md, from their audit.json: what was found, and what it does to scores."""

from pathlib import Path
from typing import Any

from kerascifar.core.reading import read_json
from kerascifar.reporting.study_table import table

FOUND = ("data set", "test images with a copy in training", "pairs within the training images", "suspect test labels")
INTRODUCTION = """\
## What was found in CIFAR

The lists lie in `saved_models/audits`; the pages there have no pictures, the command above makes one that has."""
EFFECTS = "What that does to the accuracies of some of our runs; how many images each column counts stands in brackets:"


def text(audits: Path, linked: Path) -> str:
    """Return the tables of all audits in the folder `audits`, which links reach by `linked`."""
    summaries = {file.parent.name: read_json(file) for file in sorted(audits.glob("*/audit.json"))}
    parts = [INTRODUCTION, table(FOUND, [_found(name, one, linked) for name, one in summaries.items()])]
    for summary in summaries.values():
        if rows := summary["runs"]:
            heads = tuple(rows[0])
            parts += [EFFECTS, table(heads, [tuple(_cell(row[head]) for head in heads) for row in rows])]
    return "\n\n".join(parts)


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
    )


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
