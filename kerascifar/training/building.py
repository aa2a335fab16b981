"""Build the Keras net of a config, and compile it for each phase of its training."""

import math
from typing import Any

import numpy as np

from kerascifar import models
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.precisions import PRECISIONS
from kerascifar.data.batches import steps_per_epoch
from kerascifar.data.normalization import statistics
from kerascifar.devices import distribution, placement
from kerascifar.results import first_weights
from kerascifar.training.phases import Phase, phase_at, phases_of

_ADAPT_IMAGES = 5000  # as in airbench; more change the whitening by less than a seed does
# Limits of steps_per_call: progress bar, Ctrl-C and the stop at NaN wait for a call to end, so it should take well
# under a second. 16e9 multiply-adds forward, and twice as many backward, take two cores half a second.
_MOST_STEPS, _MOST_MULTIPLY_ADDS = 32, 16e9


def build_model(config: RunConfig, data: Dataset, side: int | None = None) -> Any:
    """Return the config's net as a keras.Model for uint8 images, its weights drawn from the seed.

    `side` is that of the images in pixels; None means the data's own.
    """
    import keras

    keras.utils.set_random_seed(config.seed)
    mean, std = statistics(config.normalize, data.train.images)
    shape = (side or data.side, side or data.side, data.train.images.shape[-1])
    arguments = models.VARIANTS[config.arch].arguments(config)
    model = models.build(config.arch, shape, len(data.classes), mean=mean, std=std, **arguments)
    for kind, policy in PRECISIONS[config.precision].layers.items():
        for layer in model.layers:
            if isinstance(layer, getattr(keras.layers, kind)):
                layer.dtype_policy = policy
    return model


def compiled_model(config: RunConfig, data: Dataset) -> Any:
    """Return the net with the weights of --init-weights, if any, compiled for its first phase."""
    from kerascifar.models import pretrained

    model = build_model(config, data)
    adapt(model, data.train.images)
    if (source := first_weights(config.init_weights)) is not None:
        imported = pretrained.load_weights_into(model, source)
        left = f"; fresh or left out: {', '.join(imported.left)}" if imported.left else ""
        print(f"{len(imported.layers)} layers start from {config.init_weights}{left}", flush=True)
    if distribution.current(config) is not None:
        distribution.synchronize(model)
    for phase in reversed(phases_of(config)):  # so that a bad later phase is refused before the first is trained
        compile_for(phase, model, data)
    return model


def compile_for(phase: Phase, model: Any, data: Dataset, schedule: Any = None) -> None:
    """Freeze the layers that do not learn in `phase`, and compile `model` with a fresh optimizer.

    `schedule` is a keras LearningRateSchedule in place of the phase's own.
    """
    import keras

    from kerascifar.models import pretrained
    from kerascifar.training.losses import make_loss
    from kerascifar.training.optimizers import make_optimizer
    from kerascifar.training.schedules import make_schedule

    config = phase.config
    pretrained.freeze(model, config.freeze)
    strategy = distribution.current(config)
    steps = steps_per_epoch(len(data.train), config.batch_size, distribution.replicas(strategy))
    model.compile(
        optimizer=make_optimizer(config, schedule or make_schedule(config, steps)),
        loss=make_loss(config, data.train.labels, len(data.classes)),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # On a CPU TensorFlow's XLA is 5 to 30 times slower than its plain graph (2.21); under a strategy it fails.
        jit_compile=False if placement.tensorflow_on_cpu() or strategy is not None else "auto",
    )
    model.optimizer.build(model.trainable_variables)  # here in the strategy's scope; a restore is outside it


def begin_phase(config: RunConfig, model: Any, data: Dataset, steps: int, progress: Any) -> Phase:
    """Return the phase that `progress` is in, and compile `model` for it unless it is the first, as compiled_model did.

    `steps` is the number of steps per epoch.
    """
    from kerascifar.models.counting import multiply_adds

    phase = phase_at(config, progress.epoch)
    if config.phases:
        print(phase, flush=True)
    if phase.first:
        with distribution.scope(config):
            compile_for(phase, model, data)
    if distribution.current(config) is None and placement.tensorflow_on_cpu():
        model.steps_per_execution = steps_per_call(config, steps, progress.step, multiply_adds(model))
    return phase


def steps_per_call(config: RunConfig, steps: int, done: int, multiply_adds: int) -> int:
    """Return how many training steps to run per call of the compiled function: Keras's steps_per_execution.

    What Keras does between two calls takes up to a tenth of a small net's step. The numbers stay the same: the count
    divides an epoch's `steps`, those between two checkpoints, and those `done` in the current epoch. `multiply_adds`
    are those of one image, forward.
    """
    divisible = math.gcd(steps, config.checkpoint_steps or 0, done)
    most = _MOST_MULTIPLY_ADDS // (max(multiply_adds, 1) * config.batch_size)
    return max(n for n in range(1, _MOST_STEPS + 1) if n == 1 or (divisible % n == 0 and n <= most))


def resized_model(model: Any, phase: Phase, data: Dataset, side: int) -> Any:
    """Return the net for images of `side` pixels, with the weights of `model`, compiled for `phase`."""
    resized = plain_model(model, phase.config, data, side)
    compile_for(phase, resized, data)
    return resized


def plain_model(model: Any, config: RunConfig, data: Dataset, side: int | None = None) -> Any:
    """Return the net, as `build_model` does, with the weights of `model`, not compiled, on one device."""
    plain = build_model(config, data, side)
    plain.set_weights(model.get_weights())
    return plain


def adapt(model: Any, images: np.ndarray) -> None:
    """Call ``adapt`` of each layer of the functional `model` that has it, with its input for 5,000 training images.

    They are evenly spaced among `images`, uint8 (N, H, W, C), which may therefore be sorted by class.
    """
    import keras

    for layer in model.layers:
        if hasattr(layer, "adapt"):
            below = keras.Model(model.inputs, layer.input)
            chosen = np.unique(np.linspace(0, len(images) - 1, _ADAPT_IMAGES).astype(int))
            layer.adapt(below.predict(images[chosen], batch_size=500, verbose=0))
