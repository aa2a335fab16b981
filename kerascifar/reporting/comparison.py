"""Sections that compare runs by accuracy and cost: all of them, latency, and the one against the other."""

from collections.abc import Callable, Sequence

from kerascifar.plots import charts
from kerascifar.reporting.document import Block, Cell, Chart, Column, Section, Table, Text, number, text, units
from kerascifar.reporting.drawing import chart
from kerascifar.reporting.gather import Gathered, Run

_MANY = 10  # classes; with fewer, five guesses tell little
RUN = (Column("#"), Column("run", numbers=False))


def compare(gathered: Gathered) -> Section:
    """Return the table of all runs, and per test set their accuracies with intervals."""
    several = len(gathered.groups) > 1
    top = any(len(run.scored.classes) > _MANY for run in gathered.runs)
    by_cpu, median = _by_cpu(gathered.runs), "median over the epochs, validation included"
    columns = (
        *RUN,
        Column("test accuracy"),
        Column("95 % interval", note="Wilson's score interval: how much the choice of test images matters"),
        *([Column("top-5", note="share of the test images whose class is among the five likeliest")] if top else []),
        Column("parameters", note="trainable"),
        Column("multiply-adds", note="of one image, forward"),
        Column("model file", note="size of the saved model"),
        Column("p50 ms", note="median time to label one image"),
        Column("p99 ms", note="99 % of single images take less"),
        Column("CPU s per epoch", note=f"{median}; of all cores together, so that other load hardly shows")
        if by_cpu
        else Column("s per epoch", note=median),
        Column("epochs"),
        *([Column("test set", numbers=False)] if several else []),
    )
    test_set = {run.number: title for title, runs in gathered.groups.items() for run in runs}
    rows = []
    for run in gathered.runs:
        result, (low, high) = run.scored.result, run.test["accuracy_interval"]
        rows.append(
            [
                *run_cells(run),
                number(run.test["accuracy"], ".4f"),
                Cell(f"{low:.4f} to {high:.4f}", low),
                *([number(run.test.get("top_5_accuracy"), ".4f")] if top else []),
                number(result.trainable_parameters, ",d"),
                units(result.multiply_adds),
                file_size(run.model_bytes),
                number(run.latency.get("p50_ms"), ".3g", "not measured"),
                number(run.latency.get("p99_ms"), ".3g", "not measured"),
                number(result.cpu_seconds_per_epoch if by_cpu else result.seconds_per_epoch, ".1f"),
                number(run.epochs, "d"),
                *([text(test_set[run.number])] if several else []),
            ]
        )
    warning = " Accuracies on different test sets cannot be compared." if several else ""
    blocks: list[Block] = [Table(f"All runs; a click on a heading sorts.{warning}", columns, rows)]
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        if len(shown := [run for run in runs if run.detailed]) > 1:
            blocks.append(_accuracies(f"accuracies-{place}", title, shown, len(runs)))
    return Section("comparison", "Comparison", "Which run is best, how sure is that, and what does it cost?", blocks)


def _by_cpu(runs: Sequence[Run]) -> bool:
    """Tell whether all trained runs have CPU seconds: those of one in wall seconds, or on a GPU, cannot be compared."""
    trained = [run.scored.result for run in runs if run.scored.result.seconds_per_epoch is not None]
    on_cpu = all("gpu" not in str(result.notes.get("device")) for result in trained)
    return on_cpu and bool(trained) and all(result.cpu_seconds_per_epoch is not None for result in trained)


