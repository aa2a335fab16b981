"""PyTorch models with the geometry and the state_dict names of torchvision, written from the papers' tables.

They stand in for torchvision, which the project does not install. `twin(arch, options, ...)` gives the PyTorch
counterpart of each variant; numbers that the Keras builders take from tables are written out here once more,
so that a slip there shows.
"""

import torch
from torch import nn


class Scaled(nn.Module):
    """Normalises pixels (0 to 255) and applies a net."""

    def __init__(self, net: nn.Module, mean, std):
        super().__init__()
        self.net = net
        self.mean, self.std = (torch.as_tensor(v, dtype=torch.float32).reshape(-1, 1, 1) for v in (mean, std))

    def forward(self, pixels):
        return self.net((pixels.float() - self.mean) / self.std)


class LeNet(nn.Module):
    def __init__(self, side, classes, activation):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        left = ((side - 4) // 2 - 4) // 2
        self.fc1, self.fc2, self.fc3 = nn.Linear(16 * left**2, 120), nn.Linear(120, 84), nn.Linear(84, classes)
        self.act = activation
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x)))
        x = self.act(self.fc1(torch.flatten(x, 1)))
        return self.fc3(self.act(self.fc2(x)))


class VGG(nn.Module):
    def __init__(self, classifier, batch_norm, pool):
        super().__init__()
        modules, channels = [], 3
        for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                modules.append(nn.Conv2d(channels, width, 3, padding=1))
                if batch_norm:
                    modules.append(nn.BatchNorm2d(width))
                modules.append(nn.ReLU())
                channels = width
            modules.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*modules)
        self.avgpool = nn.AdaptiveAvgPool2d(7) if pool else nn.Identity()
        self.classifier = classifier

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg_head(features, classes):
    return nn.Sequential(
        *(nn.Linear(features, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
        nn.Linear(4096, classes),
    )


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(self.avgpool(x)))))


class BasicBlock(nn.Module):
    def __init__(self, channels, width, stride, kernel, shortcut_kernel, gated):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel, 1, kernel // 2, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            conv = nn.Conv2d(channels, width, shortcut_kernel, stride, shortcut_kernel // 2, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(width))
        if gated:
            self.se = Gate(width)
        self.gated = gated

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.gated:
            x = self.se(x)
        return torch.relu(x + shortcut)


class ResNet(nn.Module):
    def __init__(self, classes, blocks, imagenet, widths=(64, 128, 256, 512), kernel=3, shortcut_kernel=1, se="none"):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], *((7, 2, 3) if imagenet else (3, 1, 1)), bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        self.se = Gate(widths[0]) if se == "stem" else nn.Identity()
        self.stages, channels = [], widths[0]
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            rows = []
            for number in range(count):
                stride = 2 if stage and not number else 1
                rows.append(BasicBlock(channels, width, stride, kernel, shortcut_kernel, se == "every"))
                channels = width
            self.stages.append(f"layer{stage + 1}")
            setattr(self, self.stages[-1], nn.Sequential(*rows))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.se(self.maxpool(torch.relu(self.bn1(self.conv1(x)))))
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(x.mean((2, 3)))


def conv_bn_relu6(channels, width, kernel=3, stride=1, groups=1):
    conv = nn.Conv2d(channels, width, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, channels, t, c, s, residual):
        super().__init__()
        hidden = t * channels
        rows = [conv_bn_relu6(channels, hidden, 1)] if t != 1 else []
        rows += [
            conv_bn_relu6(hidden, hidden, 3, s, groups=hidden),
            nn.Conv2d(hidden, c, 1, bias=False),
            nn.BatchNorm2d(c),
        ]
        self.conv = nn.Sequential(*rows)
        self.adds = residual and s == 1 and channels == c

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Channels are given as they come out: stem and head width, and c in the rows, after any multiplier."""

    def __init__(self, classes, rows, stem_stride, stem=32, head=1280, residual=True):
        super().__init__()
        features, channels = [conv_bn_relu6(3, stem, 3, stem_stride)], stem
        for t, c, n, s in rows:
            for number in range(n):
                features.append(InvertedResidual(channels, t, c, 1 if number else s, residual))
                channels = c
        features.append(conv_bn_relu6(channels, head, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class OneConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.fc = nn.Conv2d(3, 64, 3, padding=1), nn.Linear(64 * 32 * 32, classes)

    def forward(self, x):
        return self.fc(torch.flatten(torch.relu(self.conv1(x)), 1))


class OriginNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 2, padding=1), nn.Conv2d(6, 16, 2, padding=1)
        self.conv3 = nn.Conv2d(16, 32, 2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(288, 120), nn.Linear(120, 84), nn.Linear(84, classes)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = self.pool(torch.relu(conv(x)))
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))))


class ModifiedNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.conv3, self.bn3 = nn.Conv2d(12, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 100), nn.Linear(100, 64), nn.Linear(64, classes)
        self.pool, self.dropout = nn.MaxPool2d(2), nn.Dropout()

    def forward(self, x):
        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = self.pool(torch.relu(bn(conv(x))))
        x = self.dropout(torch.relu(self.fc1(torch.flatten(x, 1))))
        return self.fc3(self.dropout(torch.relu(self.fc2(x))))


class DepthwiseStage(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.pointwise, self.bn2 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        x = torch.relu(self.bn2(self.pointwise(self.bn1(self.depthwise(x)))))
        return nn.functional.max_pool2d(x, 2)


class DenseNorm(nn.Linear):
    """A dense layer whose BatchNorm is its child, so that their names are "fc1" and "fc1.bn"."""

    def __init__(self, features, units):
        super().__init__(features, units)
        self.bn = nn.BatchNorm1d(units)

    def forward(self, x):
        return torch.relu(self.bn(super().forward(x)))


class DepthwiseNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stage1, self.stage2, self.stage3 = DepthwiseStage(3, 10), DepthwiseStage(10, 12), DepthwiseStage(12, 24)
        self.fc1, self.fc2, self.fc3 = DenseNorm(384, 100), DenseNorm(100, 64), nn.Linear(64, classes)

    def forward(self, x):
        x = torch.flatten(self.stage3(self.stage2(self.stage1(x))), 1)
        return self.fc3(self.fc2(self.fc1(x)))


class CustomCNN(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 24, 3), nn.Conv2d(24, 24, 3)
        self.conv3, self.conv4 = nn.Conv2d(24, 48, 3), nn.Conv2d(48, 48, 3)
        self.fc1, self.fc2 = nn.Linear(1200, 256), nn.Linear(256, classes)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv2(torch.relu(self.conv1(x)))))
        x = self.pool(torch.relu(self.conv4(torch.relu(self.conv3(x)))))
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


def norm_without_scale(channels):
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.register_parameter("weight", None)
    return norm


class AirbenchGroup(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding="same", bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding="same", bias=False)
        self.norm1, self.norm2 = norm_without_scale(width), norm_without_scale(width)

    def forward(self, x):
        x = nn.functional.gelu(self.norm1(nn.functional.max_pool2d(self.conv1(x), 2)))
        return nn.functional.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    """airbench94_muon.py's CifarNet, whose last pool takes all that is left at 32 pixels."""

    def __init__(self, classes, widths):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        groups = [AirbenchGroup(c, w) for c, w in zip((24, *widths[:-1]), widths, strict=True)]
        self.layers = nn.Sequential(nn.GELU(), *groups)
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, x):
        x = self.layers(self.whiten(x)).amax((2, 3))
        return self.head(x) / x.shape[1]
