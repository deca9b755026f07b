"""Encoders: ImageNet networks without their classifiers, and self-attention for their features.

Each is written out, since importing torchvision or timm takes longer than all the rest of
colouriser; parameters have the original's names, so that its ImageNet weights fit. An encoder has

    widths       channels of its features at strides 2, 4, 8, 16 and 32
    stem         name of its first convolution
    mean, std    of the input it was trained with, averaged over R, G and B
    likeness     how alike the features of two places of one thing are

ResNet: He et al. 2015 (arXiv:1512.03385). EfficientNet: Tan & Le 2019 (arXiv:1905.11946); Lite has
neither squeeze-and-excitation nor swish, so that it is fast everywhere.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (2, 4, 8, 16, 32)  # of an encoder's features


@dataclass(frozen=True)
class Likeness:
    """Cosines of two places' features at stride 16, chosen on validation photographs."""

    other: float  # up to which they are other things: one follows no hint at the other
    same: float  # from which on they are the same thing
    match: float  # from which on one takes the other's colour, if that is in a reference


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and what they leave as it is. Of ResNet-18 and -34."""

    EXPANSION = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(before, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + identity, inplace=True)


class Bottleneck(nn.Module):
    """A 3×3 convolution between two of 1×1. Of ResNet-50 (with the stride where torchvision has
    it, at the 3×3 convolution)."""

    EXPANSION = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.EXPANSION, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.EXPANSION)
        self.downsample = shortcut(before, width * self.EXPANSION, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)) + identity, inplace=True)


def shortcut(before: int, after: int, stride: int) -> nn.Sequential | None:
    """What carries a block's input past it, where sizes differ."""
    if before == after and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


RESNETS: dict[str, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """A ResNet with torchvision's names."""

    stem = "conv1"
    mean, std = 0.449, 0.226
    likeness = Likeness(other=0.15, same=0.55, match=0.75)  # of ResNet-18

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        block, depths = RESNETS[name]
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before, layers = 64, []
        for level, depth in enumerate(depths):
            width, blocks = 64 << level, []
            for index in range(depth):
                blocks.append(block(before, width, 2 if level and not index else 1))
                before = width * block.EXPANSION
            layers.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.widths = (64, *(64 * block.EXPANSION << level for level in range(4)))
        for module in self.modules():  # as torchvision does; a random start learns better by it
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> list[Tensor]:
        """N×C×H×W to features at strides 2, 4, 8, 16 and 32."""
        stride2 = F.relu(self.bn1(self.conv1(x)), inplace=True)
        stride4 = self.layer1(F.max_pool2d(stride2, 3, stride=2, padding=1))
        stride8 = self.layer2(stride4)
        stride16 = self.layer3(stride8)
        return [stride2, stride4, stride8, stride16, self.layer4(stride16)]


EPSILON = 1e-3  # of normalisation in EfficientNets, as they were trained


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding: of an even size, stride 2 pads more at the end than
    at the beginning."""

    def __init__(
        self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        symmetric = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(
            before, after, kernel, stride, padding=symmetric, groups=groups, bias=False
        )
        before_it = (kernel - stride) // 2
        after_it = kernel - stride - before_it
        self.pads = (before_it, after_it, before_it, after_it) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        padded = x if self.pads is None else F.pad(x, self.pads)
        if self.groups == 1 or x.is_cuda or not torch.is_autocast_enabled("cpu"):
            return super().forward(padded)
        # On processors, depthwise gradients take two to eight times longer in bfloat16.
        with torch.autocast("cpu", enabled=False):
            return super().forward(padded.float()).to(x.dtype)


class DepthwiseSeparable(nn.Module):
    """A depthwise convolution and one of 1×1: the first block of an EfficientNet."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = SameConv2d(before, before, kernel, stride, groups=before)
        self.bn1 = nn.BatchNorm2d(before, eps=EPSILON)
        self.conv_pw = nn.Conv2d(before, after, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.conv_dw(x)), inplace=True)
        return self.bn2(self.conv_pw(x))


class InvertedResidual(nn.Module):
    """A depthwise convolution between two of 1×1, wide in the middle (Sandler et al. 2018)."""

    EXPANSION = 6

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = before * self.EXPANSION
        self.conv_pw = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps=EPSILON)
        self.conv_dw = SameConv2d(width, width, kernel, stride, groups=width)
        self.bn2 = nn.BatchNorm2d(width, eps=EPSILON)
        self.conv_pwl = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after, eps=EPSILON)
        self.residual = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        x = F.relu6(self.bn1(self.conv_pw(x)), inplace=True)
        x = F.relu6(self.bn2(self.conv_dw(x)), inplace=True)
        x = self.bn3(self.conv_pwl(x))
        return x + identity if self.residual else x


