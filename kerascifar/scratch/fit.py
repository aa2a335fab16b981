"""Fit a scratch net: a RunConfig and a data set in, a fitted net out; a killed run resumes where it was."""

import statistics as stats
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted, Score, Split
from kerascifar.core.provenance import Provenance
from kerascifar.core.registry import Variant
from kerascifar.data.normalization import statistics
from kerascifar.scratch import validation
from kerascifar.scratch.augmentation import AUGMENTATIONS
from kerascifar.scratch.checkpoint import Checkpoint
from kerascifar.scratch.faults import FaultyNetwork
from kerascifar.scratch.layers import Normalize
from kerascifar.scratch.losses import L2, SoftmaxCrossEntropy, softmax
from kerascifar.scratch.network import Network
from kerascifar.scratch.optimizers import SGD, Adam, Momentum, Nesterov, Optimizer
from kerascifar.scratch.parallel import threads_in_use, use_threads
from kerascifar.scratch.saving import save
from kerascifar.scratch.training import Progress, train
from kerascifar.training.losses import class_weights
from kerascifar.training.schedules import learning_rate


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
    """Train the scratch net that `config` describes, from the checkpoint in `folder` if there is one.

    With --folds k, first k fresh nets are trained, each measured on its held-out fold for the notes; then the net that
    is returned is trained on all training images. Under the published fault folds_kept a single net goes through all
    folds and is returned.

    Raises:
        InputError: the net cannot take such images, or the checkpoint is corrupt or of another run.
        TrainingDiverged: the loss became NaN or infinite.
    """
    use_threads(config.threads)
    keep_net = "folds_kept" in config.faults
    folds = _folds(config, data.train) + ([] if keep_net else [(data.train, data.validation)])
    checkpoint = Checkpoint(folder, {"run": config.run_id, "images": data.train.checksum}, Provenance.of(data))
    network, rates = make_network(config, variant, data), []
    for fold in range(checkpoint.fold, len(folds)):
        if fold > checkpoint.fold and not keep_net:
            network = make_network(config, variant, data)
        progress = _train(network, config, folds[fold], checkpoint, fold)
        rates += progress.rates
        if fold < (config.folds or 0):
            held_out = folds[fold][1]
            checkpoint.accuracies.append(network.evaluate(held_out.images, held_out.labels)[1])
        if keep_net:
            checkpoint.earlier += progress.history
    history = checkpoint.earlier if keep_net else progress.history
    return Fitted(
        score=scorer(network),
        trainable_parameters=network.trainable_parameters,
        multiply_adds=network.multiply_adds,
        history=history,
        seconds_per_epoch=stats.median(row["seconds"] for row in history),
        images_per_second=stats.median(rates) if rates else None,
        save=lambda run_folder: save(run_folder / results.SCRATCH_MODEL, network),
        notes={"device": "cpu", "threads": threads_in_use(), **_notes(checkpoint.accuracies)},
    )


def scorer(network: Network) -> Score:
    """Return a function from uint8 images (N, h, w, c) and their split's name to probabilities float32 (N, classes)."""
    return lambda images, split: softmax(network.predict(images)).astype(np.float32)


def make_network(config: RunConfig, variant: Variant, data: Dataset) -> Network:
    """Return the config's net for uint8 images, its initial weights drawn from the seed."""
    shape, classes = data.train.images.shape[1:], len(data.classes)
    mean, std = (np.atleast_1d(s).tolist() for s in statistics(config.normalize, data.train.images))
    layers = [Normalize(mean, std), *variant.build(shape, classes, **variant.arguments(config))]
    weighted = config.loss == "class_weighted"
    weights = class_weights(data.train.labels, classes).tolist() if weighted else None
    loss = SoftmaxCrossEntropy(config.label_smoothing, weights)
    if config.faults:
        return FaultyNetwork(layers, shape, loss, config.seed, faults=config.faults)
    return Network(layers, shape, loss, config.seed)


def _sgd(config: RunConfig, **decay: Any) -> Optimizer:
    if not config.momentum:
        return SGD(**decay)
    return (Nesterov if config.nesterov else Momentum)(momentum=config.momentum, **decay)


def _adam(config: RunConfig, **decay: Any) -> Optimizer:
    return Adam(beta_1=config.beta_1, beta_2=config.beta_2, **decay)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": _sgd, "adam": _adam, "adamw": _adam}


def make_optimizer(config: RunConfig) -> Optimizer:
    """Return the config's optimizer; coupled decay is a penalty in the loss, decoupled decay the optimizer's own."""
    coupled = config.decay == "coupled"
    return OPTIMIZERS[config.optimizer](
        config,
        weight_decay=0.0 if coupled else config.weight_decay,
        decay_all=config.decay_all,
        penalty=L2(config.weight_decay, config.decay_all) if coupled and config.weight_decay else None,
    )


def _train(
    network: Network, config: RunConfig, splits: tuple[Split, Split | None], checkpoint: Checkpoint, fold: int
) -> Progress:
    """Train `network` on the first split, from the checkpoint if there is one; the second split is held out."""
    trained, held_out = splits
    optimizer = make_optimizer(config)
    progress = train(
        network,
        trained.images,
        trained.labels,
        optimizer,
        epochs=config.epochs,
        learning_rate=partial(learning_rate, config),
        batch_size=len(trained) if "full_batch" in config.faults else config.batch_size,
        seed=config.seed,
        validation=held_out and (held_out.images, held_out.labels),
        augment=AUGMENTATIONS[config.augment],
        patience=config.patience,
        progress=checkpoint.resume(fold, network, optimizer),
        checkpoint=lambda progress: checkpoint.save(network, optimizer, progress, config.patience),
        checkpoint_steps=config.checkpoint_steps,
        clip_value=config.clip_value,
        clip_norm=config.clip_norm,
    )
    if config.patience:
        checkpoint.restore_best(network)
    return progress


def _folds(config: RunConfig, split: Split) -> list[tuple[Split, Split]]:
    """Return the training split and the held-out split of each fold; an empty list without --folds."""
    if config.folds is None:
        return []
    pairs = validation.folds(len(split), config.folds, config.seed)
    return [tuple(Split(split.images[i], split.labels[i]) for i in pair) for pair in pairs]


def _notes(accuracies: list[float]) -> dict[str, Any]:
    """Return the accuracies of cross-validation with their mean and sample standard deviation."""
    if not accuracies:
        return {}
    mean, std = stats.mean(accuracies), stats.stdev(accuracies)
    return {"fold_accuracies": accuracies, "folds_mean": mean, "folds_std": std}
