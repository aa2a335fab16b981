"""Layers of a net, one class per layer: forward computes y from x, backward computes dL/dx from dL/dy.

Images are (N, height, width, channels). Backward also leaves dL/dw for each of the layer's own parameters w
in `gradients`; dL/dy of a mean loss already holds the 1/N, so no layer divides again.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.scratch.initializers import INITIALIZERS

Shape = tuple[int, ...]


class Layer:
    """What all layers share. A subclass is a dataclass of its arguments with `output_for`, `forward` and `backward`.

    Attributes:
        input_shape, output_shape: of one image, without N; known once the layer is built.
        parameter_shapes: name and shape of each trainable array.
        parameters, gradients: the arrays by name, of equal shapes.
        state: other arrays that a saved net needs, such as moving averages.
        multiply_adds: for one image, forward.
        wants_input_gradient: False in a net's first trainable layer, below which dL/dx is not needed.
        mixes_images: whether an output depends on the other images of the batch.
    """

    mixes_images: ClassVar[bool] = False
    multiply_adds = 0
    wants_input_gradient = True

    def build(self, input_shape: Shape) -> Shape:
        """Set the shapes and return the output's. Raises InputError: an argument or `input_shape` is not valid."""
        self.input_shape = tuple(input_shape)
        self.parameter_shapes: dict[str, Shape] = {}
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self.state: dict[str, np.ndarray] = {}
        self.output_shape = self.output_for(self.input_shape)
        return self.output_shape

    def output_for(self, shape: Shape) -> Shape:
        """Return the shape of the output; layers with parameters also set `parameter_shapes` here."""
        return shape

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw the initial parameters; layers without any do nothing."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return y; only dropout and batch normalisation use `training` and `rng`."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        """Return dL/dx (None if it is not wanted) and leave dL/dw in `gradients`; call once after each forward."""
        raise NotImplementedError


def require(condition: bool, expected: str, got: Any) -> None:
    """Check an argument or shape. Raises InputError: `condition` is False."""
    if not condition:
        raise InputError(f"needs {expected}, got {got}")


def is_whole(value: Any, least: int) -> bool:
    """Return whether `value` is a whole number of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@dataclass(eq=False)
class Dense(Layer):
    """Connect every input to every output. x (N, inputs), y (N, units); kernel (inputs, units), bias (units,)."""

    units: int
    initializer: str = "he_normal"

    def output_for(self, shape: Shape) -> Shape:
        require(is_whole(self.units, 1), "units of at least 1", self.units)
        require(len(shape) == 1, "input of shape (N, inputs); put Flatten before it", ("N", *shape))
        lookup(INITIALIZERS, self.initializer, "initializer")
        self.fans = (shape[0], self.units)
        self.parameter_shapes = {"kernel": self.fans, "bias": (self.units,)}
        self.multiply_adds = shape[0] * self.units
        return (self.units,)

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        kernel = INITIALIZERS[self.initializer](rng, self.parameter_shapes["kernel"], *self.fans)
        self.parameters = {"kernel": kernel.astype(dtype), "bias": np.zeros(self.units, dtype)}

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.x = x
        return x @ self.parameters["kernel"] + self.parameters["bias"]  # y = x W + b

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        self.gradients["kernel"] = self.x.T @ dy  # dL/dW = x^T dy
        self.gradients["bias"] = dy.sum(0)  # dL/db = sum over images of dy
        return dy @ self.parameters["kernel"].T if self.wants_input_gradient else None  # dL/dx = dy W^T


class Flatten(Layer):
    """(N, height, width, channels) to (N, height * width * channels), in that order."""

    def output_for(self, shape: Shape) -> Shape:
        return (int(np.prod(shape)),)

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(len(dy), *self.input_shape)


class ReLU(Layer):
    """y = max(x, 0); any shape."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (self.y > 0)  # dy/dx is 1 where x > 0, else 0


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)); any shape."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.y = 0.5 * (1 + np.tanh(0.5 * x))  # the same function, and it cannot overflow
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y * (1 - self.y)  # dy/dx = y (1 - y)


class Tanh(Layer):
    """y = tanh(x); any shape."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (1 - self.y**2)  # dy/dx = 1 - y^2


@dataclass(eq=False)
class Dropout(Layer):
    """In training, y = x mask / (1 - rate), where mask is 0 with probability `rate`; else y = x. Any shape.

    Dividing while training keeps the expected y equal to x (Srivastava et al. 2014, section 10).
    """

    rate: float

    def output_for(self, shape: Shape) -> Shape:
        require(isinstance(self.rate, int | float) and 0 <= self.rate < 1, "a rate from 0 to below 1", self.rate)
        return shape

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.scale = x.dtype.type(1)
        if training and self.rate > 0:
            self.scale = (rng.random(x.shape, dtype=np.float32) >= self.rate) / x.dtype.type(1 - self.rate)
        return x * self.scale

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.scale


@dataclass(eq=False)
class Normalize(Layer):
    """y = (x - mean) / std, one fixed number or one per channel: the first layer of a net that takes uint8 pixels."""

    mean: list[float]
    std: list[float]

    def output_for(self, shape: Shape) -> Shape:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            fits = np.ndim(numbers) == 1 and len(numbers) in (1, shape[-1]) and np.isfinite(numbers).all()
            require(fits, f"a {name} with 1 or {shape[-1]} numbers", numbers)
        require(np.all(np.array(self.std) > 0), "a std above 0", self.std)
        return shape

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        self.dtype = dtype

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        return (x - np.array(self.mean, self.dtype)) * (1 / np.array(self.std)).astype(self.dtype)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy / np.array(self.std, self.dtype)
