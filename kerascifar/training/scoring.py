"""Images -> class probabilities, by a model in memory or one saved in a run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.contracts import Part
from kerascifar.errors import InputError
from kerascifar.normalization import statistics
from kerascifar.training.preparation import prepare
from kerascifar.training.views import views


def score(model: Any, images: np.ndarray, batch_size: int, verbose: str | int = 0, tta: str = "none") -> np.ndarray:
    """Return softmax probabilities float32 (N, classes) of uint8 `images` (N, H, W, C), averaging logits as `tta` says.

    The values of `tta` are those of views().
    """
    from scipy.special import softmax

    logits = sum(
        weight * model.predict(view, batch_size=batch_size, verbose=verbose).astype(np.float64)
        for weight, view in views(images, tta)
    )
    return softmax(logits, axis=1).astype(np.float32)


def accuracy(model: Any, part: Part, batch_size: int) -> float:
    """Return the share of the images of `part` that `model` labels rightly."""
    return float(np.mean(score(model, part.images, batch_size).argmax(1) == part.labels))


def scorer(model: Any, config: RunConfig) -> Callable[[np.ndarray, str], np.ndarray]:
    """Return score(images, part): probabilities as the config has images read, float32 (N, classes)."""
    first = model.get_layer("normalization")
    learned = first.scale, first.offset

    def scored(images: np.ndarray, part: str) -> np.ndarray:
        images = prepare(config, images, part)
        if config.statistics == "own" and part == "test":  # validation images were scaled with the training images
            mean, std = statistics(config.normalize, images)
            first.scale, first.offset = (1 / std).tolist(), (-mean / std).tolist()
            model.predict_function = None  # it has the numbers in it
        try:
            return score(model, images, config.batch_size, tta=config.tta)
        finally:
            if config.statistics == "own":
                first.scale, first.offset = learned
                model.predict_function = None

    return scored


def load_model(folder: Path) -> Any:
    """Load model.keras of a run folder, in Keras's safe mode: nothing in the file is executed.

    Raises:
        InputError: the file is missing, corrupt, or not a model that this program can read.
    """
    import keras

    import kerascifar.layers  # noqa: F401  registers our layers with Keras

    path = Path(folder) / "model.keras"
    if not path.exists():
        raise InputError(f"{folder} holds no model.keras")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds; the file is a stranger's
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} is not a Keras model that can be loaded: {told[0][:200]}") from None
