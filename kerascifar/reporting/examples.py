"""Test images that a run is surest of, rightly and wrongly. They are read only where they lie already, by checksum."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.data.datasets import load
from kerascifar.data.sources.places import keras_datasets, places, tfds_folder
from kerascifar.reporting.document import Gallery, Picture, Text
from kerascifar.reporting.gather import Gathered, Run

SHOWN = 8
# Fields of RunConfig that decide what the test images are.
_DECIDE = ("dataset", "validation", "train_limit", "test_limit", "image_size", "seed")


def test_images(gathered: Gathered, data_dir: str | None) -> dict[str, np.ndarray | str]:
    """Return for each test set, by checksum, its images uint8 (N, H, W, C), or a line on why there are none."""
    found: dict[str, np.ndarray | str] = {}
    for run in gathered.runs:
        checksum = run.member.checksum
        if checksum not in found:
            found[checksum] = _load(run.member.result.config, checksum, data_dir)
    return found


def examples(run: Run, images: np.ndarray | str) -> list[Gallery | Text]:
    """Return the images that the run is surest of: those it has wrong, those it has right."""
    if isinstance(images, str):
        return [Text(f"No right and wrong examples: {images}")]
    labels, scores = run.member.test
    predicted, sure = scores.argmax(1), scores.max(1)
    sort = "confidence" if run.member.probabilities else "share of the vote"
    parts: list[Gallery | Text] = []
    for right, title in ((False, "Wrong, and surest of it"), (True, "Right, and surest of it")):
        chosen = np.flatnonzero(run.right == right)
        chosen = chosen[np.argsort(-sure[chosen], kind="stable")][:SHOWN]
        pictures = [_picture(i, images[i], run, predicted[i], labels[i], sure[i]) for i in chosen.tolist()]
        if pictures:
            parts.append(Gallery(f"{title}, with the {sort}.", pictures))
    return parts


def _picture(place: int, image: np.ndarray, run: Run, predicted: int, label: int, sure: float) -> Picture:
    name, true = run.member.classes[predicted], run.member.classes[label]
    told = f"{name} {sure:.2f}" if predicted == label else f"{name} {sure:.2f}, is {true}"
    alt = f"Test image {place}, {true}, labelled {name}"
    return Picture(f"test-{run.member.checksum[:8]}-{place}", alt, told, _png(image), "png")


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    told = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(told, "png", optimize=True)
    return told.getvalue()


def _load(given: Mapping[str, Any], checksum: str, data_dir: str | None) -> np.ndarray | str:
    """Return the test images of a config with that checksum, or why there are none; nothing is downloaded."""
    known = {key: given[key] for key in _DECIDE if key in given}
    absent = "the data set was not found here; name its folder by --data-dir or KERASCIFAR_DATA."
    try:
        config = RunConfig(**known, data_dir=data_dir)
        source = config.dataset.partition(":")[0]
        # Into a folder that was named nothing is downloaded, so each place is named.
        near = [str(p) for p in places(config, keras_datasets(), tfds_folder()) if p.is_dir()]
    except (InputError, TypeError) as error:
        return f"{error}."
    for folder in {"tfds": [], "digits": [None], "synthetic": [None], "folder": [data_dir]}.get(source, near):
        try:
            part = load(RunConfig(**known, data_dir=folder)).test
        except InputError:
            continue
        if part is not None and part.checksum == checksum:
            return part.images
        absent = "the test images found here are not those of the run: their SHA-256 differs."
    return absent
