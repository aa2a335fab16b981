"""Sections that compare runs: accuracy and cost, McNemar's test, trade-offs, learning curves, classes."""

from collections.abc import Callable, Sequence

from kerascifar.evaluation.metrics import mcnemar
from kerascifar.plots import results
from kerascifar.reporting.document import Block, Cell, Column, Picture, Section, Table, Text, number, share, text, units
from kerascifar.reporting.drawing import picture
from kerascifar.reporting.gather import Gathered, Run
from kerascifar.results import untested

SIGNIFICANT = 0.05
_CURVES = len(results.SERIES)
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
    blocks: list[Block] = [Table(f"All runs; click a column heading to sort.{warning}", columns, rows)]
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        if len(runs) > 1:
            blocks.append(_accuracies(f"accuracies-{place}", title, runs))
    return Section("comparison", "Comparison", "Which run is best, how sure is that, and what does it cost?", blocks)


def _by_cpu(runs: Sequence[Run]) -> bool:
    """Tell whether all trained runs have CPU seconds: those of one in wall seconds, or on a GPU, cannot be compared."""
    trained = [run.scored.result for run in runs if run.scored.result.seconds_per_epoch is not None]
    on_cpu = all("gpu" not in str(result.notes.get("device")) for result in trained)
    return on_cpu and bool(trained) and all(result.cpu_seconds_per_epoch is not None for result in trained)


def pairs(gathered: Gathered) -> Section:
    """Return McNemar's test between every two runs on the same test images."""
    blocks: list[Block] = []
    for title, runs in gathered.groups.items():
        if len(runs) > 1:
            blocks += [_against_best(title, runs), _every_pair(title, runs)]
    words = (
        "McNemar's exact test looks only at images that one of two runs has right and the other wrong. p is the "
        "probability of a split at least as uneven if both runs were equally good. Among many pairs, one in twenty "
        f"falls below {SIGNIFICANT} by chance."
    )
    blocks = [Text(words), *blocks] if blocks else []
    return Section("mcnemar", "Real differences", "Which differences are more than luck?", blocks)


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


def curves(gathered: Gathered) -> Section:
    """Return the validation accuracy of all trained runs by epoch."""
    blocks: list[Block] = []
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        trained = [run for run in runs if run.history.get("val_accuracy")]
        trained.sort(key=lambda run: -run.test["accuracy"])
        if not trained:
            continue
        others = f", the other {len(trained) - _CURVES} in grey" if len(trained) > _CURVES else ""
        ends = "; ".join(f"{r.name} ends at {r.history['val_accuracy'][-1][1]:.3f}" for r in trained[:_CURVES])
        points = {run.name: run.history["val_accuracy"] for run in trained}
        blocks.append(
            picture(
                f"curves-{place}",
                f"Validation accuracy by epoch, {title}: {ends}",
                f"Validation accuracy by epoch, {title}: the best {min(len(trained), _CURVES)} in colour{others}. "
                "Where a curve ends flat, more epochs would not help.",
                results.draw_curves,
                points,
                "validation accuracy",
            )
        )
    return Section("curves", "Learning curves", "Did the runs train long enough?", blocks)


def classes(gathered: Gathered) -> Section:
    """Return accuracy per class and run, the longer of the two as rows."""
    blocks: list[Block] = []
    for title, runs in gathered.groups.items():
        names = runs[0].scored.classes
        recalls = [[share(row["recall"]) for row in run.test["per_class"]] for run in runs]
        if len(names) > len(runs):
            columns = (Column("class", numbers=False), *(Column(f"#{run.number}", note=run.label) for run in runs))
            rows = [[text(name), *of_class] for name, of_class in zip(names, zip(*recalls, strict=True), strict=True)]
        else:
            columns = (*RUN, *(Column(name) for name in names))
            rows = [[*run_cells(run), *of_run] for run, of_run in zip(runs, recalls, strict=True)]
        blocks.append(Table(f"Share of each class's test images that a run labels correctly, {title}.", columns, rows))
        if missing := untested(runs[0].test):
            blocks.append(Text(f"{title}: {missing}."))
    return Section("classes", "Accuracy per class", "Which classes are hard, and for which runs?", blocks)


