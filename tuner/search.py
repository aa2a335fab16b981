"""Run the trials of a Plan: each is a training like any other, but for its test images, which stay out of reach."""

import statistics
import time

import keras
from keras_tuner import engine, errors

from kerascifar.config import RunConfig
from kerascifar.core import files, private
from kerascifar.core.errors import FolderInUse, TrainingDiverged
from kerascifar.run import run
from tuner import hparams
from tuner.oracles import Durable, make_oracle, write_reason
from tuner.plan import OBJECTIVE, Plan

private.hide_tracebacks()  # a failed trial is reported in one line
WAIT = 1.0  # seconds between two looks at what another process holds


class Trials(engine.base_tuner.BaseTuner):
    """Asks the oracle for points and trains them, in this process or as one worker among several."""

    def __init__(self, plan: Plan, oracle: Durable) -> None:
        folder = plan.folder.resolve()
        # In a worker the base class puts a client in the oracle's place.
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
        self.plan = plan
        self.asked = float("-inf")

    def pre_create_trial(self):
        """Ask no oftener than WAIT: an oracle that has nothing at the moment answers at once."""
        time.sleep(max(0.0, self.asked + WAIT - time.monotonic()))
        self.asked = time.monotonic()

    def run_trial(self, trial):
        """Train the trial's configs and return the mean of their validation accuracies.

        A loss that is no number, and a lack of memory, fail the trial; any other error ends the search.
        """
        values = {k: v for k, v in trial.hyperparameters.values.items() if not k.startswith("tuner/")}
        epochs = trial.hyperparameters.values.get("tuner/epochs")  # Hyperband's: a longer trial begins anew
        scores: list[float] = []
        try:
            for config in self.plan.trials(values, epochs):
                config = self.plan.in_folder(config)
                accuracy, reason = _score(config)
                hparams.write_session(config.folder, trial.trial_id, {**values, "epochs": config.epochs}, accuracy)
                if reason is not None:
                    write_reason(self.plan.folder, trial.trial_id, reason)
                    raise errors.FailedTrialError(reason)
                scores.append(accuracy)
        except errors.FailedTrialError:
            raise
        except Exception as error:
            raise errors.FatalError from error
        # Direction and best value are KerasTuner's business only where the metric comes in a dict: a bare float would
        # be minimised.
        return {OBJECTIVE: statistics.fmean(scores), "lowest": min(scores), "highest": max(scores)}

    def save(self):
        """Save the oracle, where it is here; the tuner itself has no state."""
        if isinstance(self.oracle, Durable):
            self.oracle.save()


def search(plan: Plan) -> Durable:
    """Search in this process alone; a search that was killed goes on.

    Returns:
        The oracle, with all trials.

    Raises:
        InputError: the folder holds another search, or another process writes it; or a trial's own.
    """
    with files.only_writer(plan.folder, "--dir"):
        plan.settle()
        hparams.write_experiment(plan)
        oracle = make_oracle(plan)
        oracle.reload()
        ask(Trials(plan, oracle))
        if oracle.failure is not None:
            raise oracle.failure
    return oracle


def ask(tuner: Trials) -> None:
    """Let `tuner` run trials until there are no more; what ends the search is raised as itself."""
    try:
        tuner.search()
    except errors.FatalError as error:
        raise error.__cause__ from None


def _score(config: RunConfig) -> tuple[float | None, str | None]:
    """Return the validation accuracy of a training, or None and why it failed."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns of retracing, which a new net in the same process has to do
    try:
        while True:
            try:
                return run(config, validation_only=True).metrics["validation"]["accuracy"], None
            except FolderInUse:  # two workers have the same point, or one that was thought dead is not
                time.sleep(WAIT)
    except TrainingDiverged as error:
        return None, str(error)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        return None, f"out of memory: {str(error).splitlines()[0] if str(error) else 'no details'}"
    finally:
        # The next net must find the memory of this one free.
        keras.utils.clear_session()  # collects garbage as well
