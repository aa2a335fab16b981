"""The section on calibration: NLL, Brier score and ECE of all runs."""

from kerascifar.core.progress import counted
from kerascifar.evaluation import calibration
from kerascifar.evaluation.calibration import Quality
from kerascifar.reporting.comparison import RUN, run_cells
from kerascifar.reporting.document import Cell, Column, Section, Table, Text, number
from kerascifar.reporting.gather import Gathered


def confidence(gathered: Gathered) -> Section:
    """Return the table of all runs that give probabilities."""
    runs = counted(gathered.runs, len(gathered.runs), "calibration", "run")
    known = [(run, run.calibrated) for run in runs if run.calibrated is not None]
    columns = (
        *RUN,
        Column("NLL", note="negative log-likelihood: mean of -ln(probability of the true class); lower is better"),
        Column("Brier", note="mean squared distance to the one-hot label, 0 to 2; lower is better"),
        Column("ECE", note=f"expected calibration error, {calibration.BINS} bins: how far confidence is from accuracy"),
        Column("T", note="temperature; above 1 the net was overconfident"),
        Column("NLL with T"),
        Column("Brier with T"),
        Column("ECE with T"),
    )
    rows = [
        [*run_cells(run), *_cells(quality.before), number(quality.temperature, ".3f"), *_cells(quality.after)]
        for run, quality in known
    ]
    words = (
        "The temperature T divides the logits. It is fitted on the validation images, never on the test images, and "
        "changes no prediction, only its confidence."
    )
    if others := len(gathered.runs) - len(known):
        words += f" Left out: {others} whose scores are vote shares, not probabilities."
    table = Table("Calibration on the test images, before and after temperature scaling.", columns, rows)
    blocks = [Text(words), table] if rows else []
    return Section("calibration", "Calibration", "Can the confidence be trusted?", blocks)


def _cells(quality: Quality | None) -> list[Cell]:
    values = (None, None, None) if quality is None else (quality.nll, quality.brier, quality.bins.error)
    return [number(value, ".4f") for value in values]
