"""Test images that a run is most confident of, right and wrong. They are read only where they already lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import at_hand
from kerascifar.reporting.document import Gallery, Shot, Sprite, Text
from kerascifar.reporting.gather import Gathered, Run
from kerascifar.reporting.pictures import png

SHOWN = 8
_SIDE = 64  # pixels that an image may have
_COLUMNS = 32  # of a sprite
# Fields of RunConfig that decide what the test images are.
_DECIDE = ("dataset", "validation", "train_limit", "test_limit", "image_size", "seed")


def test_images(gathered: Gathered, data_dir: str | None) -> dict[str, np.ndarray | str]:
    """Return for each test set, by checksum, its images uint8 (N, H, W, C), or a line on why there are none."""
    configs = {run.scored.checksum: run.scored.result.config for run in reversed(gathered.runs)}
    return {checksum: _load(config, checksum, data_dir) for checksum, config in configs.items()}


@dataclass(frozen=True)
class Album:
    """The images of one test set that a report shows: a sprite, and where in it each lies, by index."""

    sprite: Sprite
    boxes: Mapping[int, tuple[int, int, int, int]]


def albums(runs: Sequence[Run], images: Mapping[str, np.ndarray | str]) -> dict[str, Album | str]:
    """Return by checksum of the test set the images that `examples` shows, or why there are none."""
    wanted: dict[str, set[int]] = {}
    for run in runs:
        wanted.setdefault(run.scored.checksum, set()).update(i for chosen in _chosen(run) for i in chosen)
    found = {checksum: (images[checksum], sorted(indices)) for checksum, indices in wanted.items()}
    return {
        c: of if isinstance(of, str) else _album(f"images-{c[:8]}", of, indices) for c, (of, indices) in found.items()
    }


def examples(run: Run, album: Album | str) -> list[Gallery | Text]:
    """Return the images that the run is most confident of: those it has wrong, those it has right."""
    if isinstance(album, str):
        return [Text(f"No right and wrong examples: {album}")]
    score = "confidence" if run.scored.probabilities else "vote share"
    galleries = []
    for title, chosen in zip(("Wrong, and most confident", "Right, and most confident"), _chosen(run), strict=True):
        if chosen:
            caption = f"{title}, with the {score} and the number of the test image."
            galleries.append(Gallery(caption, [_shot(run, album, i) for i in chosen]))
    return galleries


def _chosen(run: Run) -> tuple[list[int], list[int]]:
    """Return the test images that the run is most confident of: those it has wrong, those it has right."""
    confidence = run.scored.test[1].max(1)
    each = (np.flatnonzero(run.right == right) for right in (False, True))
    wrong, right = (of[np.argsort(-confidence[of], kind="stable")][:SHOWN].tolist() for of in each)
    return wrong, right


def _shot(run: Run, album: Album, index: int) -> Shot:
    labels, scores = run.scored.test
    predicted, label = scores[index].argmax(), labels[index]
    name, true = run.scored.classes[predicted], run.scored.classes[label]
    caption = f"{name} {scores[index].max():.2f}" + ("" if predicted == label else f", is {true}") + f" #{index}"
    return Shot(album.sprite, album.boxes[index], f"Test image {index}, {true}, labelled {name}", caption)


def _album(name: str, images: np.ndarray, indices: Sequence[int]) -> Album:
    """Return the images with these indices, of uint8 (N, H, W, C), in one; large ones are made smaller."""
    from PIL import Image

    small = []
    for image in (images[i] for i in indices):
        small.append(Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).convert("RGB"))
        small[-1].thumbnail((_SIDE, _SIDE))
    width, height = (max(size) for size in zip(*(one.size for one in small), strict=True))
    columns = min(_COLUMNS, len(small))
    whole = Image.new("RGB", (columns * width, -(-len(small) // columns) * height))
    boxes = {}
    for place, (index, one) in enumerate(zip(indices, small, strict=True)):
        corner = (place % columns * width, place // columns * height)
        whole.paste(one, corner)
        boxes[index] = (*corner, *one.size)
    return Album(Sprite(name, png(np.asarray(whole)), whole.size), boxes)


def _load(fields: Mapping[str, Any], checksum: str, data_dir: str | None) -> np.ndarray | str:
    """Return the test images of a config if they have that checksum, else why not; nothing is downloaded."""
    known = {name: fields[name] for name in _DECIDE if name in fields}
    problem = "the data set was not found here; name its folder by --data-dir or KERASCIFAR_DATA."
    try:
        for dataset in at_hand(RunConfig(**known, data_dir=data_dir)):
            if dataset.test is not None and dataset.test.checksum == checksum:
                return dataset.test.images
            problem = "the test images found here are not those of the run: their SHA-256 differs."
    except (InputError, TypeError) as error:
        return f"{error}."
    return problem
