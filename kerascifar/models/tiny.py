"""Nets of 12,000, 36,000 and 100,000 parameters: depthwise filters between 1x1 convolutions, quick on a CPU.

How they were designed: tools/decisions/0017-tiny-nets.md.
"""

import math
from typing import Any

from kerascifar.core.registry import Variant
from kerascifar.models._late import _blocks, layers, own_layers

# Rows t, c, n, s.
TINY12K = ((1, 32, 1, 2), (2, 32, 1, 2))
TINY36K = ((2, 32, 1, 1), (2, 32, 3, 2), (1, 64, 1, 2))


def separable_net(input_shape, classes, mean, std, *, tcns, repeats: int):
    """Build 3x3 filters, stages of residual blocks, and a dense layer on the mean over the image.

    Args:
        input_shape: (side, side, channels).
        classes: number of logits.
        mean: subtracted from the pixels.
        std: divides them.
        tcns: one row (t, c, n, s) per stage: n blocks of c channels that widen to t x c inside. The stem has the c of
            the first row. Other stages, and a first one with s above 1, begin with a transition that pools by s.
        repeats: how often each block is applied.
    """
    inputs, x = _blocks.pixels(input_shape, mean, std)
    x = _blocks.conv(x, tcns[0][1], 3, "stem.conv", padding=1, bias=False, start=_blocks.he_fan_out)
    x = own_layers.GELU(name="stem.gelu")(_blocks.batch_norm(x, "stem.bn"))
    for number, (t, c, n, s) in enumerate(tcns, start=1):
        if number > 1 or s > 1:
            x = _transition(x, c, s, f"stage{number}.transition")
        for block in range(n):
            x = _block(x, t, repeats, f"stage{number}.{block}")
    x = own_layers.GELU(name="gelu")(_blocks.batch_norm(x, "bn"))
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    return _blocks.classifier(inputs, x, classes, "fc", "separable_net", _blocks.small_normal)


def _transition(x, c: int, s: int, name: str):
    """Filter each channel, keep the largest value of s x s pixels, and mix to c channels."""
    # Not a stride: in bfloat16 TensorFlow's depthwise filters of stride 2 take ten times as long as those of stride 1.
    x = _blocks.depthwise(x, f"{name}.depthwise")
    if s > 1:
        x = layers.MaxPooling2D(s, name=f"{name}.pool")(x)
    x = _blocks.conv(x, c, 1, f"{name}.mix", bias=False, start=_blocks.he_fan_out)
    return _blocks.batch_norm(x, f"{name}.bn")


def _block(x, t: int, repeats: int, name: str):
    """Filter, widen by t, GELU, filter again, narrow, and add the input; `repeats` times with the same filters.

    As in ConvNeXt (Liu et al. 2022, Fig. 4) there is one activation, and nothing wide is normalised: BatchNorm costs
    as much time as a convolution here. The second filters are MobileNetV4's (Qin et al. 2024, ExtraDW). Each
    repeat has its own BatchNorms, without which shared filters learn worse (Jastrzębski et al. 2018); only the first
    have parameters.
    """
    c = x.shape[-1]
    depthwise1 = _blocks.depthwise_layer(c, f"{name}.depthwise1")
    widen = _blocks.conv_layer(c, t * c, 1, f"{name}.widen", bias=False, start=_blocks.he_fan_out)
    depthwise2 = _blocks.depthwise_layer(t * c, f"{name}.depthwise2")
    narrow = _blocks.conv_layer(t * c, c, 1, f"{name}.narrow", bias=False, start=_blocks.he_fan_out)
    for repeat in range(repeats):
        first, again = repeat == 0, f".{repeat}" if repeat else ""
        y = _blocks.batch_norm(depthwise1(x), f"{name}.bn1{again}", affine=first)
        y = depthwise2(own_layers.GELU(name=f"{name}.gelu{again}")(widen(y)))
        y = _blocks.batch_norm(narrow(y), f"{name}.bn2{again}", affine=first)
        x = layers.Add(name=f"{name}.add{again}")([y, x])
    return x


def _least_side(*, tcns, **_) -> int:
    return math.prod(s for _, _, _, s in tcns)


def _variant(
    params: int, multiply_adds: int, dense: float, *tcns: tuple[int, int, int, int], repeats: int = 1, **recipe: Any
) -> Variant:
    source = "ours; blocks after ConvNeXt (Liu et al. 2022) and MobileNetV4 (Qin et al. 2024)"
    args = {"tcns": tcns, "repeats": repeats}
    recipe = {**_RECIPE, **recipe}
    return Variant(
        separable_net, args, params, multiply_adds, source, recipe, least_side=_least_side, dense_share=dense
    )


_RECIPE = {
    "optimizer": "muon",
    "learning_rate": 0.02,
    "weight_decay": 0.02,
    "decay": "decoupled",
    "decay_all": False,
    "schedule": "cosine",
    "warmup": 1.0,
    "augment": "airbench",
    "epochs": 150,
}

# A block has 13 c + 9 t c + 2 t c c weights: 9 c and 9 t c of filters, t c c each to widen and to narrow, 4 c of
# BatchNorm. A transition from b to c channels has 9 b + b c + 2 c, the stem 29 c, the end 12 c + 10.
VARIANTS = {
    # 928; 1,376 + 2,752; 1,376 + 5,088; 394
    "tiny12k": _variant(11_914, 3_559_744, 0.782, *TINY12K, repeats=2, learning_rate=0.08),
    # 928; 5,088; 1,376 + 3 x 5,088; 2,464 + 9,600; 778
    "tiny36k": _variant(35_498, 11_133_568, 0.821, *TINY36K),
    # 1,392; 10,704; 2,832 + 4 x 10,704; 3,632 + 2 x 18,368; 778
    "tiny100k": _variant(98_890, 26_514_048, 0.871, (2, 48, 1, 1), (2, 48, 4, 2), (2, 64, 2, 2)),
}
