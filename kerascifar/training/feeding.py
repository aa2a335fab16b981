"""The data that fit() is given: batches from tf.data, divided under a strategy, or arrays."""

from typing import Any

from kerascifar.augment.policies import make_augment
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.data import batches
from kerascifar.devices import distribution


def training_feed(config: RunConfig, split: Split, classes: int, epochs: int, first_step: int = 0) -> Any:
    """Return augmented batches from `first_step` to the end of epoch `epochs`; see ``batches.training_batches``."""
    augment = make_augment(config.augment, config.seed, split.images.shape[1:])
    arguments = (split, classes, config.batch_size, config.seed, epochs, first_step, augment)
    if config.input == "arrays":
        return batches.training_arrays(*arguments)
    strategy = distribution.current(config)
    replicas = distribution.replicas(strategy)
    return distribution.distribute(strategy, lambda own: batches.training_batches(*arguments, replicas, own))


def validation_feed(config: RunConfig, split: Split | None, classes: int) -> dict[str, Any]:
    """Return the arguments that make fit() validate on `split`; an empty dict if that is None."""
    if split is None:
        return {}
    if config.input == "arrays":
        arrays = batches.evaluation_arrays(split, classes)
        return {"validation_data": arrays, "validation_batch_size": config.batch_size}
    strategy, arguments = distribution.current(config), (split, classes, config.batch_size)
    if strategy is None:
        return {"validation_data": batches.evaluation_batches(*arguments)}
    replicas = distribution.replicas(strategy)
    # fit() asks for the next batch even at the end of the data set, hence repeat().
    shares = distribution.distribute(
        strategy, lambda own: batches.evaluation_batches(*arguments, replicas, own).repeat()
    )
    return {"validation_data": shares, "validation_steps": batches.evaluation_steps(len(split), config.batch_size)}
