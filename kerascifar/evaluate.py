"""Score a finished run again, and say whether the numbers are those of its result.json.

    python -m kerascifar.evaluate saved_models/mobilenet_mod

RUN is a run folder, or a folder that holds exactly one finished run.
"""

from collections.abc import Sequence
from typing import Any

from kerascifar.cli import Parser, entry
from kerascifar.config import add_flags
from kerascifar.errors import InputError
from kerascifar.results import Result, find_run
from kerascifar.run import MACHINE, SCORED, restore


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.evaluate", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    add_flags(parser, MACHINE)
    machine = vars(parser.parse_args(argv))
    folder = find_run(machine.pop("run"))
    config, result, score = restore(folder, **machine)
    for name, found in evaluate(config, result, score).items():
        compare(name, found, result.metrics[name])
    print(f"run {folder}")


def evaluate(config: Any, result: Result, score: Any) -> dict[str, dict[str, Any]]:
    """Return the metrics of validation and test, scored anew.

    Raises:
        InputError: the data set is not the one of the run.
    """
    from kerascifar import metrics
    from kerascifar.data.datasets import load

    data = load(config)
    for name, part in data.parts.items():
        if part.checksum != result.dataset["sha256"].get(name):
            raise InputError(f"the {name} images here are not those of the run: their SHA-256 differs")
    return {
        name: metrics.evaluate(part.labels, score(part.images, name), data.classes, "nll" in result.metrics["test"])
        for name, part in data.parts.items()
        if name in SCORED
    }


def compare(name: str, found: dict[str, Any], saved: dict[str, Any]) -> None:
    """Print a part's numbers and whether result.json says the same."""
    low, high = found["accuracy_interval"]
    nll = f", NLL {found['nll']:.4f}" if "nll" in found else ""
    print(f"{name} accuracy {found['accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f}){nll}", end=": ")
    print("as in result.json" if found == saved else f"result.json says {saved['accuracy']:.4f}")


if __name__ == "__main__":
    entry(main)
