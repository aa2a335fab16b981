"""Images -> class probabilities, by a model in memory or one saved in a run folder."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.errors import InputError


def score(model: Any, images: np.ndarray, batch_size: int, verbose: str | int = 0) -> np.ndarray:
    """Return softmax probabilities float32 (N, classes) of uint8 `images` (N, H, W, C)."""
    from scipy.special import softmax

    logits = model.predict(images, batch_size=batch_size, verbose=verbose)
    return softmax(logits.astype(np.float64), axis=1).astype(np.float32)


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
