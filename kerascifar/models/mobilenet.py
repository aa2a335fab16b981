"""MobileNetV2 (Sandler et al. 2018) from any t/c/n/s table."""

import math
from functools import partial

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers

STEM = 32  # channels of the first convolution (Table 2)

# Rows t, c, n, s: expansion factor, output channels, repeats, stride of the first repeat (Table 2).
IMAGENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# For 32 px: stride 1 in the second row, and in the stem.
CIFAR = (IMAGENET[0], (6, 24, 2, 1), *IMAGENET[2:])
# Study 001's shortened table.
SHORT = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 1, 2), (6, 96, 2, 1), (6, 160, 2, 2), (6, 320, 1, 1))


def mobilenet(
    input_shape,
    classes,
    mean,
    std,
    *,
    tcns,
    width: float,
    stem_stride: int,
    head_width: int,
    dropout: float,
    residual: bool,
):
    """Build a MobileNetV2.

    Args:
        input_shape: (side, side, channels).
        classes: number of logits.
        mean: subtracted from the pixels.
        std: divides them.
        tcns: rows (t, c, n, s); a block with t = 1 has no expansion convolution.
        width: multiplies all channel counts, which are then rounded to multiples of 8; 1 leaves them as they are.
        stem_stride: stride of the first convolution.
        head_width: channels of the last 1x1 convolution, which a width below 1 does not reduce (section 4.2).
        dropout: rate before the dense layer.
        residual: whether blocks of stride 1 whose channels do not change add their input.
    """

    def conv_bn(x, filters, kernel, name, stride=1):
        x = _blocks.conv(
            x, filters, kernel, f"{name}.0", stride=stride, padding=kernel // 2, bias=False, start=_blocks.he_fan_out
        )
        return _blocks.relu(_blocks.batch_norm(x, f"{name}.1"), f"{name}.1", limit=6)

    inputs, x = _blocks.pixels(input_shape, mean, std)
    x = conv_bn(x, _scaled(STEM, width), 3, "features.0", stem_stride)
    index = 1  # position in torchvision's nn.Sequential "features"
    for t, c, n, s in tcns:
        for number in range(n):
            stride, name = s if number == 0 else 1, f"features.{index}.conv"
            x = _inverted_residual(x, t, _scaled(c, width), stride, conv_bn, residual, name)
            index += 1
    x = conv_bn(x, _scaled(head_width, max(1.0, width)), 1, f"features.{index}")
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    x = _blocks.dropout(x, dropout, "classifier.0")
    return _blocks.classifier(inputs, x, classes, "classifier.1", "mobilenet_v2", _blocks.small_normal)


def _inverted_residual(x, t: int, c: int, s: int, conv_bn, residual: bool, name: str):
    """Widen by 1x1, filter by depthwise 3x3, narrow by 1x1 without activation; add where shapes agree (Table 1)."""
    shortcut, index = x, 0  # index: position in torchvision's nn.Sequential "conv"
    if t != 1:
        x = conv_bn(x, t * x.shape[-1], 1, f"{name}.{index}")
        index += 1
    x = _blocks.depthwise(x, f"{name}.{index}.0", stride=s, start=_blocks.he_fan_out)
    x = _blocks.relu(_blocks.batch_norm(x, f"{name}.{index}.1"), f"{name}.{index}.1", limit=6)
    x = _blocks.conv(x, c, 1, f"{name}.{index + 1}", bias=False, start=_blocks.he_fan_out)
    x = _blocks.batch_norm(x, f"{name}.{index + 2}")
    if residual and s == 1 and shortcut.shape[-1] == c:
        x = layers.Add(name=f"{name}.add")([x, shortcut])
    return x


def _scaled(channels: int, width: float) -> int:
    """Return ``channels * width`` rounded to the nearest multiple of 8, but never reduced by more than a tenth."""
    if width == 1:
        return channels
    scaled = channels * width
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest


def _least_side(*, tcns, stem_stride, **_) -> int:
    return stem_stride * math.prod(s for _, _, _, s in tcns)


def _variant(
    params: int, multiply_adds: int, dense: float, source: str, tcns, stem_stride: int, residual: bool = True
) -> Variant:
    # Dropout 0.2 is torchvision's; 1280 is Table 2's last convolution.
    args = {"tcns": tcns, "width": 1.0, "stem_stride": stem_stride, "head_width": 1280, "dropout": 0.2}
    build = partial(mobilenet, residual=residual)
    return Variant(build, args, params, multiply_adds, source, least_side=_least_side, dense_share=dense)


VARIANTS = {
    "mobilenet_mod": _variant(
        1_545_482,
        40_772_096,
        0.957,
        "study 001 (Rajpal and Gupta), shortened table; stem stride 1 is our choice",
        SHORT,
        stem_stride=1,
    ),
    "mobilenet_v2": _variant(
        2_236_682,
        87_976_448,
        0.933,
        "Sandler et al. 2018, Table 2; stem and second row at stride 1 for 32 px",
        CIFAR,
        stem_stride=1,
    ),
    # Adding has no weights, so the count is mobilenet_v2's.
    "mobilenet_v2_plain": _variant(
        2_236_682,
        87_976_448,
        0.933,
        "study 000 (Palaska), whose MobileNetV2 has no skips; its strides are unknown, ours are mobilenet_v2's",
        CIFAR,
        stem_stride=1,
        residual=False,
    ),
    "mobilenet_v2_imagenet": _variant(
        2_236_682, 6_124_928, 0.929, "Sandler et al. 2018, Table 2; torchvision mobilenet_v2", IMAGENET, stem_stride=2
    ),
}
