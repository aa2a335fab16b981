"""VGG-16 (Simonyan and Zisserman 2015, Table 1, column D) with three heads."""

from functools import partial

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers

# Channels of the 3x3 convolutions; "pool" halves the side.
VGG16 = (
    *(64, 64, "pool"),
    *(128, 128, "pool"),
    *(256, 256, 256, "pool"),
    *(512, 512, 512, "pool"),
    *(512, 512, 512, "pool"),
)


def vgg(input_shape, classes, mean, std, *, batch_norm: bool, dense: tuple[int, ...], pool: int, dropout: float):
    """Build the thirteen convolutions of VGG-16 and a head.

    Args:
        input_shape: (side, side, channels).
        classes: number of logits.
        mean: subtracted from the pixels.
        std: divides them.
        batch_norm: BatchNorm after each convolution, which keeps its bias, as in torchvision.
        dense: units of the hidden dense layers, each followed by ReLU and dropout.
        pool: average-pool to this side before the head (torchvision's AdaptiveAvgPool2d); 0 for none.
        dropout: rate after each hidden dense layer.
    """
    # torchvision's VGG starts from He's normal and N(0, 0.01^2); study 000's own code from PyTorch's defaults.
    conv_start, dense_start = _blocks.torch_default, _blocks.torch_default
    if pool or batch_norm:
        conv_start, dense_start = _blocks.he_fan_out, _blocks.small_normal
    inputs, x = _blocks.pixels(input_shape, mean, std)
    index = 0  # position in torchvision's nn.Sequential "features", where ReLU and pooling count too
    for filters in VGG16:
        name = f"features.{index}"
        if filters == "pool":
            x = _blocks.max_pool(x, name)
            index += 1
            continue
        x = _blocks.conv(x, filters, 3, name, padding=1, start=conv_start)
        if batch_norm:
            index += 1
            name = f"features.{index}"
            x = _blocks.batch_norm(x, name)
        x = _blocks.relu(x, name)
        index += 2
    if pool and x.shape[1] == 1:
        x = layers.UpSampling2D(pool, name="avgpool")(x)  # Keras's adaptive pooling fails on 1x1 inside a graph
    elif pool:
        x = layers.AdaptiveAveragePooling2D(pool, name="avgpool")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(dense):
        x = _blocks.dense(x, units, f"classifier.{3 * number}", dense_start)
        x = _blocks.relu(x, f"classifier.{3 * number}")
        x = _blocks.dropout(x, dropout, f"classifier.{3 * number + 2}")
    return _blocks.classifier(inputs, x, classes, f"classifier.{3 * len(dense)}", "vgg16", dense_start)


VARIANTS = {
    "vgg16": Variant(
        partial(vgg, batch_norm=False, dense=(4096, 4096), pool=0),
        {"dropout": 0.5},
        params=33_638_218,
        multiply_adds=332_111_872,
        dense_share=0.943,
        source="study 000 (Palaska): VGG-16 at 32 px, flatten 512",
        # Without BatchNorm, SGD at its default learning rate stays at chance; study 000 uses Adam at 1e-4.
        defaults={"optimizer": "adam", "learning_rate": 1e-4},
        least_side=lambda dropout: 32,  # five max-pools
    ),
    "vgg16_imagenet": Variant(
        partial(vgg, batch_norm=False, dense=(4096, 4096), pool=7),
        {"dropout": 0.5},
        params=134_301_514,  # torchvision's 138,357,544 with 1000 classes: less 990 x (4096 + 1)
        multiply_adds=432_775_168,
        dense_share=0.724,
        source="torchvision vgg16; at 32 px its adaptive pool repeats 1x1 to 7x7",
        defaults={"optimizer": "adam", "learning_rate": 1e-4},
        least_side=lambda dropout: 32,  # five max-pools
    ),
    "vgg16_bn": Variant(
        partial(vgg, batch_norm=True, dense=(), pool=0),
        {"dropout": 0.0},
        params=14_728_266,
        multiply_adds=313_201_664,
        dense_share=1.0,
        source="torchvision vgg16_bn's features, one dense layer 512-10",
        least_side=lambda dropout: 32,  # five max-pools
    ),
}
