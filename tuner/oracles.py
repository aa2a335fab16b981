"""KerasTuner's oracles, made to survive a kill at any moment and the death of a worker."""

import collections
import json
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import synchronized
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from sklearn.exceptions import ConvergenceWarning

from kerascifar.core import files, private
from kerascifar.core.errors import InputError
from tuner.plan import OBJECTIVE, Plan
from tuner.spaces import Choice, Hyperparameter

# A trial that takes its worker down this often is failed: an operating system that is out of memory kills.
MAX_DEATHS = 3


class Durable(private.SavesNoTrial):
    """What each oracle below has before KerasTuner's own.

    KerasTuner 1.4.8 writes a trial and the oracle one after the other, in place, so that a kill leaves a trial that
    nobody runs, or half a file; here one file holds all, written atomically. It also forgets the workers: one that is
    killed leaves the chief waiting for ever.
    """

    path: Path  # the one file
    stopped = False  # whether a tuner was told that there is nothing left to do
    failure: Exception | None = None  # why no further trial can be made

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Make the next point; an error ends the search.

        `synchronized` keeps its lock when an error passes through it, and every later call would wait for ever.
        """
        try:
            return super().populate_space(trial_id)
        except Exception as error:
            self.failure = error
            return {"status": TrialStatus.STOPPED}

    @synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Give a tuner something to do; one that has a trial already was killed in it and started anew."""
        if tuner_id in self.ongoing_trials:
            self._died(tuner_id)
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            values = ", ".join(f"{name} {_shown(value)}" for name, value in trial.hyperparameters.values.items())
            print(f"trial {trial.trial_id}: {values} ({tuner_id})", flush=True)
        if trial.status == TrialStatus.STOPPED:
            if self.ongoing_trials and self.failure is None:
                # Another tuner may yet die, and someone must be there to take its trial.
                self.tuner_ids.add(tuner_id)
                trial.status = TrialStatus.IDLE
            else:
                self.stopped = True
        return trial

    @synchronized
    def end_trial(self, trial: Trial) -> None:
        """Take a trial's end; a second report of the same trial changes nothing."""
        if trial.trial_id in self.end_order:
            return
        if trial.trial_id in private.retry_queue(self):  # its tuner was only slow
            private.retry_queue(self).remove(trial.trial_id)
        if trial.status == TrialStatus.FAILED:
            trial.message = read_reason(self.path.parent, trial.trial_id) or trial.message
        super().end_trial(trial)
        ended = self.trials[trial.trial_id]
        what = f"failed: {ended.message}" if ended.status == TrialStatus.FAILED else f"{OBJECTIVE} {ended.score:.4f}"
        print(f"trial {trial.trial_id}: {what}", flush=True)

    @synchronized
    def retire(self, tuner_id: str) -> None:
        """Forget a tuner that is dead; its trial is given to another."""
        if tuner_id in self.ongoing_trials:
            self._died(tuner_id)
        self.tuner_ids.discard(tuner_id)
        self.save()

    @synchronized
    def active(self) -> set[str]:
        """Return the tuners that have not been told to stop."""
        return self.tuner_ids | set(self.ongoing_trials)

    @synchronized
    def finished(self) -> bool:
        """Tell whether every trial has ended and every tuner knows."""
        return self.stopped and not self.tuner_ids and not self.ongoing_trials and not private.retry_queue(self)

    def _died(self, tuner_id: str) -> None:
        trial = self.ongoing_trials[tuner_id]
        self.deaths[trial.trial_id] += 1
        print(f"trial {trial.trial_id}: {tuner_id} was killed in it", flush=True)
        if self.deaths[trial.trial_id] >= MAX_DEATHS:
            trial.status = TrialStatus.FAILED
            trial.message = f"its worker was killed {MAX_DEATHS} times; out of memory?"
            self.end_trial(trial)
        else:
            del self.ongoing_trials[tuner_id]
            private.retry_queue(self).append(trial.trial_id)

    def save(self) -> None:
        """Write everything to the one file."""
        files.write_text(self.path, json.dumps(self.get_state()))

    def reload(self) -> None:
        """Read the one file, if it is there; trials under way will be given out again.

        Raises:
            InputError: the file is corrupt.
        """
        if not self.path.exists():
            return
        try:
            self.set_state(json.loads(self.path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path} is corrupt: {error}; choose another --dir") from None

    def get_state(self) -> dict[str, Any]:
        """Return the state with all trials, in the order in which they began."""
        trials = [self.trials[trial_id].get_state() for trial_id in self.start_order]
        return {**super().get_state(), "trials": trials, "deaths": self.deaths, "max_trials": self.max_trials}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state over."""
        self.trials = {trial["trial_id"]: Trial.from_state(trial) for trial in state["trials"]}
        self.deaths = collections.Counter(state["deaths"])
        # The queue gives out its last entry first.
        begun = [trial_id for trial_id in reversed(state["start_order"]) if trial_id not in state["end_order"]]
        super().set_state({**state, "retry_queue": begun})
        self.ongoing_trials = {}


class Random(Durable, RandomSearchOracle):
    """Points drawn at random."""


class Bayesian(Durable, BayesianOptimizationOracle):
    """Random points first, then the optimum of a Gaussian process's confidence bound."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Make the next point; where the optimisation begins depends on seed and trial only.

        KerasTuner's generator begins anew in every process, so a search that went on would take other points.
        """
        private.set_random_state(self, np.random.RandomState(self.seed + len(self.start_order)))
        with warnings.catch_warnings():  # a length scale at its bound: the score does not depend on this value
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


class Grid(Durable, GridSearchOracle):
    """Every combination of the values."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state over, with what KerasTuner does not save."""
        super().set_state(state)
        private.restore_grid_order(self)


class Hyperband(Durable, HyperbandOracle):
    """Many short trainings, fewer long ones of the best (Li et al. 2018)."""


CLASSES = {"bayesian": Bayesian, "random": Random, "grid": Grid, "hyperband": Hyperband}


def make_oracle(plan: Plan) -> Durable:
    """Return the plan's oracle, at the beginning of its search."""
    how: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "max"),
        "hyperparameters": hyperparameters(plan.space),
        "seed": plan.config.seed + 1,  # 0 would mean: any
        "max_consecutive_failed_trials": None,  # a failed trial never ends the search
    }
    if plan.oracle == "hyperband":
        how["max_epochs"] = plan.config.epochs
    else:
        how["max_trials"] = plan.max_trials
    if plan.oracle == "bayesian":
        how["num_initial_points"] = plan.initial_points
    oracle = CLASSES[plan.oracle](**how)
    oracle.max_trials = plan.max_trials
    oracle.deaths = collections.Counter()
    oracle.path = plan.folder / "oracle.json"
    oracle.verbose = 0
    return oracle


def hyperparameters(space: dict[str, Hyperparameter]) -> keras_tuner.HyperParameters:
    """Return a space in KerasTuner's terms."""
    made = keras_tuner.HyperParameters()
    for name, part in space.items():
        if isinstance(part, Choice):
            if isinstance(part.values[0], bool):
                made.Boolean(name)
            else:
                made.Choice(name, list(part.values))
        elif isinstance(part.low, int):
            made.Int(name, part.low, part.high, sampling=part.scale)
        else:
            made.Float(name, part.low, part.high, sampling=part.scale)
    return made


def write_reason(folder: Path, trial_id: str, reason: str) -> None:
    """Say why a trial failed; KerasTuner's protocol does not carry it from a worker to the chief."""
    files.write_text(folder / "failures" / f"{trial_id}.txt", reason + "\n")


def read_reason(folder: Path, trial_id: str) -> str | None:
    """Return why a trial failed, or None where nothing was said."""
    path = folder / "failures" / f"{trial_id}.txt"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
