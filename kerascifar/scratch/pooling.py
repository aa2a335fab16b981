"""Pooling: one number per window and channel of an image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerascifar.scratch.layers import Layer, Shape, is_whole, require
from kerascifar.scratch.parallel import over_images


@dataclass(eq=False)
class _Pool2D(Layer):
    """What both kinds of pooling share. x (N, h, w, c), y (N, h', w', c).

    h' = (h - size) // stride + 1, and w' likewise; a stride of None means the size.
    """

    size: int = 2
    stride: int | None = None

    def output_for(self, shape: Shape) -> Shape:
        self.step = self.size if self.stride is None else self.stride
        fits = is_whole(self.size, 1) and is_whole(self.step, 1)
        require(fits, "size and stride of at least 1", (self.size, self.stride))
        require(len(shape) == 3, "input of shape (N, height, width, channels)", ("N", *shape))
        require(min(shape[:2]) >= self.size, f"an image of at least {self.size} pixels a side", shape)
        return (*((side - self.size) // self.step + 1 for side in shape[:2]), shape[2])

    def _shifted(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield views of x (n, h, w, c): the top left pixel of every window, then the one to its right, ..."""
        h, w, _ = self.output_shape
        for i in range(self.size):
            for j in range(self.size):
                yield x[:, i : i + self.step * h : self.step, j : j + self.step * w : self.step]

    def _image_bytes(self, x: np.ndarray) -> int:
        return int(np.prod(self.input_shape)) * x.itemsize


class MaxPool2D(_Pool2D):
    """y = the largest x of the window; dL/dy goes to that pixel, to the first one if several are equal."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        y = np.empty((len(x), *self.output_shape), x.dtype)
        index = np.min_scalar_type(self.size**2)
        self.place = np.zeros(y.shape, index)  # which pixel of the window was the largest

        def pool(images: slice) -> None:
            best, place = y[images], self.place[images]
            for k, pixel in enumerate(self._shifted(x[images])):
                if k == 0:
                    best[...] = pixel
                else:  # arithmetic is five times as fast here as assignment through a mask
                    np.maximum(place, np.multiply(pixel > best, k, dtype=index), out=place)
                    np.maximum(best, pixel, out=best)

        over_images(pool, len(x), self._image_bytes(x))
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros((len(dy), *self.input_shape), dy.dtype)

        def spread(images: slice) -> None:
            for k, pixel in enumerate(self._shifted(dx[images])):
                pixel += dy[images] * (self.place[images] == k)

        over_images(spread, len(dy), self._image_bytes(dy))
        return dx


class AveragePool2D(_Pool2D):
    """y = the mean x of the window; each of its pixels gets dL/dy / size^2."""

    def forward(self, x: np.ndarray, training: bool = False, rng: np.random.Generator | None = None) -> np.ndarray:
        y = np.zeros((len(x), *self.output_shape), x.dtype)

        def pool(images: slice) -> None:
            for pixel in self._shifted(x[images]):
                y[images] += pixel
            y[images] /= self.size**2

        over_images(pool, len(x), self._image_bytes(x))
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros((len(dy), *self.input_shape), dy.dtype)

        def spread(images: slice) -> None:
            share = dy[images] / self.size**2
            for pixel in self._shifted(dx[images]):
                pixel += share

        over_images(spread, len(dy), self._image_bytes(dy))
        return dx
