"""The PyTorch counterpart of kerascifar.models.tiny, from rows t, c, n, s."""

from collections import OrderedDict

from torch import nn


class Transition(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.mix, self.bn = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.stride = stride

    def forward(self, x):
        return self.bn(self.mix(nn.functional.max_pool2d(self.depthwise(x), self.stride)))


class SeparableBlock(nn.Module):
    def __init__(self, channels, t, repeats):
        super().__init__()
        hidden = t * channels
        self.depthwise1 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.depthwise2 = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.widen, self.narrow = nn.Conv2d(channels, hidden, 1, bias=False), nn.Conv2d(hidden, channels, 1, bias=False)
        # bn1 and bn2, bn1.1 and bn2.1 and so on: the first norms are called as if there were no others.
        self.bn1, self.bn2 = (NumberedNorms(channels, repeats) for _ in range(2))

    def forward(self, x):
        for bn1, bn2 in zip(self.bn1.each(), self.bn2.each(), strict=True):
            hidden = nn.functional.gelu(self.widen(bn1(self.depthwise1(x))))
            x = x + bn2(self.narrow(self.depthwise2(hidden)))
        return x


class NumberedNorms(nn.BatchNorm2d):
    def __init__(self, channels, count):
        super().__init__(channels)
        for number in range(1, count):
            self.add_module(str(number), nn.BatchNorm2d(channels, affine=False))

    def each(self):
        return [super().forward, *self.children()]


class SeparableNet(nn.Module):
    def __init__(self, classes, rows, repeats=1):
        super().__init__()
        channels, self.stages = rows[0][1], []
        conv = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.stem = nn.ModuleDict({"conv": conv, "bn": nn.BatchNorm2d(channels)})
        for number, (t, c, n, s) in enumerate(rows, start=1):
            rows_of = {"transition": Transition(channels, c, s)} if number > 1 or s > 1 else {}
            rows_of |= {str(block): SeparableBlock(c, t, repeats) for block in range(n)}
            self.stages.append(f"stage{number}")
            self.add_module(self.stages[-1], nn.Sequential(OrderedDict(rows_of)))
            channels = c
        self.bn, self.fc = nn.BatchNorm2d(channels), nn.Linear(channels, classes)

    def forward(self, x):
        x = nn.functional.gelu(self.stem["bn"](self.stem["conv"](x)))
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(nn.functional.gelu(self.bn(x)).mean((2, 3)))
