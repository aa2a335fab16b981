"""The section on an audit of the data: what near-duplicates and suspect labels do to each run's accuracy."""

from collections.abc import Mapping

import numpy as np

from kerascifar.core.contracts import Split
from kerascifar.core.errors import InputError
from kerascifar.evaluation.metrics import mcnemar
from kerascifar.evaluation.selection import TEST, Lists, Selected, select
from kerascifar.reporting.comparison import RUN, run_cells
from kerascifar.reporting.differences import p_value
from kerascifar.reporting.document import NONE, Block, Cell, Column, Section, Table, Text
from kerascifar.reporting.gather import Gathered, Run

_WORDS = (
    "Each accuracy is that of the saved scores on the images that its heading names, with Wilson's 95 % interval. On "
    "near-duplicates of training images a net may answer from memory, but they may also be easier or harder than the "
    f"others; a suspect label may be wrong, and then so is who predicts it. p: {TEST}. It does apply to two nets "
    "on the same images: the last column holds each run against the best one, on the images that no list names."
)


def audited(gathered: Gathered, images: Mapping[str, np.ndarray | str], lists: Lists | None) -> Section | None:
    """Return a table per test set that the lists are of, and why other runs are left out; None without lists.

    Args:
        gathered: the runs.
        images: by checksum of the test set its images, uint8 (N, H, W, C), or why there are none.
        lists: of the audit.
    """
    if lists is None:
        return None
    blocks: list[Block] = []
    left_out: list[Block] = [Text("The audit's lists name no image.")] if lists.empty else []
    for title, runs in gathered.groups.items() if not lists.empty else ():
        try:
            blocks.append(_table(title, runs, images[runs[0].scored.checksum], lists))
        except InputError as error:
            numbers = ", ".join(f"#{run.number}" for run in runs)
            left_out.append(Text(f"Without the runs on {title} ({numbers}): {error}"))
    blocks = [Text(_WORDS), *blocks, *left_out] if blocks else left_out
    return Section("audit", "Without near-duplicates and suspect labels", "How much of it is the data?", blocks)


def _table(title: str, runs: list[Run], images: np.ndarray | str, lists: Lists) -> Table:
    """Return the accuracies of the runs on one test set. Raises InputError: its images are not here, or others."""
    if isinstance(images, str):
        raise InputError(images)
    labels = runs[0].scored.test[0]
    checksums = [checksum.hex() for checksum in Split(images, labels).image_checksums()]
    lists.check(checksums, "these test images")
    selected = [select(run.right, checksums, lists) for run in runs]
    columns = [*RUN]
    for name, share, contrast in selected[0].rows():
        columns.append(Column(name, note=f"{share.images:,} images"))
        columns += [Column("p", note=f"{name}, against the others")] * (contrast is not None)
    counts = "; ".join(f"{name} {share.images:,}" for name, share, _ in selected[0].rows())
    best = max(runs, key=lambda run: run.test["accuracy"])
    columns.append(Column(f"p against #{best.number}", note="McNemar's exact test on the images that no list names"))
    rows = [
        [*run_cells(run), *_cells(one), _paired(run, best, one.unnamed)]
        for run, one in zip(runs, selected, strict=True)
    ]
    return Table(f"Accuracies on {title}, by the number of images: {counts}.", columns, rows)


def _paired(run: Run, best: Run, chosen: np.ndarray) -> Cell:
    p = mcnemar(run.right[chosen], best.right[chosen])["p"]
    return Cell(NONE) if run is best else Cell(p_value(p), p)


def _cells(selected: Selected) -> list[Cell]:
    cells = []
    for _, share, contrast in selected.rows():
        cells.append(Cell(str(share), share.accuracy))
        if contrast is not None:
            cells.append(Cell(NONE) if contrast.p is None else Cell(p_value(contrast.p), contrast.p))
    return cells
