"""The nets that a page shows, and what it says of each."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.shown import printable
from kerascifar.demonstration.hints import Confidence, read_confidence
from kerascifar.results import Result
from kerascifar.run import read_run

MOST_NETS = 2


@dataclass(frozen=True)
class DescribedNet:
    """A finished run, before its net is loaded.

    Attributes:
        folder: the run folder.
        config: what was asked for.
        result: what came of it.
        confidence: how far to trust its probabilities.
    """

    folder: Path
    config: RunConfig
    result: Result
    confidence: Confidence

    @property
    def name(self) -> str:
        """NAME, the folder that holds the run's."""
        return printable(self.folder.resolve().parent.name)

    @property
    def side(self) -> int:
        """Height and width of its images in pixels."""
        return self.result.dataset["image_shape"][0]

    @property
    def classes(self) -> list[str]:
        """Class names; column i of its scores belongs to the i-th."""
        return list(map(printable, self.result.dataset["classes"]))

    def facts(self) -> dict[str, Any]:
        """Return what the page needs to know."""
        test, parameters = self.result.metrics["test"], self.result.trainable_parameters
        line = f"{100 * test['accuracy']:.2f} % right on {test['images']:,} test images of "
        line += printable(self.result.dataset["name"])
        return {
            "name": self.name,
            "run": printable(self.folder.resolve().name),
            "side": self.side,
            "classes": self.classes,
            "line": f"{line}{f'; {parameters:,} parameters' if parameters else ''}",
            "hints": [asdict(hint) for hint in self.confidence.hints],
            "temperature": self.confidence.temperature,
        }


def describe(folder: Path, **machine: Any) -> DescribedNet:
    """Read what there is to say of the finished run in `folder`; `machine` is as for `read_run`.

    Raises InputError: the result or its scores cannot be read, or its images are not square and of three channels.
    """
    config, result = read_run(folder, **machine)
    height, width, channels = result.dataset["image_shape"]
    if height != width or channels != 3:
        raise InputError(f"{folder}: pictures are square and have three channels here, got {height}x{width}x{channels}")
    return DescribedNet(folder, config, result, read_confidence(folder))
