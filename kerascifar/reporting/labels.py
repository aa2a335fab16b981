"""The names of a report's runs, and what their studies say of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.reading import read_json
from kerascifar.evaluation.scored_run import ScoredRun
from kerascifar.reporting.study_table import TABLE, VERSIONS, version_names


@dataclass(frozen=True)
class StudyRun:
    """A run of a study: the folder's name, the row with its version if there are several, whether it was shortened."""

    study: str
    row: str
    shortened: bool


def labels(runs: Sequence[ScoredRun]) -> list[str]:
    """Return a name for each run, no two alike.

    A run of a study has its row's name: "lai lr-0.005, corrected", and its seed where the row has several.
    Any other run has its architecture, and the settings that not all other runs of that architecture share; where
    two would have the same name, the run id too.
    """
    rows = {folder: f"{of.study} {of.row}" for folder, of in study_runs(runs).items()}
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


def study_runs(runs: Sequence[ScoredRun]) -> dict[Path, StudyRun]:
    """Return by folder what the studies' tables say of those of `runs` that belong to a row."""
    tables = {run.folder.parents[1]: None for run in runs}  # STUDY/NAME/RUN-ID
    return {folder: of for study in tables for folder, of in _of_table(study).items()}


def _of_table(study: Path) -> dict[Path, StudyRun]:
    found: dict[Path, StudyRun] = {}
    try:
        rows = read_json(study / TABLE)["rows"]
        several = version_names(rows) is VERSIONS
        for row in rows:
            for key, version in VERSIONS.items():
                figure = row.get(key, {})
                if figure.get("run"):
                    name = str(row["name"]) + (f", {version}" if several else "")
                    of = StudyRun(study.name, name, bool(figure.get("shortened")))
                    for run in figure.get("runs", [figure["run"]]):  # one per seed
                        found.setdefault(study / run, of)
    except Exception:  # whatever is wrong with a stranger's table, the section on studies says it
        return {}
    return found


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
