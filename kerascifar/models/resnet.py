"""Residual nets of basic blocks (He et al. 2016), optionally with squeeze-and-excitation (Hu et al. 2018)."""

from functools import partial

from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers

REDUCTION = 16  # factor by which squeeze-and-excitation reduces the channels (Hu et al. 2018, section 6.1)


def resnet(
    input_shape,
    classes,
    mean,
    std,
    *,
    stem: str,
    blocks: tuple[int, ...],
    widths: tuple[int, ...],
    kernel: int,
    shortcut_kernel: int,
    dropout: float,
    se: str,
):
    """Build a residual net: stem, stages of basic blocks, global average pool, dense.

    Args:
        input_shape: (side, side, channels).
        classes: number of logits.
        mean: subtracted from the pixels.
        std: divides them.
        stem: "cifar" (3x3, stride 1) or "imagenet" (7x7, stride 2, then 3x3 max-pool of stride 2).
        blocks: basic blocks per stage; each stage after the first halves the side.
        widths: channels per stage; the stem has as many as the first.
        kernel: kernel size in the blocks, odd.
        shortcut_kernel: kernel size of the shortcuts that change shape, odd.
        dropout: rate after every block and before the dense layer, as in study 003's code.
        se: squeeze-and-excitation nowhere ("none"), once after the stem ("stem"), or in "every" block.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    x = _stem(x, stem, widths[0])
    if se == "stem":
        x = _squeeze_excitation(x, "se")
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        for number in range(count):
            name = f"layer{stage + 1}.{number}"
            stride = 2 if stage > 0 and number == 0 else 1
            x = _basic_block(x, width, stride, kernel, shortcut_kernel, se == "every", name)
            x = _blocks.dropout(x, dropout, f"{name}.dropout")
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = _blocks.dropout(x, dropout, "dropout")
    return _blocks.classifier(inputs, x, classes, "fc", "resnet")


def _stem(x, stem: str, width: int):
    kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
    x = _conv_bn(x, width, kernel, stride, "conv1", "bn1")
    x = _blocks.relu(x, "bn1")
    if stem == "imagenet":
        # PyTorch pads with minus infinity; after ReLU nothing lies below 0, so 0 gives the same maximum.
        x = layers.ZeroPadding2D(1, name="maxpool.pad")(x)
        x = layers.MaxPooling2D(3, 2, name="maxpool")(x)
    return x


def _conv_bn(x, width: int, kernel: int, stride: int, conv: str, bn: str):
    start = _blocks.he_fan_out  # torchvision's
    x = _blocks.conv(x, width, kernel, conv, stride=stride, padding=kernel // 2, bias=False, start=start)
    return _blocks.batch_norm(x, bn)


def _basic_block(x, width: int, stride: int, kernel: int, shortcut_kernel: int, se: bool, name: str):
    """Conv, BatchNorm, ReLU, conv, BatchNorm, add the shortcut, ReLU (He et al. 2016, Fig. 2 and option B)."""
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _conv_bn(x, width, shortcut_kernel, stride, f"{name}.downsample.0", f"{name}.downsample.1")
    x = _conv_bn(x, width, kernel, stride, f"{name}.conv1", f"{name}.bn1")
    x = _blocks.relu(x, f"{name}.bn1")
    x = _conv_bn(x, width, kernel, 1, f"{name}.conv2", f"{name}.bn2")
    if se:
        x = _squeeze_excitation(x, f"{name}.se")
    x = layers.Add(name=f"{name}.add")([x, shortcut])
    return _blocks.relu(x, name)


def _squeeze_excitation(x, name: str):
    """Scale each channel by a gate in 0..1 computed from all channels' means (Hu et al. 2018, Fig. 3)."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.avgpool")(x)
    gate = _blocks.conv(gate, max(1, channels // REDUCTION), 1, f"{name}.fc1")
    gate = _blocks.relu(gate, f"{name}.fc1")
    gate = _blocks.conv(gate, channels, 1, f"{name}.fc2")
    gate = layers.Activation("sigmoid", name=f"{name}.fc2.sigmoid")(gate)
    return layers.Multiply(name=f"{name}.scale")([x, gate])


def _least_side(*, stem, blocks, widths, kernel, shortcut_kernel, **_) -> int:
    if len(blocks) != len(widths):
        raise InputError(
            f"--blocks and --widths: give one number per stage each, got {len(blocks)} and {len(widths)}: "
            f"{','.join(map(str, blocks))} and {','.join(map(str, widths))}"
        )
    for flag, size in (("--kernel", kernel), ("--shortcut-kernel", shortcut_kernel)):
        if size % 2 == 0:
            raise InputError(f"{flag}: must be odd, so that padding keeps the side, got {size}")
    return 2 ** (len(blocks) - 1) * (4 if stem == "imagenet" else 1)


def _variant(params: int, multiply_adds: int, source: str, stem: str = "cifar", **args) -> Variant:
    build, least_side = partial(resnet, stem=stem), partial(_least_side, stem=stem)
    args = {"kernel": 3, "shortcut_kernel": 1, "dropout": 0.0, "se": "none", **args}
    return Variant(build, args, params, multiply_adds, source, least_side=least_side, dense_share=1.0)


_CIFAR, _IMAGENET = ("He et al. 2016, Table 1; 3x3 stem as in its section 4.2", "He et al. 2016, Table 1; torchvision")
_TWO, _DEEP, _WIDTHS = (2, 2, 2, 2), (3, 4, 6, 3), (64, 128, 256, 512)

VARIANTS = {
    "resnet18": _variant(11_173_962, 555_422_720, _CIFAR, blocks=_TWO, widths=_WIDTHS),
    "resnet34": _variant(21_282_122, 1_159_402_496, _CIFAR, blocks=_DEEP, widths=_WIDTHS),
    # torchvision's resnet18 has 11,689,512 parameters and its resnet34 21,797,672: less 990 x (512 + 1) for 10 classes.
    "resnet18_imagenet": _variant(11_181_642, 37_016_576, _IMAGENET, "imagenet", blocks=_TWO, widths=_WIDTHS),
    "resnet34_imagenet": _variant(21_289_802, 74_765_312, _IMAGENET, "imagenet", blocks=_DEEP, widths=_WIDTHS),
    # A gate on c channels has 2 c c/16 + c/16 + c weights: 580, 2,184, 8,464 and 33,312 at 64, 128, 256 and 512;
    # two blocks per stage: 2 x 44,540 = 89,080 on top of resnet18's 11,173,962.
    "resnet18_se": _variant(
        11_263_042, 555_509_760, "Hu et al. 2018, Fig. 3, in resnet18's blocks", blocks=_TWO, widths=_WIDTHS, se="every"
    ),
    "se_resnet": _variant(
        4_697_742,
        798_690_304,
        "study 003 (Rawat, Srivastava, Jagtap), Figure 2",
        blocks=(4, 4, 3),
        widths=(64, 128, 256),
        se="stem",
    ),
}
