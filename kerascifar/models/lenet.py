"""LeNet-5 for colour images (LeCun et al. 1998), as study 001 trains it: sigmoid and average pooling."""

from functools import partial

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers, own_layers


def lenet(input_shape, classes, mean, std, *, activation: str):
    """Build conv 6@5x5, pool, conv 16@5x5, pool, dense 120-84-classes; convolutions without padding.

    `activation` is "sigmoid" or "relu".
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    for number, filters in enumerate((6, 16), start=1):
        x = _blocks.conv(x, filters, 5, f"conv{number}")
        x = layers.Activation(activation, name=f"conv{number}.{activation}")(x)
        x = own_layers.AveragePooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate((120, 84), start=1):
        x = _blocks.dense(x, units, f"fc{number}")
        x = layers.Activation(activation, name=f"fc{number}.{activation}")(x)
    return _blocks.classifier(inputs, x, classes, "fc3", "lenet")


# 6 (3 x 25 + 1) + 16 (6 x 25 + 1) + 120 (16 x 25 + 1) + 84 (120 + 1) + 10 (84 + 1) = 62,006 (STUDIES.md, by hand);
# the activation has no weights.
VARIANTS = {
    "lenet": Variant(
        partial(lenet, activation="sigmoid"),
        params=62_006,
        multiply_adds=651_720,
        dense_share=0.91,
        source="LeCun et al. 1998, Fig. 2, on three channels; study 001 (Rajpal and Gupta)",
        # Plain SGD hardly moves a sigmoid net; study 001, Table 1 has LeNet with Adam at 0.001.
        defaults={"optimizer": "adam", "learning_rate": 0.001},
        least_side=lambda: 16,  # 16 -> 12 -> 6 -> 2 -> 1
    ),
    "lenet_relu": Variant(
        partial(lenet, activation="relu"),
        params=62_006,
        multiply_adds=651_720,
        dense_share=0.91,
        source="the same with ReLU",
        least_side=lambda: 16,  # 16 -> 12 -> 6 -> 2 -> 1
    ),
}
