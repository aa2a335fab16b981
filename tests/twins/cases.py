"""Which nets are compared with PyTorch: every variant as it stands, and odd ones. Imports neither framework."""

from typing import Any, NamedTuple

from kerascifar.models import VARIANTS

# Unlike in every channel, so that a mix-up of channels shows.
MEAN, STD = (123.0, 117.5, 104.25), (62.5, 61.0, 66.75)


class Case(NamedTuple):
    arch: str
    options: dict[str, Any] = {}  # noqa: RUF012
    side: int = 32
    classes: int = 10


CASES: dict[str, Case] = {name: Case(name) for name in VARIANTS} | {
    # Sides that do not halve evenly: the place where padding "same" and PyTorch's part ways.
    "lenet at 29": Case("lenet", side=29, classes=3),
    "resnet18_imagenet at 47": Case("resnet18_imagenet", side=47),
    "mobilenet_v2_imagenet at 45": Case("mobilenet_v2_imagenet", side=45, classes=2),
    "vgg16_imagenet at 64": Case("vgg16_imagenet", side=64),  # 2x2 averaged up to 7x7
    "se_resnet odd": Case(
        "se_resnet",
        {"blocks": (1, 2), "widths": (32, 48), "kernel": 5, "shortcut_kernel": 3, "se": "every"},
        side=19,
        classes=100,
    ),
    "mobilenet_v2 odd": Case(
        "mobilenet_v2",
        {"tcns": ((2, 11, 1, 2), (1, 11, 2, 1), (3, 18, 2, 3)), "stem_stride": 2, "head_width": 77},
        side=27,
        classes=5,
    ),
    "mobilenet_v2 narrow": Case("mobilenet_v2", {"width": 0.35}),
    "mobilenet_mod wide": Case("mobilenet_mod", {"width": 1.4}),
    "tiny odd": Case("tiny36k", {"tcns": ((3, 5, 1, 2), (1, 7, 2, 1), (2, 7, 1, 3))}, side=19, classes=4),
    "tiny twice": Case("tiny36k", {"tcns": ((1, 6, 1, 1), (2, 5, 1, 2)), "repeats": 2}, side=11, classes=3),
    "airbench odd": Case("airbench94", {"widths": (5, 9)}, side=15, classes=3),
}

# Hundreds of megabytes, or seconds each.
SLOW = {
    *("vgg16", "vgg16_imagenet", "vgg16_bn", "vgg16_imagenet at 64"),
    *("resnet34", "resnet34_imagenet", "resnet18_se", "mobilenet_mod wide"),
}
