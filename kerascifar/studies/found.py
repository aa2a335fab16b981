"""The settings that a study's searches found: the paper's beside ours, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascifar.reporting.study_table import PAPER, effort, table
from kerascifar.studies.outcomes import RowOutcomes, ScoredSearch
from kerascifar.studies.rows import Search

_ACCURACY = "validation_accuracy"


def found_settings(entries: Sequence[RowOutcomes], beside: str = PAPER) -> str:
    """Return the section of the searches of which the paper prints what they found; empty where there are none."""
    searches = [entry for entry in entries if isinstance(entry.row, Search) and entry.row.found]
    if not searches:
        return ""
    settings = list(dict.fromkeys(name for entry in searches for name in entry.row.found))
    lines = []
    for entry in searches:
        row, outcome = entry.row, entry.by_mode.get("corrected")
        lines.append([row.table, row.name, beside, *_cells(settings, row.found, row.expect.get(_ACCURACY))])
        if isinstance(outcome, ScoredSearch):
            obtained = effort(outcome.epochs, outcome.of_epochs, outcome.training_images, mark="**")
            cells = _cells(settings, outcome.settings, outcome.validation_accuracy)
            lines.append([row.table, row.name, f"ours: {obtained}, {outcome.trials} trials", *cells])
    head = ["table", "row", "found by", *settings, _ACCURACY]
    return f"## Settings found\n\n{table(head, lines)}"


def _cells(names: Sequence[str], settings: Mapping[str, Any], accuracy: float | None) -> list[str]:
    values = [f"{settings[name]:.4g}" if name in settings else "" for name in names]
    return [*values, "" if accuracy is None else f"{accuracy:.4f}"]
