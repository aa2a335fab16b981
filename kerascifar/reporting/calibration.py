"""The section on calibration: NLL, Brier score and ECE of all runs."""

from kerascifar.evaluation import calibration
from kerascifar.evaluation.calibration import Quality
from kerascifar.reporting.comparison import RUN, named
from kerascifar.reporting.document import Cell, Column, Section, Table, Text, number
from kerascifar.reporting.gather import Gathered


def confidence(gathered: Gathered) -> Section | None:
    """Return the table of all runs that give probabilities; None where none does."""
    known = [(run, run.calibrated) for run in gathered.runs if run.calibrated is not None]
    if not known:
        return None
    columns = (
        *RUN,
        Column("NLL", note="negative log-likelihood: mean of -ln of the probability of the true class; less is better"),
        Column("Brier", note="mean squared distance to the one-hot label, 0 to 2; less is better"),
        Column("ECE", note=f"expected calibration error, {calibration.BINS} bins: how far confidence is from accuracy"),
        Column("T", note="temperature; above 1 the net was too sure of itself"),
        Column("NLL with T"),
        Column("Brier with T"),
        Column("ECE with T"),
    )
    rows = [
        [*named(run), *_cells(found.before), number(found.temperature, ".3f"), *_cells(found.after)]
        for run, found in known
    ]
    told = (
        "The temperature T divides the logits. Fitted on the validation images, it has not seen the test images, "
        "and it changes no prediction, only how sure the net is of it."
    )
    if left := len(gathered.runs) - len(known):
        told += f" Left out: {left} whose scores are shares of a vote, no probabilities."
    table = Table("Calibration on the test images, before and after temperature scaling.", columns, rows)
    return Section("calibration", "Calibration", "Can the confidence be believed?", [Text(told), table])


def _cells(found: Quality | None) -> list[Cell]:
    values = (None, None, None) if found is None else (found.nll, found.brier, found.bins.error)
    return [number(value, ".4f") for value in values]
