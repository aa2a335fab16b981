"""The names of a report's runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.reading import read_json
from kerascifar.evaluation.scored_run import ScoredRun
from kerascifar.reporting.study_table import TABLE, VERSIONS, version_names


def labels(runs: Sequence[ScoredRun]) -> list[str]:
    """Return a name for each run, no two alike.

    A run of a study has its row's name: "lai lr-0.005, corrected", and its seed where the row has several.
    Any other run has its architecture, and the settings that not all other runs of that architecture share; where
    two would have the same name, the run id too.
    """
    tables = {run.folder.parents[1]: None for run in runs}  # STUDY/NAME/RUN-ID
    rows = {folder: name for study in tables for folder, name in _study_rows(study).items()}
    rows |= {
        run.folder: f"{rows[run.folder]} · seed {run.result.config.get('seed', '?')}"
        for run in runs
        if list(rows.values()).count(rows.get(run.folder)) > 1
    }
    others = [run for run in runs if run.folder not in rows]
    by_folder = rows | dict(zip((run.folder for run in others), _by_settings(others), strict=True))
    names = [by_folder[run.folder] for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} · {run.folder.name}" for name, run in zip(names, runs, strict=True)
    ]


def _study_rows(study: Path) -> dict[Path, str]:
    """Return the rows' names by run folder, from the study's table; nothing where there is no table."""
    names: dict[Path, str] = {}
    try:
        rows = read_json(study / TABLE)["rows"]
        several = version_names(rows) is VERSIONS
        for row in rows:
            for key, version in VERSIONS.items():
                figure = row.get(key, {})
                if figure.get("run"):
                    name = f"{study.name} {row['name']}" + (f", {version}" if several else "")
                    for run in figure.get("runs", [figure["run"]]):  # one per seed
                        names.setdefault(study / run, name)
    except Exception:  # whatever is wrong with a stranger's table, the section on studies says it
        return {}
    return names


def _by_settings(runs: Sequence[ScoredRun]) -> list[str]:
    defaults = RunConfig().to_dict()  # an older result lacks the fields that came later
    configs = [{**defaults, **run.result.config} for run in runs]
    names = []
    for config in configs:
        same_arch = [other for other in configs if other.get("arch") == config.get("arch")]
        settings = [
            f"{key} {_plain(value)}"
            for key, value in config.items()
            if key != "arch" and any(other.get(key) != value for other in same_arch)
            if value not in (None, [], "none") and value is not False
        ]
        names.append(" · ".join([str(config.get("arch", "?")), *settings]))
    return names


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
