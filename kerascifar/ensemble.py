"""Let finished runs vote on the test images, from their saved scores; nothing is trained or scored again.

    python -m kerascifar.ensemble RUN RUN RUN --vote soft
    python -m kerascifar.ensemble RUN RUN RUN --vote hard --weights 2,1,1 --out ensemble.json

soft: the mean of the probabilities. hard: each run has one vote, and a tie goes to the most confident run.
--temperature first softens each run's probabilities by the temperature that fits its validation images best. A RUN is
a run folder, or a folder that holds exactly one finished run.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.cli import Parser, entry, print_table, suggest
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.evaluation.voting import combine
from kerascifar.results import untested


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.ensemble", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="two or more finished runs")
    parser.add_argument("--vote", metavar="VOTE", default="soft", help="soft or hard (default soft)")
    parser.add_argument(
        "--weights", metavar="W,W,…", help="how much each run counts, such as 2,1,1 (default: all alike)"
    )
    parser.add_argument("--temperature", action="store_true", help="first soften each run by a temperature of its own")
    parser.add_argument("--out", metavar="FILE.json", type=Path, help="also write the result to this file")
    args = parser.parse_args(argv)
    ensemble = combine(args.runs, args.vote, parse_weights(args.weights), args.temperature)
    show(ensemble)
    if args.out:
        files.write_text(args.out, json.dumps(ensemble, indent=1, allow_nan=False) + "\n")
        print(f"wrote {args.out}")
    suggest("kerascifar.report", *args.runs, "--out", "report")


def parse_weights(text: str | None) -> list[float] | None:
    """Return numbers from a text such as ``2,1,1``; refuse other words."""
    try:
        return None if text is None else [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"--weights: expected numbers such as 2,1,1, got {text!r}") from None


def show(ensemble: dict[str, Any]) -> None:
    """Print accuracies with their intervals, McNemar's test, and accuracy per class."""
    members, test, pair = ensemble["members"], ensemble["metrics"]["test"], ensemble["mcnemar"]
    rows = [*members, {"name": f"{ensemble['vote']} vote", **test}]
    columns = {
        "#": [*range(1, len(members) + 1), ""],
        "run": [row["name"] for row in rows],
        "accuracy": [f"{row['accuracy']:.4f}" for row in rows],
        "95 % interval": ["{:.4f} to {:.4f}".format(*row["accuracy_interval"]) for row in rows],
    }
    if len(set(ensemble["weights"])) > 1:
        columns["weight"] = [*(f"{weight:g}" for weight in ensemble["weights"]), ""]
    if ensemble["temperatures"]:
        columns["temperature"] = [*(f"{t:.3f}" for t in ensemble["temperatures"]), ""]
    if "nll" in test:
        columns["NLL"] = [*[""] * len(members), f"{test['nll']:.4f}"]
    print_table([*columns], zip(*columns.values(), strict=True))
    print(
        f"{test['images']:,} test images. Against run {pair['member'] + 1}, the best: {pair['only_first']:,} right in "
        f"the vote only, {pair['only_second']:,} in the run only (McNemar, exact: p = {pair['p']:.2g})\n"
    )
    recalls = [*(member["class_accuracy"] for member in members), [row["recall"] for row in test["per_class"]]]
    print_table(
        ["class", *(f"#{number}" for number in range(1, len(members) + 1)), "vote"],
        (
            [row["class"], *("–" if recall is None else f"{recall:.3f}" for recall in of_class)]
            for row, of_class in zip(test["per_class"], zip(*recalls, strict=True), strict=True)
        ),
    )
    if missing := untested(test):
        print(missing)


if __name__ == "__main__":
    entry(main)
