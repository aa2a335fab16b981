"""Test images that a run is most confident of, right and wrong. They are read only where they already lie."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core import plugged
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
    configs = {run.scored.checksum: run.scored.result.config for run in reversed(gathered.runs)}
    return {checksum: _load(config, checksum, data_dir) for checksum, config in configs.items()}


def examples(run: Run, images: np.ndarray | str) -> list[Gallery | Text]:
    """Return the images that the run is most confident of: those it has wrong, those it has right."""
    if isinstance(images, str):
        return [Text(f"No right and wrong examples: {images}")]
    labels, scores = run.scored.test
    predicted, confidence = scores.argmax(1), scores.max(1)
    score = "confidence" if run.scored.probabilities else "vote share"
    galleries = []
    for right, title in ((False, "Wrong, and most confident"), (True, "Right, and most confident")):
        chosen = np.flatnonzero(run.right == right)
        chosen = chosen[np.argsort(-confidence[chosen], kind="stable")][:SHOWN]
        pictures = [_picture(i, images[i], run, predicted[i], labels[i], confidence[i]) for i in chosen.tolist()]
        if pictures:
            galleries.append(Gallery(f"{title}, with the {score}.", pictures))
    return galleries


def _picture(index: int, image: np.ndarray, run: Run, predicted: int, label: int, confidence: float) -> Picture:
    name, true = run.scored.classes[predicted], run.scored.classes[label]
    caption = f"{name} {confidence:.2f}" + ("" if predicted == label else f", is {true}")
    alt = f"Test image {index}, {true}, labelled {name}"
    return Picture(f"test-{run.scored.checksum[:8]}-{index}", alt, caption, png(image), "png")


def png(image: np.ndarray) -> bytes:
    """Return an image (H, W, C), uint8, C 1 or 3, as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(file, "png", optimize=True)
    return file.getvalue()


def _load(fields: Mapping[str, Any], checksum: str, data_dir: str | None) -> np.ndarray | str:
    """Return the test images of a config if they have that checksum, else why not; nothing is downloaded."""
    known = {name: fields[name] for name in _DECIDE if name in fields}
    problem = "the data set was not found here; name its folder by --data-dir or KERASCIFAR_DATA."
    try:
        config = RunConfig(**known, data_dir=data_dir)
        source = config.dataset.partition(":")[0]
        # load() downloads only where no folder is named, so each place is named.
        near = [str(p) for p in places(config, keras_datasets(), tfds_folder()) if p.is_dir()]
    except (InputError, TypeError) as error:
        return f"{error}."
    if plugged.owners("dataset", config.dataset):  # the plugin knows where its images lie
        near = [data_dir]
    for folder in {"tfds": [], "digits": [None], "synthetic": [None], "folder": [data_dir]}.get(source, near):
        try:
            test = load(RunConfig(**known, data_dir=folder)).test
        except InputError:
            continue
        if test is not None and test.checksum == checksum:
            return test.images
        problem = "the test images found here are not those of the run: their SHA-256 differs."
    return problem
