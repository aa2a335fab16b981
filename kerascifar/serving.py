"""A finished run as a program would serve it: uint8 images in, scores out, no faster and no slower than deployed."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import devices
from kerascifar.config import RunConfig
from kerascifar.configure import ARCHITECTURES
from kerascifar.cores import cores, processor
from kerascifar.data.datasets import load
from kerascifar.run import engine, read_run

Predict = Callable[[np.ndarray], np.ndarray]
_DRAWN = 64  # images


@dataclasses.dataclass(frozen=True)
class Served:
    """A run to be called.

    Attributes:
        predict: uint8 (N, H, W, C) to scores (N, classes): logits of a Keras net, probabilities or shares of others.
        images: uint8 (M, H, W, C) to try it with.
        facts: what its time depends on: call, device, threads, machine.
    """

    predict: Predict
    images: np.ndarray
    facts: dict[str, Any]


def serve(folder: Path, **given: Any) -> Served:
    """Load the finished run in `folder`.

    A net's time does not depend on what is in the pixels, so its images are drawn and no data set is needed. A
    baseline's does: it gets test images.

    Args:
        folder: the run folder.
        given: RunConfig fields that may differ from those of the training, such as device or threads.

    Raises:
        InputError: the result, the model or, for a baseline, the images cannot be read.
    """
    config, result = read_run(folder, **given)
    variant, data = ARCHITECTURES[config.arch], functools.cache(lambda: load(config))
    if variant.engine == "keras":
        return _serve_keras(folder, config)
    score = engine(variant).restore(config, variant, folder, data)
    images = data().test.images if variant.engine == "baseline" else _drawn(result.dataset["image_shape"])
    facts = {"call": "score", "device": "cpu", "threads": config.threads or cores(), "machine": processor()}
    return Served(lambda images: score(images, "test"), images, facts)


def compiled(model: Any) -> Predict:
    """Return `model` as one graph for uint8 images, any number of them: what a SavedModel's signature runs.

    Calling the model itself runs layer by layer, and ``model.predict`` makes a data set of each call: for one image
    they take five to fifty times as long (tools/decisions/0011-latency.md).
    """
    import tensorflow as tf

    graph = tf.function(lambda images: model(images, training=False), jit_compile=False, autograph=False)
    signature = graph.get_concrete_function(tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8))
    return lambda images: signature(tf.constant(images)).numpy()


def _serve_keras(folder: Path, config: RunConfig) -> Served:
    devices.need_tensorflow("a net's latency")
    taken = devices.start(dataclasses.replace(config, strategy="none"))
    import tensorflow as tf

    from kerascifar.training.scoring import load_model
    from kerascifar.training.views import views

    host = processor()
    for gpu in tf.config.get_visible_devices("GPU"):
        host["gpu"] = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    facts = {"call": "one compiled graph", "device": taken["device"], "threads": taken["threads"], "machine": host}
    model = load_model(folder)
    graph = compiled(model)

    def predict(images: np.ndarray) -> np.ndarray:  # a run that averages views of an image takes their time
        return sum(weight * graph(view) for weight, view in views(images, config.tta))

    return Served(predict, _drawn(model.input_shape[1:]), facts | {"tta": config.tta})


def _drawn(shape: Sequence[int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (_DRAWN, *shape), np.uint8)
