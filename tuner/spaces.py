"""SPACES: what a search may vary, as data; and the same from a TOML file. Nothing here imports Keras."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kerascifar.config import fields_of, kinds
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_toml
from kerascifar.core.registry import lookup, nearest
from kerascifar.models import mobilenet, tiny

Value = int | float | str | bool


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, only whole ones where both are whole.

    Attributes:
        low: smallest value.
        high: largest value.
        scale: "linear", or "log" for equal chances per order of magnitude.
    """

    low: float
    high: float
    scale: str = "linear"

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that a check has to try."""
        return (self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        """Return the range as JSON and TOML write it."""
        return asdict(self)


@dataclass(frozen=True)
class Choice:
    """One of `values`, which are all numbers, all strings or all booleans."""

    values: tuple[Value, ...]

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that a check has to try."""
        return self.values

    def to_json(self) -> list[Value]:
        """Return the values as JSON and TOML write them."""
        return list(self.values)


Hyperparameter = Range | Choice


@dataclass(frozen=True)
class Space:
    """One row of SPACES.

    Attributes:
        hyperparameters: RunConfig fields that are varied for every net and optimizer.
        source: paper and section.
        by_arch: further or different ones, by architecture.
        by_optimizer: further or different ones, by optimizer.
    """

    hyperparameters: Mapping[str, Hyperparameter]
    source: str
    by_arch: Mapping[str, Mapping[str, Hyperparameter]] = field(default_factory=dict)
    by_optimizer: Mapping[str, Mapping[str, Hyperparameter]] = field(default_factory=dict)


def _study002(scale: str) -> Space:
    unit = Range(0.0, 0.99)
    return Space(
        {
            "batch_size": Choice((32, 64, 128, 256, 512)),
            "learning_rate": Range(1e-4, 1e-2, scale),
            "weight_decay": Range(1e-5, 1e-2, scale),
        },
        "study 002 (Andrzejczuk and Orsłowski), Bayesian optimisation",
        by_arch={"custom_cnn": {"dropout": Range(0.0, 0.2)}},
        by_optimizer={"sgd": {"momentum": unit}, "adam": {"beta_1": unit, "beta_2": unit}},
    )


_TINY_TABLES = {
    "tiny36k": {"tcns": Choice(("tiny36k", "tiny36k_early", "tiny36k_deep"))},
    "tiny12k": {"tcns": Choice(("tiny12k", "tiny12k_early", "tiny12k_three", "tiny12k_first", "tiny12k_narrow"))},
}

SPACES: dict[str, Space] = {
    "study002": _study002("linear"),
    # Learning rate and L2 on a log scale; ranges that begin at 0 stay linear.
    "study002_log": _study002("log"),
    "study001": Space(
        {"optimizer": Choice(("sgd", "adadelta", "adam")), "learning_rate": Choice((0.1, 0.01))},
        "study 001 (Rajpal and Gupta), Table 1",
    ),
    "study004": Space(
        {
            "learning_rate": Choice((0.0001, 0.0005, 0.001, 0.005, 0.01)),
            "optimizer": Choice(("sgd", "adam", "rmsprop", "adagrad")),
            "loss": Choice(("cross_entropy", "class_weighted", "label_smoothed")),
        },
        "study 004 (Lai), ablations",
    ),
    "tiny": Space(
        {
            "learning_rate": Range(5e-3, 1e-1, "log"),
            "weight_decay": Range(1e-3, 1e-1, "log"),
            "augment": Choice(("flip(0.5) crop(2, reflect)", "flip(0.5) crop(4, reflect)", "flip_crop_cutout")),
        },
        "ours, around tiny36k's defaults; its tables are of equal size",
        by_arch=_TINY_TABLES,
    ),
    "tables": Space(
        {"tcns": Choice(("short", "cifar", "imagenet"))},
        "study 001 (Rajpal and Gupta), shortened table; Sandler et al. 2018, Table 2; tiny nets: ours",
        by_arch=_TINY_TABLES,
    ),
}

