"""A net: layers in a row, a loss at the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.scratch import saving, training
from kerascifar.scratch.layers import Layer, Shape
from kerascifar.scratch.losses import MSE, SoftmaxCrossEntropy
from kerascifar.scratch.optimizers import Optimizer, clip

Arrays = dict[str, np.ndarray]


class Network:
    """Layers in a row. Images x (N, *input_shape) go in, outputs (N, classes) come out: logits, with the usual loss.

    Args:
        layers: fresh ones; the net builds them for its shapes.
        input_shape: of one image, such as (32, 32, 3).
        loss: cross-entropy if not given.
        seed: of the first weights.
        dtype: float32, or float64 for a gradient check.
        at_once: images that go through the layers together; gradients of a larger batch are summed over parts
            of this size, which bounds the memory. Batch normalisation needs the whole batch at once.

    Raises:
        InputError: a layer does not fit what comes out of the one before; the message names the layer.
    """

    at_once: int = 500  # measured on 2 cores: 125 and 250 take 3 to 22 % longer, 1,000 takes 35 to 56 %

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        loss: SoftmaxCrossEntropy | MSE | None = None,
        seed: int = 0,
        dtype: Any = np.float32,
        at_once: int = at_once,
    ) -> None:
        self.plan(layers, input_shape, loss)
        self.at_once = at_once
        self.initialize(np.random.default_rng([seed, training.WEIGHTS, 0, 0]), dtype)

    def plan(self, layers: Sequence[Layer], input_shape: Shape, loss: SoftmaxCrossEntropy | MSE | None) -> None:
        """Fit the layers to one another; no array is made yet."""
        self.layers, self.input_shape, self.loss = list(layers), tuple(input_shape), loss or SoftmaxCrossEntropy()
        if not self.layers:
            raise InputError("a network needs at least one layer")
        shape = self.input_shape
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.build(shape)
            except InputError as error:
                raise InputError(f"layer {i}, {type(layer).__name__}: {error}") from None
        if len(shape) != 1:
            raise InputError(
                f"layer {i}, {type(layer).__name__}: the last layer must give (N, classes), got {('N', *shape)}"
            )
        trainable = [i for i, layer in enumerate(self.layers) if layer.parameter_shapes]
        self.first = trainable[0] if trainable else 0
        self.layers[self.first].wants_input_gradient = False

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw the first weights."""
        for layer in self.layers:
            layer.initialize(rng, dtype)

    @property
    def classes(self) -> int:
        """How many numbers come out for an image."""
        return self.layers[-1].output_shape[0]

    @property
    def parameters(self) -> Arrays:
        """The trainable arrays themselves, by "layer/name"."""
        return {f"{i}/{name}": w for i, layer in enumerate(self.layers) for name, w in layer.parameters.items()}

    @property
    def state(self) -> Arrays:
        """The other arrays that a saved net needs, by "layer/name"."""
        return {f"{i}/{name}": a for i, layer in enumerate(self.layers) for name, a in layer.state.items()}

    def assign(self, parameters: Arrays, state: Arrays) -> None:
        """Put copies of these arrays in the place of the net's own."""
        for key, value in parameters.items():
            i, name = key.split("/")
            self.layers[int(i)].parameters[name] = value.copy()
        for key, value in state.items():
            i, name = key.split("/")
            self.layers[int(i)].state[name] = value.copy()

    @property
    def trainable_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(int(np.prod(s)) for layer in self.layers for s in layer.parameter_shapes.values())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image, forward, in convolutions and dense layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the outputs (N, classes) of x (N, *input_shape)."""
        for layer in self.layers:
            x = layer.forward(x, training, rng)
        return x

    def backward(self, gradient: np.ndarray) -> None:
        """Take dL/d(outputs) back through the layers, down to the first that has parameters."""
        for layer in reversed(self.layers[self.first :]):
            gradient = layer.backward(gradient)

    def gradients(
        self, x: np.ndarray, labels: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Arrays, float, int]:
        """Return dL/dw by "layer/name", the mean loss, and how many of the labels were given right."""
        at_once = len(x) if any(layer.mixes_images for layer in self.layers) else self.at_once
        total = self.loss.weight(labels)
        summed: Arrays = {}
        loss, right = 0.0, 0
        for start in range(0, len(x), at_once):
            part = slice(start, start + at_once)
            outputs = self.forward(x[part], training=True, rng=rng)
            loss += self.loss.forward(outputs, labels[part], total)
            right += int((outputs.argmax(1) == labels[part]).sum())
            self.backward(self.loss.gradient)
            for i, layer in enumerate(self.layers):
                for name, g in layer.gradients.items():
                    key = f"{i}/{name}"
                    summed[key] = summed[key] + g if start else g
        return summed, loss, right

    def step(
        self,
        x: np.ndarray,
        labels: np.ndarray,
        optimizer: Optimizer,
        rate: float,
        rng: np.random.Generator | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> tuple[float, int]:
        """Forward, backward, update. Return the mean loss before the update and how many labels were given right."""
        gradients, loss, right = self.gradients(x, labels, rng)
        optimizer.update(self.parameters, clip(gradients, clip_value, clip_norm), rate)
        return loss, right

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (N, classes) of x (N, *input_shape), `at_once` images at a time."""
        parts = range(0, len(x), self.at_once)
        made = [self.forward(x[start : start + self.at_once]) for start in parts]
        return np.concatenate(made) if made else np.empty((0, self.classes), np.float32)

    def evaluate(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Return mean loss and accuracy on x (N, *input_shape) and labels (N,)."""
        outputs = self.predict(x)
        return self.loss.forward(outputs, labels), float((outputs.argmax(1) == labels).mean())

    def fit(self, images: np.ndarray, labels: np.ndarray, optimizer: Optimizer, **how: Any) -> list[dict[str, float]]:
        """Train on images (N, *input_shape) and labels int (N,); return the history. See `training.train`."""
        return training.train(self, images, labels, optimizer, **how).history

    def save(self, path: str | Path) -> None:
        """Write the net, arguments and arrays, to `path` (.npz)."""
        saving.save(Path(path), self)

    @classmethod
    def load(cls, path: str | Path) -> "Network":
        """Return the net saved in `path`.

        Raises:
            InputError: the file is missing, corrupt, or no saved net.
        """
        return saving.load(Path(path), cls)

    def snapshot(self) -> tuple[Arrays, Arrays]:
        """Return copies of parameters and state."""
        return tuple({name: a.copy() for name, a in arrays.items()} for arrays in (self.parameters, self.state))
