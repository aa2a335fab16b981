"""What a result.json must hold where the program reads it: kinds of the metrics, of the data set, and of the notes."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import msgspec

ClassRow = TypedDict(
    "ClassRow",
    {"class": str, "images": int, "precision": float | None, "recall": float | None, "f1": float | None},
)


class Metrics(TypedDict):
    """Of one split, as evaluation.metrics.evaluate gives them; further keys are left as they are."""

    images: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro: dict[str, float]
    weighted: dict[str, float]
    per_class: list[ClassRow]
    confusion_matrix: list[list[int]]
    nll: NotRequired[float]
    top_5_accuracy: NotRequired[float]


class Splits(TypedDict):
    """The metrics by split; of the test split None in a trial of a search, of validation None where there is none."""

    test: Metrics | None
    validation: Metrics | None


class Images(TypedDict):
    """How many images each split has."""

    train: int
    validation: NotRequired[int]
    test: NotRequired[int]


class Described(TypedDict):
    """The data set."""

    name: str
    classes: list[str]
    image_shape: tuple[int, int, int]
    images: Images


class Notes(TypedDict, total=False):
    """The facts that are computed with or compared."""

    device: str
    processor: str
    run_seconds: float
    backend: str
    training: str
    folds_mean: float


def check(**parts: Mapping[str, Any]) -> None:
    """Check the parts `metrics`, `dataset` and `notes` of a result.

    Raises ValueError: says where in it what is wrong.

    >>> check(notes={"run_seconds": "3"})
    Traceback (most recent call last):
    ...
    ValueError: notes.run_seconds: Expected `float`, got `str`
    """
    for name, value in parts.items():
        try:
            msgspec.convert(value, _KINDS[name])
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at `$")
            raise ValueError(f"{name}{place.rstrip('`')}: {reason}") from None


_KINDS: dict[str, Any] = {"metrics": Splits, "dataset": Described, "notes": Notes}
