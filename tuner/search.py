"""Run the trials of a Search: each is a training like any other, except that it never sees the test images."""

import statistics
import time

from keras_tuner import engine, errors

from kerascifar.config import RunConfig
from kerascifar.core import files, private
from kerascifar.core.errors import FolderInUse, TrainingDiverged
from kerascifar.devices.placement import forget_nets
from kerascifar.run import run
from tuner import hparams
from tuner.definition import OBJECTIVE, Search
from tuner.oracles import Durable, make_oracle, write_reason

private.hide_tracebacks()  # a failed trial is reported in one line
WAIT = 1.0  # seconds before asking again what another process holds back


class Trials(engine.base_tuner.BaseTuner):
    """Asks the oracle for points and trains them, in this process or as one worker among several."""

    def __init__(self, definition: Search, oracle: Durable) -> None:
        folder = definition.folder.resolve()
        # In a worker the base class puts a client in the oracle's place.
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
        self.definition = definition
        self.last_asked = float("-inf")

    def pre_create_trial(self):
        """Wait until WAIT has passed since the last call: an oracle without a trial at the moment answers at once."""
        time.sleep(max(0.0, self.last_asked + WAIT - time.monotonic()))
        self.last_asked = time.monotonic()

    def run_trial(self, trial):
        """Train the trial's configs and return the mean of their validation accuracies.

        A loss that is NaN or infinite, and a lack of memory, fail the trial; any other error ends the search.
        """
        values = {k: v for k, v in trial.hyperparameters.values.items() if not k.startswith("tuner/")}
        epochs = trial.hyperparameters.values.get("tuner/epochs")  # Hyperband's; a longer trial starts from scratch
        scores: list[float] = []
        try:
            for config in self.definition.trials(values, epochs):
                config = self.definition.in_folder(config)
                accuracy, reason = _score(config)
                hparams.write_session(config.folder, trial.trial_id, {**values, "epochs": config.epochs}, accuracy)
                if reason is not None:
                    write_reason(self.definition.folder, trial.trial_id, reason)
                    raise errors.FailedTrialError(reason)
                scores.append(accuracy)
        except errors.FailedTrialError:
            raise
        except Exception as error:
            raise errors.FatalError from error
        # KerasTuner would minimise a bare float; in a dict, the oracle's objective says that more is better.
        return {OBJECTIVE: statistics.fmean(scores), "lowest": min(scores), "highest": max(scores)}

    def save(self):
        """Save the oracle, where it is here; the tuner itself has no state."""
        if isinstance(self.oracle, Durable):
            self.oracle.save()


def run_search(search: Search) -> Durable:
    """Search in this process alone; a search that was killed resumes.

    Returns:
        The oracle, with all trials.

    Raises:
        InputError: the folder holds another search, or another process writes it; or as a trial raises.
    """
    with files.only_writer(search.folder, "--dir"):
        oracle = prepare(search)
        run_trials(Trials(search, oracle))
        if oracle.failure is not None:
            raise oracle.failure
    return oracle


def prepare(search: Search) -> Durable:
    """Write the search's own files into its folder, which this process has locked, and return the oracle as saved."""
    search.settle()
    hparams.write_experiment(search)
    oracle = make_oracle(search)
    oracle.reload()
    return oracle


def run_trials(tuner: Trials) -> None:
    """Let `tuner` run trials until there are no more; an error that ends the search is raised as itself."""
    try:
        tuner.search()
    except errors.FatalError as error:
        raise error.__cause__ from None


def _score(config: RunConfig) -> tuple[float | None, str | None]:
    """Return the validation accuracy of a training, or None and why it failed."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns of retracing, which each new net in this process needs
    try:
        while True:
            try:
                return run(config, validation_only=True).metrics["validation"]["accuracy"], None
            except FolderInUse:  # two workers have the same point, or one that was taken for dead is alive
                time.sleep(WAIT)
    except TrainingDiverged as error:
        return None, str(error)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        return None, f"out of memory: {str(error).splitlines()[0] if str(error) else 'no details'}"
    finally:
        forget_nets()