def run_cells(run: Run) -> tuple[Cell, Cell]:
    """Return the run's cells in the columns RUN."""
    return Cell(str(run.number), run.number), text(run.label, run.anchor)


def p_value(p: float) -> str:
    """Return p as text, to at most two significant digits."""
    return "<0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def file_size(size: int | None) -> Cell:
    """Return a cell of a file's size in bytes."""
    cell = units(size, "not kept")
    return cell if size is None else Cell(f"{cell.text}B" if cell.text[-1].isalpha() else f"{cell.text} B", size)


def _accuracies(name: str, title: str, runs: list[Run]) -> Picture | Text:
    best = max(runs, key=lambda run: run.test["accuracy"])
    return picture(
        name,
        f"Test accuracy of {len(runs)} runs with 95 % intervals, {title}; the best is {best.name} with "
        f"{best.test['accuracy']:.4f}",
        f"Test accuracy, {title}. Where two intervals overlap, see McNemar's test below.",
        results.draw_accuracies,
        [results.shorten(run.name, 44) for run in runs],
        [run.test["accuracy"] for run in runs],
        [run.test["accuracy_interval"] for run in runs],
    )


def _against_best(title: str, runs: list[Run]) -> Table:
    best = max(runs, key=lambda run: run.test["accuracy"])
    columns = (
        *RUN,
        Column("only this one right", note=f"images that this run has right and {best.name} wrong"),
        Column("only the best right", note=f"images that {best.name} has right and this run wrong"),
        Column("p"),
    )
    rows = []
    for run in runs:
        if run is not best:
            test = mcnemar(run.right, best.right)
            rows.append(
                [
                    *run_cells(run),
                    number(test["only_first"], ",d"),
                    number(test["only_second"], ",d"),
                    Cell(p_value(test["p"]), test["p"], mark="worse" if test["p"] < SIGNIFICANT else ""),
                ]
            )
    return Table(f"Each run against the best, {best.name}; {title}.", columns, rows)


def _every_pair(title: str, runs: list[Run]) -> Table:
    columns = (*RUN, *(Column(f"#{run.number}", note=run.label) for run in runs))
    right = {run.number: run.right for run in runs}
    rows = []
    for run in runs:
        row = [*run_cells(run)]
        for other in runs:
            if other is run:
                row.append(Cell("·"))
                continue
            test = mcnemar(right[run.number], right[other.number])
            mark = "better" if test["only_first"] > test["only_second"] else "worse"
            row.append(Cell(p_value(test["p"]), test["p"], mark=mark if test["p"] < SIGNIFICANT else ""))
        rows.append(row)
    caption = f"p of every two runs, {title}. Below {SIGNIFICANT}: ▲ the row's run is better, ▼ it is worse."
    return Table(caption, columns, rows)


def _tradeoff(
    name: str, title: str, runs: list[Run], axis: str, cost: Callable[[Run], float | None]
) -> list[Picture | Text]:
    known = [run for run in runs if (cost(run) or 0) > 0]
    if len(known) < 2:
        return []
    costs, accuracies = [cost(run) for run in known], [run.test["accuracy"] for run in known]
    points = "; ".join(f"{r.name}: {c:,.4g} and {a:.4f}" for r, c, a in zip(known, costs, accuracies, strict=True))
    left_out = f" {len(runs) - len(known)} runs without such a number are left out." if len(known) < len(runs) else ""
    return [
        picture(
            name,
            f"Test accuracy against {axis}, {title}. {points}",
            f"Test accuracy against {axis}, {title}, marked by run number. The line joins the runs that no other run "
            f"beats in both.{left_out}",
            results.draw_tradeoff,
            costs,
            accuracies,
            [str(run.number) for run in known],
            axis,
        )
    ]
