"""Label images with a finished run.

    python -m kerascifar.predict saved_models/mobilenet_mod cat.png photos/ images.npy
    python -m kerascifar.predict RUN hidden_pickle --csv labels.csv
    python -m kerascifar.predict tiny36k frog.png          a net and a picture that come along

Takes PNG, JPEG and other picture files, folders of them, .npy or .npz arrays (uint8, N x height x width x 3), and
CIFAR pickles without labels. Pictures of another size are resized to the size of the run's images. Hidden files are
left out. Damaged pictures are listed on stderr; the others are labelled, and the exit code is 3.
"""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascifar.cli import Parser, add_flags, entry, print_table, suggest
from kerascifar.config import MACHINE
from kerascifar.core.endings import EXIT_PARTLY
from kerascifar.core.errors import InputError
from kerascifar.core.files import write_text
from kerascifar.core.finding import find_run
from kerascifar.core.shown import csv_cell
from kerascifar.data.unlabelled import read_unlabelled
from kerascifar.plugins.loading import parse
from kerascifar.results import read_result
from kerascifar.run import restore


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.predict", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("images", metavar="IMAGES", nargs="+", help="files or folders")
    parser.add_argument("--top", metavar="K", type=int, default=1, help="show the K likeliest classes (default 1)")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write a CSV instead of a table on stdout")
    add_flags(parser, MACHINE)
    machine = vars(parse(parser, argv))
    folder, paths, target, top = find_run(machine.pop("run")), *map(machine.pop, ("images", "csv", "top"))

    if target is not None and target.is_dir():
        raise InputError(f"--csv: expected a file, got the folder {target}")
    dataset = read_result(folder).dataset
    if not 1 <= top <= len(dataset["classes"]):
        raise InputError(f"--top: must be from 1 to {len(dataset['classes'])}, the classes of this run, got {top}")
    names, images, reader = read_unlabelled(paths, dataset["image_shape"][0])
    reader.tell()
    _, _, score = restore(folder, **machine)
    scores, classes = score(images, "unlabelled"), dataset["classes"]
    if target is None:
        titles = [title for rank in range(1, top + 1) for title in _titles(rank)]
        labels = [
            (name, *(cell for best in likeliest(row, top) for cell in (classes[best], f"{row[best]:.4f}")))
            for name, row in zip(names, scores, strict=True)
        ]
        print_table(("image", *titles), labels)
    else:
        write_text(target, as_csv(names, scores, classes, top))
        print(f"{len(names)} images labelled in {target}")
    for damaged in reader.damaged:
        print(f"not labelled: {damaged}", file=sys.stderr)
    if reader.damaged:
        sys.exit(EXIT_PARTLY)
    suggest("kerascifar.evaluate", folder)


def likeliest(scores: np.ndarray, top: int) -> list[int]:
    """Return the indices of the `top` largest of `scores`, float (classes,); of equal ones the lower comes first."""
    return np.argsort(-scores, kind="stable")[:top].tolist()


def _titles(rank: int) -> tuple[str, str]:
    """Return the columns of the label that is the `rank`-th likeliest, from 1."""
    return ("label", "confidence") if rank == 1 else (f"label_{rank}", f"confidence_{rank}")


def as_csv(names: Sequence[str], scores: np.ndarray, classes: Sequence[str], top: int = 1) -> str:
    """Return CSV with the columns image, label, label_id (an index into `classes`), confidence, and a score per class.

    With `top` above 1, label_2 and confidence_2, and so on, stand after confidence.

    There is a row per image: N `names`, and `scores` as float32 (N, classes). Names are as `csv_cell` writes them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shown = [csv_cell(name) for name in classes]
    more = [title for rank in range(2, top + 1) for title in _titles(rank)]
    writer.writerow(["image", "label", "label_id", "confidence", *more, *shown])
    for name, row in zip(names, scores, strict=True):
        best = row.argmax()
        others = [cell for other in likeliest(row, top)[1:] for cell in (shown[other], f"{row[other]:.6f}")]
        writer.writerow([csv_cell(name), shown[best], best, f"{row[best]:.6f}", *others, *(f"{p:.6f}" for p in row)])
    return text.getvalue()


if __name__ == "__main__":
    entry(main)
