"""What the nets of a study weigh and how long they train: the paper's figures beside ours, as Markdown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerascifar.reporting.study_table import PAPER, VERSIONS, table
from kerascifar.studies.outcomes import Outcome, RowOutcomes, ScoredRuns, ScoredSearch
from kerascifar.studies.rows import Quoted


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("parameters", "parameters", lambda value: f"{value:,.0f}"),
    ("size_mb", "MB", _digits),
    ("seconds_per_epoch", "seconds an epoch, CPU", _digits),
    ("gpu_seconds_per_epoch", "seconds an epoch, GPU", _digits),
    ("run_seconds", "seconds of the whole run", _digits),
)


def sizes(entries: Sequence[RowOutcomes], beside: str = PAPER, remark: str = "") -> str:
    """Return the section of sizes and times; empty where there is nothing to compare.

    A paper's figures stand beside the version that does what its code did, as published where there is that; goals
    stand beside all versions.

    Args:
        entries: of the study, in its order.
        beside: what the figures of the recipe are called.
        remark: what one must know of the paper's, in a sentence.
    """
    by_cpu = _all_with_cpu_seconds(entries)
    lines = [line for entry in entries for line in _lines(entry, by_cpu, beside)]
    # A time with nothing beside it only tells how busy a machine was.
    printed = {"parameters", *(key for _, _, paper, _ in lines for key in paper)}
    columns = [column for column in _COLUMNS if column[0] in printed]
    several = any(len(entry.row.modes) > 1 for entry, *_ in lines)
    shown = []
    for entry, version, paper, own in lines:
        if any(key in side for key, _, _ in columns for side in (paper, own)):
            cells = [show(side[key]) if key in side else "" for key, _, show in columns for side in (paper, own)]
            shown.append([entry.row.table, entry.row.name, *([version] if several else []), *cells])
    if not shown:
        return ""
    head = ["table", "row", *(["version"] if several else [])]
    head += [text for _, title, _ in columns for text in (f"{title}: {beside}", "ours")]
    text = (
        "Ours: trainable parameters, four bytes each; the median epoch, validation included"
        f"{', in CPU seconds of all cores together' if by_cpu else ''}. Of an epoch of fewer images than the recipe's, "
        "the time in proportion to the images, or none."
    )
    return "\n\n".join(["## Sizes and times", *([remark] if remark else []), text, table(head, shown)])


def _lines(
    entry: RowOutcomes, by_cpu: bool, beside: str
) -> list[tuple[RowOutcomes, str, Mapping[str, float], Mapping[str, float]]]:
    """Return, for each version of a row, its name, the paper's figures and ours."""
    modes = entry.row.modes
    own = {mode: _own(entry.by_mode.get(mode), by_cpu) for mode in modes}
    if isinstance(entry.row, Quoted) and entry.row.parameters:
        own = {mode: _with_size({"parameters": entry.row.parameters}) for mode in modes}
    paper = {mode: entry.row.expect if mode == modes[0] or beside != PAPER else {} for mode in modes}
    names = {mode: VERSIONS[mode] if mode in entry.by_mode else "" for mode in modes}
    return [(entry, names[mode], paper[mode], own[mode]) for mode in modes]


def _on_gpu(outcome: ScoredRuns | ScoredSearch) -> bool:
    return "gpu" in str(outcome.device).lower()


def _all_with_cpu_seconds(entries: Sequence[RowOutcomes]) -> bool:
    """Tell whether the epochs of all that was trained on a CPU has CPU seconds, which load spoils less."""
    trained = [o for e in entries for o in e.by_mode.values() if isinstance(o, ScoredRuns | ScoredSearch)]
    timed = [o for o in trained if o.seconds_per_epoch is not None and not _on_gpu(o)]
    return bool(timed) and all(o.cpu_seconds_per_epoch is not None for o in timed)


def _own(outcome: Outcome | None, by_cpu: bool) -> dict[str, float]:
    """Return what we measured of a version's size and time, by the paper's names."""
    if not isinstance(outcome, ScoredRuns | ScoredSearch):
        return {}
    device = "gpu_" if _on_gpu(outcome) else ""
    epoch = outcome.cpu_seconds_per_epoch if by_cpu and not device else outcome.seconds_per_epoch
    scale = 1.0 if outcome.epoch_scale is None else outcome.epoch_scale
    measured = {"parameters": outcome.parameters, f"{device}seconds_per_epoch": (epoch or 0.0) * scale}
    if not outcome.shortened:
        measured["run_seconds"] = outcome.run_seconds
    return _with_size({key: value for key, value in measured.items() if value})


def _with_size(own: dict[str, float]) -> dict[str, float]:
    return own | ({"size_mb": own["parameters"] * 4 / 1e6} if own.get("parameters") else {})
