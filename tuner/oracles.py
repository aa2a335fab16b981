"""KerasTuner's oracles, made to survive a kill at any moment and the death of a worker."""

import collections
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import synchronized
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, GridSearchOracle, HyperbandOracle, RandomSearchOracle
from sklearn.exceptions import ConvergenceWarning

from kerascifar.core import files, private
from kerascifar.core.errors import InputError
from kerascifar.core.files import safe_name
from kerascifar.core.reading import read_json, read_text
from tuner.definition import OBJECTIVE, STATE, Search
from tuner.spaces import Choice, Hyperparameter, shown

# A trial whose worker was killed this often has failed: an operating system that is out of memory kills processes.
MAX_DEATHS = 3


class Durable(private.SavesNoTrial):
    """What the oracles below add to KerasTuner's: one state file, and workers that may die.

    KerasTuner 1.4.8 writes a trial and the oracle one after the other, in place, so that a kill leaves a trial that
    nobody runs, or half a file; here one file holds everything, written atomically. KerasTuner also does not watch its
    workers: the chief waits forever for one that was killed.
    """

    path: Path  # the state file
    stopped = False  # whether a tuner has learned that no trial is left
    failure: Exception | None = None  # why no further trial can be made

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next point; an error ends the search.

        `synchronized` keeps its lock when an error passes through it, and every later call would wait forever.
        """
        try:
            return super().populate_space(trial_id)
        except Exception as error:
            self.failure = error
            return {"status": TrialStatus.STOPPED}

    @synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Give a tuner a trial; one that already has a trial was killed during it and restarted."""
        if tuner_id in self.ongoing_trials:
            self._died(tuner_id)
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            values = ", ".join(f"{name} {shown(value)}" for name, value in trial.hyperparameters.values.items())
            print(f"trial {trial.trial_id}: {values} ({tuner_id})", flush=True)
        if trial.status == TrialStatus.STOPPED:
            if self.ongoing_trials and self.failure is None:
                # Another tuner may still die, and somebody must be left to take its trial.
                self.tuner_ids.add(tuner_id)
                trial.status = TrialStatus.IDLE
            else:
                self.stopped = True
        return trial

    @synchronized
    def end_trial(self, trial: Trial) -> None:
        """Record the end of a trial; a second report of the same trial changes nothing."""
        if trial.trial_id in self.end_order:
            return
        if trial.trial_id in private.retry_queue(self):  # its tuner was only slow
            private.retry_queue(self).remove(trial.trial_id)
        if trial.status == TrialStatus.FAILED:
            trial.message = read_reason(self.path.parent, trial.trial_id) or trial.message
        super().end_trial(trial)
        ended = self.trials[trial.trial_id]
        end = f"failed: {ended.message}" if ended.status == TrialStatus.FAILED else f"{OBJECTIVE} {ended.score:.4f}"
        print(f"trial {trial.trial_id}: {end}", flush=True)

    @synchronized
    def retire(self, tuner_id: str) -> None:
        """Forget a tuner that is dead; another one gets its trial."""
        if tuner_id in self.ongoing_trials:
            self._died(tuner_id)
        self.tuner_ids.discard(tuner_id)
        self.save()

    @synchronized
    def active(self) -> set[str]:
        """Return the tuners that have not learned that no trial is left."""
        return self.tuner_ids | set(self.ongoing_trials)

    @synchronized
    def finished(self) -> bool:
        """Return whether every trial has ended and every tuner has learned it."""
        return self.stopped and not self.tuner_ids and not self.ongoing_trials and not private.retry_queue(self)

    def _died(self, tuner_id: str) -> None:
        trial = self.ongoing_trials[tuner_id]
        self.deaths[trial.trial_id] += 1
        print(f"trial {trial.trial_id}: {tuner_id} was killed during it", flush=True)
        if self.deaths[trial.trial_id] >= MAX_DEATHS:
            trial.status = TrialStatus.FAILED
            trial.message = f"its worker was killed {MAX_DEATHS} times; out of memory?"
            self.end_trial(trial)
        else:
            del self.ongoing_trials[tuner_id]
            private.retry_queue(self).append(trial.trial_id)

    def save(self) -> None:
        """Write the state file."""
        files.write_text(self.path, json.dumps(self.get_state()))

    def reload(self) -> None:
        """Read the state file if there is one; trials that had begun will be given out again.

        Raises InputError: the file is corrupt.
        """
        if not self.path.exists():
            return
        try:
            self.set_state(read_json(self.path))
        except (InputError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path} is corrupt: {error}; choose another --dir") from None

    def get_state(self) -> dict[str, Any]:
        """Return the state with all trials, in the order in which they began."""
        trials = [self.trials[trial_id].get_state() for trial_id in self.start_order]
        return {**super().get_state(), "trials": trials, "deaths": self.deaths, "max_trials": self.max_trials}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self.trials = {safe_name(trial["trial_id"], "trial_id"): Trial.from_state(trial) for trial in state["trials"]}
        self.deaths = collections.Counter(state["deaths"])
        # The queue gives out its last entry first.
        begun = [trial_id for trial_id in reversed(state["start_order"]) if trial_id not in state["end_order"]]
        super().set_state({**state, "retry_queue": begun})
        self.ongoing_trials = {}


