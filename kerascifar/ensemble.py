"""Let finished runs vote on the test images, from their saved scores; nothing is trained or computed again.

    python -m kerascifar.ensemble RUN RUN RUN --vote soft
    python -m kerascifar.ensemble RUN RUN RUN --vote hard --weights 2,1,1 --out ensemble.json

soft: the mean of the probabilities. hard: each run has a vote, and a tie goes to the most confident run. --temperature
first softens each run's probabilities by the temperature that fits its validation images best. A RUN is a run folder,
or a folder that holds exactly one finished run.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.evaluation.voting import combine


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.ensemble", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="two or more finished runs")
    parser.add_argument("--vote", metavar="VOTE", default="soft", help="soft or hard (default soft)")
    parser.add_argument(
        "--weights", metavar="W,W,…", help="how much each run counts, such as 2,1,1 (default: all alike)"
    )
    parser.add_argument("--temperature", action="store_true", help="soften each run by a temperature of its own first")
    parser.add_argument("--out", metavar="FILE.json", type=Path, help="write the result there too")
    given = parser.parse_args(argv)
    found = combine(given.runs, given.vote, parse_weights(given.weights), given.temperature)
    print(describe(found), end="")
    if given.out:
        files.write_text(given.out, json.dumps(found, indent=1, allow_nan=False) + "\n")
        print(f"wrote {given.out}")


def parse_weights(text: str | None) -> list[float] | None:
    """Return numbers from a text such as ``2,1,1``.

    Raises:
        InputError: it is none.
    """
    try:
        return None if text is None else [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"--weights: expected numbers such as 2,1,1, got {text!r}") from None


def describe(found: dict[str, Any]) -> str:
    """Return as text what `combine` found: accuracies with intervals, McNemar's test, accuracy a class."""
    members, test = found["members"], found["metrics"]["test"]
    rows = [(f"{n} {m['name']}", m) for n, m in enumerate(members, 1)]
    rows.append((f"{found['vote']} vote", test))
    wide = max(len(name) for name, _ in rows)
    lines = [f"{'':{wide}}  accuracy  95 % interval" + ("     weight" if len(set(found["weights"])) > 1 else "")]
    for place, (name, row) in enumerate(rows):
        low, high = row["accuracy_interval"]
        line = f"{name:{wide}}  {row['accuracy']:8.4f}  {low:.4f} to {high:.4f}"
        if place < len(members):
            if len(set(found["weights"])) > 1:
                line += f"  {found['weights'][place]:6g}"
            if found["temperatures"]:
                line += f"  softened by T = {found['temperatures'][place]:.3f}"
        lines.append(line + (f"  NLL {test['nll']:.4f}" if place == len(members) and "nll" in test else ""))
    pair = found["mcnemar"]
    lines += [
        f"{test['images']:,} test images. Against run {pair['member'] + 1}, the best: {pair['only_first']:,} right in "
        f"the vote only, {pair['only_second']:,} in the run only (McNemar, exact: p = {pair['p']:.2g})",
        "",
    ]
    names = [row["class"] for row in test["per_class"]]
    wide = max(map(len, [*names, "class"]))
    lines.append(f"{'class':{wide}}" + "".join(f"{n:>8}" for n in range(1, len(members) + 1)) + f"{'vote':>8}")
    for place, row in enumerate(test["per_class"]):
        each = [m["class_accuracy"][place] for m in members] + [row["recall"]]
        lines.append(f"{row['class']:{wide}}" + "".join(f"{value:8.3f}" for value in each))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    entry(main)
