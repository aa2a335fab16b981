"""What happens beside the steps of a training: history, checkpoints, patience, and the stop at NaN."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.core.errors import TrainingDiverged
from kerascifar.results import write_history
from kerascifar.training import checkpoint
from kerascifar.training.phases import phase_at
from kerascifar.training.scoring import accuracy

# Columns of the history by which --select finds the best epoch.
SELECTED_BY = {"validation": "val_accuracy", "test": "test_accuracy"}


class Recorder(keras.callbacks.Callback):
    """Keeps history and checkpoints of one run, so that a killed run goes on bit for bit.

    Args:
        config: the run's config.
        folder: the run folder.
        progress: how far the run has come; updated in place.
        rate: learning rate by the step, counted from the first one of the run.
        steps: steps an epoch.
        test: what the published fault --select test measures after each epoch; None without it.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        progress: checkpoint.Progress,
        rate: Callable[[int], Any],
        steps: int,
        test: Split | None = None,
    ) -> None:
        super().__init__()
        self.config, self.folder, self.progress, self.rate, self.steps = config, folder, progress, rate, steps
        self.test = test
        self.selected_by = SELECTED_BY.get(config.select or ("validation" if config.patience else "last"))
        self.rates: list[float] = []  # images a second of each epoch trained in this process, validation left out

    @property
    def path(self) -> Path:
        """The checkpoint file."""
        return self.folder / "checkpoint.npz"

    @property
    def best_path(self) -> Path:
        """The weights of the best epoch so far; kept only where they are the ones to score."""
        return self.folder / "best.npz"

    def on_epoch_begin(self, epoch, logs=None):
        checkpoint.seed_dropout(self.model, self.config.seed, epoch, self.progress.step)
        if self.progress.step:
            checkpoint.restore_metrics(self.path, self.model)
        self.began = time.perf_counter()
        self.first = self.progress.step

    def on_train_batch_end(self, batch, logs=None):
        self.progress.step += self.model.steps_per_execution
        self.trained = time.perf_counter()
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            peak = phase_at(self.config, self.progress.epoch).config.learning_rate
            given = "rate in --phases" if self.config.phases else "--learning-rate"
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {self.progress.epoch + 1}; {self._kept()}; "
                f"try a {given} below {peak:g} or --clip-norm 1"
            )
        every = self.config.checkpoint_steps
        if every and self.progress.step % every == 0 and self.progress.step < self.steps:
            checkpoint.save(self.path, self.model, self.progress)

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.rates.append((self.progress.step - self.first) / (self.trained - self.began))
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        if self.test is not None:
            row["test_accuracy"] = accuracy(self.model, self.test, self.config.batch_size)
        row["learning_rate"] = float(self.rate(epoch * self.steps))  # at the epoch's first step
        row["seconds"] = now - self.began
        self.progress.history.append(row)
        self.progress.epoch, self.progress.step = epoch + 1, 0
        if self.selected_by and self.progress.best_epoch(self.selected_by) == epoch:
            checkpoint.save_weights(self.best_path, self.model)
        checkpoint.save(self.path, self.model, self.progress)
        write_history(self.folder, self.progress.history)
        if self.out_of_patience():
            self.model.stop_training = True

    def out_of_patience(self) -> bool:
        """Tell whether the best epoch lies `patience` epochs back."""
        patience, done = self.config.patience, self.progress.epoch
        return bool(patience) and done > 0 and done - 1 - self.progress.best_epoch() >= patience

    def _kept(self) -> str:
        if self.path.exists():
            return f"the last good checkpoint is kept in {self.folder}"
        return "no epoch was finished, so there is no checkpoint"
