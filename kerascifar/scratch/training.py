"""The loop over epochs and batches, which can stop anywhere and resume to the very same weights.

All random numbers depend on (seed, purpose, epoch, batch) only, so a checkpoint holds just arrays and counters.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerascifar.core import progress as progress_of_work
from kerascifar.core.contracts import Epoch
from kerascifar.core.errors import InputError, TrainingDiverged
from kerascifar.scratch.network import BATCH, ORDER, Network, random_stream
from kerascifar.scratch.optimizers import Optimizer
from kerascifar.training.selection import out_of_patience


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: number of finished epochs.
        batch: batches done in the current epoch.
        loss, right, seen: summed loss, correct predictions and images of these batches.
        seconds: spent on these batches.
        cpu_seconds: of all threads, on these batches.
        history: one dict per finished epoch.
        rates: images per second of each epoch trained in this process, without validation; not in checkpoints.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    right: int = 0
    seen: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def begin_epoch(self, epoch: int) -> None:
        """Reset the counters for the epoch with this index."""
        self.epoch, self.batch, self.loss, self.right, self.seen = epoch, 0, 0.0, 0, 0
        self.seconds = self.cpu_seconds = 0.0


def train(
    network: Network,
    images: np.ndarray,
    labels: np.ndarray,
    optimizer: Optimizer,
    *,
    epochs: int,
    learning_rate: float | Callable[[int, int], float],
    batch_size: int = 128,
    seed: int = 0,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    patience: int = 0,
    progress: Progress | None = None,
    checkpoint: Callable[[Progress], None] | None = None,
    checkpoint_steps: int | None = None,
    show: bool = True,
    **clipping: Any,
) -> Progress:
    """Train `network` in place and return its progress, with the history.

    Args:
        network: the net.
        images: (N, *input_shape), uint8 or floating point.
        labels: int (N,), from 0 to below the net's classes.
        optimizer: with its slots, if the training resumes.
        epochs: passes over the images in all, finished ones included.
        learning_rate: a number, or a function of (updates made, updates per epoch).
        batch_size: images per update; the last batch of an epoch may be smaller.
        seed: of order, augmentation and dropout.
        validation: images and labels on which loss and accuracy are measured after each epoch.
        augment: returns changed copies of a batch of images.
        patience: stop after this many epochs without a better validation accuracy; 0 never stops early.
        progress: where to resume; changed in place.
        checkpoint: called after each epoch, and every `checkpoint_steps` updates within one.
        checkpoint_steps: see `checkpoint`; None calls it after epochs only.
        show: show a progress bar per epoch on stderr, or a line where none can be drawn.
        clipping: clip_value or clip_norm, as `Network.step` takes them.

    Raises:
        InputError: images or labels do not fit the net.
        TrainingDiverged: the loss became NaN or infinite.
    """
    _check(network, images, labels)
    progress = progress or Progress()
    steps = -(-len(images) // batch_size)
    while progress.epoch < epochs and not out_of_patience(progress.history, patience):
        epoch = progress.epoch
        order = random_stream(seed, ORDER, epoch).permutation(len(images))
        drawn = progress_of_work.drawn(sys.stderr)
        bar = progress_of_work.bar(
            steps, f"epoch {epoch + 1}/{epochs}", "step", show and drawn, initial=progress.batch, mininterval=0.5
        )
        start, seen_before, seconds_before = time.perf_counter(), progress.seen, progress.seconds
        cpu_start = time.process_time() - progress.cpu_seconds
        while progress.batch < steps:
            chosen = order[progress.batch * batch_size : (progress.batch + 1) * batch_size]
            rng = random_stream(seed, BATCH, epoch, progress.batch)
            x = images[chosen] if augment is None else augment(images[chosen], rng)
            rate = learning_rate(epoch * steps + progress.batch, steps) if callable(learning_rate) else learning_rate
            with np.errstate(over="ignore", invalid="ignore"):  # the next line reports a loss that is not finite
                loss, correct = network.step(x, labels[chosen], optimizer, rate, rng, **clipping)
            _stop_unless_finite(loss, epoch, rate)
            progress.batch += 1
            progress.loss += loss * len(chosen)
            progress.right += correct
            progress.seen += len(chosen)
            progress.seconds = seconds_before + time.perf_counter() - start
            progress.cpu_seconds = time.process_time() - cpu_start
            bar.update()
            if checkpoint and checkpoint_steps and progress.batch % checkpoint_steps == 0 and progress.batch < steps:
                checkpoint(progress)
        progress.rates.append((progress.seen - seen_before) / (time.perf_counter() - start))
        row = {"epoch": epoch + 1, "accuracy": progress.right / progress.seen, "loss": progress.loss / progress.seen}
        if validation is not None:
            row["val_loss"], row["val_accuracy"] = network.evaluate(*validation)
            _stop_unless_finite(row["val_loss"], epoch, rate)
        row |= {"learning_rate": rate, "seconds": seconds_before + time.perf_counter() - start}
        row["cpu_seconds"] = time.process_time() - cpu_start
        bar.set_postfix({name: f"{row[name]:.4f}" for name in ("loss", "accuracy", "val_accuracy") if name in row})
        bar.close()
        progress.history.append(row)
        if show and not drawn:
            seconds = [past["seconds"] for past in progress.history]
            print(progress_of_work.epoch_line(row, epochs, seconds), file=sys.stderr, flush=True)
        progress.begin_epoch(epoch + 1)
        if checkpoint:
            checkpoint(progress)
    return progress


def _stop_unless_finite(loss: float, epoch: int, rate: float) -> None:
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the loss became {loss} in epoch {epoch + 1} at a learning rate of {rate:g}; "
            "checkpoints of earlier epochs are kept; try a lower --learning-rate or --clip-norm 1"
        )


def _check(network: Network, images: np.ndarray, labels: np.ndarray) -> None:
    if images.shape[1:] != network.input_shape:
        raise InputError(f"the network takes images of shape {network.input_shape}, got {images.shape[1:]}")
    if len(images) == 0 or len(images) != len(labels):
        raise InputError(f"needs one label per image and at least one image, got {len(images)} and {len(labels)}")
    if labels.min() < 0 or labels.max() >= network.classes:
        raise InputError(
            f"labels must be from 0 to {network.classes - 1}, got {int(labels.min())} to {int(labels.max())}"
        )
