"""The section on differences: McNemar's test between runs on the same test images, corrected by Holm."""

from kerascifar.evaluation.metrics import holm, mcnemar
from kerascifar.reporting.comparison import RUN, run_cells
from kerascifar.reporting.document import Block, Cell, Column, Section, Table, Text, number
from kerascifar.reporting.gather import Gathered, Run

SIGNIFICANT = 0.05


def pairs(gathered: Gathered) -> Section:
    """Return McNemar's test of every run against the best, and between every two that are shown in detail."""
    blocks: list[Block] = []
    for title, runs in gathered.groups.items():
        if len(runs) > 1:
            blocks.append(_against_best(title, runs))
        if len(shown := [run for run in runs if run.detailed]) > 2:
            blocks.append(_every_pair(title, shown))
    words = (
        "McNemar's exact test looks only at images that one of two runs has right and the other wrong. p is the "
        "probability of a split at least as uneven if both runs were equally good. Among many pairs, one in twenty "
        f"falls below {SIGNIFICANT} by chance; p by Holm (1979) is corrected for the number of pairs in its table, and "
        "marks go by it."
    )
    blocks = [Text(words), *blocks] if blocks else []
    return Section("mcnemar", "Real differences", "Which differences are more than luck?", blocks)


def p_value(p: float) -> str:
    """Return p as text, to at most two significant digits."""
    return "<0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _against_best(title: str, runs: list[Run]) -> Table:
    best = max(runs, key=lambda run: run.test["accuracy"])
    columns = (
        *RUN,
        Column("p", note="McNemar's exact test, two-sided"),
        Column("p by Holm", note=f"corrected for {len(runs) - 1} tests"),
        Column("only this one right", note=f"images that this run has right and {best.name} wrong"),
        Column("only the best right", note=f"images that {best.name} has right and this run wrong"),
    )
    others = [run for run in runs if run is not best]
    tests = [mcnemar(run.right, best.right) for run in others]
    rows = [
        [
            *run_cells(run),
            Cell(p_value(test["p"]), test["p"]),
            Cell(p_value(p), p, mark="worse" if p < SIGNIFICANT else ""),
            number(test["only_first"], ",d"),
            number(test["only_second"], ",d"),
        ]
        for run, test, p in zip(others, tests, holm([test["p"] for test in tests]), strict=True)
    ]
    return Table(f"Each run against the best, {best.name}; {title}.", columns, rows)


def _every_pair(title: str, runs: list[Run]) -> Table:
    columns = (*RUN, *(Column(f"#{run.number}", note=run.label) for run in runs))
    right = [run.right for run in runs]
    places = [(i, j) for i in range(len(runs)) for j in range(i + 1, len(runs))]
    tests = [mcnemar(right[i], right[j]) for i, j in places]
    cells = {}
    for (i, j), test, p in zip(places, tests, holm([test["p"] for test in tests]), strict=True):
        words = " / ".join(dict.fromkeys((p_value(test["p"]), p_value(p))))
        better = test["only_first"] > test["only_second"]
        for place, wins in (((i, j), better), ((j, i), not better)):
            mark = ("better" if wins else "worse") if p < SIGNIFICANT else ""
            cells[place] = Cell(words, test["p"], mark=mark)
    rows = [[*run_cells(run), *(cells.get((i, j), Cell("·")) for j in range(len(runs)))] for i, run in enumerate(runs)]
    caption = f"p / p by Holm of every two runs, {title}; one number where both read alike."
    return Table(f"{caption} ▲ the row's run is better, ▼ it is worse.", columns, rows)
