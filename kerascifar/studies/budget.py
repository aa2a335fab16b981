"""Make a plan: which rows are run, in which order, and how long each may be in the time that was given."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kerascifar.config import fields_of
from kerascifar.studies.lengths import FULL, Length, seconds, share_out
from kerascifar.studies.plan import ASKED_FULL, Piece, Plan, Version, config_of, folder_of, is_search, longest_length
from kerascifar.studies.study import Study
from kerascifar.studies.timing import Cost, Measure


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

    A row for which a run at least as long is finished keeps that one. The other rows divide a budget equally, see
    lengths.share_out, but those that compare settings of one net get the same length. A row whose shortest run takes
    too much of the budget is left out.

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
    settled = {piece.version: replace(piece, seconds=0.0) for piece in new if done[piece.version] == FULL}
    open_ = [p for p in new if p.version not in settled and first[shared[p.version]] == p.version]
    costs = {piece.version: _cost(study, piece, every, folder, measure) for piece in open_}
    budget = seconds(asked.split()[1]) - spent() if asked.startswith("--budget") else None
    while open_:
        lengths = _lengths(asked, budget, [costs[piece.version] for piece in open_])
        alike = [_alike(study, piece, every, folder) for piece in open_]
        tried = [
            replace(piece, length=length, seconds=costs[piece.version].seconds(length))
            for piece, length in zip(open_, _evened(alike, lengths), strict=True)
        ]
        # What is finished already, or cannot be done in the time, leaves its share to the others.
        chosen = [
            replace(piece, length=done[piece.version], seconds=0.0)
            for piece in tried
            if done[piece.version] is not None and costs[piece.version].seconds(done[piece.version]) >= piece.seconds
        ]
        chosen = chosen or _left_out(study, tried, budget) or tried
        settled |= {piece.version: piece for piece in chosen}
        open_ = [piece for piece in open_ if piece.version not in settled]
    for piece in new:
        if piece.version not in settled:
            leader = settled[first[shared[piece.version]]]
            settled[piece.version] = replace(piece, length=leader.length, seconds=0.0, left_out=leader.left_out)
    return Plan(asked, (*old.pieces, *(settled[piece.version] for piece in new)))


def _alike(study: Study, piece: Piece, pieces: Sequence[Piece], folder: Path) -> tuple:
    """Return what rows have in common that compare settings: the net, the data and the full length."""
    config = config_of(study, piece, pieces, folder)
    net = (getattr(config, name) for name in fields_of("model"))
    return (is_search(study, piece), *net, config.dataset, config.epochs)


def _evened(alike: Sequence[tuple], lengths: Sequence[Length]) -> list[Length]:
    """Return `lengths`, where those with the same key in `alike` get the shortest among them.

    A costlier augmentation buys fewer images in the same time; what is to be compared must see the same number.
    """
    shortest: dict[tuple, Length] = {}
    for key, length in zip(alike, lengths, strict=True):
        shortest[key] = min(length, shortest.get(key, FULL), key=lambda found: found.size)
    return [shortest[key] for key in alike]


def _left_out(study: Study, pieces: Sequence[Piece], budget: float | None) -> list[Piece]:
    """Return the longest of `pieces`, and its children, where even the shortest runs of all do not fit into the budget.

    Something is always left to run.
    """
    if budget is None or len(pieces) == 1 or sum(piece.seconds for piece in pieces) <= 1.05 * max(budget, 0.0):
        return []
    worst = max(reversed(pieces), key=lambda piece: piece.seconds)
    children = [p for p in pieces if getattr(study[p.row], "init_from", "") == worst.row and p.seed == worst.seed]
    gone = [worst, *children] if len(children) + 1 < len(pieces) else children
    return [replace(piece, left_out=True) for piece in gone]


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
        cost = replace(cost, test=0, repeats=trials(study[piece.row].plan(config, folder)))
    return cost


def trials(plan: object) -> int:
    """Return how many trials a search has."""
    if plan.max_trials is not None:
        return plan.max_trials
    count = 1
    for choice in plan.space.values():  # of a grid
        count *= len(choice.ends)
    return count


def _lengths(asked: str, budget: float | None, costs: Sequence[Cost]) -> list[Length]:
    """Return what each run may take of what was `asked` for, a budget in seconds among it."""
    if budget is not None:
        shares = share_out(max(0.0, budget), [cost.seconds() for cost in costs])
        return [cost.length(share) for cost, share in zip(costs, shares, strict=True)]
    if asked == ASKED_FULL:
        return [FULL] * len(costs)
    epochs = int(asked.split()[1])
    return [FULL if c.epochs is None or epochs >= c.epochs else Length(max(epochs, c.least)) for c in costs]
