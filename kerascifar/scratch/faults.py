"""FAULTS: the bugs that kept study 000's nets at 10 % accuracy, each a switch, apart from the correct layers.

Source: the published code of Palaska 2024, "Building a CIFAR-10 Classification Dataset".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.scratch.convolution import Conv2D
from kerascifar.scratch.layers import Layer, ReLU
from kerascifar.scratch.losses import Arrays
from kerascifar.scratch.network import Network

FAULTS = {
    "output_relu": "ReLU on the output layer too, before softmax: a class with a negative score gets no gradient",
    "relu_derivative": "ReLU's backward pass multiplies by the activation instead of by 1",
    "full_batch": "one update per epoch, with the gradient of all training images",
    "swapped_fans": "fan-in and fan-out are swapped when the initial weights are drawn",
    "folds_kept": "cross-validation continues with the previous fold's net instead of a fresh one",
    "shared_bias_gradient": "every filter's bias gets the summed bias gradient of all filters",
    "undivided_gradients": "the gradients of convolutions are summed over the batch, not averaged",
}
_OF_CONVOLUTIONS = ("shared_bias_gradient", "undivided_gradients")


def check_faults(faults: Sequence[str], layers: Sequence[Layer], folds: int | None) -> None:
    """Refuse faults that are unknown or cannot occur in this run. Raises InputError: names the fault."""
    for name in faults:
        lookup(FAULTS, name, "--faults")
        if name in _OF_CONVOLUTIONS and not any(isinstance(layer, Conv2D) for layer in layers):
            raise InputError(f"--faults {name} needs a net with convolutions, such as scratch_cnn")
        if name == "folds_kept" and folds is None:
            raise InputError("--faults folds_kept needs --folds, such as --folds 5")


class ActivationTimesReLU(ReLU):
    """ReLU with the published derivative."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y


class FaultyNetwork(Network):
    """A net with the named faults; those of the training loop are left to the caller."""

    def __init__(self, layers: Sequence[Layer], *args: Any, faults: Sequence[str] = (), **kwargs: Any) -> None:
        self.faults = frozenset(faults)
        layers = list(layers)
        if "output_relu" in self.faults:
            layers.append(ReLU())
        if "relu_derivative" in self.faults:
            layers = [ActivationTimesReLU() if isinstance(layer, ReLU) else layer for layer in layers]
        super().__init__(layers, *args, **kwargs)

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw the initial weights, with swapped fans under that fault."""
        with_fans = [layer for layer in self.layers if hasattr(layer, "fans")] if "swapped_fans" in self.faults else []
        for layer in with_fans:
            layer.fans = layer.fans[::-1]
        super().initialize(rng, dtype)
        for layer in with_fans:
            layer.fans = layer.fans[::-1]

    def gradients(
        self, x: np.ndarray, labels: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Arrays, float, int]:
        """Return the gradients, with the faults of the convolutions."""
        gradients, loss, right = super().gradients(x, labels, rng)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Conv2D):
                continue
            if "undivided_gradients" in self.faults:
                for name in layer.parameters:
                    gradients[f"{i}/{name}"] *= self.loss.weight(labels)
            if "shared_bias_gradient" in self.faults:
                gradients[f"{i}/bias"][:] = gradients[f"{i}/bias"].sum()
        return gradients, loss, right
