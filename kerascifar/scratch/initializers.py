"""INITIALIZERS: the initial weights of a layer, drawn so that signals keep their scale from layer to layer.

fan_in is the number of inputs that one output sums, fan_out the number of outputs that one input reaches.
"""

from collections.abc import Callable

import numpy as np

Initializer = Callable[[np.random.Generator, tuple[int, ...], int, int], np.ndarray]


def _normal(std: Callable[[int, int], float]) -> Initializer:
    return lambda rng, shape, fan_in, fan_out: rng.normal(0.0, std(fan_in, fan_out), shape)


def _uniform(limit: Callable[[int, int], float]) -> Initializer:
    def draw(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return rng.uniform(-limit(fan_in, fan_out), limit(fan_in, fan_out), shape)

    return draw


INITIALIZERS: dict[str, Initializer] = {
    # Variance 2 / fan_in: ReLU drops half of it (He et al. 2015, eq. 10).
    "he_normal": _normal(lambda fan_in, fan_out: (2 / fan_in) ** 0.5),
    "he_uniform": _uniform(lambda fan_in, fan_out: (6 / fan_in) ** 0.5),
    # Variance 2 / (fan_in + fan_out): a compromise between the two passes (Glorot and Bengio 2010, eq. 12, 16).
    "xavier_normal": _normal(lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5),
    "xavier_uniform": _uniform(lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5),
    # The same scale for every layer: too small for deep nets, here for comparison.
    "normal": _normal(lambda fan_in, fan_out: 0.01),
    "uniform": _uniform(lambda fan_in, fan_out: 0.05),
}
