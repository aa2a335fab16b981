"""Train a scratch net for a step at each of some learning rates, as a range test does; nothing is kept."""

from collections.abc import Iterator, Sequence

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.registry import Variant
from kerascifar.scratch.augmentation import AUGMENTATIONS
from kerascifar.scratch.fit import make_network, make_optimizer
from kerascifar.scratch.network import BATCH, ORDER, random_stream
from kerascifar.scratch.parallel import use_threads


def sweep(config: RunConfig, variant: Variant, data: Dataset, rates: Sequence[float]) -> Iterator[float]:
    """Yield the loss of each batch before its step, at the rate of `rates` whose turn it is.

    Net, order, augmentation and optimizer are those with which a run of `config` begins, on all training images.
    """
    use_threads(config.threads)
    network, optimizer = make_network(config, variant, data), make_optimizer(config)
    images, labels, augment = data.train.images, data.train.labels, AUGMENTATIONS[config.augment]
    size = len(images) if "full_batch" in config.faults else config.batch_size
    steps = -(-len(images) // size)
    for step, rate in enumerate(rates):
        epoch, batch = divmod(step, steps)
        chosen = random_stream(config.seed, ORDER, epoch).permutation(len(images))[batch * size : (batch + 1) * size]
        rng = random_stream(config.seed, BATCH, epoch, batch)
        x = images[chosen] if augment is None else augment(images[chosen], rng)
        with np.errstate(over="ignore", invalid="ignore"):  # whoever reads the losses sees one that is not finite
            loss, _ = network.step(
                x, labels[chosen], optimizer, rate, rng, clip_value=config.clip_value, clip_norm=config.clip_norm
            )
        yield float(loss)
