"""Check gradients against the slope of the loss, measured by changing one number at a time."""

from collections.abc import Callable

import numpy as np

from kerascifar.scratch.network import Network


def numeric_gradient(loss: Callable[[], float], w: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Return (loss(w + step) - loss(w - step)) / (2 step) for each number in float64 `w`, then restore it."""
    slope = np.empty_like(w)
    for place in np.ndindex(w.shape):
        value = w[place]
        w[place] = value + step
        above = loss()
        w[place] = value - step
        slope[place] = (above - loss()) / (2 * step)
        w[place] = value
    return slope


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Return ||a - b|| / (||a|| + ||b||): 0 for equal arrays, at most 1."""
    size = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / size if size else 0.0


def check_gradients(network: Network, x: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return the relative error of the net's gradient for each trainable array, by "layer/name".

    Args:
        network: made with dtype=np.float64, or rounding hides errors. Dropout gets the same mask each time.
        x: a few images (N, *input_shape).
        labels: int (N,).
        seed: of dropout's masks.
    """

    def loss() -> float:
        return network.loss.forward(network.forward(x, training=True, rng=np.random.default_rng(seed)), labels)

    gradients, _, _ = network.gradients(x, labels, np.random.default_rng(seed))
    return {name: relative_error(g, numeric_gradient(loss, network.parameters[name])) for name, g in gradients.items()}
