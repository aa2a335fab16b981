"""What our augmentation layers share: randomness as a pure function of a key, pixel moves, dtypes."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from kerascifar.core.errors import InputError
from kerascifar.data import draws

PACKAGE = "kerascifar"


class StatelessSeeds(keras.random.SeedGenerator):
    """A generator without state: its n-th seed is a function of the key in force and of n.

    Given to a Keras layer as its ``generator``, it makes what the layer draws repeatable however many threads
    map at once. A plain SeedGenerator counts in a variable, which parallel calls race for.
    """

    def __init__(self) -> None:
        super().__init__(seed=0)
        self._key, self._drawn = None, 0

    @contextlib.contextmanager
    def keyed(self, key: Any) -> Iterator[None]:
        """Draw from `key`, integers (2,), within the block."""
        self._key, self._drawn = key, 0
        try:
            yield
        finally:
            self._key = None  # it may be a tensor of the graph being traced

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, integers (2,)."""
        if self._key is None:
            raise RuntimeError("StatelessSeeds.next() outside of keyed()")
        self._drawn += 1
        return draws.folded(self._key, self._drawn)


class AugmentLayer(keras.layers.Layer):
    """Base of our augmentation layers.

    Called with images (B, H, W, C), pixels 0 to 255, uint8 or float, or with a dict that holds them under "images",
    beside "labels", "index" or "epoch" where a layer wants them. What comes back has the same structure;
    uint8 images stay uint8, rounded. Without ``training=True`` everything comes back untouched.

    Args:
        seed: of the layer's own generator; a pipeline puts a StatelessSeeds in its place.
    """

    def __init__(self, seed: int | None = None, **how: Any) -> None:
        how.setdefault("dtype", "float32")  # labels and blends lose too much under a global mixed policy
        super().__init__(**how)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, data: Any, training: bool = False) -> Any:
        """Return `data` augmented if `training`, else as it came."""
        if not isinstance(data, dict):
            return self.call({"images": data}, training)["images"]
        if len(data["images"].shape) != 4:
            raise InputError(
                f"{self.name}: expected images (batch, height, width, channels), got {data['images'].shape}"
            )
        return {**data, **self.augment(data)} if training else data

    def augment(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the entries of `data` that change."""
        raise NotImplementedError

    def uniform(self, shape: tuple) -> Any:
        """Draw float32 numbers of `shape` from [0, 1)."""
        return keras.random.uniform(shape, dtype="float32", seed=self.generator)

    def whole(self, shape: tuple, below: Any) -> Any:
        """Draw int32 numbers of `shape` from 0 to `below` - 1."""
        return keras.random.randint(shape, 0, below, dtype="int32", seed=self.generator)

    def span(self, n: Any, length: Any, size: Any) -> Any:
        """Draw booleans (n, length), true on `size` pixels in a row around a pixel drawn, inside the image."""
        start = self.whole((n, 1), length) - size // 2
        place = ops.arange(length)[None]
        return (place >= start) & (place < start + size)

    def chosen(self, images: Any, probability: float) -> Any:
        """Draw booleans (B, 1, 1, 1), true with `probability`."""
        return self.uniform((ops.shape(images)[0], 1, 1, 1)) < probability

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, which keeps each as an attribute of the same name."""
        own = [name for name in inspect.signature(type(self).__init__).parameters if name not in ("self", "how")]
        return {**super().get_config(), "seed": self.seed, **{name: getattr(self, name) for name in own}}


def take_pixels(images: Any, rows: Any, columns: Any) -> Any:
    """Return out[b, i, j] = images[b, rows[b, i], columns[b, j]] in the dtype of `images` (B, H, W, C).

    Args:
        images: any dtype.
        rows: int32 (B or 1, height of the result).
        columns: int32 (B or 1, width of the result).
    """
    # One gather over flat pixels: 10 to 20 microseconds an image on uint8, half of what reverse and where take.
    n, height, width, channels = ops.shape(images)
    place = (ops.arange(n)[:, None, None] * height + rows[:, :, None]) * width + columns[:, None, :]
    return ops.take(ops.reshape(images, (-1, channels)), place, axis=0)


def like(images: Any, result: Any) -> Any:
    """Return float `result` in the dtype of `images`; for integers rounded and clipped to 0..255."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    if "int" in dtype:
        result = ops.clip(ops.round(result), 0, 255)
    return ops.cast(result, dtype)