# Channels, blocks, kernel and stride of each stage, before scaling.
STAGES = (
    (16, 1, 3, 1),
    (24, 2, 3, 2),
    (40, 2, 5, 2),
    (80, 3, 3, 2),
    (112, 3, 5, 1),
    (192, 4, 5, 2),
    (320, 1, 3, 1),
)
EFFICIENTNETS = {  # factors on channels and on blocks
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}


class EfficientNetLite(nn.Module):
    """An EfficientNet-Lite with timm's names; its features are what its stages end with."""

    stem = "conv_stem"
    mean = std = 0.5
    likeness = Likeness(other=0.0, same=0.4, match=0.7)  # of Lite2, with attention
    LAST = (0, 1, 2, 4, 6)  # stages that end with a stride's features

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        wide, deep = EFFICIENTNETS[name]
        before = 32  # in Lite, the stem is not scaled, nor how many blocks the outer stages have
        self.conv_stem = SameConv2d(channels, before, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(before, eps=EPSILON)
        stages, widths = [], []
        for index, (width, depth, kernel, stride) in enumerate(STAGES):
            after = round_width(width * wide)
            count = depth if index in (0, len(STAGES) - 1) else math.ceil(depth * deep)
            block = InvertedResidual if index else DepthwiseSeparable
            blocks: list[nn.Module] = []
            for number in range(count):
                blocks.append(block(before, after, kernel, 1 if number else stride))
                before = after
            stages.append(nn.Sequential(*blocks))
            widths.append(after)
        self.blocks = nn.Sequential(*stages)
        self.widths = tuple(widths[index] for index in self.LAST)

    def forward(self, x: Tensor) -> list[Tensor]:
        """N×C×H×W, H and W multiples of 32, to features at strides 2, 4, 8, 16 and 32."""
        x = F.relu6(self.bn1(self.conv_stem(x)), inplace=True)
        features = []
        for index, stage in enumerate(self.blocks):
            x = stage(x)
            if index in self.LAST:
                features.append(x)
        return features


def round_width(width: float) -> int:
    """Channels as EfficientNet rounds them: to a multiple of 8, losing at most a tenth."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * width else rounded + 8


ENCODERS = (*RESNETS, *EFFICIENTNETS)
Encoder = ResNet | EfficientNetLite


def new_encoder(name: str, channels: int) -> Encoder:
    """An encoder of `ENCODERS` with random weights, for inputs of so many channels."""
    return ResNet(name, channels) if name in RESNETS else EfficientNetLite(name, channels)


class Attention(nn.Module):
    """Self-attention over features N×C×H×W: what is far apart can agree about a colour.

    Vaswani et al. 2017 (arXiv:1706.03762), with the place as sines of its position in the
    photograph, whatever its size. It adds to its input, and nothing at first.
    """

    HEADS, WIDTH = 4, 32  # WIDTH channels each
    WAVES = (1, 2, 4, 8)  # quarter periods across half the photograph

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = self.HEADS * self.WIDTH
        self.norm = nn.GroupNorm(1, channels)
        self.position = nn.Conv2d(4 * len(self.WAVES), channels, 1)
        self.qkv = nn.Conv2d(channels, 3 * width, 1)
        self.out = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        qkv = self.qkv(self.norm(x) + self.position(self._places(x)))
        query, key, value = qkv.view(n, 3, self.HEADS, self.WIDTH, -1).transpose(3, 4).unbind(1)
        seen = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(seen.transpose(2, 3).reshape(n, -1, height, width))

    def _places(self, x: Tensor) -> Tensor:
        """1×16×H×W: sines and cosines of rows and columns from -1 to 1."""
        height, width = x.shape[2:]
        axes = []
        for count in (height, width):
            place = (torch.arange(count, device=x.device) + 0.5) * (2 / count) - 1
            angles = place * torch.tensor(self.WAVES, device=x.device).view(-1, 1) * (math.pi / 2)
            axes.append(torch.cat([angles.sin(), angles.cos()]))  # 8×count
        rows = axes[0][:, :, None].expand(-1, height, width)
        columns = axes[1][:, None].expand(-1, height, width)
        return torch.cat([rows, columns])[None].to(x.dtype)
