"""What happens between the steps of a training: history, checkpoints, patience, and the stop at a NaN loss."""

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.core.errors import TrainingDiverged, decoration
from kerascifar.core.progress import epoch_line
from kerascifar.results import BEST, CHECKPOINT, TENSORBOARD, write_history
from kerascifar.training import checkpoint
from kerascifar.training.phases import phase_at
from kerascifar.training.schedules import make_schedule
from kerascifar.training.scoring import accuracy
from kerascifar.training.selection import best_epoch, out_of_patience, selected_by


class Recorder(keras.callbacks.Callback):
    """Keeps the history and checkpoints of one run, so that a killed run can be resumed bit for bit.

    Args:
        progress: how far the run has come; updated in place.
        steps: steps per epoch.
        test: what --select test, the published fault, measures after each epoch; None without it.

    Attributes:
        best_path: the weights of the best epoch so far; written only if they are to be scored.
        steps_per_second: of each epoch trained in this process, without validation.
    """

    def __init__(self, config: RunConfig, folder: Path, progress: checkpoint.Progress, steps: int, test: Split | None):
        super().__init__()
        self.config, self.folder, self.progress, self.steps, self.test = config, folder, progress, steps, test
        self.path, self.best_path = folder / CHECKPOINT, folder / BEST
        self.selected_by = selected_by(config)
        self.steps_per_second: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        checkpoint.seed_dropout(self.model, self.config.seed, epoch, self.progress.step)
        if self.progress.step:
            checkpoint.restore_metrics(self.path, self.model)
        self.began, self.began_cpu = time.perf_counter(), time.process_time()
        self.first = self.progress.step

    def on_train_batch_end(self, batch, logs=None):
        self.progress.step += self.model.steps_per_execution
        self.trained = time.perf_counter()
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            peak = phase_at(self.config, self.progress.epoch).config.learning_rate
            option = "learning rate in --phases" if self.config.phases else "--learning-rate"
            saved = f"the last good checkpoint is kept in {self.folder}" if self.path.exists() else "no checkpoint yet"
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {self.progress.epoch + 1}; {saved}; "
                f"try a {option} below {peak:g} or --clip-norm 1"
            )
        every = self.config.checkpoint_steps
        if every and self.progress.step % every == 0 and self.progress.step < self.steps:
            checkpoint.save(self.path, self.model, self.progress)

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.steps_per_second.append((self.progress.step - self.first) / (self.trained - self.began))
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        if self.test is not None:
            row["test_accuracy"] = accuracy(self.model, self.test, self.config.batch_size)
        phase = phase_at(self.config, epoch)
        schedule = make_schedule(phase.config, self.steps)
        row["learning_rate"] = float(schedule((epoch - phase.first) * self.steps))  # at the epoch's first step
        row["seconds"], row["cpu_seconds"] = now - self.began, time.process_time() - self.began_cpu
        self.progress.history.append(row)
        self.progress.epoch, self.progress.step = epoch + 1, 0
        if self.selected_by and best_epoch(self.progress.history, self.selected_by) == epoch:
            checkpoint.save_weights(self.best_path, self.model)
        checkpoint.save(self.path, self.model, self.progress)
        write_history(self.folder, self.progress.history)
        if out_of_patience(self.progress.history, self.config.patience):
            self.model.stop_training = True


class EpochLines(keras.callbacks.Callback):
    """Prints a plain line per epoch, which Keras's bar is not, of what `recorder` has just recorded.

    `work` is that of every epoch, in any unit.
    """

    def __init__(self, recorder: Recorder, work: list[float]):
        super().__init__()
        self.recorder = recorder
        self.work = work

    def on_epoch_end(self, epoch, logs=None):
        history = self.recorder.progress.history
        seconds = [row["seconds"] for row in history]
        print(epoch_line(history[-1], self.recorder.config.epochs, seconds, self.work), flush=True)


class Curves(keras.callbacks.TensorBoard):
    """TensorBoard's curves of a run; where they cannot be written, the training goes on without."""

    def __init__(self, folder: Path):
        super().__init__(folder / TENSORBOARD, write_graph=False)
        self.written = True


def _optional(hook: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(hook)
    def guarded(self: Curves, *args: Any, **named: Any) -> None:
        if self.written:
            self.written = False
            with decoration("curves in TensorBoard"):
                hook(self, *args, **named)
                self.written = True

    return guarded


for _name in ("set_model", *(name for name in vars(keras.callbacks.TensorBoard) if name.startswith("on_"))):
    setattr(Curves, _name, _optional(getattr(keras.callbacks.TensorBoard, _name)))
