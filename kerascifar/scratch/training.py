"""The loop over epochs and batches, which can stop anywhere and go on to the very same weights.

Every draw is a pure function of (seed, purpose, epoch, batch), so nothing but arrays and counters needs to be kept.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascifar.core.errors import InputError, TrainingDiverged
from kerascifar.scratch.optimizers import Optimizer
from kerascifar.training.selection import out_of_patience

if TYPE_CHECKING:
    from kerascifar.scratch.network import Network

# What a random number is for; the second word of a generator's seed.
WEIGHTS, ORDER, BATCH, FOLDS = range(4)


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: epochs finished.
        batch: batches done of the epoch under way.
        loss, right, seen: summed loss, right answers and images of these batches.
        seconds: spent on these batches.
        history: one dict a finished epoch.
        rates: images a second of each epoch trained in this process, validation left out; no checkpoint holds them.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    right: int = 0
    seen: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def begin_epoch(self, epoch: int) -> None:
        """Set the counters for the epoch with this index."""
        self.epoch, self.batch, self.loss, self.right, self.seen, self.seconds = epoch, 0, 0.0, 0, 0, 0.0


def train(
    network: "Network",
    images: np.ndarray,
    labels: np.ndarray,
    optimizer: Optimizer,
    *,
    epochs: int,
    rate: float | Callable[[int, int], float],
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
    """Train `network` in place and return how it went.

    Args:
        network: the net.
        images: (N, *input_shape).
        labels: int (N,), from 0 to below the net's classes.
        optimizer: with what it remembers, if the training goes on.
        epochs: passes over the images, those already done included.
        rate: the learning rate, or a function of (updates made, updates an epoch).
        batch_size: images an update; the last batch of an epoch may be smaller.
        seed: of order, augmentation and dropout.
        validation: images and labels to measure after each epoch.
        augment: returns changed copies of a batch of images.
        patience: stop after so many epochs without a better validation accuracy; 0 trains on.
        progress: where to go on; changed in place.
        checkpoint: called after each epoch, and every `checkpoint_steps` updates within one.
        checkpoint_steps: see there.
        show: a progress bar an epoch, on stderr.
        clipping: clip_value or clip_norm, as `Network.step` takes them.

    Raises:
        InputError: images or labels do not fit the net.
        TrainingDiverged: the loss is no number any more.
    """
    from tqdm import tqdm

    _check(network, images, labels)
    progress = progress or Progress()
    steps = -(-len(images) // batch_size)
    while progress.epoch < epochs and not out_of_patience(progress.history, patience):
        epoch = progress.epoch
        order = np.random.default_rng([seed, ORDER, epoch, 0]).permutation(len(images))
        bar = tqdm(
            total=steps, initial=progress.batch, desc=f"epoch {epoch + 1}/{epochs}", mininterval=0.5, disable=not show
        )
        start, seen_before, seconds_before = time.perf_counter(), progress.seen, progress.seconds
        while progress.batch < steps:
            chosen = order[progress.batch * batch_size : (progress.batch + 1) * batch_size]
            rng = np.random.default_rng([seed, BATCH, epoch, progress.batch])
            x = images[chosen] if augment is None else augment(images[chosen], rng)
            now = rate(epoch * steps + progress.batch, steps) if callable(rate) else rate
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is no number is answered below
                loss, right = network.step(x, labels[chosen], optimizer, now, rng, **clipping)
            _stop_unless_finite(loss, epoch, now)
            progress.batch += 1
            progress.loss += loss * len(chosen)
            progress.right += right
            progress.seen += len(chosen)
            progress.seconds = seconds_before + time.perf_counter() - start
            bar.update()
            if checkpoint and checkpoint_steps and progress.batch % checkpoint_steps == 0 and progress.batch < steps:
                checkpoint(progress)
        progress.rates.append((progress.seen - seen_before) / (time.perf_counter() - start))
        row = {"epoch": epoch + 1, "accuracy": progress.right / progress.seen, "loss": progress.loss / progress.seen}
        if validation is not None:
            row["val_loss"], row["val_accuracy"] = network.evaluate(*validation)
            _stop_unless_finite(row["val_loss"], epoch, now)
        row |= {"learning_rate": now, "seconds": seconds_before + time.perf_counter() - start}
        bar.set_postfix({name: f"{row[name]:.4f}" for name in ("loss", "accuracy", "val_accuracy") if name in row})
        bar.close()
        progress.history.append(row)
        progress.begin_epoch(epoch + 1)
        if checkpoint:
            checkpoint(progress)
    return progress


def _stop_unless_finite(loss: float, epoch: int, rate: float) -> None:
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the loss became {loss} in epoch {epoch + 1} at a learning rate of {rate:g}; "
            "the checkpoint of the epoch before is kept; try a lower --learning-rate or --clip-norm 1"
        )


def _check(network: "Network", images: np.ndarray, labels: np.ndarray) -> None:
    if images.shape[1:] != network.input_shape:
        raise InputError(f"the network takes images of shape {network.input_shape}, got {images.shape[1:]}")
    if len(images) == 0 or len(images) != len(labels):
        raise InputError(f"needs one label an image and at least one image, got {len(images)} and {len(labels)}")
    if labels.min() < 0 or labels.max() >= network.classes:
        raise InputError(
            f"labels must be from 0 to {network.classes - 1}, got {int(labels.min())} to {int(labels.max())}"
        )
