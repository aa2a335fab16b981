"""The engine of the Keras nets: build, train with checkpoints, hand back a scorer."""

import dataclasses
import hashlib
import math
import shutil
import statistics as stats
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import devices, distribution, files, models
from kerascifar.config import RunConfig
from kerascifar.configure import options
from kerascifar.contracts import Dataset, Fitted
from kerascifar.data.augment import check_augment, make_augment
from kerascifar.data.pipeline import evaluation_batches, evaluation_steps, steps_per_epoch, training_batches
from kerascifar.errors import InputError
from kerascifar.normalization import statistics
from kerascifar.registry import Variant
from kerascifar.results import find_run

# Limits of steps_together: the progress bar, Ctrl-C and the stop at NaN wait for a call to end, so it is to last well
# under a second. 16e9 multiply-adds forward, and twice as many backward, take two cores half a second.
_STEPS_TOGETHER, _MULTIPLY_ADDS_TOGETHER = 32, 16e9


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
    """Train the net that `config` describes, from the checkpoint in `folder` if there is one.

    Raises:
        InputError: what the config asks for does not fit the data, the net or the machine.
        TrainingDiverged: the loss is no number any more.
    """
    models.check(config.arch, data.train.images.shape[1:], len(data.classes), **options(config))
    check_augment(config.augment, data.train.images.shape[1:])
    taken = devices.start(config)
    # Only now may Keras be imported: the device has been chosen.
    from kerascifar.models.counting import multiply_adds
    from kerascifar.training.scoring import score

    check_shares(config, data)
    with distribution.scope(config):
        model = compiled_model(config, data)
    distribution.compare(config, {"flags": config.run_id, **identity(data, model)})
    for name in ("checkpoint.npz", "best.npz"):
        distribution.copy_from_chief(config, folder / name)
    rates, history = train(model, config, data, folder)
    if distribution.current(config) is not None:  # one device scores, and in one process
        model = plain_model(model, config, data)
    seconds = [row["seconds"] for row in history]
    return Fitted(
        score=lambda images, name: score(model, images, config.batch_size),
        trainable_parameters=trainable_parameters(model),
        multiply_adds=multiply_adds(model),
        history=history,
        seconds_per_epoch=stats.median(seconds) if seconds else None,
        # The first epoch holds the tracing of the step, so it counts only where it is the only one.
        images_per_second=config.batch_size * stats.median(rates[1:] or rates) if rates else None,
        save=lambda into: save_model(model, config, data, into),
        notes=taken,
    )


def restore(
    config: RunConfig, variant: Variant, folder: Path, load: Callable[[], Dataset]
) -> Callable[[np.ndarray, str], np.ndarray]:
    """Return the scorer of the finished run in `folder`, from its model.keras."""
    devices.start(dataclasses.replace(config, strategy="none"))  # one device scores
    from kerascifar.training.scoring import load_model, score

    model = load_model(folder)
    return lambda images, name: score(model, images, config.batch_size)


def build_model(config: RunConfig, data: Dataset) -> Any:
    """Return the config's net as a keras.Model that takes uint8 images, weights drawn from the seed."""
    import keras

    keras.utils.set_random_seed(config.seed)
    mean, std = statistics(config.normalize, data.train.images)
    shape = data.train.images.shape[1:]
    return models.build(config.arch, shape, len(data.classes), mean=mean, std=std, **options(config))


def compiled_model(config: RunConfig, data: Dataset) -> Any:
    """Return the net, started from --init-weights, frozen as --freeze says, and compiled."""
    import keras

    from kerascifar.models import importing
    from kerascifar.training.losses import make_loss
    from kerascifar.training.optimizers import make_optimizer
    from kerascifar.training.schedules import make_schedule

    model = build_model(config, data)
    if config.init_weights is not None:
        source = Path(config.init_weights)
        imported = importing.load_weights_into(model, find_run(source) if source.is_dir() else source)
        left = f"; fresh or left out: {', '.join(imported.left)}" if imported.left else ""
        print(f"{len(imported.layers)} layers start from {source}{left}", flush=True)
    if config.freeze:
        importing.freeze(model, config.freeze)
    strategy = distribution.current(config)
    if strategy is not None:
        distribution.synchronize(model)
    steps = steps_per_epoch(len(data.train), config.batch_size, distribution.replicas(strategy))
    schedule = make_schedule(config, steps)
    model.compile(
        optimizer=make_optimizer(config, schedule),
        loss=make_loss(config, data.train.labels, len(data.classes)),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # XLA on CPU is 5 to 30 times slower than the plain graph (measured on TensorFlow 2.21); under a strategy it
        # fails.
        jit_compile="auto" if taken_gpu() and strategy is None else False,
    )
    model.optimizer.build(model.trainable_variables)  # within the strategy's scope, which a restore is not
    return model


