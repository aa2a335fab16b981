"""The PyTorch twin of each case, and its logits."""

import numpy as np
import torch
from cases import CASES, MEAN, STD, Case
from seeded import fill, images
from torch import nn
from twin_nets import (
    VGG,
    Airbench,
    CustomCNN,
    DepthwiseNet,
    LeNet,
    MobileNetV2,
    ModifiedNet,
    OneConvNet,
    OriginNet,
    ResNet,
    Scaled,
    vgg_head,
)
from twin_separable import SeparableNet

# Rows t, c, n, s as torchvision's mobilenet_v2 and study 001 list them.
FULL = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
CIFAR = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
# Width 0.35, c x 0.35 to the nearest multiple of 8, one up where that loses over a tenth (torchvision's rule):
# 5.6 -> 8, 8.4 -> 8, 11.2 -> 8 < 10.08 -> 16, 22.4 -> 24, 33.6 -> 32, 56, 112; stem 11.2 -> 16; head stays 1280.
NARROW = [(1, 8, 1, 1), (6, 8, 2, 1), (6, 16, 3, 2), (6, 24, 4, 2), (6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1)]
SHORT = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 1, 2), (6, 96, 2, 1), (6, 160, 2, 2), (6, 320, 1, 1)]
# Width 1.4: 22.4 -> 24, 33.6 -> 32, 44.8 -> 48, 134.4 -> 136, 224, 448; stem 44.8 -> 48; head 1792.
WIDE = [(1, 24, 1, 1), (6, 32, 2, 2), (6, 48, 1, 2), (6, 136, 2, 1), (6, 224, 2, 2), (6, 448, 1, 1)]
ODD = [(2, 11, 1, 2), (1, 11, 2, 1), (3, 18, 2, 3)]

BUILDERS = {
    "lenet": lambda n: LeNet(32, n, torch.sigmoid),
    "lenet at 29": lambda n: LeNet(29, n, torch.sigmoid),
    "lenet_relu": lambda n: LeNet(32, n, torch.relu),
    "vgg16": lambda n: VGG(vgg_head(512, n), batch_norm=False, pool=False),
    "vgg16_imagenet": lambda n: VGG(vgg_head(25088, n), batch_norm=False, pool=True),
    "vgg16_imagenet at 64": lambda n: VGG(vgg_head(25088, n), batch_norm=False, pool=True),
    "vgg16_bn": lambda n: VGG(nn.Sequential(nn.Linear(512, n)), batch_norm=True, pool=False),
    "resnet18": lambda n: ResNet(n, (2, 2, 2, 2), imagenet=False),
    "resnet34": lambda n: ResNet(n, (3, 4, 6, 3), imagenet=False),
    "resnet18_imagenet": lambda n: ResNet(n, (2, 2, 2, 2), imagenet=True),
    "resnet18_imagenet at 47": lambda n: ResNet(n, (2, 2, 2, 2), imagenet=True),
    "resnet34_imagenet": lambda n: ResNet(n, (3, 4, 6, 3), imagenet=True),
    "resnet18_se": lambda n: ResNet(n, (2, 2, 2, 2), imagenet=False, se="every"),
    "se_resnet": lambda n: ResNet(n, (4, 4, 3), imagenet=False, widths=(64, 128, 256), se="stem"),
    "se_resnet odd": lambda n: ResNet(n, (1, 2), False, (32, 48), kernel=5, shortcut_kernel=3, se="every"),
    "mobilenet_mod": lambda n: MobileNetV2(n, SHORT, stem_stride=1),
    "mobilenet_mod wide": lambda n: MobileNetV2(n, WIDE, stem_stride=1, stem=48, head=1792),
    "mobilenet_v2": lambda n: MobileNetV2(n, CIFAR, stem_stride=1),
    "mobilenet_v2 narrow": lambda n: MobileNetV2(n, NARROW, stem_stride=1, stem=16),
    "mobilenet_v2 odd": lambda n: MobileNetV2(n, ODD, stem_stride=2, head=77),
    "mobilenet_v2_imagenet": lambda n: MobileNetV2(n, FULL, stem_stride=2),
    "mobilenet_v2_imagenet at 45": lambda n: MobileNetV2(n, FULL, stem_stride=2),
    "mobilenet_v2_plain": lambda n: MobileNetV2(n, CIFAR, stem_stride=1, residual=False),
    "one_conv_net": OneConvNet,
    "origin_net": OriginNet,
    "modified_net": ModifiedNet,
    "depthwise_net": DepthwiseNet,
    "custom_cnn": CustomCNN,
    "airbench94": lambda n: Airbench(n, (64, 256, 256)),
    "airbench95": lambda n: Airbench(n, (128, 384, 384)),
    "tiny12k": lambda n: SeparableNet(n, [(1, 32, 1, 2), (2, 32, 1, 2)], repeats=2),
    "tiny36k": lambda n: SeparableNet(n, [(2, 32, 1, 1), (2, 32, 3, 2), (1, 64, 1, 2)]),
    "tiny100k": lambda n: SeparableNet(n, [(2, 48, 1, 1), (2, 48, 4, 2), (2, 64, 2, 2)]),
    "tiny odd": lambda n: SeparableNet(n, [(3, 5, 1, 2), (1, 7, 2, 1), (2, 7, 1, 3)]),
    "tiny twice": lambda n: SeparableNet(n, [(1, 6, 1, 1), (2, 5, 1, 2)], repeats=2),
    "airbench odd": lambda n: Airbench(n, (5, 9)),
}


def twin(name: str) -> nn.Module:
    """The twin of a case, filled from seeds, in evaluation mode."""
    net = BUILDERS[name](CASES[name].classes)
    arrays = fill({key: tuple(value.shape) for key, value in net.state_dict().items()})
    net.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    return net.eval()


def logits(net: nn.Module, case: Case) -> np.ndarray:
    """Logits (2, classes) of the seeded images."""
    pixels = torch.from_numpy(images(case.side).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        return Scaled(net, MEAN, STD)(pixels).numpy()
