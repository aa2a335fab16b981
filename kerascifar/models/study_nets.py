"""Small nets of the studies: 004's OriginNet, ModifiedNet and depthwise net, 002's CustomCNN, 000's one_conv_net."""

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers


def origin_net(input_shape, classes, mean, std):
    """Build three 2x2 convolutions (6, 16, 32; padding 1, 1, 0), each with ReLU and max-pool, dense 120-84."""
    inputs, x = _blocks.pixels(input_shape, mean, std)
    for number, (filters, padding) in enumerate(((6, 1), (16, 1), (32, 0)), start=1):
        x = _blocks.conv(x, filters, 2, f"conv{number}", padding=padding)
        x = _blocks.max_pool(_blocks.relu(x, f"conv{number}"), f"pool{number}")
    x = _hidden(x, (120, 84), dropout=0.0)
    return _blocks.classifier(inputs, x, classes, "fc3", "origin_net")


def modified_net(input_shape, classes, mean, std, *, dropout: float):
    """Build three 3x3 convolutions (8, 12, 16; bias), each with BatchNorm, ReLU and max-pool, dense 100-64.

    `dropout` is the rate after each hidden dense layer.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    for number, filters in enumerate((8, 12, 16), start=1):
        x = _blocks.conv(x, filters, 3, f"conv{number}", padding=1)
        x = _blocks.batch_norm(x, f"bn{number}")
        x = _blocks.max_pool(_blocks.relu(x, f"bn{number}"), f"pool{number}")
    x = _hidden(x, (100, 64), dropout)
    return _blocks.classifier(inputs, x, classes, "fc3", "modified_net")


def depthwise_net(input_shape, classes, mean, std, *, dropout: float):
    """Build three depthwise separable stages (10, 12, 24 channels), dense 100-64, BatchNorm after all of them.

    A stage: depthwise 3x3, BatchNorm, pointwise, BatchNorm, ReLU, max-pool. `dropout` is as in modified_net.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    for number, filters in enumerate((10, 12, 24), start=1):
        name = f"stage{number}"
        x = _blocks.batch_norm(_blocks.depthwise(x, f"{name}.depthwise"), f"{name}.bn1")
        x = _blocks.batch_norm(_blocks.conv(x, filters, 1, f"{name}.pointwise", bias=False), f"{name}.bn2")
        x = _blocks.max_pool(_blocks.relu(x, f"{name}.bn2"), f"{name}.pool")
    x = _hidden(x, (100, 64), dropout, batch_norm=True)
    return _blocks.classifier(inputs, x, classes, "fc3", "depthwise_net")


def custom_cnn(input_shape, classes, mean, std, *, dropout: float):
    """Build 3x3 convolutions 24, 24, pool, 48, 48, pool, without padding, and dense 256.

    `dropout` is the rate after flattening and after the dense layer.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    for number, filters in enumerate((24, 24, 48, 48), start=1):
        x = _blocks.relu(_blocks.conv(x, filters, 3, f"conv{number}"), f"conv{number}")
        if number % 2 == 0:
            x = _blocks.max_pool(x, f"pool{number // 2}")
    x = _blocks.dropout(layers.Flatten(name="flatten")(x), dropout, "dropout1")
    x = _blocks.relu(_blocks.dense(x, 256, "fc1"), "fc1")
    x = _blocks.dropout(x, dropout, "dropout2")
    return _blocks.classifier(inputs, x, classes, "fc2", "custom_cnn")


def one_conv_net(input_shape, classes, mean, std):
    """Build one 3x3 convolution of 64 filters (padding 1, bias), ReLU, and a dense layer on all of its outputs."""
    inputs, x = _blocks.pixels(input_shape, mean, std)
    x = _blocks.relu(_blocks.conv(x, 64, 3, "conv1", padding=1), "conv1")
    return _blocks.classifier(inputs, layers.Flatten(name="flatten")(x), classes, "fc", "one_conv_net")


def _hidden(x, units: tuple[int, ...], dropout: float, batch_norm: bool = False):
    """Flatten, then dense layers, each with ReLU and dropout, and optionally with BatchNorm between."""
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(units, start=1):
        x = _blocks.dense(x, width, f"fc{number}")
        if batch_norm:
            x = _blocks.batch_norm(x, f"fc{number}.bn")
        x = _blocks.relu(x, f"fc{number}")
        x = _blocks.dropout(x, dropout, f"dropout{number}")
    return x


VARIANTS = {
    # 64 (3 x 9 + 1) + 10 (32 x 32 x 64 + 1) = 1,792 + 655,370
    "one_conv_net": Variant(
        one_conv_net,
        params=657_162,
        multiply_adds=2_424_832,
        dense_share=0.73,
        source="study 000 (Palaska): what its code calls ResNet18 has no residual block",
        least_side=lambda: 1,
    ),
    "origin_net": Variant(
        origin_net,
        params=48_252,
        multiply_adds=335_216,
        dense_share=0.864,
        source="study 004 (Lai), Table III",
        least_side=lambda: 9,  # 9 -> 10 -> 5 -> 6 -> 3 -> 2 -> 1, but 8 -> 9 -> 4 -> 5 -> 2 -> 1 -> 0
    ),
    "modified_net": Variant(
        modified_net,
        {"dropout": 0.5},
        params=35_730,
        multiply_adds=585_600,
        dense_share=0.944,
        source="study 004 (Lai), Table VI, and its authors' code",
        least_side=lambda dropout: 8,  # three max-pools
    ),
    "depthwise_net": Variant(
        depthwise_net,
        {"dropout": 0.5},
        params=46_747,
        multiply_adds=182_912,
        dense_share=0.437,
        source="study 004 (Lai), section on depthwise separable convolutions, in our reading",
        least_side=lambda dropout: 8,  # three max-pools
    ),
    "custom_cnn": Variant(
        custom_cnn,
        {"dropout": 0.0},
        params=347_106,
        multiply_adds=8_523_808,
        dense_share=0.964,
        source="study 002 (Andrzejczuk and Orsłowski), section 4.1.1",
        least_side=lambda dropout: 16,  # 16 -> 14 -> 12 -> 6 -> 4 -> 2 -> 1
    ),
}