def train(model: Any, config: RunConfig, data: Dataset, folder: Path) -> tuple[list[float], list[dict[str, float]]]:
    """Train from the last checkpoint to the end; leave `model` with its final weights.

    The final weights are those of the best epoch under --patience, else the moving average under --ema,
    else the last ones. Returns steps a second of each epoch trained now, and the whole history.
    """
    import keras

    from kerascifar.models.counting import multiply_adds
    from kerascifar.training import checkpoint
    from kerascifar.training.callbacks import Recorder
    from kerascifar.training.schedules import make_schedule

    strategy, cluster = distribution.current(config), distribution.cluster_of(config)
    shares = distribution.replicas(strategy)
    classes, steps = len(data.classes), steps_per_epoch(len(data.train), config.batch_size, shares)
    augment = make_augment(config.augment, config.seed, data.train.images.shape[1:])
    held_out, held_out_steps = None, None
    if data.validation is not None:
        watched = (data.validation, classes, config.batch_size)
        held_out = evaluation_batches(*watched)
        if strategy is not None:
            # fit() looks at the next batch of a data set that is at its end, hence repeat().
            held_out = distribution.distribute(strategy, lambda own: evaluation_batches(*watched, shares, own).repeat())
            held_out_steps = evaluation_steps(len(data.validation), config.batch_size)
    progress = checkpoint.load_progress(folder / "checkpoint.npz")
    recorder = Recorder(config, folder, progress, make_schedule(config, steps), steps)
    if progress.epoch or progress.step:
        print(f"going on from epoch {progress.epoch + 1}, step {progress.step + 1}", flush=True)
    else:
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)  # an older run's curves
    if strategy is None and not taken_gpu():
        model.steps_per_execution = steps_together(config, steps, progress.step, multiply_adds(model))
    while progress.epoch < config.epochs and not recorder.out_of_patience():
        if recorder.path.exists():
            checkpoint.restore(recorder.path, model)
        done = progress.epoch * steps + progress.step
        # A run that goes on within an epoch first finishes that epoch; one fit() makes all others.
        last, left = (progress.epoch + 1, steps - progress.step) if progress.step else (config.epochs, steps)
        given = (data.train, classes, config.batch_size, config.seed, last, done, augment, shares)
        batches = distribution.distribute(strategy, lambda own, given=given: training_batches(*given, own))
        if progress.step and strategy is None:  # under a strategy, fit() itself builds them first
            model.test_on_batch(*next(iter(batches)))  # builds the metrics, whose running means will be restored
        callbacks = [recorder, keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]
        if config.ema:
            callbacks.append(keras.callbacks.SwapEMAWeights())
        model.fit(
            batches,
            verbose=0 if cluster is not None and cluster.follows else "auto",
            validation_data=held_out,
            validation_steps=held_out_steps,
            initial_epoch=progress.epoch,
            epochs=last,
            steps_per_epoch=left,
            shuffle=False,  # the batches come in their order
            callbacks=callbacks,
        )
    model.steps_per_execution = 1  # for evaluation
    # fit() itself overwrites weights with their average at its end; start from the checkpoint, as a resumed run does.
    checkpoint.restore(recorder.path, model)
    if config.patience:
        checkpoint.restore_weights(recorder.best_path, model)
    elif config.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return recorder.rates, progress.history


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
    files.write_atomically(folder / "model.keras", plain_model(model, config, data).save)


def plain_model(model: Any, config: RunConfig, data: Dataset) -> Any:
    """Return the net with the weights of `model`, not compiled, on one device."""
    plain = build_model(config, data)
    plain.set_weights(model.get_weights())
    return plain


def check_shares(config: RunConfig, data: Dataset) -> None:
    """Check that every replica gets its share of each batch.

    Raises:
        InputError: the batch size does not divide by the replicas, or there are fewer images than replicas.
    """
    shares = distribution.replicas(distribution.current(config))
    if config.batch_size % shares:
        raise InputError(f"--batch-size {config.batch_size} must divide evenly by the {shares} replicas")
    for name in ("train", "validation"):
        if name in data.parts and len(data.parts[name]) < shares:
            raise InputError(f"{len(data.parts[name])} {name} images are fewer than the {shares} replicas")


def identity(data: Dataset, model: Any) -> dict[str, str]:
    """Return what the workers of a run must have in common, by name."""
    weights = hashlib.sha256()
    for value in model.get_weights():
        weights.update(np.ascontiguousarray(value))
    found = {f"{name} images": part.checksum for name, part in data.parts.items()}
    return {**found, "first weights": weights.hexdigest()}


def trainable_parameters(model: Any) -> int:
    """Return the number of trainable parameters; frozen layers count, for they are the net's."""
    return sum(math.prod(v.shape) for layer in model._flatten_layers() for v in layer._trainable_variables)


def taken_gpu() -> bool:
    """Tell whether TensorFlow computes on a GPU."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))
