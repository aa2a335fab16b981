"""Fit a Keras net: build it, train it with checkpoints, and return it with its scorer."""

import json
import math
import shutil
import statistics as stats
import sys
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core import progress as progress_of_work
from kerascifar.core.contracts import Dataset, Fitted
from kerascifar.core.errors import InputError
from kerascifar.core.provenance import Provenance
from kerascifar.core.registry import Variant
from kerascifar.data.batches import steps_per_epoch
from kerascifar.devices import distribution, placement
from kerascifar.training.building import begin_phase, compiled_model, plain_model, resized_model
from kerascifar.training.early_epochs import check_sides, epoch_work, shrunk, stretch_at, whitening_fixed
from kerascifar.training.feeding import training_feed, validation_feed
from kerascifar.training.own_callbacks import make_callbacks
from kerascifar.training.preparation import faults, prepared
from kerascifar.training.selection import out_of_patience, training_of


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
    """Train the net that `config` describes, from the checkpoint in `folder` if there is one.

    Raises:
        InputError: what the config asks for does not fit the data, the net or the machine.
        TrainingDiverged: the loss became NaN or infinite.
    """
    placement.check_backend(config)
    check_sides(config, variant, data)
    device = placement.start(config)
    # Only now may Keras be imported: the device has been chosen.
    from kerascifar.models.counting import multiply_adds
    from kerascifar.training.scoring import scorer

    provenance = Provenance.of(data, results.first_weights(config.init_weights))
    # What decides only how the net is scored shows in no history: so a training can be scored in several ways.
    data = prepared(training_of(config), data)
    distribution.check_divisible(config, data)
    with distribution.scope(config):
        model = compiled_model(config, data)
    distribution.check_workers_agree(config, data, model)
    for name in (results.CHECKPOINT, results.BEST):
        distribution.copy_from_chief(config, folder / name)
    steps_per_second, history = train(model, config, data, folder, provenance)
    if distribution.current(config) is not None:  # scoring is done on one device, in one process
        model = plain_model(model, config, data)
    seconds = [row["seconds"] for row in history]
    # The first epoch includes tracing the step, so it counts only if it is the only one.
    speeds = steps_per_second[1:] or steps_per_second
    return Fitted(
        score=scorer(model, config),
        trainable_parameters=trainable_parameters(model),
        multiply_adds=multiply_adds(model),
        history=history,
        seconds_per_epoch=stats.median(seconds) if seconds else None,
        images_per_second=config.batch_size * stats.median(speeds) if speeds else None,
        save=lambda into: save_model(model, config, data, into),
        notes=device | ({"faults": sentences} if (sentences := faults(config)) else {}),
    )


