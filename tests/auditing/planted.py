"""A folder of real pictures with duplicates and wrong labels planted, and what an audit of it found."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.transform import SimilarityTransform, warp

from kerascifar.audit import main
from kerascifar.core.audit_lists import SIMILAR

PICTURES, COPIES, WRONG = 480, 20, 15


def shifted(image, draws):
    return _placed(image, 1, draws.choice((-1, 1), 2) * draws.uniform(1, 4, 2))


def scaled(image, draws):
    return _placed(image, draws.choice((draws.uniform(0.85, 0.95), draws.uniform(1.05, 1.2))), (0, 0))


def mirrored(image, draws):
    return image[:, ::-1]


def recompressed(image, draws):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=int(draws.integers(30, 70)))
    with Image.open(stream) as picture:
        return np.asarray(picture.convert("RGB"))


def recoloured(image, draws):
    changed = image * draws.uniform(0.75, 1.25) * draws.uniform(0.9, 1.1, 3) + draws.uniform(-25, 25)
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


def all_at_once(image, draws):
    for change in (shifted, scaled, recoloured, recompressed):
        image = change(image, draws)
    return image


EACH_ALONE = (shifted, scaled, mirrored, recompressed, recoloured)


def _placed(image, scale, shift):
    middle = (image.shape[0] - 1) / 2
    place = SimilarityTransform(scale=scale, translation=middle - scale * middle + np.asarray(shift))
    return np.round(warp(image, place, mode="edge", preserve_range=True)).astype(np.uint8)


@dataclass(frozen=True)
class Planted:
    """What is where: pairs of file names, and file names of pictures in a wrong class's folder."""

    copies: frozenset[frozenset[str]]
    wrong: frozenset[str]


def plant(folder: Path, images: np.ndarray, labels: np.ndarray, names: Sequence[str], changes, seed: int) -> Planted:
    """Write PICTURES of the `images`, COPIES of some of them, changed in turn, and WRONG of them in a wrong class."""
    draws = np.random.default_rng(seed)
    rows = draws.choice(len(images), PICTURES, replace=False)
    classes = labels[rows].copy()
    wrong = draws.choice(PICTURES, WRONG, replace=False)
    used = np.unique(classes)
    for place in wrong:
        classes[place] = draws.choice(used[used != classes[place]])
    copied = draws.choice(np.setdiff1d(np.arange(PICTURES), wrong), COPIES, replace=False)
    paths = [f"{names[label]}/{place:03}.png" for place, label in enumerate(classes)]
    for path, row in zip(paths, rows, strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[row]).save(folder / path)
    pairs = set()
    for number, place in enumerate(copied):
        path = f"{names[classes[place]]}/copy{number:02}.png"
        Image.fromarray(changes[number % len(changes)](images[rows[place]], draws)).save(folder / path)
        pairs.add(frozenset((paths[place], path)))
    return Planted(frozenset(pairs), frozenset(paths[place] for place in wrong))


def found(folder: Path, planted: Planted, out: Path) -> dict[str, int]:
    """Audit the folder; return how much of what was planted was found, and how much else was taken for it."""
    main(["--dataset", "folder", "--data-dir", str(folder), "--no-pictures", "--out", str(out)])
    pairs = {frozenset(map(_name, (row["a_file"], row["b_file"]))): row["verdict"] for row in _rows(out / "pairs.csv")}
    near = {pair for pair, verdict in pairs.items() if verdict != SIMILAR}
    suspects = {_name(row["file"]) for row in _rows(out / "labels.csv") if row["suspect"] == "yes"}
    return {
        "listed": len(planted.copies & set(pairs)),
        "copies": len(planted.copies & near),
        "false copies": len(near - planted.copies),
        "wrong": len(planted.wrong & suspects),
        "false wrong": len(suspects - planted.wrong),
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _name(file: str) -> str:
    """Return a file's class and name, as in `Planted`; lists have its place too."""
    return "/".join(Path(file).parts[-2:])
