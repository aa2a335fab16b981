"""Score a finished run again and compare with its result.json, time its saved model, or select from its scores.

    python -m kerascifar.evaluate saved_models/mobilenet_mod
    python -m kerascifar.evaluate saved_models/mobilenet_mod --latency
    python -m kerascifar.evaluate saved_models/mobilenet_mod --without pairs.csv --without labels.csv

RUN is a run folder, or a folder that holds exactly one finished run. --latency writes RUN/latency.json; a run that kept
no net is timed with fresh weights, which take as long. --without takes an audit's pairs.csv or labels.csv and scores
nothing: it reads the saved scores, and leaves the result as it is.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import results
from kerascifar.cli import Parser, add_flags, as_flags, entry, print_table, suggest
from kerascifar.config import MACHINE, RunConfig
from kerascifar.core import files
from kerascifar.core.contracts import Score
from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_own_run, find_run
from kerascifar.core.shown import printable
from kerascifar.evaluation import metrics
from kerascifar.evaluation.scored_run import read_scored_run
from kerascifar.evaluation.selection import TEST, read_lists, select
from kerascifar.plugins.loading import parse
from kerascifar.results import Result
from kerascifar.run import SCORED, load_again, read_run, restore
from kerascifar.serving import latency


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.evaluate", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument(
        "--latency", action="store_true", help="time single images and large batches instead of scoring"
    )
    repeats_help = f"single images that --latency times, for a minute at most (default {latency.REPEATS})"
    parser.add_argument("--repeats", metavar="N", type=int, help=repeats_help)
    parser.add_argument(
        "--tta",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="score with this test-time augmentation instead of the run's: none, mirror or mirror_translate",
    )
    parser.add_argument(
        "--without",
        metavar="FILE",
        action="append",
        help="accuracy without the test images that an audit's pairs.csv or labels.csv names, and on those alone; may "
        "be given twice, for one of each",
    )
    add_flags(parser, MACHINE)
    machine = vars(parse(parser, argv))
    name, timed, repeats = (machine.pop(field) for field in ("run", "latency", "repeats"))
    folder = find_run(name)
    if (lists := machine.pop("without")) is not None:
        if timed or repeats is not None or "tta" in machine:
            raise InputError("--without reads saved scores; --latency, --repeats and --tta are for the net itself")
        show_without(folder, lists, machine)
        return
    if timed:
        find_own_run(name)
        if "tta" in machine:
            raise InputError("--tta is for scoring; --latency times a run with its own test-time augmentation")
        time_run(folder, latency.REPEATS if repeats is None else repeats, machine)
        return
    if repeats is not None:
        raise InputError("--repeats is for --latency")
    config, result, score = restore(folder, **machine)
    scored = evaluate(config, result, score)
    for split, values in scored.items():
        compare(split, values, result.metrics[split], RunConfig(**result.config).tta)
    if missing := results.untested(scored["test"]):
        print(missing)
    print(f"run {printable(folder)}")
    suggest("kerascifar.evaluate", folder, "--latency")


def time_run(folder: Path, repeats: int, machine: dict[str, Any]) -> None:
    """Time the saved model in `folder`, print one line, write latency.json."""
    from kerascifar.serving.serve import serve

    latency.check_repeats(repeats)
    served = serve(folder, **machine)
    times = latency.measure(served.predict, served.images, repeats)
    content = times | served.facts | {"versions": results.versions(), "revision": results.revision()}
    files.write_text(folder / "latency.json", json.dumps(content, indent=1) + "\n")
    print(
        f"latency {times['p50_ms']:.3g} ms (median), {times['p99_ms']:.3g} ms (99 % of {times['repeats']} single "
        f"images are faster); {times['images_per_second']:,.0f} images/s in batches of {times['batch_size']}"
    )
    if "weights" in served.facts:
        print(f"weights: {served.facts['weights']}")
    print(f"run {printable(folder)}")
    suggest("kerascifar.export", folder, "--to", "litert", "--int8")


def show_without(folder: Path, paths: Sequence[str], machine: dict[str, Any]) -> None:
    """Print the accuracies of the run in `folder` on all test images and on what the lists at `paths` select."""
    lists = read_lists(paths, "--without")
    config, result = read_run(folder, **machine)
    labels, scores = read_scored_run(folder).test
    data = load_again(config, result)
    if not np.array_equal(labels, data.test.labels):
        raise InputError(f"{folder / results.SCORES} holds labels of other test images than those of the run")
    by_split = {name: [checksum.hex() for checksum in split.image_checksums()] for name, split in data.splits.items()}
    lists.check({checksum for checksums in by_split.values() for checksum in checksums}, f"those of {data.name}")
    selected = select(scores.argmax(1) == labels, by_split["test"], lists)
    rows = list(selected.rows())
    print_table(["test images", "images", "accuracy (95 % interval)"], [[t, f"{s.images:,}", s] for t, s, _ in rows])
    tested = [(title, contrast.p) for title, _, contrast in rows if contrast is not None and contrast.p is not None]
    if tests := [f"{title}, against the others: p = {p:.2g}" for title, p in tested]:
        print(*tests, f"p: {TEST}", sep="\n")
    print(f"from the saved scores; result.json stays as it is\nrun {printable(folder)}")
    given = {"dataset": config.dataset, "arch": config.arch, "exclude": ",".join(paths), **machine}
    suggest("kerascifar.train", *as_flags(given))


def evaluate(config: RunConfig, result: Result, score: Score) -> dict[str, dict[str, Any]]:
    """Return the metrics of the validation and test splits, scored anew; refuse a data set that is not the run's."""
    data = load_again(config, result)
    return {
        name: metrics.evaluate(split.labels, score(split.images, name), data.classes, "nll" in result.metrics["test"])
        for name, split in data.splits.items()
        if name in SCORED
    }


def compare(split: str, values: dict[str, Any], saved: dict[str, Any], tta: str) -> None:
    """Print the metrics of a split and whether they equal those in result.json, scored with the run's own `tta`."""
    low, high = values["accuracy_interval"]
    nll = f", NLL {values['nll']:.4f}" if "nll" in values else ""
    top = f", top-5 accuracy {values['top_5_accuracy']:.4f}" if "top_5_accuracy" in values else ""
    print(f"{split} accuracy {values['accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f}){nll}{top}", end=": ")
    if metrics.agree(values, saved):
        print("as in result.json")
    elif values["accuracy"] == saved["accuracy"]:
        named = ", ".join(key.replace("_", " ") for key in saved if values.get(key) != saved[key])
        print(f"the accuracy is that of result.json; not to the last digit: {named}")
    else:
        print(f"result.json says {saved['accuracy']:.4f} (--tta {tta})")


if __name__ == "__main__":
    entry(main)
