"""A net: a chain of layers with a loss at the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.scratch.layers import Layer, Shape
from kerascifar.scratch.losses import MSE, Arrays, SoftmaxCrossEntropy
from kerascifar.scratch.optimizers import Optimizer, clip

# What random numbers are drawn for; the second word of a generator's seed.
WEIGHTS, ORDER, BATCH, FOLDS = range(4)


def random_stream(seed: int, purpose: int, epoch: int = 0, batch: int = 0) -> np.random.Generator:
    """Return a generator that depends on these numbers only, so that none has to be saved with a checkpoint."""
    return np.random.default_rng([seed, purpose, epoch, batch])


class Network:
    """A chain of layers: from images x (N, *input_shape) to outputs (N, classes), which are logits with the usual loss.

    Args:
        layers: new ones, which the net builds for its shapes.
        input_shape: of one image, such as (32, 32, 3).
        loss: cross-entropy if None.
        seed: of the initial weights; None leaves them to `initialize`, so that no array is made.
        dtype: float32, or float64 for a gradient check.
        at_once: images that pass through the layers together; the gradients of a larger batch are summed over chunks
            of this size, which bounds the memory. Batch normalisation needs the whole batch at once.

    Raises:
        InputError: a layer does not fit the output of the one before it; the message names the layer.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        loss: SoftmaxCrossEntropy | MSE | None = None,
        seed: int | None = 0,
        dtype: Any = np.float32,
        at_once: int = 500,  # measured on 2 cores: 125 and 250 take 3 to 22 % longer, 1,000 takes 35 to 56 %
    ) -> None:
        self.layers, self.input_shape, self.loss = list(layers), tuple(input_shape), loss or SoftmaxCrossEntropy()
        self.at_once = at_once
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
        self.first_trainable = next((i for i, layer in enumerate(self.layers) if layer.parameter_shapes), 0)
        self.layers[self.first_trainable].wants_input_gradient = False
        if seed is not None:
            self.initialize(random_stream(seed, WEIGHTS), dtype)

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw the initial weights."""
        for layer in self.layers:
            layer.initialize(rng, dtype)

    @property
    def classes(self) -> int:
        """Number of outputs per image."""
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
        """Replace the net's arrays by copies of these."""
        for group, arrays in (("parameters", parameters), ("state", state)):
            for key, array in arrays.items():
                i, name = key.split("/")
                getattr(self.layers[int(i)], group)[name] = array.copy()

    @property
    def trainable_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(int(np.prod(shape)) for layer in self.layers for shape in layer.parameter_shapes.values())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per image, forward, in convolutions and dense layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the outputs (N, classes) of x (N, *input_shape)."""
        for layer in self.layers:
            x = layer.forward(x, training, rng)
        return x

    def backward(self, gradient: np.ndarray) -> None:
        """Propagate dL/d(outputs) back through the layers, down to the first that has parameters."""
        for layer in reversed(self.layers[self.first_trainable :]):
            gradient = layer.backward(gradient)

    def gradients(
        self, x: np.ndarray, labels: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Arrays, float, int]:
        """Return dL/dw by "layer/name", the mean loss, and the number of correct predictions."""
        at_once = len(x) if any(layer.mixes_images for layer in self.layers) else self.at_once
        total = self.loss.weight(labels)
        summed: Arrays = {}
        loss, correct = 0.0, 0
        for start in range(0, len(x), at_once):
            chunk = slice(start, start + at_once)
            outputs = self.forward(x[chunk], training=True, rng=rng)
            loss += self.loss.forward(outputs, labels[chunk], total)
            correct += int((outputs.argmax(1) == labels[chunk]).sum())
            self.backward(self.loss.gradient)
            for i, layer in enumerate(self.layers):
                for name, g in layer.gradients.items():
                    key = f"{i}/{name}"
                    summed[key] = summed[key] + g if start else g
        return summed, loss, correct

    def step(
        self,
        x: np.ndarray,
        labels: np.ndarray,
        optimizer: Optimizer,
        learning_rate: float,
        rng: np.random.Generator | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> tuple[float, int]:
        """Make one update; return the mean loss and the number of correct predictions before it."""
        gradients, loss, correct = self.gradients(x, labels, rng)
        optimizer.update(self.parameters, clip(gradients, clip_value, clip_norm), learning_rate)
        return loss, correct

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (N, classes) of x (N, *input_shape), computed `at_once` images at a time."""
        outputs = [self.forward(x[start : start + self.at_once]) for start in range(0, len(x), self.at_once)]
        return np.concatenate(outputs) if outputs else np.empty((0, self.classes), np.float32)

    def evaluate(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Return mean loss and accuracy on x (N, *input_shape) and labels int (N,)."""
        outputs = self.predict(x)
        return self.loss.forward(outputs, labels), float((outputs.argmax(1) == labels).mean())
