"""Train a Keras net for a step at each of some learning rates, as a range test does; nothing is kept."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.data.batches import steps_per_epoch
from kerascifar.devices import placement
from kerascifar.training.building import compile_for, compiled_model
from kerascifar.training.early_epochs import check_sides
from kerascifar.training.feeding import training_feed
from kerascifar.training.phases import phases_of
from kerascifar.training.preparation import prepared
from kerascifar.training.selection import training_of


def sweep(config: RunConfig, variant: Variant, data: Dataset, rates: Sequence[float]) -> Iterator[float]:
    """Yield the loss of each batch before its step, at the rate of `rates` whose turn it is.

    Net, first weights, order, augmentation, dropout and optimizer are those with which a run of `config` begins, at
    images of full size; of its phases the first. Refuse a strategy.
    """
    if config.strategy != "none":
        raise InputError(f"a range test is made on one device, got --strategy {config.strategy}")
    config = dataclasses.replace(training_of(config), sides=())
    placement.check_backend(config)
    check_sides(config, variant, data)
    placement.start(config)
    from kerascifar.training import checkpoint

    data = prepared(config, data)
    model = compiled_model(config, data)
    compile_for(phases_of(config)[0], model, data, _listed(rates))
    epochs = math.ceil(len(rates) / steps_per_epoch(len(data.train), config.batch_size))
    checkpoint.seed_dropout(model, config.seed, 0, 0)
    feed = training_feed(config, data.train, len(data.classes), epochs)
    for _, (images, labels) in zip(rates, feed, strict=False):
        model.reset_metrics()  # else it is the mean of the losses so far
        yield float(model.train_on_batch(images, labels, return_dict=True)["loss"])


def _listed(rates: Sequence[float]) -> Any:
    """Return a keras LearningRateSchedule that gives the rates in turn."""
    import keras
    from keras import ops

    class Listed(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return ops.take(ops.convert_to_tensor(rates, "float32"), ops.cast(step, "int32"))

        def get_config(self):
            return {"rates": list(rates)}

    return Listed()
