"""Put a finished run's net where others find it, with a model card.

    python -m kerascifar.card saved_models/records/tiny36k --out saved_models/tiny36k

DIR/RUN-ID gets the net, result.json, scores.npz and what evaluate --latency and kerascifar.export left, so that it is a
RUN for every command, and README.md: data, recipe, accuracy with its interval, accuracy a class, limits. Checkpoints
and logs stay where they are.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.reporting.gather import MODELS, gather
from kerascifar.reporting.model_card import card
from kerascifar.results import EXPORTED, FINISHED, find_run, read_result

CARD = "README.md"
# A folder with a result.json counts as a finished run, so that file is copied last.
SHIPPED = (*MODELS, "scores.npz", "latency.json", EXPORTED, FINISHED)


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.card", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write DIR/RUN-ID")
    given = parser.parse_args(argv)
    folder = find_run(given.run)
    into = ship(folder, given.out)
    print(f"wrote {into}, with its model card {CARD}")


def ship(folder: Path, out: Path) -> Path:
    """Copy the finished run in `folder` to out/RUN-ID with a model card, and return that folder.

    Raises:
        InputError: the run kept no net, cannot be read, or another result lies where it would be written.
    """
    result = read_result(folder)
    into = out / result.run_id
    if not any((folder / name).is_file() for name in MODELS):
        raise InputError(f"{folder} holds no {' or '.join(MODELS)}: there is no net to ship")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {out}")
    if (into / FINISHED).exists() and read_result(into) != result:
        raise InputError(f"{into} holds another result of the same config; choose another --out")
    try:
        told = card(gather([folder]).runs[0], into.as_posix())
    except (TypeError, KeyError, AttributeError) as error:  # keys or types that no result of ours has
        raise InputError(f"{folder} holds no result of this program: {type(error).__name__} {error}") from None
    with files.only_writer(into, "--out"):
        if into.resolve() != folder.resolve():
            with files.draft(into) as draft:
                for name in SHIPPED:
                    if (folder / name).exists():
                        copy = shutil.copytree if (folder / name).is_dir() else shutil.copyfile
                        copy(folder / name, draft / name)
                        files.publish(draft / name, into / name)
        files.write_text(into / CARD, told)
    return into


if __name__ == "__main__":
    entry(main)
