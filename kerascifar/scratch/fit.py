"""Fit a scratch net: a RunConfig and a data set in, a fitted net out; it goes on where it was killed."""

import statistics as stats
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import results
from kerascifar.config import RunConfig
from kerascifar.core.contracts import Dataset, Fitted, Score, Split
from kerascifar.core.registry import Variant
from kerascifar.data.normalization import statistics
from kerascifar.scratch.augmentation import AUGMENTATIONS
from kerascifar.scratch.checkpoint import Checkpoint
from kerascifar.scratch.faults import FaultyNetwork
from kerascifar.scratch.layers import Normalize
from kerascifar.scratch.losses import L2, SoftmaxCrossEntropy, softmax
from kerascifar.scratch.network import Network
from kerascifar.scratch.optimizers import SGD, Adam, Momentum, Nesterov, Optimizer
from kerascifar.scratch.parallel import use_threads
from kerascifar.scratch.training import Progress, train
from kerascifar.scratch.validation import folds
from kerascifar.training.losses import class_weights
from kerascifar.training.schedules import learning_rate


def fit(config: RunConfig, variant: Variant, data: Dataset, folder: Path) -> Fitted:
    """Train the scratch net that `config` describes, from the checkpoint in `folder` if there is one.

    With --folds k, k fresh nets are first trained and measured, each on its fold, for the notes; the net that is
    handed back then learns from all training images. Under the published fault folds_kept it is the one net that
    went through all folds.

    Raises:
        InputError: the config asks for something this engine does not do, or the checkpoint is of another run.
        TrainingDiverged: the loss is no number any more.
    """
    use_threads(config.threads)
    kept = "folds_kept" in config.faults
    stages = _folds(config, data.train) + ([] if kept else [(data.train, data.validation)])
    checkpoint = Checkpoint(folder, {"run": config.run_id, "images": data.train.checksum})
    network, rates = make_network(config, variant, data), []
    for stage in range(checkpoint.stage, len(stages)):
        if stage > checkpoint.stage and not kept:
            network = make_network(config, variant, data)
        progress = _train(network, config, stages[stage], checkpoint, stage)
        rates += progress.rates
        if stage < (config.folds or 0):
            held_out = stages[stage][1]
            checkpoint.accuracies.append(network.evaluate(held_out.images, held_out.labels)[1])
        if kept:
            checkpoint.earlier += progress.history
    history = checkpoint.earlier if kept else progress.history
    return Fitted(
        score=scorer(network),
        trainable_parameters=network.trainable_parameters,
        multiply_adds=network.multiply_adds,
        history=history,
        seconds_per_epoch=stats.median(row["seconds"] for row in history),
        images_per_second=stats.median(rates) if rates else None,
        save=lambda into: network.save(into / results.SCRATCH_MODEL),
        notes={"device": "cpu", **_notes(checkpoint.accuracies)},
    )


def scorer(network: Network) -> Score:
    """Return a function from uint8 images (N, h, w, c) and a part's name to probabilities float32 (N, classes)."""
    return lambda images, name: softmax(network.predict(images)).astype(np.float32)


def make_network(config: RunConfig, variant: Variant, data: Dataset) -> Network:
    """Return the config's net for uint8 images, its weights drawn from the seed."""
    shape, classes = data.train.images.shape[1:], len(data.classes)
    mean, std = (np.atleast_1d(s).tolist() for s in statistics(config.normalize, data.train.images))
    layers = [Normalize(mean, std), *variant.build(shape, classes, **variant.arguments(config))]
    weighted = config.loss == "class_weighted"
    weights = class_weights(data.train.labels, classes).tolist() if weighted else None
    loss = SoftmaxCrossEntropy(config.label_smoothing, weights)
    if config.faults:
        return FaultyNetwork(layers, shape, loss, config.seed, faults=config.faults)
    return Network(layers, shape, loss, config.seed)


def make_optimizer(config: RunConfig) -> Optimizer:
    """Return the config's optimizer; --decay coupled is a penalty in the loss, decoupled the optimizer's own decay."""
    coupled = config.decay == "coupled"
    shared = {
        "weight_decay": 0.0 if coupled else config.weight_decay,
        "decay_all": config.decay_all,
        "penalty": L2(config.weight_decay, config.decay_all) if coupled and config.weight_decay else None,
    }
    if config.optimizer in ("adam", "adamw"):
        return Adam(beta_1=config.beta_1, beta_2=config.beta_2, **shared)
    if not config.momentum:
        return SGD(**shared)
    return (Nesterov if config.nesterov else Momentum)(momentum=config.momentum, **shared)


def _train(
    network: Network, config: RunConfig, splits: tuple[Split, Split | None], checkpoint: Checkpoint, stage: int
) -> Progress:
    """Train `network` on the first part to the end, or on from the checkpoint; the second part is held out."""
    learn, held_out = splits
    optimizer = make_optimizer(config)
    progress = train(
        network,
        learn.images,
        learn.labels,
        optimizer,
        epochs=config.epochs,
        rate=partial(learning_rate, config),
        batch_size=len(learn) if "full_batch" in config.faults else config.batch_size,
        seed=config.seed,
        validation=held_out and (held_out.images, held_out.labels),
        augment=AUGMENTATIONS[config.augment],
        patience=config.patience,
        progress=checkpoint.resume(stage, network, optimizer),
        checkpoint=lambda done: checkpoint.save(network, optimizer, done, config.patience),
        checkpoint_steps=config.checkpoint_steps,
        clip_value=config.clip_value,
        clip_norm=config.clip_norm,
    )
    if config.patience:
        checkpoint.restore_best(network)
    return progress


def _folds(config: RunConfig, split: Split) -> list[tuple[Split, Split]]:
    """Return what each fold learns from and what it holds out; an empty list without --folds."""
    if config.folds is None:
        return []
    pairs = folds(len(split), config.folds, config.seed)
    return [tuple(Split(split.images[i], split.labels[i]) for i in pair) for pair in pairs]


def _notes(accuracies: list[float]) -> dict[str, Any]:
    """Return what cross-validation found; the spread is that of a sample."""
    if not accuracies:
        return {}
    spread = stats.stdev(accuracies)
    return {"fold_accuracies": accuracies, "folds_mean": stats.mean(accuracies), "folds_std": spread}