# Values that are names, and the RunConfig fields that each sets.
NAMED: dict[str, dict[str, dict[str, Any]]] = {
    "tcns": {
        "short": {"tcns": mobilenet.SHORT},
        "cifar": {"tcns": mobilenet.CIFAR},
        "imagenet": {"tcns": mobilenet.IMAGENET},
        # At most 35,730 parameters each: the net's own; more blocks at full resolution; narrower there, and deeper.
        "tiny36k": {"tcns": tiny.TINY36K},
        "tiny36k_early": {"tcns": ((2, 32, 2, 1), (2, 32, 2, 2), (1, 64, 1, 2))},
        "tiny36k_deep": {"tcns": ((2, 16, 3, 1), (2, 32, 4, 2), (1, 48, 1, 2))},
        # At most 12,000: the net's own; two that begin at 32 pixels, with 32 or 16 channels; others on 16 and 8 pixels.
        "tiny12k": {"tcns": tiny.TINY12K},
        "tiny12k_early": {"tcns": ((1, 32, 1, 1), (1, 32, 2, 2))},
        "tiny12k_three": {"tcns": ((2, 16, 2, 1), (1, 32, 1, 2), (1, 32, 1, 2))},
        "tiny12k_first": {"tcns": ((2, 32, 1, 2), (1, 32, 1, 2))},
        "tiny12k_narrow": {"tcns": ((2, 16, 2, 2), (1, 48, 1, 2))},
    },
    # 0.1 is the usual amount (Szegedy et al. 2016, section 7); study 004 gives none.
    "loss": {"label_smoothed": {"loss": "cross_entropy", "label_smoothing": 0.1}},
}

# Fields that would make trials incomparable, or that have a flag of the tuner.
_NEVER = ("arch", "init_weights", "epochs", "seed", "folds")
SEARCHABLE = tuple(
    name for name in (*fields_of("model"), "augment", "normalize", *fields_of("training")) if name not in _NEVER
)


def find_space(name: str, arch: str, optimizer: str) -> dict[str, Hyperparameter]:
    """Return a space by its name in SPACES, with its hyperparameters for `arch` and `optimizer`, or from a .toml file.

    Raises InputError: unknown name, or a file that holds no space.
    """
    if name.endswith(".toml"):
        return read_space(Path(name))
    space = lookup(SPACES, name, "--space")
    return {**space.hyperparameters, **space.by_arch.get(arch, {}), **space.by_optimizer.get(optimizer, {})}


def read_space(path: Path) -> dict[str, Hyperparameter]:
    """Read a space from TOML: ``batch_size = [32, 64]``, ``learning_rate = {low = 1e-4, high = 1e-2, scale = "log"}``.

    Raises InputError: there is no such file, it is not TOML, or a line is not a hyperparameter.
    """
    try:
        table = read_toml(path)
    except FileNotFoundError:
        raise InputError(f"--space: there is no file {path}") from None
    if not table:
        raise InputError(f"--space: {path} is empty; give lines such as batch_size = [32, 64]")
    return {name: _parse(name, value, f"--space: {path}: {name}") for name, value in table.items()}


def shown(value: Value) -> str:
    """Return a value of a hyperparameter as it is printed."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parse(name: str, value: Any, where: str) -> Hyperparameter:
    if name not in SEARCHABLE:
        raise InputError(
            f"{where} is not a hyperparameter{nearest(name, SEARCHABLE)}; choose from {', '.join(SEARCHABLE)}"
        )
    try:
        if isinstance(value, list):
            return _parse_choice(value, where)
        if isinstance(value, dict):
            return _parse_range(name, value, where)
    except OverflowError:  # a whole number that is too large for a float
        raise InputError(f"{where}: a number has too many digits") from None
    raise InputError(f"{where}: give a list of values, or {{low = ..., high = ...}}, got {value!r}")


def _parse_choice(values: list[Any], where: str) -> Choice:
    number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    one_kind = number or any(all(isinstance(value, kind) for value in values) for kind in (str, bool))
    if not values or not one_kind:
        raise InputError(f"{where}: a list holds values of one kind, numbers, strings or booleans, got {values!r}")
    if number and any(isinstance(value, float) for value in values):
        values = [float(value) for value in values]
    if len(set(values)) < len(values):
        raise InputError(f"{where}: a value occurs twice: {values!r}")
    if values == [True] or values == [False]:
        raise InputError(f"{where}: give both true and false, or the flag instead")
    return Choice(tuple(values))


def _parse_range(name: str, table: dict[str, Any], where: str) -> Range:
    keys = ("low", "high", "scale")
    for key in table:
        if key not in keys:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, keys)}")
    low, high, scale = table.get("low"), table.get("high"), table.get("scale", "linear")
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)):
        raise InputError(f"{where}: low and high must be two numbers, got low = {low!r}, high = {high!r}")
    if not {int, float} & set(kinds(name)):
        raise InputError(f"{where}: this field is not a number; give a list of values")
    if int not in kinds(name):
        low, high = float(low), float(high)
    if not low < high:
        raise InputError(f"{where}: low must be below high, got low = {low}, high = {high}")
    if scale not in ("linear", "log"):
        raise InputError(f"{where}: scale must be linear or log, got {scale!r}")
    if scale == "log" and low <= 0:
        raise InputError(f"{where}: a log scale must begin above 0, got low = {low}")
    return Range(low, high, scale)
