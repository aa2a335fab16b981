"""A plugin: a net, a data set and a policy of one's own. Copy it, rename them, and give it by --plugin."""

import numpy as np

import kerascifar as kc
from kerascifar.core.contracts import Dataset, Split


@kc.register_model("my_net", source="mine", args={"dropout": 0.1}, defaults={"optimizer": "adam", "epochs": 5})
def my_net(input_shape, classes, mean, std, *, dropout):
    """Build a net of one hidden layer: uint8 pixels (N, side, side, 3) to logits (N, classes)."""
    import keras  # here, so that --list stays quick

    pixels = keras.Input(input_shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / np.asarray(std), -np.asarray(mean) / std, name="normalization")(pixels)
    x = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(pixels, keras.layers.Dense(classes, dtype="float32")(x))


@kc.register_dataset("my_data", help="bright and dark noise, 32x32")
def my_data(config, argument):
    """Draw 400 training and 100 test images: uint8 (N, 32, 32, 3), labels int64 (N,)."""
    labels = np.arange(500) % 2
    noise = np.random.default_rng(0).integers(0, 200, (500, 32, 32, 3))
    images = (noise + 50 * labels[:, None, None, None]).astype(np.uint8)
    return Dataset(config.dataset, ("dark", "bright"), Split(images[:400], labels[:400]), None,
                   Split(images[400:], labels[400:]))  # fmt: skip


kc.register_policy("my_policy", "flip(0.5) crop(2, reflect)", source="mine")
