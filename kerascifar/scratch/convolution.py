"""Convolution as matrix products.

Once every window of an image is laid out as a row ("im2col"), a convolution is one product, and so are both of
its gradients. The rows repeat each pixel size^2 times, so they are made for a few images at once, stay in cache,
and are made again for the backward pass: the copy costs a tenth to a third of the product, and memory stays bounded.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kerascifar.registry import lookup
from kerascifar.scratch.initializers import INITIALIZERS
from kerascifar.scratch.layers import Layer, Shape, need, whole
from kerascifar.scratch.parallel import over_images


def on_zeros(x: np.ndarray, height: int, width: int, edge: int, step: int = 1) -> np.ndarray:
    """Put x (n, h, w, c) on zeros (n, height, width, c): its first pixel at (edge, edge), the next `step` further."""
    n, h, w, c = x.shape
    canvas = np.zeros((n, height, width, c), x.dtype)
    canvas[:, edge : edge + step * h : step, edge : edge + step * w : step] = x
    return canvas


def window_rows(x: np.ndarray, size: int, stride: int = 1) -> np.ndarray:
    """Lay out each window of x (n, h, w, c) as a row: (n * h' * w', size * size * c)."""
    windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]  # (n, h', w', c, size, size)
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * x.shape[3])  # this reshape is the copy


@dataclass(eq=False)
class Conv2D(Layer):
    """Each filter is slid over the image. x (N, h, w, c), y (N, h', w', filters).

    kernel (size, size, c, filters), bias (filters,); h' = (h + 2 padding - size) // stride + 1, and w' likewise.
    """

    filters: int
    size: int = 3
    stride: int = 1
    padding: int = 0
    initializer: str = "he_normal"

    def output_for(self, shape: Shape) -> Shape:
        need(whole(self.filters, 1), "filters of at least 1", self.filters)
        need(whole(self.size, 1) and whole(self.stride, 1), "size and stride of at least 1", (self.size, self.stride))
        need(whole(self.padding, 0) and self.padding < self.size, "a padding from 0 to below its size", self.padding)
        need(len(shape) == 3, "input of shape (N, height, width, channels)", ("N", *shape))
        self.padded = tuple(side + 2 * self.padding for side in shape[:2])
        need(min(self.padded) >= self.size, f"an image of {self.size} pixels a side, padding included", self.padded)
        lookup(INITIALIZERS, self.initializer, "initializer")
        h, w = ((side - self.size) // self.stride + 1 for side in self.padded)
        self.fans = (self.size**2 * shape[2], self.size**2 * self.filters)
        self.parameter_shapes = {"kernel": (self.size, self.size, shape[2], self.filters), "bias": (self.filters,)}
        self.multiply_adds = h * w * self.fans[0] * self.filters
        return (h, w, self.filters)

    def initialize(self, rng: np.random.Generator, dtype: Any) -> None:
        kernel = INITIALIZERS[self.initializer](rng, self.parameter_shapes["kernel"], *self.fans)
        self.parameters = {"kernel": kernel.astype(dtype), "bias": np.zeros(self.filters, dtype)}

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        self.x = x
        kernel, bias = self.parameters["kernel"].reshape(-1, self.filters), self.parameters["bias"]
        y = np.empty((len(x), *self.output_shape), x.dtype)

        def convolve(images: slice) -> None:
            np.add(self._rows(images) @ kernel, bias, out=y[images].reshape(-1, self.filters))  # y = rows W + b

        over_images(convolve, len(x), self._row_bytes)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        def kernel_gradient(images: slice) -> np.ndarray:
            return self._rows(images).T @ dy[images].reshape(-1, self.filters)  # dL/dW = rows^T dy

        kernel = self.parameters["kernel"]
        self.gradients["kernel"] = over_images(kernel_gradient, len(dy), self._row_bytes).reshape(kernel.shape)
        # dL/db = sum of dy, first within an image: one float32 sum of a million terms would lose digits.
        self.gradients["bias"] = dy.reshape(len(dy), -1, self.filters).sum(1).sum(0)
        return self._input_gradient(dy) if self.wants_input_gradient else None

    def _input_gradient(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx is a convolution too: of dy, spread out by the stride, with the kernel turned by half a turn."""
        h, w, c = self.input_shape
        turned = self.parameters["kernel"][::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, c)
        dx = np.empty((len(dy), h, w, c), dy.dtype)
        reach = self.size - 1

        def convolve(images: slice) -> None:
            spread = on_zeros(dy[images], h + reach, w + reach, reach - self.padding, self.stride)
            np.matmul(window_rows(spread, self.size), turned, out=dx[images].reshape(-1, c))

        over_images(convolve, len(dy), h * w * self.fans[1] * dy.itemsize)
        return dx

    def _rows(self, images: slice) -> np.ndarray:
        return window_rows(on_zeros(self.x[images], *self.padded, self.padding), self.size, self.stride)

    @property
    def _row_bytes(self) -> int:
        """Memory of the rows of one image."""
        return self.output_shape[0] * self.output_shape[1] * self.fans[0] * self.x.itemsize
