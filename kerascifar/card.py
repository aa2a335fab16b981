"""Copy a finished run's net to a folder that can be shared, with a model card.

    python -m kerascifar.card saved_models/mobilenet_mod --out nets
    python -m kerascifar.card RUN --out nets --license mit
    python -m kerascifar.card RUN --out nets --float16

DIR/RUN-ID gets the net, result.json, scores.npz and what evaluate --latency and kerascifar.export wrote, so that it is
a RUN for every command, and README.md: accuracy with its interval and per class, data, recipe, limits, and a head that
the Hugging Face hub reads. Checkpoints and logs are not copied.

A Keras net lies there as plain.keras too, which Keras loads without this package. A net that was trained in half
precision is shipped in float32, with the same weights, and scored so; --float16 keeps the weights of any net in half
the bytes, rounded, and scores it so. Where the run has not got these yet, its images must be at hand.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry, suggest
from kerascifar.core import files
from kerascifar.core.endings import EXIT_PARTLY
from kerascifar.core.finding import find_run
from kerascifar.core.shown import printable
from kerascifar.plugins.loading import parse
from kerascifar.reporting.model_card import CARD, ship
from kerascifar.results import read_result
from kerascifar.serving.hub import LICENSE, head
from kerascifar.serving.shipping import add_plain, shipped_form


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.card", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write DIR/RUN-ID")
    license_help = f"of the net, by its name on the Hugging Face hub, such as mit (default {LICENSE})"
    parser.add_argument("--license", metavar="NAME", default=LICENSE, help=license_help)
    half_help = "keep the weights as float16, in half the bytes; the net computes in float32 with what they are then"
    parser.add_argument("--float16", action="store_true", help=half_help)
    add_flags(parser, ("data_dir", "unverified", "threads"))
    machine = vars(parse(parser, argv))
    run, out, license, float16 = map(machine.pop, ("run", "out", "license", "float16"))
    with shipped_form(find_run(run), float16, **machine) as folder:
        missing = add_plain(folder, **machine)
        into = ship(folder, out)
    markdown = (into / CARD).read_text(encoding="utf-8")
    files.write_text(into / CARD, head(read_result(into), license) + markdown)
    print(f"wrote {into}, with its model card {CARD}")
    suggest("kerascifar.evaluate", into)
    if missing:
        print(printable(missing), file=sys.stderr)
        sys.exit(EXIT_PARTLY)


if __name__ == "__main__":
    entry(main)
