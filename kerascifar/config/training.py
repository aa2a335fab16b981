"""How it is trained: epochs, optimizer, schedule, loss, selection."""

from dataclasses import dataclass

from kerascifar.core.fields import (
    AT_LEAST_0,
    AT_LEAST_2,
    BELOW_1,
    POSITIVE,
    SEED,
    STEPS,
    Phases,
    one_of,
    option,
)


@dataclass(frozen=True)
class TrainingConfig:
    """The training. None means the default of the architecture or optimizer."""

    epochs: int = option(10, "passes over the training images", POSITIVE, engines=STEPS)
    batch_size: int = option(128, "images per step", POSITIVE, engines=STEPS, timed=True)
    optimizer: str = option(
        "sgd", "sgd, adam, adamw, adadelta, adagrad, rmsprop, muon, muon_sgd, grouped_sgd", engines=STEPS
    )
    learning_rate: float | None = option(
        None, "peak learning rate; the optimizer's usual one if not given", POSITIVE, engines=STEPS
    )
    bias_rate: float | None = option(
        None, "peak learning rate of biases and BatchNorm (muon_sgd, grouped_sgd)", POSITIVE, engines=STEPS
    )
    head_rate: float | None = option(
        None, "peak learning rate of the last layer's kernel (muon_sgd, grouped_sgd)", POSITIVE, engines=STEPS
    )
    momentum: float | None = option(
        None, "momentum of sgd, grouped_sgd, rmsprop, muon and muon_sgd's filters", BELOW_1, engines=STEPS
    )
    nesterov: bool | None = option(
        None, "Nesterov's momentum (sgd, grouped_sgd, muon, muon_sgd's filters)", engines=STEPS
    )
    beta_1: float | None = option(None, "decay of Adam's first moment", BELOW_1, engines=STEPS)
    beta_2: float | None = option(None, "decay of Adam's second moment", BELOW_1, engines=STEPS)
    weight_decay: float = option(0.0, "weight decay; 0 for none", AT_LEAST_0, engines=STEPS)
    decay: str = option(
        "coupled",
        "coupled: the gradient gets DECAY x w (L2, as PyTorch does); decoupled: w shrinks by rate x DECAY x w",
        one_of("coupled", "decoupled"),
        engines=STEPS,
    )
    decay_all: bool = option(True, "decay BatchNorm and biases too", engines=STEPS)
    clip_value: float | None = option(None, "clip each gradient element to +-VALUE", POSITIVE, engines=STEPS)
    clip_norm: float | None = option(None, "clip the norm of all gradients together", POSITIVE, engines=STEPS)
    ema: float = option(
        0.0, "decay of an exponential moving average of the weights; 0 for none", BELOW_1, engines=("keras",)
    )
    schedule: str = option(
        "cosine", "constant, step, multi_step, exponential, linear, cosine, one_cycle", engines=STEPS
    )
    warmup: float = option(0.0, "epochs of linear warm-up", AT_LEAST_0, engines=STEPS)
    step_epochs: float = option(30.0, "epochs between two drops of the step schedule", POSITIVE, engines=STEPS)
    milestones: tuple[int, ...] = option(
        (), "epochs at which multi_step drops the learning rate, such as 100,150", engines=STEPS
    )
    gamma: float = option(
        0.1, "factor per drop of step and multi_step, per epoch of exponential", POSITIVE, engines=STEPS
    )
    loss: str = option("cross_entropy", "cross_entropy or class_weighted", engines=STEPS)
    label_smoothing: float = option(0.0, "label smoothing", BELOW_1, engines=STEPS)
    sides: tuple[int, ...] = option(
        (),
        "progressive resizing: side in pixels to which the training images of the first epochs are shrunk, one number "
        "per epoch, such as 24,24",
        engines=("keras",),
    )
    whiten_epochs: int | None = option(
        None,
        "epochs in which the bias of a whitening first layer learns; all if not given",
        POSITIVE,
        engines=("keras",),
    )
    validate_every: int = option(
        1, "epochs between two evaluations on the validation images", POSITIVE, engines=("keras",)
    )
    patience: int = option(
        0,
        "stop after N epochs without a better validation accuracy, keep the best; 0 trains on",
        AT_LEAST_0,
        engines=STEPS,
    )
    select: str | None = option(
        None,
        "epoch whose weights are scored: last, the best by validation accuracy, or by test accuracy, a fault of "
        "study 003; not given: last, but under --patience validation",
        one_of("last", "validation", "test"),
        engines=("keras",),
    )
    phases: Phases | None = option(
        None,
        "rows EPOCHS,LAYERS,RATE of a transfer, such as '10,1,1e-4;40,0,1e-3': in each the last LAYERS layers with "
        "weights learn (0: all), optimizer and schedule begin anew; --epochs is their sum",
        engines=("keras",),
    )
    folds: int | None = option(
        None, "folds of a scratch net's cross-validation", AT_LEAST_2, engines=("scratch",), timed=True
    )
    tta: str = option(
        "none",
        "test-time augmentation, whose logits are averaged when a net is scored: none, mirror, or mirror_translate "
        "(mirrored and moved by one pixel: 6 views)",
        one_of("none", "mirror", "mirror_translate"),
        engines=("keras",),
    )
    seed: int = option(0, "seed of split, weights, order, augmentation and dropout", SEED)
