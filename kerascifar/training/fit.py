"""Fit a Keras net: build, train with checkpoints, hand back a scorer."""

import hashlib
import math
import shutil
import statistics as stats
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import models, results
from kerascifar.augment.policies import check_augment
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.contracts import Dataset, Fitted, Split
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.data.batches import steps_per_epoch
from kerascifar.devices import distribution, placement
from kerascifar.training.building import build_model, compile_for, compiled_model, plain_model
from kerascifar.training.feeding import training_feed, validation_feed
from kerascifar.training.phases import Phase, phase_at

# Limits of steps_together: the progress bar, Ctrl-C and the stop at NaN wait for a call to end, so it is to last well
# under a second. 16e9 multiply-adds forward, and twice as many backward, take two cores half a second.
_STEPS_TOGETHER, _MULTIPLY_ADDS_TOGETHER = 32, 16e9


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
    """Train the net that `config` describes, from the checkpoint in `folder` if there is one.

    Raises:
        InputError: what the config asks for does not fit the data, the net or the machine.
        TrainingDiverged: the loss is no number any more.
    """
    placement.check_backend(config)
    check_sides(config, variant, data)
    taken = placement.start(config)
    # Only now may Keras be imported: the device has been chosen.
    from kerascifar.models.counting import multiply_adds
    from kerascifar.training.preparation import faults, prepared
    from kerascifar.training.scoring import scorer

    data = prepared(config, data)
    check_shares(config, data)
    with distribution.scope(config):
        model = compiled_model(config, data)
    distribution.compare(config, {"flags": config.run_id, **identity(data, model)})
    for name in (results.CHECKPOINT, results.BEST):
        distribution.copy_from_chief(config, folder / name)
    rates, history = train(model, config, data, folder)
    if distribution.current(config) is not None:  # one device scores, and in one process
        model = plain_model(model, config, data)
    seconds = [row["seconds"] for row in history]
    return Fitted(
        score=scorer(model, config),
        trainable_parameters=trainable_parameters(model),
        multiply_adds=multiply_adds(model),
        history=history,
        seconds_per_epoch=stats.median(seconds) if seconds else None,
        # The first epoch holds the tracing of the step, so it counts only where it is the only one.
        images_per_second=config.batch_size * stats.median(rates[1:] or rates) if rates else None,
        save=lambda into: save_model(model, config, data, into),
        notes=taken | ({"faults": told} if (told := faults(config)) else {}),
    )


