"""The section on learning curves: accuracy and loss of several runs in one chart."""

from collections.abc import Sequence

from kerascifar.plots import charts
from kerascifar.plots.charts import Curve
from kerascifar.reporting.document import Block, Chart, Section, Text
from kerascifar.reporting.drawing import chart
from kerascifar.reporting.gather import Gathered, Run

_EPOCHS = 2  # a curve has at least


def curves(gathered: Gathered) -> Section:
    """Return validation accuracy and loss by epoch, one chart each per study and test set."""
    blocks: list[Block] = []
    for title, runs in gathered.groups.items():
        for study in dict.fromkeys(run.study for run in runs):
            trained = [
                run for run in runs if run.study == study and len(run.history.get("val_accuracy", ())) >= _EPOCHS
            ]
            if trained:
                trained.sort(key=lambda run: (run.shortened, -run.test["accuracy"]))
                blocks += _charts(f"curves-{len(blocks) + 1}", f"{study}, {title}" if study else title, trained)
    return Section("curves", "Learning curves", "Did the runs train long enough?", blocks)


def _charts(name: str, title: str, runs: Sequence[Run]) -> list[Chart | Text]:
    ends = "; ".join(f"{r.name} ends at {r.history['val_accuracy'][-1][1]:.3f}" for r in runs[: charts.SERIES])
    others = f", the other {len(runs) - charts.SERIES} in grey" if len(runs) > charts.SERIES else ""
    first = f"The best {charts.SERIES} in colour{others}. " if others else ""
    losses = [curve for column in ("val_loss", "loss") for curve in _lines(runs, column)]
    return [
        chart(
            name,
            f"Validation accuracy by epoch, {title}: {ends}",
            f"Validation accuracy by epoch, {title}. {first}Where a curve ends flat, more epochs would not help.",
            charts.curves,
            _lines(runs, "val_accuracy"),
            "validation accuracy",
        ),
        *([
            chart(
                f"{name}-loss",
                f"Loss by epoch of the same runs, {title}",
                f"Loss by epoch, {title}: on the validation images, and dashed on the training images.",
                charts.curves,
                losses,
                "loss",
            )
        ] if losses else []),
    ]  # fmt: skip


def _lines(runs: Sequence[Run], column: str) -> list[Curve]:
    """Return a curve per run, in colours as far as there are any; training losses only of those, without a name."""
    lines = []
    for place, run in enumerate(runs):
        points, dashed, coloured = run.history.get(column, ()), column == "loss", place < charts.SERIES
        if len(points) >= _EPOCHS and (coloured or not dashed):
            name = run.name if coloured and not dashed else ""
            lines.append(Curve(name, points, place if coloured else None, dashed, run.key))
    return lines


def history(run: Run) -> list[Chart | Text]:
    """Return accuracy and loss of one run by epoch; nothing of one that has a single epoch."""
    found = []
    for ylabel, columns in (
        ("accuracy", {"accuracy": "training", "val_accuracy": "validation", "test_accuracy": "test"}),
        ("loss", {"loss": "training", "val_loss": "validation"}),
    ):
        lines = [
            Curve(name, points, place)
            for place, (column, name) in enumerate(columns.items())
            if len(points := run.history.get(column, ())) >= _EPOCHS
        ]
        if lines:
            ends = ", ".join(f"{line.name} {line.points[-1][1]:.4f}" for line in lines)
            alt = f"{ylabel} by epoch of {run.name}; at the end {ends}"
            caption = f"{ylabel.capitalize()}: where training improves and validation does not, the net overfits."
            found.append(chart(f"{ylabel}-{run.number}", alt, caption, charts.curves, lines, ylabel))
    return found
