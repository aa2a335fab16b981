"""What python -m kerascifar.export made of a run's net, beside the Keras net."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.document import Column, Table, Text, number, text
from kerascifar.reporting.gather import finite
from kerascifar.results import EXPORTED

_COLUMNS = (
    Column("file", numbers=False),
    Column("size"),
    Column("test accuracy", note="of one view of each image"),
    Column("against Keras", note="difference of the accuracies, in points"),
    Column("equal predictions", note="share of the test images that both label alike"),
    Column("p50 ms", note="half of the single images are answered within"),
    Column("Keras p50 ms", note="the same of the Keras net, measured just before"),
)


def exported(folder: Path) -> Table | Text | None:
    """Return a table of the exported files of the run in `folder`; None where it has none."""
    path = folder / EXPORTED / "export.json"
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["exports"]
        rows = [_row(name, told) for name, told in files.items()]
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return Text("Its exported/export.json is corrupt, so nothing is told of what was exported.")
    return Table("As exported, in the file's own runtime on the CPU.", _COLUMNS, rows)


def _row(name: str, told: Mapping[str, Any]) -> list:
    agreement = told["agreement"]["test"]
    return [
        text(name),
        file_size(finite(told["bytes"])),
        number(finite(told["metrics"]["test"]["accuracy"]), ".4f"),
        number(100 * agreement["accuracy_difference"], "+.2f"),
        number(finite(agreement["equal_predictions"]), ".2%"),
        number(finite(told["latency"]["p50_ms"]), ".3g"),
        number(finite(told["keras"]["latency"]["p50_ms"]), ".3g"),
    ]