def train(model: Any, config: RunConfig, data: Dataset, folder: Path) -> tuple[list[float], list[dict[str, float]]]:
    """Train from the last checkpoint to the end; leave `model` with its final weights.

    The final weights are those of the best epoch under --select or --patience, else the moving average under --ema,
    else the last ones. Returns steps a second of each epoch trained now, and the whole history.
    """
    import keras

    from kerascifar.training import checkpoint
    from kerascifar.training.callbacks import Recorder
    from kerascifar.training.schedules import make_schedule
    from kerascifar.training.stages import stage_at, whitening_fixed

    strategy, cluster = distribution.current(config), distribution.cluster_of(config)
    steps = steps_per_epoch(len(data.train), config.batch_size, distribution.replicas(strategy))
    progress = checkpoint.load_progress(folder / results.CHECKPOINT, placement.backend())
    if config.select == "test" and data.test is None:
        raise InputError("--select test: the test images are out of reach here, as in every search")

    def rate(step: int) -> Any:
        now = phase_at(config, step // steps)
        return make_schedule(now.config, steps)(step - now.first * steps)

    recorder = Recorder(config, folder, progress, rate, steps, data.test if config.select == "test" else None)
    if progress.epoch or progress.step:
        print(f"going on from epoch {progress.epoch + 1}, step {progress.step + 1}", flush=True)
    else:
        shutil.rmtree(folder / results.TENSORBOARD, ignore_errors=True)  # an older run's curves
    phase = begin_phase(config, model, data, steps, progress)
    while progress.epoch < config.epochs and not recorder.out_of_patience():
        if progress.epoch == phase.end:
            phase = begin_phase(config, model, data, steps, progress)
        stage = stage_at(config, progress.epoch, data.side)
        small = stage.side < data.side
        learner, split = smaller_net(config, model, data, phase, stage.side) if small else (model, data.train)
        if recorder.path.exists():
            checkpoint.restore(recorder.path, learner, optimizer=progress.epoch > phase.first or progress.step > 0)
        done = progress.epoch * steps + progress.step
        # A run that goes on within an epoch first finishes that epoch; one fit() makes all others of a stage.
        last, left = (
            (progress.epoch + 1, steps - progress.step) if progress.step else (min(phase.end, stage.end), steps)
        )
        feed = (config, split, len(data.classes), last, done)
        if progress.step and strategy is None:  # under a strategy, fit() itself builds them first
            learner.test_on_batch(*next(iter(training_feed(*feed))))  # builds the metrics, whose means are restored
        callbacks = [recorder]
        if placement.backend() == "tensorflow":  # which Keras writes the curves with
            callbacks.append(keras.callbacks.TensorBoard(folder / results.TENSORBOARD, write_graph=False))
        if config.ema:
            callbacks.append(keras.callbacks.SwapEMAWeights())
        with whitening_fixed(learner, not stage.whitens):
            learner.fit(
                training_feed(*feed),
                verbose=0 if cluster is not None and cluster.follows else "auto",
                **validation_feed(config, None if small else data.validation, len(data.classes)),
                validation_freq=config.validate_every,
                initial_epoch=progress.epoch,
                epochs=last,
                steps_per_epoch=left,
                shuffle=False,  # the batches come in their order
                callbacks=callbacks,
            )
    model.steps_per_execution = 1  # for evaluation
    # fit() itself overwrites weights with their average at its end; start from the checkpoint, as a resumed run does.
    checkpoint.restore(recorder.path, model)
    if recorder.selected_by:
        checkpoint.restore_weights(recorder.best_path, model)
    elif config.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return recorder.rates, progress.history


def smaller_net(config: RunConfig, model: Any, data: Dataset, phase: Phase, side: int) -> tuple[Any, Split]:
    """Return a net for images of `side` pixels with the weights of `model`, compiled, and these training images."""
    from kerascifar.training.stages import shrunk

    net = build_model(config, data, side)
    net.set_weights(model.get_weights())
    compile_for(phase, net, data)
    return net, shrunk(data.train, side)


def begin_phase(config: RunConfig, model: Any, data: Dataset, steps: int, progress: Any) -> Phase:
    """Compile `model`, which is compiled for the first phase, for the one that `progress` is in, and return that."""
    from kerascifar.models.counting import multiply_adds

    phase = phase_at(config, progress.epoch)
    if config.phases:
        print(phase, flush=True)
    if phase.first:
        with distribution.scope(config):
            compile_for(phase, model, data)
    if distribution.current(config) is None and placement.tensorflow_on_cpu():
        model.steps_per_execution = steps_together(config, steps, progress.step, multiply_adds(model))
    return phase


def steps_together(config: RunConfig, steps: int, done: int, multiply_adds: int) -> int:
    """Return how many training steps to run in one call of the compiled function: Keras's steps_per_execution.

    What Keras does between two calls takes as long as a tenth of a small net's step. The numbers stay the same: the
    count divides an epoch's `steps`, those between checkpoints, and the `done` ones of an epoch that is under way.

    Args:
        config: gives batch size and checkpoint_steps.
        steps: steps an epoch.
        done: steps of the epoch that are done already.
        multiply_adds: of one image, forward.
    """
    whole = math.gcd(steps, config.checkpoint_steps or 0, done)
    most = _MULTIPLY_ADDS_TOGETHER // (max(multiply_adds, 1) * config.batch_size)
    return max(count for count in range(1, _STEPS_TOGETHER + 1) if count == 1 or (whole % count == 0 and count <= most))


def save_model(model: Any, config: RunConfig, data: Dataset, folder: Path) -> None:
    """Write model.keras without optimizer or loss: it takes uint8 images and gives logits."""

    def write(path: Path) -> None:
        plain_model(model, config, data).save(path)
        files.deflate(path)  # Keras only stores: of a small net's file more than half are names and blanks

    files.write_atomically(folder / results.KERAS_MODEL, write)


def check_sides(config: RunConfig, variant: Variant, data: Dataset) -> None:
    """Check that net and augmentation take images of every side that the training will see.

    Raises:
        InputError: they do not, or --sides names one that is no smaller than the images.
    """
    if config.sides and max(config.sides) >= data.side:
        raise InputError(f"--sides: must be below the images' own side {data.side}, got {max(config.sides)}")
    for side in (data.side, *config.sides):
        shape = (side, side, data.train.images.shape[-1])
        models.check(config.arch, shape, len(data.classes), **variant.arguments(config))
        check_augment(config.augment, shape)


def check_shares(config: RunConfig, data: Dataset) -> None:
    """Check that every replica gets its share of each batch.

    Raises:
        InputError: the batch size does not divide by the replicas, or there are fewer images than replicas.
    """
    shares = distribution.replicas(distribution.current(config))
    if config.batch_size % shares:
        raise InputError(f"--batch-size {config.batch_size} must divide evenly by the {shares} replicas")
    for name in ("train", "validation"):
        if name in data.splits and len(data.splits[name]) < shares:
            raise InputError(f"{len(data.splits[name])} {name} images are fewer than the {shares} replicas")


def identity(data: Dataset, model: Any) -> dict[str, str]:
    """Return what the workers of a run must have in common, by name."""
    weights = hashlib.sha256()
    for value in model.get_weights():
        weights.update(np.ascontiguousarray(value))
    found = {f"{name} images": split.checksum for name, split in data.splits.items()}
    return {**found, "first weights": weights.hexdigest()}


def trainable_parameters(model: Any) -> int:
    """Return the number of trainable parameters; frozen layers count, for they are the net's."""
    frozen = [layer for layer in model.layers if not layer.trainable]
    for layer in frozen:
        layer.trainable = True
    count = sum(math.prod(v.shape) for v in model.trainable_weights)
    for layer in frozen:
        layer.trainable = False
    return count