class Random(Durable, RandomSearchOracle):
    """Points drawn at random."""


class Bayesian(Durable, BayesianOptimizationOracle):
    """Random points first, then optima of a Gaussian process's upper confidence bound."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next point; the start of the optimisation depends on seed and trial only.

        KerasTuner's random generator is seeded anew in every process, so a resumed search would choose other points.
        """
        private.set_random_state(self, np.random.RandomState(self.seed + len(self.start_order)))
        with warnings.catch_warnings():  # a length scale at its bound: the score does not depend on this hyperparameter
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


class Grid(Durable, GridSearchOracle):
    """Every combination of the values."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state and rebuild what KerasTuner does not save: without it the search would stop."""
        super().set_state(state)
        private.restore_grid_order(self)


class Hyperband(Durable, HyperbandOracle):
    """Many short trainings, and ever fewer and longer ones of the best points (Li et al. 2018)."""


CLASSES = {"bayesian": Bayesian, "random": Random, "grid": Grid, "hyperband": Hyperband}


def make_oracle(search: Search) -> Durable:
    """Return the oracle of `search`, before its first trial."""
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "max"),
        "hyperparameters": hyperparameters(search.space),
        "seed": search.config.seed + 1,  # KerasTuner takes 0 for no seed
        "max_consecutive_failed_trials": None,  # failed trials never end the search
    }
    if search.oracle == "hyperband":
        arguments["max_epochs"] = search.config.epochs
    else:
        arguments["max_trials"] = search.max_trials
    if search.oracle == "bayesian":
        arguments["num_initial_points"] = search.initial_points
    oracle = CLASSES[search.oracle](**arguments)
    oracle.max_trials = search.max_trials
    oracle.deaths = collections.Counter()
    oracle.path = search.folder / STATE
    oracle.verbose = 0
    return oracle


def hyperparameters(space: Mapping[str, Hyperparameter]) -> keras_tuner.HyperParameters:
    """Return a space in KerasTuner's terms."""
    converted = keras_tuner.HyperParameters()
    for name, hyperparameter in space.items():
        if isinstance(hyperparameter, Choice):
            if isinstance(hyperparameter.values[0], bool):
                converted.Boolean(name)
            else:
                converted.Choice(name, list(hyperparameter.values))
        else:
            add = converted.Int if isinstance(hyperparameter.low, int) else converted.Float
            add(name, hyperparameter.low, hyperparameter.high, sampling=hyperparameter.scale)
    return converted


def write_reason(folder: Path, trial_id: str, reason: str) -> None:
    """Write why a trial failed; KerasTuner's protocol does not carry it from a worker to the chief."""
    files.write_text(_reason_file(folder, trial_id), reason + "\n")


def read_reason(folder: Path, trial_id: str) -> str | None:
    """Return why a trial failed, or None where no reason was written."""
    path = _reason_file(folder, trial_id)
    return read_text(path).strip() if path.exists() else None


def _reason_file(folder: Path, trial_id: str) -> Path:
    return folder / "failures" / f"{trial_id}.txt"
