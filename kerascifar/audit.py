"""Look for what is wrong with a data set: near-duplicates, suspect labels, odd pictures.

    python -m kerascifar.audit --dataset cifar10 --out audit
    python -m kerascifar.audit --dataset folder --data-dir my_pictures --out audit
    python -m kerascifar.audit --dataset cifar10 --scores-of saved_models/records/airbench95/* --out audit

DIR gets pairs.csv, labels.csv, audit.json, and audit.html, which shows them and needs no other file. An audit that was
killed goes on where it was; DIR/work holds what that needs and may be deleted. `train --exclude`, `evaluate --without`
and `report --audit` read the lists.
"""

from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, as_flags, entry, suggest
from kerascifar.config import RunConfig
from kerascifar.core import exclusion
from kerascifar.core.errors import InputError
from kerascifar.core.finding import find_run
from kerascifar.devices.jobs import job_count
from kerascifar.plugins.loading import parse

FLAGS = ("dataset", "data_dir", "unverified", "image_size", "seed", "threads", "device")
FOLDS = 5


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.audit", description=__doc__)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    folds = f"nets that score the images they did not learn from; 0 leaves labels alone (default {FOLDS})"
    parser.add_argument("--folds", metavar="N", type=int, help=folds)
    parser.add_argument("--jobs", metavar="N", default="1", help="folds trained at once, or auto (default 1)")
    scores = "take the probabilities that finished runs saved for their test and validation images; no folds then, \
unless --folds asks for those of the other images"
    parser.add_argument("--scores-of", metavar="RUN", nargs="+", help=scores)
    parser.add_argument("--no-pictures", action="store_true", help="write the page without pictures, to be published")
    add_flags(parser, FLAGS)
    fields = vars(parse(parser, argv))
    out, number, runs, jobs = (fields.pop(name) for name in ("out", "folds", "scores_of", "jobs"))
    pictures = not fields.pop("no_pictures")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {out}")
    if number is None:
        number = 0 if runs else FOLDS
    if number < 0 or number == 1:
        raise InputError(f"--folds: expected 0 or at least 2, got {number}")
    folders = tuple({folder.resolve(): folder for folder in map(find_run, runs or ())}.values())  # each once
    from kerascifar.auditing.audit import Request, audit  # --help does without SciPy and scikit-image

    for line in audit(RunConfig(**fields), Request(out, number, job_count(jobs), folders, pictures)):
        print(line)
    for path in (out / "pairs.csv", out / "labels.csv"):
        if exclusion.leaves_out(path):
            suggest("kerascifar.train", *as_flags(fields), "--exclude", path)
            break


if __name__ == "__main__":
    entry(main)
