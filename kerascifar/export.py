"""Write a finished run's net as a file for other programs, and score and time it there.

    python -m kerascifar.export saved_models/modified_net --to litert --int8
    python -m kerascifar.export RUN --to onnx

The file lies in RUN/exported/. It takes uint8 pixels from 0 to 255, (N, side, side, channels), normalises them itself
and gives float32 logits (N, classes); labels.txt beside it names the classes in their order. In its own runtime, on
the CPU, it labels all validation and test images of the run, one view of each. Accuracy, size and latency, the Keras
net's beside them, and how far the two agree go into export.json.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.results import EXPORTED, find_run
from kerascifar.serving import latency
from kerascifar.serving.export_run import LABELS, TOLD, export
from kerascifar.serving.formats import FORMATS, check_format


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.export", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    told = "; ".join(f"{name}, {row.help}" for name, row in FORMATS.items())
    parser.add_argument("--to", metavar="FORMAT", required=True, help=told)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="weights and activations of 8 bits: a quarter of the size, a little less exact",
    )
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=int,
        default=latency.REPEATS,
        help=f"single images timed, for a minute at most (default {latency.REPEATS})",
    )
    add_flags(parser, ("data_dir", "unverified", "threads"))
    given = vars(parser.parse_args(argv))
    run, to, int8, repeats = (given.pop(name) for name in ("run", "to", "int8", "repeats"))
    check_format(to, int8)
    latency.check_repeats(repeats)
    folder = find_run(run)
    name, found = export(folder, to, int8, repeats, **given)
    print(describe(name, found), end="")
    print(f"wrote {folder / EXPORTED / name}, with {LABELS} and {TOLD} beside it")


def describe(name: str, found: Mapping[str, Any]) -> str:
    """Return as text what `export` found: the exported file beside the Keras net, and how far they agree."""
    sides = {"model.keras": found["keras"], name: found}
    rows = {"": sides, "bytes": [f"{side['bytes']:,}" for side in sides.values()]}
    for part in found["metrics"]:
        rows[f"{part} accuracy"] = [f"{side['metrics'][part]['accuracy']:.4f}" for side in sides.values()]
    rows["ms for one image, median"] = [f"{side['latency']['p50_ms']:.3g}" for side in sides.values()]
    rows["images/s in batches"] = [f"{side['latency']['images_per_second']:,.0f}" for side in sides.values()]
    wide, lines = max(map(len, sides)), []
    for title, values in rows.items():
        lines.append(f"{title:24}" + "".join(f"  {value:>{wide}}" for value in values))
    for part, told in found["agreement"].items():
        images = found["metrics"][part]["images"]
        lines.append(
            f"{part}: accuracy {100 * told['accuracy_difference']:+.2f} points, equal predictions on "
            f"{told['equal_predictions']:.2%} of {images:,} images, "
            f"largest difference of a logit {told['largest_logit_difference']:.2g}"
        )
    run, here = found["run"], found["keras"]["metrics"]["test"]["accuracy"]
    if run["test_accuracy"] != here:
        lines.append(
            f"result.json says {run['test_accuracy']:.4f}, with --tta {run['tta']} and --precision {run['precision']}; "
            f"here both label one view of each image, in float32"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    entry(main)
