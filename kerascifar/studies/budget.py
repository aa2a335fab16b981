"""Make a plan: which rows are run, in which order, and how long each may be in the time that was given."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from kerascifar.config import fields_of
from kerascifar.studies.lengths import FULL, Length, seconds, share_out
from kerascifar.studies.plan import ASKED_FULL, Plan, PlannedRun, StudyRun, Version
from kerascifar.studies.progress import makespan
from kerascifar.studies.study import Study
from kerascifar.studies.timing import Cost, Measure


def make_plan(
    old: StudyRun,
    asked: str,
    versions: Sequence[Version],
    measure: Measure,
    spent: Callable[[], float] = lambda: 0.0,
    jobs: int = 1,
) -> StudyRun:
    """Return `old` with a planned run for each of `versions`, under what is `asked`.

    A row for which a run at least as long is finished keeps that one. The other rows divide a budget equally, see
    lengths.share_out, but those that compare settings of one net get the same length. A row whose shortest run takes
    too much of the budget is left out.

    Args:
        old: the study with its plans so far; runs of the same plan are kept as they are.
        asked: --full, --epochs N or --budget TIME.
        versions: row, mode and seed, see plan.versions.
        measure: returns the cost of a config.
        spent: returns how many seconds of the budget have passed, measuring included.
        jobs: how many rows run at once.
    """
    planned = {run.version for run in old.plan.of(asked)}
    new = [PlannedRun(asked, *version) for version in versions if version not in planned]
    study_run = replace(old, plan=Plan(asked, (*old.plan.runs, *new)))
    done = {run.version: _reusable(study_run, run) for run in new}
    # Rows that ask for the same training share it; the first of them stands for all.
    folders = {run.version: study_run.training_of(run) for run in new}
    first = {folder: version for version, folder in reversed(folders.items())}
    settled = {
        run.version: replace(run, seconds=0.0) for run in new if done[run.version] == FULL or study_run.trained(run)
    }
    open_ = [run for run in new if run.version not in settled and first[folders[run.version]] == run.version]
    costs = {run.version: _cost(study_run, run, measure) for run in open_}
    budget = seconds(asked.split()[1]) - spent() if asked.startswith("--budget") else None
    while open_:
        keys = [_compared(study_run, run) for run in open_]
        for factor in _factors(jobs):
            lengths = _evened(keys, _lengths(asked, budget, [costs[run.version] for run in open_], factor))
            tried = [
                replace(run, length=length, seconds=costs[run.version].seconds(length))
                for run, length in zip(open_, lengths, strict=True)
            ]
            if budget is None or time_of(study_run.study, tried, jobs) <= 1.05 * budget:
                break
        # What is finished already, or cannot be done in the time, leaves its share to the others.
        chosen = [
            replace(run, length=length, seconds=0.0)
            for run in tried
            if (length := done[run.version]) is not None and costs[run.version].seconds(length) >= run.seconds
        ]
        chosen = chosen or _left_out(study_run.study, tried, budget, jobs) or tried
        settled |= {run.version: run for run in chosen}
        open_ = [run for run in open_ if run.version not in settled]
    for run in new:
        if run.version not in settled:
            leader = settled[first[folders[run.version]]]
            settled[run.version] = replace(run, length=leader.length, seconds=0.0, left_out=leader.left_out)
    return replace(old, plan=Plan(asked, (*old.plan.runs, *(settled[run.version] for run in new))))


def _compared(study_run: StudyRun, run: PlannedRun) -> tuple:
    """Return what rows that compare settings have in common: the net, the data and the full length."""
    config = study_run.config_of(run)
    net = (getattr(config, name) for name in fields_of("model"))
    return (study_run.is_search(run), *net, config.dataset, config.epochs)


def _evened(keys: Sequence[tuple], lengths: Sequence[Length]) -> list[Length]:
    """Return `lengths`, where those with the same key get the shortest among them.

    A costlier augmentation affords fewer images in the same time; rows that are compared must see the same number.
    """
    shortest: dict[tuple, Length] = {}
    for key, length in zip(keys, lengths, strict=True):
        shortest[key] = min(length, shortest.get(key, FULL), key=lambda candidate: candidate.size)
    return [shortest[key] for key in keys]


def _factors(jobs: int) -> Iterator[float]:
    """Yield by how much more than the budget rows that run side by side may take together, most first, at last 1."""
    factor = float(jobs)
    while factor > 1:
        yield factor
        factor *= 0.95  # of three equal rows in two jobs one has to wait: they may take 1.5 times the budget
    yield 1.0


def time_of(study: Study, runs: Sequence[PlannedRun], jobs: int) -> float:
    """Return the estimated seconds from the first of `runs` to the last, `jobs` of them at once."""
    return makespan([run.seconds or 0.0 for run in ordered(study, runs)], jobs)


def _left_out(study: Study, runs: Sequence[PlannedRun], budget: float | None, jobs: int) -> list[PlannedRun]:
    """Return the longest of `runs`, and its children, where even the shortest runs of all exceed the budget.

    At least one run always remains.
    """
    if budget is None or len(runs) == 1 or time_of(study, runs, jobs) <= 1.05 * max(budget, 0.0):
        return []
    longest = max(reversed(runs), key=lambda run: run.seconds)
    children = [run for run in runs if study[run.row].init_from == longest.row and run.seed == longest.seed]
    gone = [longest, *children] if len(children) + 1 < len(runs) else children
    return [replace(run, left_out=True) for run in gone]


def ordered(study: Study, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Return `runs` in the order in which they should be run: first seeds and cheap rows first, parents first."""
    # What takes no time waits for the row whose training it shares.
    waiting = sorted(runs, key=lambda run: (run.seed, run.seconds or math.inf))
    chosen: list[PlannedRun] = []
    while waiting:
        unfinished = {(run.row, run.seed) for run in waiting}
        chosen.append(next(run for run in waiting if (study[run.row].init_from, run.seed) not in unfinished))
        waiting.remove(chosen[-1])
    return chosen


def _reusable(study_run: StudyRun, run: PlannedRun) -> Length | None:
    """Return the greatest length that is finished and that the plan of `run` can take over."""
    longest = study_run.longest(run.version)
    # A child starts from the parent of its own plan; only at full length all plans have the same parent.
    if longest is None or (longest.length != FULL and study_run.study[run.row].init_from):
        return None
    return longest.length


def _cost(study_run: StudyRun, run: PlannedRun, measure: Measure) -> Cost:
    config = study_run.config_of(run)
    cost = measure(config)
    if study_run.is_search(run):
        search = study_run.study[run.row].plan(config, study_run.folder)
        cost = replace(cost, test=0, repeats=_trials(search))
    return cost


def _trials(search: object) -> int:
    """Return how many trials a search has."""
    if search.max_trials is not None:
        return search.max_trials
    return math.prod(len(choice.ends) for choice in search.space.values())  # of a grid


def _lengths(asked: str, budget: float | None, costs: Sequence[Cost], factor: float = 1.0) -> list[Length]:
    """Return how long each run may be by what was `asked` for, or by its share of `factor` x `budget` seconds.

    No run takes more than the budget itself.
    """
    if budget is not None:
        budget = max(0.0, budget)
        shares = share_out(factor * budget, [min(cost.seconds(), budget) for cost in costs])
        return [cost.length(share) for cost, share in zip(costs, shares, strict=True)]
    if asked == ASKED_FULL:
        return [FULL] * len(costs)
    epochs = int(asked.split()[1])
    return [FULL if c.epochs is None or epochs >= c.epochs else Length(max(epochs, c.least)) for c in costs]
