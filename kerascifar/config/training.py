"""How it is trained: epochs, optimizer, schedule, loss, selection."""

from dataclasses import dataclass
from functools import partial

from kerascifar.core.fields import AT_LEAST_0, AT_LEAST_2, BELOW_1, POSITIVE, SEED, STEPS, Phases, one_of, option

# Fields of all that is trained in steps, and of Keras nets alone.
trained, keras_only = partial(option, engines=STEPS), partial(option, engines=("keras",))


@dataclass(frozen=True)
class TrainingConfig:
    """The training. None means the default of the architecture or optimizer."""

    epochs: int = trained(10, "passes over the training images", POSITIVE, everyday=True)
    batch_size: int = trained(128, "images per step", POSITIVE, timed=True, everyday=True)
    optimizer: str = trained(
        "sgd", "sgd, adam, adamw, adadelta, adagrad, rmsprop, muon, muon_sgd, grouped_sgd", everyday=True
    )
    learning_rate: float | None = trained(
        None, "peak learning rate; the optimizer's usual one if not given", POSITIVE, everyday=True
    )
    bias_rate: float | None = trained(
        None, "peak learning rate of biases and BatchNorm (muon_sgd, grouped_sgd)", POSITIVE
    )
    head_rate: float | None = trained(
        None, "peak learning rate of the last layer's kernel (muon_sgd, grouped_sgd)", POSITIVE
    )
    momentum: float | None = trained(
        None, "momentum of sgd, grouped_sgd, rmsprop, muon and muon_sgd's filters", BELOW_1
    )
    nesterov: bool | None = trained(None, "Nesterov's momentum (sgd, grouped_sgd, muon, muon_sgd's filters)")
    beta_1: float | None = trained(None, "decay of Adam's first moment", BELOW_1)
    beta_2: float | None = trained(None, "decay of Adam's second moment", BELOW_1)
    weight_decay: float = trained(0.0, "weight decay; 0 for none", AT_LEAST_0)
    decay: str = trained(
        "coupled",
        "coupled: the gradient gets DECAY x w (L2, as PyTorch does); decoupled: w shrinks by rate x DECAY x w",
        one_of("coupled", "decoupled"),
    )
    decay_all: bool = trained(True, "decay BatchNorm and biases too")
    clip_value: float | None = trained(None, "clip each gradient element to +-VALUE", POSITIVE)
    clip_norm: float | None = trained(None, "clip the norm of all gradients together", POSITIVE)
    ema: float = keras_only(0.0, "decay of an exponential moving average of the weights; 0 for none", BELOW_1)
    schedule: str = trained(
        "cosine", "constant, step, multi_step, exponential, linear, cosine, one_cycle", everyday=True
    )
    warmup: float = trained(0.0, "epochs of linear warm-up", AT_LEAST_0)
    step_epochs: float = trained(30.0, "epochs between two drops of the step schedule", POSITIVE)
    milestones: tuple[int, ...] = trained((), "epochs at which multi_step drops the learning rate, such as 100,150")
    gamma: float = trained(0.1, "factor per drop of step and multi_step, per epoch of exponential", POSITIVE)
    loss: str = trained("cross_entropy", "cross_entropy or class_weighted")
    label_smoothing: float = trained(0.0, "label smoothing", BELOW_1)
    callbacks: str | None = keras_only(None, "callbacks that a plugin registers, by their names with commas between")
    sides: tuple[int, ...] = keras_only(
        (),
        "progressive resizing: side in pixels to which the training images of the first epochs are shrunk, one number "
        "per epoch, such as 24,24",
    )
    whiten_epochs: int | None = keras_only(
        None, "epochs in which the bias of a whitening first layer learns; all if not given", POSITIVE
    )
    validate_every: int = keras_only(1, "epochs between two evaluations on the validation images", POSITIVE)
    patience: int = trained(
        0, "stop after N epochs without a better validation accuracy, keep the best; 0 trains on", AT_LEAST_0
    )
    select: str | None = keras_only(
        None,
        "epoch whose weights are scored: last, the best by validation accuracy, or by test accuracy, a fault of "
        "study 003; not given: last, but under --patience validation",
        one_of("last", "validation", "test"),
    )
    phases: Phases | None = keras_only(
        None,
        "rows EPOCHS,LAYERS,RATE of a transfer, such as '10,1,1e-4;40,0,1e-3': in each the last LAYERS layers with "
        "weights learn (0: all), optimizer and schedule begin anew; --epochs is their sum",
    )
    folds: int | None = option(
        None, "folds of a scratch net's cross-validation", AT_LEAST_2, engines=("scratch",), timed=True
    )
    tta: str = keras_only(
        "none",
        "test-time augmentation, whose logits are averaged when a net is scored: none, mirror, or mirror_translate "
        "(mirrored and moved by one pixel: 6 views)",
        one_of("none", "mirror", "mirror_translate"),
        scoring=(),
    )
    seed: int = option(0, "seed of split, weights, order, augmentation and dropout", SEED, everyday=True)
