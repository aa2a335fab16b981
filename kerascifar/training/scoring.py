"""From images to class probabilities, by a model in memory or one saved in a run folder."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.contracts import Predict, Score, Split
from kerascifar.core.errors import InputError
from kerascifar.core.progress import bar
from kerascifar.data.normalization import statistics
from kerascifar.results import KERAS_MODEL
from kerascifar.training.preparation import prepare


def score(model: Any, images: np.ndarray, batch_size: int, tta: str = "none", title: str = "") -> np.ndarray:
    """Return softmax probabilities float32 (N, classes) of uint8 `images` (N, H, W, C).

    Logits are averaged over the variants of each image that ``tta_variants`` yields for `tta`. With a `title` it is
    shown how many batches are done.
    """
    import keras
    from scipy.special import softmax

    variants = list(tta_variants(images, tta))
    batches = math.ceil(len(images) / batch_size)
    with bar(batches * len(variants), title, "step", shown=bool(title), leave=False) as done:
        seen, logits = 0, 0

        def count(batch: int, logs: object) -> None:  # `batch` is the last of those that one step has done
            nonlocal seen
            done.update(batch + 1 - seen)
            seen = batch + 1

        for weight, variant in variants:
            seen = 0
            counter = keras.callbacks.LambdaCallback(on_predict_batch_end=count)
            predicted = model.predict(variant, batch_size=batch_size, verbose=0, callbacks=[counter] if title else [])
            logits = logits + weight * predicted.astype(np.float64)
    return softmax(logits, axis=1).astype(np.float32)


def accuracy(model: Any, split: Split, batch_size: int) -> float:
    """Return the accuracy of `model` on `split`, from 0 to 1."""
    return float(np.mean(score(model, split.images, batch_size).argmax(1) == split.labels))


def scorer(model: Any, config: RunConfig) -> Score:
    """Return the function from images and the name of their split to probabilities, for a run of `config`."""
    first = model.get_layer("normalization")
    learned = first.scale, first.offset

    def probabilities(images: np.ndarray, split: str) -> np.ndarray:
        images = prepare(config, images, split)
        if config.statistics == "own" and split == "test":  # validation images were scaled with the training images
            mean, std = statistics(config.normalize, images)
            first.scale, first.offset = (1 / std).tolist(), (-mean / std).tolist()
            model.predict_function = None  # the compiled one contains the old numbers
        try:
            return score(model, images, config.batch_size, config.tta, f"scoring {split} images")
        finally:
            if config.statistics == "own":
                first.scale, first.offset = learned
                model.predict_function = None

    return probabilities


def load_model(folder: Path) -> Any:
    """Return the model.keras of a run folder, loaded in Keras's safe mode: nothing in the file is executed.

    Raises InputError: the file is missing, corrupt, or not a model that this program can read.
    """
    import kerascifar.layers  # noqa: F401  registers our layers with Keras
    from kerascifar.models.keras_files import read_model

    path = Path(folder) / KERAS_MODEL
    if not path.exists():
        raise InputError(f"{folder} holds no {KERAS_MODEL}")
    return read_model(path)


def tta_variants(images: np.ndarray, tta: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (weight, variant) for each variant of `images` (N, H, W, C); the weights sum to 1.

    Args:
        images: always the first variant.
        tta: "none"; "mirror": the images and their mirror images, left to right, with half the weight each;
            "mirror_translate": those two with half the weight, and both moved by one pixel, down and right or up and
            left, over reflected edges, with the other half (airbench94_muon.py, tta_level 2).
    """
    if tta == "none":
        yield 1.0, images
        return
    moved = [(1.0, images)]
    if tta == "mirror_translate":
        height, width = images.shape[1:3]
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
        moved = [(0.5, images), (0.25, padded[:, :height, :width]), (0.25, padded[:, 2:, 2:])]
    for weight, variant in moved:
        yield weight / 2, variant
        yield weight / 2, variant[:, :, ::-1]


def compiled(model: Any) -> Predict:
    """Return `model` compiled to one graph, as in a SavedModel, for uint8 images (N, H, W, C), any N.

    Calling the model itself runs layer by layer, and ``model.predict`` builds a data set per call: for one image they
    take five to fifty times as long (tools/decisions/0011-latency.md).
    """
    import tensorflow as tf

    graph = tf.function(lambda images: model(images, training=False), jit_compile=False, autograph=False)
    signature = graph.get_concrete_function(tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8))
    return lambda images: signature(tf.constant(images)).numpy()