def latency(gathered: Gathered) -> Section:
    """Return the table of the runs that were timed, the fastest first."""
    timed = sorted((run for run in gathered.runs if run.latency), key=lambda run: run.latency.get("p50_ms", 0))
    columns = (
        *RUN,
        Column("test accuracy"),
        Column("p50 ms", note="median time to label one image"),
        Column("p99 ms", note="99 % of single images take less"),
        Column("images per s", note="in batches"),
        Column("batch"),
        Column("threads"),
        Column("multiply-adds", note="of one image, forward"),
        Column("on", numbers=False),
    )
    rows = [
        [
            *run_cells(run),
            number(run.test["accuracy"], ".4f"),
            number(run.latency.get("p50_ms"), ".3g"),
            number(run.latency.get("p99_ms"), ".3g"),
            number(run.latency.get("images_per_second"), ",.0f"),
            number(run.latency.get("batch_size"), ",.0f"),
            number(run.latency.get("threads"), ",.0f"),
            units(run.scored.result.multiply_adds),
            text(run.timed_on),
        ]
        for run in timed
    ]
    words = (
        f"{len(gathered.runs) - len(timed)} runs were not timed: python -m kerascifar.evaluate RUN --latency times one."
    )
    table = Table("Times of two machines cannot be compared.", columns, rows)
    blocks = [table, *([Text(words)] if len(timed) < len(gathered.runs) else [])] if timed else []
    return Section("latency", "Response time", "How long does an image take?", blocks)


def tradeoffs(gathered: Gathered) -> Section:
    """Return accuracy against parameters and against latency."""
    blocks: list[Block] = []
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        for name, axis, cost in (
            ("parameters", "trainable parameters", lambda run: run.scored.result.trainable_parameters),
            ("latency", "latency p50, ms", lambda run: run.latency.get("p50_ms")),
        ):
            blocks += _tradeoff(f"{name}-{place}", title, runs, axis, cost)
    return Section("tradeoffs", "Accuracy and its price", "Does a larger or slower net buy accuracy?", blocks)


def run_cells(run: Run) -> tuple[Cell, Cell]:
    """Return the run's cells in the columns RUN."""
    return Cell(run.key, run.number, about=run.about), text(run.label, run.link)


def file_size(size: int | None) -> Cell:
    """Return a cell of a file's size in bytes."""
    cell = units(size, "not kept")
    return cell if size is None else Cell(f"{cell.text}B" if cell.text[-1].isalpha() else f"{cell.text} B", size)


def _accuracies(name: str, title: str, runs: list[Run], of: int) -> Chart | Text:
    best = max(runs, key=lambda run: run.test["accuracy"])
    which = f"of {len(runs)} of {of} runs" if len(runs) < of else f"of {len(runs)} runs"
    return chart(
        name,
        f"Test accuracy {which} with 95 % intervals, {title}; the best is {best.name} with {best.test['accuracy']:.4f}",
        f"Test accuracy {which}, {title}. Where two intervals overlap, see McNemar's test below.",
        charts.accuracies,
        [run.name for run in runs],
        [run.test["accuracy"] for run in runs],
        [run.test["accuracy_interval"] for run in runs],
        [run.key for run in runs],
    )


def _tradeoff(
    name: str, title: str, runs: list[Run], axis: str, cost: Callable[[Run], float | None]
) -> list[Chart | Text]:
    known = [run for run in runs if (cost(run) or 0) > 0]
    if len({cost(run) for run in known}) < 2:
        return []
    costs, accuracies = [cost(run) for run in known], [run.test["accuracy"] for run in known]
    left_out = f" {len(runs) - len(known)} runs without such a number are left out." if len(known) < len(runs) else ""
    front = "; ".join(
        f"{known[i].name}: {costs[i]:,.4g} and {accuracies[i]:.4f}" for i in charts.frontier(costs, accuracies)
    )
    return [
        chart(
            name,
            f"Test accuracy against {axis}, {title}. None beats in both: {front}",
            f"Test accuracy against {axis}, {title}. The line joins the runs that no other run beats in both, "
            f"with their numbers; a point that would hide another is moved sideways.{left_out}",
            charts.tradeoff,
            costs,
            accuracies,
            [run.name for run in known],
            [run.key for run in known],
            axis,
            lambda value: units(value).text if value >= 1 else f"{value:g}",
        )
    ]
