"""What an audit's lists do to the accuracies of finished runs."""

from collections.abc import Sequence
from pathlib import Path

from kerascifar.auditing.counts import Effect
from kerascifar.core.contracts import Whole
from kerascifar.evaluation.scored_run import read_scored_run
from kerascifar.evaluation.selection import read_lists, select


def effects_on(folders: Sequence[Path], whole: Whole, *lists: Path) -> list[Effect]:
    """Return a row per run, by heading: its name, how many test images each selection has, and its accuracy there.

    Args:
        folders: run folders whose test images are those of `whole`, as `held_out.by_runs` has checked.
        whole: the data set.
        lists: the audit's files.
    """
    if not folders or "test" not in whole.splits:
        return []
    selection = read_lists(lists, "--out")
    checksums = [digest.hex() for digest in whole.splits["test"].image_checksums()]
    effects: list[Effect] = []
    for folder in folders:
        run = read_scored_run(folder)
        labels, scores = run.test
        selected = select(scores.argmax(1) == labels, checksums, selection)
        effects.append(
            {"run": run.name} | {f"{name} ({share.images:,})": share.accuracy for name, share, _ in selected.rows()}
        )
    return effects
