"""Copy a finished run's net to a folder that can be shared, with a model card.

    python -m kerascifar.card saved_models/records/tiny36k --out saved_models/tiny36k

DIR/RUN-ID gets the net, result.json, scores.npz and what evaluate --latency and kerascifar.export wrote, so that it is
a RUN for every command, and README.md: accuracy with its interval and per class, data, recipe, limits. Checkpoints and
logs are not copied. A net that was trained in half precision is shipped in float32, with the same weights, and scored
so, for which its images must be at hand.
"""

from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.plugins.loading import parse
from kerascifar.reporting.model_card import CARD, ship
from kerascifar.results import find_run
from kerascifar.serving.shipping import shipped_form


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.card", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write DIR/RUN-ID")
    add_flags(parser, ("data_dir", "unverified", "threads"))
    machine = vars(parse(parser, argv))
    run, out = machine.pop("run"), machine.pop("out")
    with shipped_form(find_run(run), **machine) as folder:
        into = ship(folder, out)
    print(f"wrote {into}, with its model card {CARD}")


if __name__ == "__main__":
    entry(main)