def train(
    model: Any, config: RunConfig, data: Dataset, folder: Path, provenance: Provenance | None = None
) -> tuple[list[float], list[dict[str, float]]]:
    """Train from the last checkpoint to the end, and leave `model` with its final weights.

    A checkpoint of another `provenance` is refused.
    The final weights are those of the best epoch under --select or --patience, else the moving average under --ema,
    else the last ones. Returns the steps per second of each epoch trained now, and the whole history.
    """
    import keras

    from kerascifar.training import checkpoint
    from kerascifar.training.callbacks import Curves, EpochLines, Recorder

    strategy, cluster = distribution.current(config), distribution.cluster_of(config)
    steps = steps_per_epoch(len(data.train), config.batch_size, distribution.replicas(strategy))
    progress = checkpoint.load_progress(folder / results.CHECKPOINT, placement.backend(), provenance)
    progress.threads = placement.threads_in_use()
    if config.select == "test" and data.test is None:
        raise InputError("--select test: a search never sees the test images")
    recorder = Recorder(config, folder, progress, steps, data.test if config.select == "test" else None)
    if progress.epoch or progress.step:
        print(f"resuming in epoch {progress.epoch + 1}, step {progress.step + 1}", flush=True)
    else:
        shutil.rmtree(folder / results.TENSORBOARD, ignore_errors=True)  # an older run's curves
    curves = [Curves(folder)] if placement.backend() == "tensorflow" else []  # which Keras needs to write them
    shown = cluster is None or not cluster.follows
    told = shown and not progress_of_work.drawn(sys.stdout)
    lines = [EpochLines(recorder, epoch_work(config, data.side))] if told else []
    own = make_callbacks(config, folder)
    phase = begin_phase(config, model, data, steps, progress)
    while progress.epoch < config.epochs and not out_of_patience(progress.history, config.patience):
        if progress.epoch == phase.end:
            phase = begin_phase(config, model, data, steps, progress)
        stretch = stretch_at(config, progress.epoch, data.side)
        learner, split, validation = model, data.train, data.validation
        if stretch.side < data.side:
            learner, split = resized_model(model, phase, data, stretch.side), shrunk(data.train, stretch.side)
            validation = None
        checkpoint.keep_gradients(learner, progress)
        if recorder.path.exists():
            checkpoint.restore(recorder.path, learner, optimizer=progress.epoch > phase.first or progress.step > 0)
        # A run resumed within an epoch first finishes that epoch; then one fit() trains the whole stretch.
        end = progress.epoch + 1 if progress.step else min(phase.end, stretch.end)
        feed = (config, split, len(data.classes), end, progress.epoch * steps + progress.step)
        if progress.step and strategy is None:  # under a strategy, fit() itself builds them first
            learner.test_on_batch(*next(iter(training_feed(*feed))))  # builds the metrics, whose means are restored
        averaging = [keras.callbacks.SwapEMAWeights()] if config.ema else []
        with whitening_fixed(learner, not stretch.whitens):
            learner.fit(
                training_feed(*feed),
                verbose="auto" if shown and progress_of_work.drawn(sys.stdout) else 0,
                **validation_feed(config, validation, len(data.classes)),
                validation_freq=config.validate_every,
                initial_epoch=progress.epoch,
                epochs=end,
                steps_per_epoch=steps - progress.step,
                shuffle=False,  # the batches come shuffled
                callbacks=[*own, recorder, *lines, *curves, *averaging],  # what our own do is in the checkpoint
            )
    model.steps_per_execution = 1  # for evaluation
    # At its end fit() replaces the weights by their average; start from the checkpoint, as a resumed run does.
    checkpoint.restore(recorder.path, model)
    if recorder.selected_by:
        checkpoint.restore_weights(recorder.best_path, model)
    elif config.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return recorder.steps_per_second, progress.history


def save_model(model: Any, config: RunConfig, data: Dataset, folder: Path) -> None:
    """Write model.keras without optimizer or loss: it maps uint8 images to logits.

    Equal nets give equal files, whenever and wherever they are saved.
    """

    def write(path: Path) -> None:
        plain_model(model, config, data).save(path)
        files.deflate(path, _settled)  # Keras does not compress: more than half of a small net's file is blanks

    files.write_atomically(folder / results.KERAS_MODEL, write)


def _settled(name: str, content: bytes) -> bytes:
    """Return a member of a .keras archive without the time, and with numbers in place of the objects' addresses."""
    numbers: dict[int, int] = {}

    def numbered(part: dict[str, Any]) -> dict[str, Any]:
        if (address := part.get("shared_object_id")) is not None:  # equal ones name one object
            part["shared_object_id"] = numbers.setdefault(address, len(numbers))
        return {**part, "date_saved": "1980-01-01@00:00:00"} if "date_saved" in part else part

    return json.dumps(json.loads(content, object_hook=numbered)).encode() if name.endswith(".json") else content


def trainable_parameters(model: Any) -> int:
    """Return the number of trainable parameters; frozen layers count, for they are the net's."""
    frozen = [layer for layer in model.layers if not layer.trainable]
    for layer in frozen:
        layer.trainable = True
    count = sum(math.prod(v.shape) for v in model.trainable_weights)
    for layer in frozen:
        layer.trainable = False
    return count
