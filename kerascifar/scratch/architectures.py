"""VARIANTS: the scratch nets, each a list of layers."""

from collections.abc import Sequence

from kerascifar.core.registry import Variant
from kerascifar.scratch.batch_normalization import BatchNormalization
from kerascifar.scratch.convolution import Conv2D
from kerascifar.scratch.layers import Dense, Dropout, Flatten, Layer, ReLU, Shape
from kerascifar.scratch.pooling import MaxPool2D


def fully_connected(
    input_shape: Shape, classes: int, widths: Sequence[int], dropout: float, initializer: str
) -> list[Layer]:
    """Return dense layers of `widths` units, each with ReLU and dropout, and a last one for the logits."""
    layers: list[Layer] = [Flatten()]
    for units in widths:
        layers += [Dense(units, initializer), ReLU(), Dropout(dropout)]
    return [*layers, Dense(classes, initializer)]


def plain_convolutions(input_shape: Shape, classes: int, filters: Sequence[int], initializer: str) -> list[Layer]:
    """Return 3x3 convolutions (stride 1, padding 1) with ReLU, no pooling, and one dense layer."""
    layers: list[Layer] = []
    for count in filters:
        layers += [Conv2D(count, 3, padding=1, initializer=initializer), ReLU()]
    return [*layers, Flatten(), Dense(classes, initializer)]


def convnet(input_shape: Shape, classes: int, filters: Sequence[int], dropout: float, initializer: str) -> list[Layer]:
    """Return stages of 3x3 convolution, 2x2 max-pooling, batch normalisation and ReLU; then dropout and a dense layer.

    Pooling comes before the other two because they then have a quarter of the numbers to process.
    """
    layers: list[Layer] = []
    for count in filters:
        layers += [Conv2D(count, 3, padding=1, initializer=initializer), MaxPool2D(2), BatchNormalization(), ReLU()]
    return [*layers, Flatten(), Dropout(dropout), Dense(classes, initializer)]


_STUDY = "Palaska 2024, section 6.1"
VARIANTS = {
    "scratch_fc3": Variant(
        fully_connected,
        {"widths": (1024, 512, 256), "dropout": 0.2, "initializer": "he_normal"},
        params=3_805_450,
        multiply_adds=3_803_648,
        source=f"{_STUDY}.1: 1024-512-256",
        defaults={"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "batch_size": 128, "epochs": 30},
        engine="scratch",
    ),
    "scratch_fc5": Variant(
        fully_connected,
        {"widths": (2048, 1024, 512, 256, 128), "dropout": 0.2, "initializer": "he_normal"},
        params=9_081_994,
        multiply_adds=9_078_016,
        source=f"{_STUDY}.1: 2048-1024-512-256-128",
        defaults={"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "batch_size": 128, "epochs": 30},
        engine="scratch",
    ),
    "scratch_cnn": Variant(
        plain_convolutions,
        {"filters": (16, 16), "initializer": "he_normal"},
        params=166_618,
        multiply_adds=2_965_504,
        source=f"{_STUDY}.2 and Table 5; no pooling, one dense layer, as its code has it",
        defaults={"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "batch_size": 128, "epochs": 10},
        engine="scratch",
    ),
    "scratch_convnet": Variant(
        convnet,
        {"filters": (32, 64, 128), "dropout": 0.3, "initializer": "he_normal"},
        params=114_186,
        multiply_adds=10_342_400,
        source="ours: convolution, max-pooling, batch normalisation, three times",
        defaults={"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "batch_size": 128, "epochs": 12},
        engine="scratch",
    ),
}
