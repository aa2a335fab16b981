"""A finished run as a program would serve it: uint8 images in, scores out, no faster and no slower than deployed."""

from pathlib import Path
from typing import Any

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.core.contracts import Served
from kerascifar.data.datasets import load
from kerascifar.run import read_run


def serve(folder: Path, **machine: Any) -> Served:
    """Load the finished run in `folder`.

    A net's time does not depend on what is in the pixels, so its images are drawn and no data set is needed. A
    baseline's does: it gets test images.

    Args:
        folder: the run folder.
        machine: RunConfig fields that may differ from those of the training, such as device or threads.

    Raises:
        InputError: the result, the model or, for a baseline, the images cannot be read.
    """
    config, result = read_run(folder, **machine)
    shape = result.dataset["image_shape"]
    return engine(config.arch).serve(config, ARCHITECTURES[config.arch], folder, lambda: load(config), shape)
