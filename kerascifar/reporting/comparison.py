"""Sections that hold runs against one another: accuracy and cost, McNemar's test, trade-offs, curves, classes."""

from collections.abc import Callable

from kerascifar.evaluation.metrics import mcnemar
from kerascifar.plots import results
from kerascifar.plots.svg import to_svg
from kerascifar.reporting.document import Cell, Column, Part, Picture, Section, Table, Text, number, share, text, units
from kerascifar.reporting.gather import Gathered, Run

SIGNIFICANT = 0.05
_CURVES = len(results.SERIES)
RUN = (Column("#"), Column("run", numbers=False))


def compare(gathered: Gathered) -> Section:
    """Return the table of all runs, and accuracies with their intervals."""
    columns = (
        *RUN,
        Column("test accuracy"),
        Column("95 % interval", note="Wilson's score interval: how far chance in the test images reaches"),
        Column("parameters", note="trainable"),
        Column("multiply-adds", note="of one image, forward"),
        Column("model file", note="size of the saved model"),
        Column("p50 ms", note="half of the single images are answered within"),
        Column("p99 ms", note="99 % of the single images are answered within"),
        Column("s an epoch", note="median over the epochs, validation included"),
        Column("epochs"),
        *([Column("test set", numbers=False)] if len(gathered.groups) > 1 else []),
    )
    title = {run.number: title for title, runs in gathered.groups.items() for run in runs}
    rows = []
    for run in gathered.runs:
        low, high = run.test["accuracy_interval"]
        rows.append(
            [
                *named(run),
                number(run.test["accuracy"], ".4f"),
                Cell(f"{low:.4f} to {high:.4f}", low),
                number(run.fact("trainable_parameters"), ",.0f"),
                units(run.fact("multiply_adds")),
                file_size(run.model_bytes),
                number(run.latency.get("p50_ms"), ".3g", "not measured"),
                number(run.latency.get("p99_ms"), ".3g", "not measured"),
                number(run.fact("seconds_per_epoch"), ".1f"),
                number(run.epochs, "d"),
                *([text(title[run.number])] if len(gathered.groups) > 1 else []),
            ]
        )
    warning = " Accuracies on different test sets do not compare." if len(gathered.groups) > 1 else ""
    parts: list[Part] = [Table(f"All runs; a click on a head sorts.{warning}", columns, rows)]
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        if len(runs) > 1:
            parts.append(_accuracies(f"accuracies-{place}", title, runs))
    return Section("comparison", "Comparison", "Which run is best, how sure is that, and what does it cost?", parts)


def pairs(gathered: Gathered) -> Section | None:
    """Return McNemar's test between any two runs on the same images; None where there are no two."""
    parts: list[Part] = []
    for title, runs in gathered.groups.items():
        if len(runs) > 1:
            parts += [_against_best(title, runs), _every_pair(title, runs)]
    if not parts:
        return None
    told = (
        "McNemar's exact test looks only at images that one of two runs has right and the other wrong. p is the chance "
        "of so uneven a division, or a more uneven one, if both were equally good. With many pairs some p fall below "
        f"{SIGNIFICANT} by chance: one in twenty."
    )
    return Section("mcnemar", "Real differences", "Which differences are more than luck?", [Text(told), *parts])


def tradeoffs(gathered: Gathered) -> Section | None:
    """Return accuracy against parameters and against latency; None where no run has either."""
    parts: list[Part] = []
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        parts += _tradeoff(
            f"parameters-{place}", title, runs, "trainable parameters", lambda r: r.fact("trainable_parameters")
        )
        parts += _tradeoff(f"latency-{place}", title, runs, "latency p50, ms", lambda r: r.latency.get("p50_ms"))
    if not parts:
        return None
    return Section("tradeoffs", "Accuracy and its price", "Does a larger or slower net buy accuracy?", parts)


def curves(gathered: Gathered) -> Section | None:
    """Return the validation accuracy of all runs by epoch; None where nothing was trained."""
    parts: list[Part] = []
    for place, (title, runs) in enumerate(gathered.groups.items(), start=1):
        trained = [run for run in runs if run.history.get("val_accuracy")]
        trained.sort(key=lambda run: -run.test["accuracy"])
        if not trained:
            continue
        rest = f"; in grey the other {len(trained) - _CURVES}" if len(trained) > _CURVES else ""
        told = "; ".join(f"{r.name} ends at {r.history['val_accuracy'][-1][1]:.3f}" for r in trained[:_CURVES])
        parts.append(
            Picture(
                f"curves-{place}",
                f"Validation accuracy by epoch, {title}: {told}",
                f"Validation accuracy by epoch, {title}: the best {min(len(trained), _CURVES)} in colour{rest}. Flat "
                "at the end means that more epochs would not help.",
                to_svg(
                    results.draw_curves({r.name: r.history["val_accuracy"] for r in trained}, "validation accuracy")
                ),
            )
        )
    if not parts:
        return None
    return Section("curves", "Learning curves", "Did the runs learn all they could in their epochs?", parts)


