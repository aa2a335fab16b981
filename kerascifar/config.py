"""One frozen RunConfig describes a run: a field here makes the flag, its help, the recipe key and the JSON key.

``kerascifar.flags`` makes the flags. Nothing here imports TensorFlow, Keras or NumPy, so that ``--help`` answers at
once.
"""

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kerascifar.errors import InputError
from kerascifar.fields import (
    ALL_POSITIVE,
    AT_LEAST_0,
    AT_LEAST_2,
    BELOW_1,
    FOLDER_NAME,
    POSITIVE,
    SEED,
    Phases,
    Rows,
    convert,
    one_of,
    option,
    wanted,
)
from kerascifar.origin import origin


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run. None means: what the architecture or the optimizer brings along.

    Raises:
        InputError: a value is of the wrong type or out of range; the message names the flag.
    """

    arch: str = option("mobilenet_mod", "model", "architecture; --list shows all")
    tcns: Rows | None = option(
        None, "model", "rows t,c,n,s of a MobileNetV2 or a tiny net, such as '1,16,1,1;6,24,2,2'"
    )
    repeats: int | None = option(None, "model", "how often a tiny net applies each of its blocks", POSITIVE)
    width: float | None = option(None, "model", "width multiplier of the t/c/n/s table", POSITIVE)
    stem_stride: int | None = option(None, "model", "stride of the first convolution", POSITIVE)
    head_width: int | None = option(None, "model", "channels of the last 1x1 convolution", POSITIVE)
    blocks: tuple[int, ...] | None = option(None, "model", "residual blocks a stage, such as 4,4,3", ALL_POSITIVE)
    widths: tuple[int, ...] | None = option(None, "model", "channels a stage, such as 64,128,256", ALL_POSITIVE)
    kernel: int | None = option(None, "model", "kernel size of the residual blocks", POSITIVE)
    shortcut_kernel: int | None = option(None, "model", "kernel size of the projection shortcuts", POSITIVE)
    dropout: float | None = option(None, "model", "dropout rate", BELOW_1)
    se: str | None = option(
        None, "model", "squeeze-and-excitation: none, stem or every", one_of("none", "stem", "every")
    )
    filters: tuple[int, ...] | None = option(None, "model", "filters of scratch_cnn, such as 16,16", ALL_POSITIVE)
    initializer: str | None = option(
        None, "model", "first weights of a scratch net: he or xavier, _normal or _uniform; normal, uniform"
    )
    faults: tuple[str, ...] = option(
        (), "model", "faults of study 000 that a scratch net is to have, such as output_relu,full_batch"
    )
    distance: str | None = option(
        None, "model", "distance of knn and nearest_centroid: l1, euclidean, cosine, ssim, ..."
    )
    k: int | None = option(None, "model", "neighbours that vote in knn", POSITIVE)
    ties: str | None = option(
        None,
        "model",
        "which class wins an equal vote in knn: lowest (id), nearest (neighbour), sum (smallest summed distance)",
        one_of("lowest", "nearest", "sum"),
    )
    statistics: str | None = option(
        None,
        "model",
        "whose statistics normalise the images that are scored, of all but scratch nets: train, or own, a fault of "
        "study 000",
        one_of("train", "own"),
    )
    data_range: str | None = option(
        None,
        "model",
        "data range of ssim in knn and nearest_centroid: query (max - min of the test image) or full (0 to 255)",
        one_of("query", "full"),
    )
    pixels: str | None = option(
        None,
        "model",
        "how pixels are read, by all but scratch nets: hwc, or scrambled, a fault of study 000: interleaved read as "
        "planar, planar read as interleaved, planar_queries of the test images only",
        one_of("hwc", "planar", "planar_queries", "interleaved"),
    )
    init_weights: str | None = option(
        None, "model", "start from these weights: a RUN, a .keras, a torchvision .pth or .safetensors"
    )
    freeze: int = option(0, "model", "keep all but the last N layers with weights fixed; 0 trains all", AT_LEAST_0)

    dataset: str = option(
        "cifar10", "data", "cifar10, cifar100, cifar100_coarse, cinic10, folder, tfds:NAME, digits, synthetic[:N]"
    )
    data_dir: str | None = option(None, "data", "where the data set lies (else $KERASCIFAR_DATA)", identity=False)
    unverified: bool = option(False, "data", "accept data files whose MD5 is not the official one", identity=False)
    validation: float = option(0.1, "data", "share of the training images held out for validation; 0 for none", BELOW_1)
    train_limit: int | None = option(None, "data", "use the first N training images only", POSITIVE)
    test_limit: int | None = option(None, "data", "use the first N test images only", POSITIVE)
    image_size: int | None = option(None, "data", "side in pixels for folder and tfds: images (32)", POSITIVE)
    normalize: str = option(
        "channel", "data", "how pixels are normalised: channel, half, study003, unit, zscore, minmax, none"
    )
    augment: str = option("none", "data", "augmentation policy of the training images")
    augment_evaluation: bool = option(
        False, "data", "augment validation and test images too, the same each time; a fault of study 004"
    )
    allow_overlap: bool = option(
        False, "data", "score on test images although the training images hold some of them", identity=False
    )

    epochs: int = option(10, "training", "passes over the training images", POSITIVE)
    batch_size: int = option(128, "training", "images a step", POSITIVE)
    optimizer: str = option(
        "sgd", "training", "sgd, adam, adamw, adadelta, adagrad, rmsprop, muon, muon_sgd, grouped_sgd"
    )
    learning_rate: float | None = option(
        None, "training", "peak rate; the optimizer's usual one if not given", POSITIVE
    )
    bias_rate: float | None = option(
        None, "training", "peak rate of biases and BatchNorm (muon_sgd, grouped_sgd)", POSITIVE
    )
    head_rate: float | None = option(
        None, "training", "peak rate of the last layer's kernel (muon_sgd, grouped_sgd)", POSITIVE
    )
    momentum: float | None = option(
        None, "training", "momentum of sgd, grouped_sgd, rmsprop, muon and muon_sgd's filters", BELOW_1
    )
    nesterov: bool | None = option(None, "training", "Nesterov's momentum (sgd, grouped_sgd, muon, muon_sgd's filters)")
    beta_1: float | None = option(None, "training", "decay of Adam's first moment", BELOW_1)
    beta_2: float | None = option(None, "training", "decay of Adam's second moment", BELOW_1)
    weight_decay: float = option(0.0, "training", "weight decay; 0 for none", AT_LEAST_0)
    decay: str = option(
        "coupled",
        "training",
        "coupled: the gradient gets DECAY x w (L2, as PyTorch does); decoupled: w shrinks by rate x DECAY x w",
        one_of("coupled", "decoupled"),
    )
    decay_all: bool = option(True, "training", "decay BatchNorm and biases too")
    clip_value: float | None = option(None, "training", "clip each gradient element to +-VALUE", POSITIVE)
    clip_norm: float | None = option(None, "training", "clip the norm of all gradients together", POSITIVE)
    ema: float = option(0.0, "training", "decay of an exponential moving average of the weights; 0 for none", BELOW_1)
    schedule: str = option("cosine", "training", "constant, step, multi_step, exponential, linear, cosine, one_cycle")
    warmup: float = option(0.0, "training", "epochs of linear warm-up", AT_LEAST_0)
    step_epochs: float = option(30.0, "training", "epochs between two drops of the step schedule", POSITIVE)
    milestones: tuple[int, ...] = option((), "training", "epochs at which multi_step drops the rate, such as 100,150")
    gamma: float = option(0.1, "training", "factor of step and multi_step a drop, of exponential an epoch", POSITIVE)
    loss: str = option("cross_entropy", "training", "cross_entropy or class_weighted")
    label_smoothing: float = option(0.0, "training", "label smoothing", BELOW_1)
    sides: tuple[int, ...] = option(
        (),
        "training",
        "side in pixels to which the training images of the first epochs are shrunk, a number an epoch, such as 24,24",
    )
    whiten_epochs: int | None = option(
        None, "training", "epochs in which the bias of a whitening first layer learns; all if not given", POSITIVE
    )
    validate_every: int = option(1, "training", "epochs between two looks at the validation images", POSITIVE)
    patience: int = option(
        0,
        "training",
        "stop after N epochs without a better validation accuracy, keep the best; 0 trains on",
        AT_LEAST_0,
    )
    select: str | None = option(
        None,
        "training",
        "epoch whose weights are scored: last, the best by validation accuracy, or by test accuracy, a fault of "
        "study 003; not given: last, but under --patience validation",
        one_of("last", "validation", "test"),
    )
    phases: Phases | None = option(
        None,
        "training",
        "rows EPOCHS,LAYERS,RATE of a transfer, such as '10,1,1e-4;40,0,1e-3': in each the last LAYERS layers with "
        "weights learn (0: all), optimizer and schedule begin anew; --epochs is their sum",
    )
    folds: int | None = option(None, "training", "folds of a scratch net's cross-validation", AT_LEAST_2)
    tta: str = option(
        "none",
        "training",
        "test-time augmentation, whose logits are averaged when a net is scored: none, mirror, or mirror_translate "
        "(mirrored and moved by a pixel: 6 views)",
        one_of("none", "mirror", "mirror_translate"),
    )
    seed: int = option(0, "training", "seed of split, weights, order, augmentation and dropout", SEED)

    name: str | None = option(None, "run", "folder of the run under --runs; the arch if not given", FOLDER_NAME, False)
    runs: str = option("saved_models", "run", "folder that holds all runs", identity=False)
    again: bool = option(False, "run", "train anew although a finished run is there", identity=False)
    checkpoint_steps: int | None = option(None, "run", "also save every N steps within an epoch", POSITIVE, False)
    device: str = option(
        "auto",
        "run",
        "auto, cpu, gpu or gpu:N; cpu:N cuts the CPU in N devices for --strategy mirrored",
        identity=False,
    )
    strategy: str = option(
        "none",
        "run",
        "how a step is divided: none, mirrored over the GPUs of this machine, or multiworker over processes",
        one_of("none", "mirrored", "multiworker"),
    )
    input: str = option(
        "tf.data",
        "run",
        "what augments and serves the training images: tf.data, or arrays: no tf.data, as KERAS_BACKEND=jax needs it",
        one_of("tf.data", "arrays"),
        False,
    )
    threads: int | None = option(None, "run", "CPU threads; all cores if not given", POSITIVE, False)
    memory: str | None = option(
        None, "run", "working memory of knn and nearest_centroid, such as 1GiB or 512MiB", identity=False
    )
    precision: str = option(
        "float32",
        "run",
        "float32, mixed_float16 or mixed_bfloat16",
        one_of("float32", "mixed_float16", "mixed_bfloat16"),
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that decide the numbers, as JSON types; ``RunConfig(**d)`` gives them back.

        Of init_weights what it is, not where it lies: see ``kerascifar.origin``.
        """
        chosen = {f.name: getattr(self, f.name) for f in fields(self) if f.metadata["identity"]}
        chosen["init_weights"] = self.init_weights and origin(self.init_weights)
        return json.loads(json.dumps(chosen))

    @property
    def run_id(self) -> str:
        """Twelve hex digits of the canonical config's SHA-256.

        Only fields that differ from their default count, so that a field added later leaves old ids alone;
        hence a default, once released, must not change.
        """
        told = {k: v for k, v in self.to_dict().items() if v != _plain_default(k)}
        told |= {"arch": self.arch, "dataset": self.dataset}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where the run lies: RUNS/NAME/RUN-ID."""
        return Path(self.runs) / (self.name or self.arch) / self.run_id


FIELDS = {f.name: f for f in fields(RunConfig)}
_HINTS = typing.get_type_hints(RunConfig)


def flag(name: str) -> str:
    """Return the command-line flag of a field: ``batch_size`` gives ``--batch-size``."""
    return "--" + name.replace("_", "-")


def kinds(name: str) -> tuple[type, ...]:
    """Return the types a field admits: ``int | None`` gives ``(int, NoneType)``."""
    hint = _HINTS[name]
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _plain_default(name: str) -> Any:
    default = FIELDS[name].default
    return list(default) if isinstance(default, tuple) else default


def _checked(f: dataclasses.Field, value: Any) -> Any:
    """Convert `value`, which may come as text, to the field's type and check its range."""
    admitted = kinds(f.name)
    if value is None:
        if types.NoneType not in admitted:
            raise InputError(f"{flag(f.name)}: a value is needed: {f.metadata['help']}")
        return None
    kind = admitted[0]
    try:
        value = convert(kind, value)
    except (ValueError, TypeError):
        raise InputError(f"{flag(f.name)}: expected {wanted(kind)}, got {value!r}") from None
    if f.metadata["check"] is not None:
        what, holds = f.metadata["check"]
        if not holds(value):
            raise InputError(f"{flag(f.name)}: must be {what}, got {value!r}")
    return value
