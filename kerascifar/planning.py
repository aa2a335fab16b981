"""Make a plan: which rows are run, in which order, and how long each may be in the time that was given."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kerascifar.costs import Cost, Measure
from kerascifar.lengths import FULL, Length, seconds, share_out
from kerascifar.plan import ASKED_FULL, Piece, Plan, Version, config_of, folder_of, is_search, longest_length
from kerascifar.study import Study


def with_rows_needed(study: Study, names: Iterable[str]) -> list[str]:
    """Return `names`, the members of their ensembles and the rows that they begin with, in the study's order."""
    wanted = list(names)
    for name in wanted:  # it grows
        row = study[name]
        wanted += [n for n in (*getattr(row, "members", ()), getattr(row, "init_from", "")) if n and n not in wanted]
    return [row.name for row in study.rows if row.name in wanted]


def make(
    study: Study,
    asked: str,
    wanted: Sequence[Version],
    old: Plan,
    folder: Path,
    measure: Measure,
    spent: Callable[[], float] = lambda: 0.0,
) -> Plan:
    """Return `old` with a piece for each of `wanted`, row, mode and seed, under what is `asked`.

    A row for which a run at least as long is finished keeps that one. What other rows take of a budget is divided
    equally, see lengths.share_out.

    Args:
        study: the recipe.
        asked: --full, --epochs N or --budget TIME.
        wanted: see `versions`.
        old: the plans that are there; pieces of the same plan are kept as they are.
        folder: the study's.
        measure: gives the cost of a config.
        spent: tells how many seconds of the budget have passed, measuring included.
    """
    planned = {piece.version for piece in old.of(asked)}
    new = [Piece(asked, *version) for version in wanted if version not in planned]
    every = (*old.pieces, *new)
    done = {piece.version: _longest(study, piece, every, folder) for piece in new}
    # Rows that ask for the same share a run; the first of them stands for all.
    shared = {piece.version: folder_of(study, piece, every, folder) for piece in new}
    first = {place: version for version, place in reversed(shared.items())}
    lengths: dict[Version, tuple[Length, float]] = {
        version: (FULL, 0.0) for version, length in done.items() if length == FULL
    }
    unsettled = [p for p in new if p.version not in lengths and first[shared[p.version]] == p.version]
    costs = {piece.version: _cost(study, piece, every, folder, measure) for piece in unsettled}
    while unsettled:
        given = _lengths(asked, [costs[piece.version] for piece in unsettled], spent())
        times = [costs[piece.version].seconds(length) for piece, length in zip(unsettled, given, strict=True)]
        kept = {
            piece.version: (done[piece.version], 0.0)
            for piece, time in zip(unsettled, times, strict=True)
            if done[piece.version] is not None and costs[piece.version].seconds(done[piece.version]) >= time
        }
        if not kept:
            lengths |= {p.version: told for p, told in zip(unsettled, zip(given, times, strict=True), strict=True)}
            break
        lengths |= kept  # and what they would have taken is divided among the others
        unsettled = [piece for piece in unsettled if piece.version not in kept]
    made = []
    for piece in new:
        leader = first[shared[piece.version]]
        length, time = lengths.get(piece.version, (lengths[leader][0], 0.0))
        made.append(dataclasses.replace(piece, length=length, seconds=time))
    return Plan(asked, (*old.pieces, *made))


def ordered(study: Study, pieces: Sequence[Piece]) -> list[Piece]:
    """Return `pieces` in the order in which they should be run: first seeds and cheap rows first, parents first."""
    left = sorted(pieces, key=lambda piece: (piece.seed, piece.seconds or 0.0))
    chosen: list[Piece] = []
    while left:
        waiting = {(piece.row, piece.seed) for piece in left}
        ready = [p for p in left if (getattr(study[p.row], "init_from", ""), p.seed) not in waiting]
        chosen.append(ready[0])
        left.remove(ready[0])
    return chosen


def _longest(study: Study, piece: Piece, pieces: Sequence[Piece], folder: Path) -> Length | None:
    """Return the greatest length that is finished and that the plan of `piece` can take over."""
    length = longest_length(study, piece.version, pieces, folder)
    # A child belongs to the parent of its own plan; only at full length are all parents one.
    return None if length != FULL and getattr(study[piece.row], "init_from", "") else length


def _cost(study: Study, piece: Piece, pieces: Sequence[Piece], folder: Path, measure: Measure) -> Cost:
    config = config_of(study, piece, pieces, folder)
    cost = measure(config)
    if is_search(study, piece):
        cost = dataclasses.replace(cost, test=0, repeats=trials(study[piece.row].plan(config, folder)))
    return cost


def trials(plan: object) -> int:
    """Return how many trials a search has."""
    if plan.max_trials is not None:
        return plan.max_trials
    count = 1
    for choice in plan.space.values():  # of a grid
        count *= len(choice.ends)
    return count


def _lengths(asked: str, costs: Sequence[Cost], spent: float) -> list[Length]:
    """Return what each run may take, by what was `asked` for."""
    if asked == ASKED_FULL:
        return [FULL] * len(costs)
    flag, value = asked.split(maxsplit=1)
    if flag == "--epochs":
        epochs = int(value)
        return [FULL if c.epochs is None or epochs >= c.epochs else Length(max(epochs, c.least)) for c in costs]
    shares = share_out(max(0.0, seconds(value) - spent), [cost.seconds() for cost in costs])
    return [cost.length(share) for cost, share in zip(costs, shares, strict=True)]
