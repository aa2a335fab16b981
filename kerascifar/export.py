"""Write a finished run's net as a file for other programs, and score and time it there.

    python -m kerascifar.export saved_models/modified_net --to litert --int8
    python -m kerascifar.export RUN --to onnx

The file lies in RUN/exported/. It takes uint8 pixels from 0 to 255, (N, side, side, channels), normalises them itself
and returns float32 logits (N, classes); labels.txt beside it names the classes in their order. In its own runtime, on
the CPU, it labels all validation and test images of the run, without test-time augmentation. Accuracy, size and
latency of the file and of the Keras net, and how far the two agree, go into export.json: which labels flip, to right or
to wrong, and whether the accuracies are equivalent, by a paired test with a margin of half a point.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascifar.cli import Parser, add_flags, entry, print_table, suggest
from kerascifar.core.finding import find_own_run
from kerascifar.evaluation.equivalence import in_words
from kerascifar.plugins.loading import parse
from kerascifar.results import EXPORTED, EXPORTS, KERAS_MODEL
from kerascifar.serving import latency
from kerascifar.serving.export_run import LABELS, export
from kerascifar.serving.formats import FORMATS, check_format


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.export", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    formats = "; ".join(f"{name}, {row.help}" for name, row in FORMATS.items())
    parser.add_argument("--to", metavar="FORMAT", required=True, help=formats)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="8-bit weights and activations: a quarter of the size, slightly less accurate",
    )
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=int,
        default=latency.REPEATS,
        help=f"single images timed, for at most a minute (default {latency.REPEATS})",
    )
    add_flags(parser, ("data_dir", "unverified", "threads"))
    args = vars(parse(parser, argv))
    run, to, int8, repeats = (args.pop(name) for name in ("run", "to", "int8", "repeats"))
    check_format(to, int8)
    latency.check_repeats(repeats)
    folder = find_own_run(run)
    name, exported = export(folder, to, int8, repeats, **args)
    show(name, exported)
    print(f"wrote {folder / EXPORTED / name}, with {LABELS} and {EXPORTS} beside it")
    suggest("kerascifar.card", folder, "--out", "nets")


def show(name: str, exported: Mapping[str, Any]) -> None:
    """Print the exported file beside the Keras net, and how far they agree."""
    nets = (exported["keras"], exported)
    rows = {
        "bytes": [f"{net['bytes']:,}" for net in nets],
        **{f"{s} accuracy": [f"{net['metrics'][s]['accuracy']:.4f}" for net in nets] for s in exported["metrics"]},
        "ms for one image, median": [f"{net['latency']['p50_ms']:.3g}" for net in nets],
        "images/s in batches": [f"{net['latency']['images_per_second']:,.0f}" for net in nets],
    }
    print_table(("", KERAS_MODEL, name), ((title, *cells) for title, cells in rows.items()))
    for split, agreement in exported["agreement"].items():
        print(
            f"{split}: accuracy {100 * agreement['accuracy_difference']:+.2f} points, equal predictions on "
            f"{agreement['equal_predictions']:.2%} of {exported['metrics'][split]['images']:,} images, "
            f"largest difference of a logit {agreement['largest_logit_difference']:.2g}"
        )
        print(f"{split}: {in_words(agreement)}")
    run, here = exported["run"], exported["keras"]["metrics"]["test"]["accuracy"]
    if run["test_accuracy"] != here:
        print(
            f"result.json says {run['test_accuracy']:.4f}, with --tta {run['tta']} and --precision {run['precision']}; "
            "here both nets label each image once, in float32"
        )


if __name__ == "__main__":
    entry(main)
