"""What fit() is fed with: by tf.data, divided where there is a strategy, or as arrays."""

from typing import Any

from kerascifar.augment.policies import make_augment
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Split
from kerascifar.data.batches import (
    evaluation_arrays,
    evaluation_batches,
    evaluation_steps,
    training_arrays,
    training_batches,
)
from kerascifar.devices import distribution


def training_feed(config: RunConfig, split: Split, classes: int, epochs: int, first_step: int = 0) -> Any:
    """Return augmented batches from `first_step` to the end of `epochs` epochs, as training_batches() says."""
    augment = make_augment(config.augment, config.seed, split.images.shape[1:])
    given = (split, classes, config.batch_size, config.seed, epochs, first_step, augment)
    if config.input == "arrays":
        return training_arrays(*given)
    strategy = distribution.current(config)
    shares = distribution.replicas(strategy)
    return distribution.distribute(strategy, lambda own: training_batches(*given, shares, own))


def validation_feed(config: RunConfig, split: Split | None, classes: int) -> dict[str, Any]:
    """Return the arguments of fit() that have it validate on the images of `part`; none where that is None."""
    if split is None:
        return {}
    if config.input == "arrays":
        return {"validation_data": evaluation_arrays(split, classes), "validation_batch_size": config.batch_size}
    strategy, given = distribution.current(config), (split, classes, config.batch_size)
    if strategy is None:
        return {"validation_data": evaluation_batches(*given)}
    shares = distribution.replicas(strategy)
    # fit() looks at the next batch of a data set that is at its end, hence repeat().
    return {
        "validation_data": distribution.distribute(
            strategy, lambda own: evaluation_batches(*given, shares, own).repeat()
        ),
        "validation_steps": evaluation_steps(len(split), config.batch_size),
    }
