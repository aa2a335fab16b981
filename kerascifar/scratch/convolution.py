"""Convolution as matrix products.

Copying every window of an image into a row ("im2col") turns a convolution into one product, but repeats each pixel
size^2 times; in nets with few filters that copy takes much of the time. Here only the rows of the windows are copied,
which repeats each pixel `size` times: a window is then `size` strips, one below the other, strip i of all windows is a
slice of the copy, and the convolution is a sum of `size` products, as are both of its gradients. Strips are made for a
few images at once, so they stay in the cache, and are made again in the backward pass, so memory stays bounded.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kerascifar.core.registry import lookup
from kerascifar.scratch.initializers import INITIALIZERS
from kerascifar.scratch.layers import Layer, Shape, is_whole, require
from kerascifar.scratch.parallel import over_images


def on_zeros(x: np.ndarray, height: int, width: int, edge: int, step: int = 1) -> np.ndarray:
    """Return zeros (n, height, width, c) with x (n, h, w, c) on them: from (edge, edge), its pixels `step` apart."""
    n, h, w, c = x.shape
    canvas = np.zeros((n, height, width, c), x.dtype)
    canvas[:, edge : edge + step * h : step, edge : edge + step * w : step] = x
    return canvas


def window_strips(x: np.ndarray, size: int, stride: int = 1) -> list[np.ndarray]:
    """Cut the windows of x (n, h, w, c) into their rows: `size` arrays (n, h' * w', size * c), the top row first."""
    n, h, _, c = x.shape
    views = sliding_window_view(x, size, axis=2)[:, :, ::stride]  # (n, h, w', c, size)
    # The copy: a matrix product cannot take overlapping views.
    rows = np.ascontiguousarray(views.transpose(0, 1, 2, 4, 3)).reshape(n, h, -1, size * c)
    reach = h - size + 1
    return [rows[:, top : top + reach : stride].reshape(n, -1, size * c) for top in range(size)]


def correlate(x: np.ndarray, kernel: np.ndarray, stride: int, out: np.ndarray) -> None:
    """Write the windows of x (n, h, w, c) times kernel (size, size, c, filters) into out (n, h', w', filters)."""
    size, _, _, filters = kernel.shape
    y = out.reshape(len(x), -1, filters)
    strips = window_strips(x, size, stride)
    rows = kernel.reshape(size, -1, filters)
    np.matmul(strips[0], rows[0], out=y)
    for strip, row in zip(strips[1:], rows[1:], strict=True):
        y += strip @ row


@dataclass(eq=False)
class Conv2D(Layer):
    """Slide each filter over the image. x (N, h, w, c), y (N, h', w', filters).

    kernel (size, size, c, filters), bias (filters,); h' = (h + 2 padding - size) // stride + 1, and w' likewise.
    """

    filters: int
    size: int = 3
    stride: int = 1
    padding: int = 0
    initializer: str = "he_normal"

    def output_for(self, shape: Shape) -> Shape:
        require(is_whole(self.filters, 1), "filters of at least 1", self.filters)
        steps = (self.size, self.stride)
        require(all(is_whole(n, 1) for n in steps), "size and stride of at least 1", steps)
        fits = is_whole(self.padding, 0) and self.padding < self.size
        require(fits, "a padding from 0 to below its size", self.padding)
        require(len(shape) == 3, "input of shape (N, height, width, channels)", ("N", *shape))
        self.padded = tuple(side + 2 * self.padding for side in shape[:2])
        require(min(self.padded) >= self.size, f"an image of at least {self.size} pixels a side, padded", self.padded)
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
        y = np.empty((len(x), *self.output_shape), x.dtype)

        def convolve(images: slice) -> None:
            correlate(self._padded(images), self.parameters["kernel"], self.stride, out=y[images])
            y[images] += self.parameters["bias"]

        over_images(convolve, len(x), self._strip_bytes)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        def kernel_gradient(images: slice) -> np.ndarray:
            upstream = dy[images].reshape(-1, h * w, self.filters)
            strips = window_strips(self._padded(images), self.size, self.stride)
            return np.stack([(strip.transpose(0, 2, 1) @ upstream).sum(0) for strip in strips])  # dL/dW = windows^T dy

        h, w, _ = self.output_shape
        kernel = self.parameters["kernel"]
        self.gradients["kernel"] = over_images(kernel_gradient, len(dy), self._strip_bytes).reshape(kernel.shape)
        # dL/db = sum of dy, first within each image: one float32 sum of a million terms would lose digits. A product
        # with ones is seven times as fast as NumPy's sum over an axis that is followed by a short one.
        self.gradients["bias"] = (np.ones(h * w, dy.dtype) @ dy.reshape(len(dy), h * w, -1)).sum(0)
        return self._input_gradient(dy) if self.wants_input_gradient else None

    def _input_gradient(self, dy: np.ndarray) -> np.ndarray:
        """Return dL/dx, a convolution too: of dy, its pixels a stride apart, with the kernel turned by 180 degrees."""
        h, w, c = self.input_shape
        turned = np.ascontiguousarray(self.parameters["kernel"][::-1, ::-1].transpose(0, 1, 3, 2))
        dx = np.empty((len(dy), h, w, c), dy.dtype)
        reach = self.size - 1

        def convolve(images: slice) -> None:
            spread = on_zeros(dy[images], h + reach, w + reach, reach - self.padding, self.stride)
            correlate(spread, turned, 1, out=dx[images])

        over_images(convolve, len(dy), (h + reach) * w * self.size * self.filters * dy.itemsize)
        return dx

    def _padded(self, images: slice) -> np.ndarray:
        return on_zeros(self.x[images], *self.padded, self.padding)

    @property
    def _strip_bytes(self) -> int:
        """Memory of the strips of one image."""
        return self.padded[0] * self.output_shape[1] * self.size * self.input_shape[2] * self.x.itemsize
