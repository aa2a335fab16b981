"""Copy a finished run's net to a folder that can be shared, with a model card.

    python -m kerascifar.card saved_models/records/tiny36k --out saved_models/tiny36k

DIR/RUN-ID gets the net, result.json, scores.npz and what evaluate --latency and kerascifar.export wrote, so that it is
a RUN for every command, and README.md: accuracy with its interval and per class, data, recipe, limits. Checkpoints and
logs are not copied.
"""

from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, entry, suggest
from kerascifar.plugins.loading import parse
from kerascifar.reporting.model_card import CARD, ship
from kerascifar.results import find_run


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.card", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write DIR/RUN-ID")
    args = parse(parser, argv)
    into = ship(find_run(args.run), args.out)
    print(f"wrote {into}, with its model card {CARD}")
    suggest("kerascifar.evaluate", into)


if __name__ == "__main__":
    entry(main)
