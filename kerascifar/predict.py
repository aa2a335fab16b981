"""Label images with a finished run.

    python -m kerascifar.predict saved_models/mobilenet_mod cat.png photos/ images.npy
    python -m kerascifar.predict RUN hidden_pickle --csv labels.csv

Takes PNG, JPEG and other picture files, folders of them, .npy or .npz arrays (uint8, N x height x width x 3), and
CIFAR pickles without labels. Pictures of another size are resized to the model's.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.config import MACHINE
from kerascifar.core.files import write_text
from kerascifar.data.unlabelled import read_unlabelled
from kerascifar.results import find_run, read_result
from kerascifar.run import restore


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.predict", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    parser.add_argument("images", metavar="IMAGES", nargs="+", help="files or folders")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write a CSV instead of a table on stdout")
    add_flags(parser, MACHINE)
    machine = vars(parser.parse_args(argv))
    folder, paths, target = find_run(machine.pop("run")), machine.pop("images"), machine.pop("csv")

    saved = read_result(folder).dataset
    names, images = read_unlabelled(paths, saved["image_shape"][0])
    score = restore(folder, **machine)[2]
    scores = score(images, "unlabelled")
    if target is None:
        print(table(names, scores, saved["classes"]), end="")
    else:
        write_text(target, as_csv(names, scores, saved["classes"]))
        print(f"{len(names)} images labelled in {target}")


def table(names: Sequence[str], scores: np.ndarray, classes: Sequence[str]) -> str:
    """Return a line an image: name, label, confidence."""
    wide = max(map(len, [*names, "image"]))
    label = max(map(len, [*classes, "label"]))
    lines = [f"{'image':{wide}}  {'label':{label}}  confidence"]
    for name, row in zip(names, scores, strict=True):
        lines.append(f"{name:{wide}}  {classes[row.argmax()]:{label}}  {row.max():.4f}")
    return "\n".join(lines) + "\n"


def as_csv(names: Sequence[str], scores: np.ndarray, classes: Sequence[str]) -> str:
    """Return CSV with the columns image, label, label_id, confidence, then one a class.

    A label_id is the class's number, from 0, in the order of the last columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "label", "label_id", "confidence", *classes])
    for name, row in zip(names, scores, strict=True):
        best = row.argmax()
        writer.writerow([name, classes[best], best, f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)])
    return text.getvalue()


if __name__ == "__main__":
    entry(main)