def classes(gathered: Gathered) -> Section:
    """Return accuracy a class and run, the longer of the two going down."""
    parts: list[Part] = []
    for title, runs in gathered.groups.items():
        names = runs[0].member.classes
        told = [[share(row["recall"]) for row in run.test["per_class"]] for run in runs]
        if len(names) > len(runs):
            columns = (Column("class", numbers=False), *(Column(f"#{run.number}", note=run.label) for run in runs))
            rows = [[text(name), *(of_run[c] for of_run in told)] for c, name in enumerate(names)]
        else:
            columns = (*RUN, *(Column(name) for name in names))
            rows = [[*named(run), *of_run] for run, of_run in zip(runs, told, strict=True)]
        parts.append(Table(f"Share of each class's test images that a run labels rightly, {title}.", columns, rows))
    return Section("classes", "Accuracy a class", "Which classes are hard, and for which runs?", parts)


def named(run: Run) -> tuple[Cell, Cell]:
    """Return the cells of RUN."""
    return Cell(str(run.number), run.number), text(run.label, run.anchor)


def p_value(p: float) -> str:
    """Return p as text: two digits, and no more zeros than are read."""
    return "<0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def file_size(size: int | None) -> Cell:
    """Return a cell of a file's size in bytes."""
    told = units(size, "not kept")
    return told if size is None else Cell(f"{told.text}B" if told.text[-1].isalpha() else f"{told.text} B", size)


def _accuracies(name: str, title: str, runs: list[Run]) -> Picture:
    best = max(runs, key=lambda run: run.test["accuracy"])
    drawn = results.draw_accuracies(
        [_figure_name(run) for run in runs],
        [run.test["accuracy"] for run in runs],
        [run.test["accuracy_interval"] for run in runs],
    )
    return Picture(
        name,
        f"Test accuracy of {len(runs)} runs with 95 % intervals, {title}; the best is {best.name} with "
        f"{best.test['accuracy']:.4f}",
        f"Test accuracy, {title}. Where two intervals overlap, ask McNemar's test below.",
        to_svg(drawn),
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
            found = mcnemar(run.right, best.right)
            rows.append(
                [
                    *named(run),
                    number(found["only_first"], ",d"),
                    number(found["only_second"], ",d"),
                    Cell(p_value(found["p"]), found["p"], mark="worse" if found["p"] < SIGNIFICANT else ""),
                ]
            )
    return Table(f"Each run against the best, {best.name}; {title}.", columns, rows)


def _every_pair(title: str, runs: list[Run]) -> Table:
    columns = (*RUN, *(Column(f"#{run.number}", note=run.label) for run in runs))
    right = {run.number: run.right for run in runs}
    rows = []
    for run in runs:
        row = [*named(run)]
        for other in runs:
            if other is run:
                row.append(Cell("·"))
                continue
            found = mcnemar(right[run.number], right[other.number])
            sign = "better" if found["only_first"] > found["only_second"] else "worse"
            row.append(Cell(p_value(found["p"]), found["p"], mark=sign if found["p"] < SIGNIFICANT else ""))
        rows.append(row)
    told = f"p of any two runs, {title}: below {SIGNIFICANT} ▲ where the row's run is better, ▼ where it is worse."
    return Table(told, columns, rows)


def _tradeoff(name: str, title: str, runs: list[Run], what: str, cost: Callable[[Run], float | None]) -> list[Picture]:
    known = [run for run in runs if (cost(run) or 0) > 0]
    if len(known) < 2:
        return []
    drawn = results.draw_tradeoff(
        [cost(r) for r in known], [r.test["accuracy"] for r in known], [str(r.number) for r in known], what
    )
    told = "; ".join(f"{r.name}: {cost(r):,.4g} and {r.test['accuracy']:.4f}" for r in known)
    left = f" {len(runs) - len(known)} runs that have none are left out." if len(known) < len(runs) else ""
    return [
        Picture(
            name,
            f"Test accuracy against {what}, {title}. {told}",
            f"Test accuracy against {what}, {title}, by the run's number. The line joins the runs that no other beats "
            f"in both.{left}",
            to_svg(drawn),
        )
    ]


def _figure_name(run: Run) -> str:
    return run.name if len(run.name) <= 44 else run.name[:43] + "…"
