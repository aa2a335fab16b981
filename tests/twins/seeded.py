"""Weights and images from NumPy seeds, the same for a PyTorch twin and for our net. Imports no framework."""

import zlib
from collections.abc import Mapping

import numpy as np


def fill(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Fill a state_dict: every array depends on its key alone, and logits stay of order 1 to 10.

    Kernels N(0, 2 / fan_in), biases and moving means N(0, 0.1^2), BatchNorm's variances U(0.5, 1.5)
    and scales U(0.8, 1.2), but U(0.2, 0.6) in bn2, which closes a residual block, and in a transition: sums of blocks
    would grow.
    A kernel named "head" is fan_in times as large: airbench divides what goes into it by fan_in.
    """
    return {key: _array(key, tuple(shape)) for key, shape in shapes.items()}


def _array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(key.encode()))
    kind = key.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return np.array(0, "int64")
    if kind == "running_var":
        return random.uniform(0.5, 1.5, shape).astype("float32")
    if kind == "weight" and len(shape) == 1:
        low, high = (0.2, 0.6) if key.endswith(("bn2.weight", "transition.bn.weight")) else (0.8, 1.2)
        return random.uniform(low, high, shape).astype("float32")
    scale = (2 / np.prod(shape[1:])) ** 0.5 if kind == "weight" else 0.1
    if key == "head.weight":
        scale *= shape[1]
    return random.standard_normal(shape, "float32") * np.float32(scale)


def images(side: int) -> np.ndarray:
    """Two uint8 images (2, side, side, 3) of coloured noise, fine in one and coarse in the other.

    Two images of fine noise would average to much the same logits.
    """
    random = np.random.default_rng(side)
    fine, coarse = random.integers(0, 256, (2, side, side, 3), "uint8")
    return np.stack([fine, coarse[: side // 5 + 1, : side // 5 + 1].repeat(5, 0).repeat(5, 1)[:side, :side]])
