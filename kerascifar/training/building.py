"""Build a Keras net of a config, and compile it for the phase of the training that it is to begin."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import models
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.data.batches import steps_per_epoch
from kerascifar.data.normalization import statistics
from kerascifar.devices import distribution, placement
from kerascifar.results import find_run
from kerascifar.training.phases import Phase, phases_of


def build_model(config: RunConfig, data: Dataset, side: int | None = None) -> Any:
    """Return the config's net as a keras.Model that takes uint8 images, weights drawn from the seed.

    `side` is that of the images it takes, in pixels; the data's own if not given.
    """
    import keras

    keras.utils.set_random_seed(config.seed)
    mean, std = statistics(config.normalize, data.train.images)
    shape = (side or data.side, side or data.side, data.train.images.shape[-1])
    arguments = models.VARIANTS[config.arch].arguments(config)
    return models.build(config.arch, shape, len(data.classes), mean=mean, std=std, **arguments)


def compiled_model(config: RunConfig, data: Dataset) -> Any:
    """Return the net, started from --init-weights and compiled for its first phase."""
    from kerascifar.models import pretrained

    model = build_model(config, data)
    adapt(model, data.train.images)
    if config.init_weights is not None:
        source = Path(config.init_weights)
        imported = pretrained.load_weights_into(model, find_run(source) if source.is_dir() else source)
        left = f"; fresh or left out: {', '.join(imported.left)}" if imported.left else ""
        print(f"{len(imported.layers)} layers start from {source}{left}", flush=True)
    if distribution.current(config) is not None:
        distribution.synchronize(model)
    for phase in reversed(phases_of(config)):  # a phase that asks for too many layers is refused before the first
        compile_for(phase, model, data)
    return model


def compile_for(phase: Phase, model: Any, data: Dataset) -> None:
    """Freeze what is not to learn in `phase`, and compile with a fresh optimizer."""
    import keras

    from kerascifar.models import pretrained
    from kerascifar.training.losses import make_loss
    from kerascifar.training.optimizers import make_optimizer
    from kerascifar.training.schedules import make_schedule

    config = phase.config
    pretrained.freeze(model, config.freeze)
    strategy = distribution.current(config)
    steps = steps_per_epoch(len(data.train), config.batch_size, distribution.replicas(strategy))
    schedule = make_schedule(config, steps)
    model.compile(
        optimizer=make_optimizer(config, schedule),
        loss=make_loss(config, data.train.labels, len(data.classes)),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # On a CPU TensorFlow's XLA is 5 to 30 times slower than its plain graph (2.21); under a strategy it fails.
        jit_compile=False if placement.tensorflow_on_cpu() or strategy is not None else "auto",
    )
    model.optimizer.build(model.trainable_variables)  # within the strategy's scope, which a restore is not


def plain_model(model: Any, config: RunConfig, data: Dataset) -> Any:
    """Return the net with the weights of `model`, not compiled, on one device."""
    plain = build_model(config, data)
    plain.set_weights(model.get_weights())
    return plain


_IMAGES = 5000  # as in airbench; more change the whitening by less than a seed does


def adapt(model: Any, images: np.ndarray) -> None:
    """Call ``adapt`` of each layer of `model` that has it, with what reaches that layer of 5,000 training images.

    Args:
        model: a built functional keras.Model.
        images: uint8 (N, H, W, C); evenly spaced ones are taken, so that data sorted by class will do.
    """
    import keras

    for layer in model.layers:
        if hasattr(layer, "adapt"):
            below = keras.Model(model.inputs, layer.input)
            taken = np.unique(np.linspace(0, len(images) - 1, _IMAGES).astype(int))
            layer.adapt(below.predict(images[taken], batch_size=500, verbose=0))
