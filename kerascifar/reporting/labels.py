"""What a run of a report is called."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.evaluation.scored_run import Member
from kerascifar.reporting.study_table import TABLE, VERSIONS, version_names


def labels(members: Sequence[Member]) -> list[str]:
    """Return a name for each run, no two alike.

    A run of a study has its row's name: "lai lr-0.005, corrected", and its seed where the row has several.
    Another has its architecture, and the settings that not all others of that architecture share; where nothing
    differs, its id.
    """
    tables = {member.folder.parents[1]: None for member in members}  # STUDY/NAME/RUN-ID
    rows = {folder: name for study in tables for folder, name in _study_rows(study).items()}
    rows |= {
        member.folder: f"{rows[member.folder]} · seed {member.result.config.get('seed', '?')}"
        for member in members
        if list(rows.values()).count(rows.get(member.folder)) > 1
    }
    others = [member for member in members if member.folder not in rows]
    named = rows | dict(zip((member.folder for member in others), _by_settings(others), strict=True))
    names = [named[member.folder] for member in members]
    return [
        label if names.count(label) == 1 else f"{label} · {member.folder.name}"
        for label, member in zip(names, members, strict=True)
    ]


def _study_rows(study: Path) -> dict[Path, str]:
    """Return the rows' names by run folder, from the study's table; none where there is no such table."""
    names: dict[Path, str] = {}
    try:
        rows = read_json(study / TABLE)["rows"]
        two = version_names(rows) is VERSIONS
        for row in rows:
            for key, version in VERSIONS.items():
                figure = row.get(key, {})
                if figure.get("run"):
                    name = f"{study.name} {row['name']}" + (f", {version}" if two else "")
                    for run in figure.get("runs", [figure["run"]]):  # one per seed
                        names.setdefault(study / run, name)
    except (OSError, InputError, TypeError, KeyError, AttributeError):
        return {}  # the section on studies says what is wrong with it
    return names


def _by_settings(members: Sequence[Member]) -> list[str]:
    usual = RunConfig().to_dict()  # an older result lacks the fields that came later
    configs = [{**usual, **member.result.config} for member in members]
    names = []
    for config in configs:
        alike = [c for c in configs if c.get("arch") == config.get("arch")]
        varied = [key for key in config if key != "arch" and any(c.get(key) != config[key] for c in alike)]
        settings = [
            f"{key} {_value(config[key])}"
            for key in varied
            if config[key] not in (None, [], "none") and config[key] is not False
        ]
        names.append(" · ".join([str(config.get("arch", "?")), *settings]))
    return names


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
