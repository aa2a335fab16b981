"""A finished run as a program would serve it: uint8 images in, scores out."""

from pathlib import Path
from typing import Any

from kerascifar.architectures import ARCHITECTURES, engine
from kerascifar.core.contracts import Served
from kerascifar.run import load_again, read_run


def serve(folder: Path, **machine: Any) -> Served:
    """Load the finished run in `folder`, with images to time it on.

    The time of a net does not depend on the pixels, so it gets random images and no data set is needed. That of a
    baseline does, so it gets test images.

    Args:
        folder: the run folder.
        machine: RunConfig fields that may differ from those of the training, such as device or threads.

    Raises:
        InputError: the result, the model or, for a baseline, the images cannot be read.
    """
    config, result = read_run(folder, **machine)
    shape = result.dataset["image_shape"]
    return engine(config.arch).serve(
        config, ARCHITECTURES[config.arch], folder, lambda: load_again(config, result), shape
    )
