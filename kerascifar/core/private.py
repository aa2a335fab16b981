"""The one home of every private name of Keras 3.15.1, KerasTuner 1.4.8 and TensorFlow 2.21 that we use.

Each was read in the version that its comment names; tests/core/test_private.py fails when one goes. What is imported,
is imported inside the functions.
"""

from functools import cmp_to_key, partial
from typing import Any


def times_applied(layer: Any) -> int:
    """Return how often a net applies the Keras layer `layer`."""
    return len(layer._inbound_nodes)  # Keras 3.15.1: what model.summary() counts by


def moving_averages(optimizer: Any) -> list[Any]:
    """Return the moving average, or None, of each variable of a built Keras optimizer with ``use_ema``."""
    # Keras 3.15.1: its public methods only overwrite the variables with their averages.
    return optimizer._model_variables_moving_average


class MuonHooks:
    """Put before keras.optimizers.Muon among the bases, makes two of its private methods public."""

    def uses_adam(self, variable: Any) -> bool:
        """Decide whether `variable` is updated by Adam; may be overridden."""
        return super()._should_use_adamw(variable)

    def _should_use_adamw(self, variable: Any) -> bool:  # Keras 3.15.1
        return self.uses_adam(variable)

    def place(self, variable: Any) -> int:
        """Return the index of `variable` in lists such as ``momentums``."""
        return self._get_variable_index(variable)  # Keras 3.15.1


def set_heartbeat(seconds: int) -> None:
    """Let a multi-worker strategy, made after this, take a worker for dead after `seconds` of silence."""
    from tensorflow.python.eager import context

    # TensorFlow 2.21: the strategy calls this method without the argument, and no public option reaches it.
    eager = context.context()
    eager.configure_coordination_service = partial(
        eager.configure_coordination_service, heartbeat_timeout_in_ms=seconds * 1000
    )


def hide_tracebacks() -> None:
    """Stop KerasTuner from printing the traceback of each failed trial."""
    from keras_tuner.src import config

    config.DEBUG = False  # KerasTuner 1.4.8: the only switch


class SavesNoTrial:
    """Put before a KerasTuner oracle among the bases, keeps it from writing one file per trial."""

    def _save_trial(self, trial: Any) -> None:  # KerasTuner 1.4.8
        pass


def retry_queue(oracle: Any) -> list[str]:
    """Return the trials that a KerasTuner oracle gives out before new ones, last first; the list may be changed."""
    return oracle._retry_queue  # KerasTuner 1.4.8


def set_random_state(oracle: Any, random: Any) -> None:
    """Set the numpy.random.RandomState from which a BayesianOptimizationOracle starts its next optimisation."""
    oracle._random_state = random  # KerasTuner 1.4.8


def restore_grid_order(oracle: Any) -> None:
    """Rebuild, from a GridSearchOracle's trials, the order of its points and where new ones may follow.

    KerasTuner 1.4.8 does not save them, and a restored search would stop without.
    """
    values = {trial_id: trial.hyperparameters.values for trial_id, trial in oracle.trials.items()}
    for trial_id in sorted(values, key=cmp_to_key(lambda a, b: oracle._compare(values[a], values[b]))):
        oracle._ordered_ids.insert(trial_id)
    oracle._populate_next = list(oracle.end_order)
