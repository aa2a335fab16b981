"""Batch normalisation (Ioffe and Szegedy 2015)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kerascifar.scratch.layers import Layer, Shape, require


@dataclass(eq=False)
class BatchNormalization(Layer):
    """y = gamma z + beta with z = (x - mean) / sqrt(variance + epsilon), per channel. x, y (N, ..., channels).

    In training, mean and variance are those of the batch, and the moving averages in `state` follow them:
    moving = momentum x moving + (1 - momentum) x batch. Otherwise the moving averages are used.
    """

    mixes_images: ClassVar[bool] = True

    momentum: float = 0.9
    epsilon: float = 1e-5

    def output_for(self, shape: Shape) -> Shape:
        momentum, epsilon = self.momentum, self.epsilon
        require(isinstance(momentum, float) and 0 <= momentum < 1, "a momentum from 0 to below 1", momentum)
        require(isinstance(epsilon, float) and 0 < epsilon < 1, "an epsilon between 0 and 1", epsilon)
        self.parameter_shapes = {"gamma": shape[-1:], "beta": shape[-1:]}
        return shape

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        channels = self.input_shape[-1]
        self.parameters = {"gamma": np.ones(channels, dtype), "beta": np.zeros(channels, dtype)}
        self.state = {"mean": np.zeros(channels, dtype), "variance": np.ones(channels, dtype)}

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        if training:
            mean = _mean(x)
            z = x - mean
            variance = _mean(z * z)
            for name, value in (("mean", mean), ("variance", variance)):
                self.state[name] = self.momentum * self.state[name] + (1 - self.momentum) * value
        else:
            z, variance = x - self.state["mean"], self.state["variance"]
        self.scale = 1 / np.sqrt(variance + self.epsilon)
        z *= self.scale
        self.z, self.training = z, training
        return z * self.parameters["gamma"] + self.parameters["beta"]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        count = dy.size // dy.shape[-1]
        mean_dy, mean_dy_z = _mean(dy), _mean(dy * self.z)
        self.gradients = {"gamma": mean_dy_z * count, "beta": mean_dy * count}
        factor = self.parameters["gamma"] * self.scale
        if not self.training:  # mean and variance were constants
            return dy * factor
        # x also changes the batch's mean and variance, which removes dy's mean and its component along z.
        return factor * (dy - mean_dy - self.z * mean_dy_z)


def _mean(x: np.ndarray) -> np.ndarray:
    """Return the mean per channel, first within each image: one float32 sum over a whole batch would lose digits."""
    return x.reshape(len(x), -1, x.shape[-1]).mean(1).mean(0)
