"""The generator: a U-Net that looks at luma and predicts chroma at half its size.

    luma N×1×H×W ─ encoder (ResNet) ─ features at strides 2, 4, 8, 16, 32
                                        │   skips, by concatenation
    chroma N×2×H/2×W/2 ─ head ─ decoder: up 2× by pixel shuffle, two 3×3 convolutions, four times

Chroma is smooth, so half size loses little and costs a quarter. Everything is explicit in
`forward`: a module in eval mode holds no state between calls and may be shared by threads.

U-Net: Ronneberger et al. 2015. Pixel shuffle: Shi et al. 2016. ResNet: He et al. 2015.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from .errors import ModelError

ENCODERS = ("resnet18", "resnet34", "resnet50")
STRIDE = 32  # of the encoder's deepest features; sizes are padded to a multiple of it
WIDEST = 1024  # channels of a decoder level; beyond this a config is a mistake or an attack
GREY_MEAN, GREY_STD = 0.449, 0.226  # ImageNet's mean and standard deviation, averaged over R, G, B


@dataclass(frozen=True)
class GeneratorConfig:
    """What `config.json` holds: all that is needed to build the module that weights fit into."""

    encoder: str = "resnet18"  # a third of ResNet-34's time on CPUs, and colour needs little more
    decoder: tuple[int, ...] = (192, 96, 64, 32)  # channels at strides 16, 8, 4, 2

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ModelError(f"unknown encoder {self.encoder!r}; use one of {', '.join(ENCODERS)}")
        widths = self.decoder
        if len(widths) != 4 or not all(type(w) is int and 0 < w <= WIDEST for w in widths):
            raise ModelError(f"decoder needs four widths from 1 to {WIDEST}, not {widths}")


class DecoderLevel(nn.Module):
    """Doubles the size of features, joins them with the encoder's of that size, and mixes both."""

    def __init__(self, channels: int, skip: int, width: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(channels, width * 4, 1)
        self.mix = nn.Sequential(
            nn.Conv2d(width + skip, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        return self.mix(torch.cat([F.pixel_shuffle(self.up(features), 2), skip], 1))


class Generator(nn.Module):
    """Predicts chroma from luma. See the module's docstring for the architecture."""

    def __init__(self, config: GeneratorConfig = GeneratorConfig()) -> None:
        super().__init__()
        self.config = config
        encoder = models.get_model(config.encoder, weights=None)
        encoder.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)  # one channel: luma
        del encoder.fc, encoder.avgpool
        self.encoder = encoder
        skips = [64] + [channels(layer) for layer in (encoder.layer1, encoder.layer2)]
        skips += [channels(encoder.layer3)]
        width_below, levels = channels(encoder.layer4), []
        for skip, width in zip(reversed(skips), config.decoder, strict=True):
            levels.append(DecoderLevel(width_below, skip, width))
            width_below = width
        self.decoder = nn.ModuleList(levels)
        self.head = nn.Conv2d(width_below, 2, 1)

    def forward(self, luma: Tensor) -> Tensor:
        """Predict chroma.

        Args:
            luma: float N×1×H×W in [0, 1], any H and W from 1.

        Returns:
            Chroma (Cb, Cr), N×2×⌈H/2⌉×⌈W/2⌉, in [-0.5, 0.5].
        """
        height, width = luma.shape[-2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        x = F.pad((luma - GREY_MEAN) / GREY_STD, padding, mode="replicate")
        e = self.encoder
        stride2 = e.relu(e.bn1(e.conv1(x)))
        stride4 = e.layer1(e.maxpool(stride2))
        stride8 = e.layer2(stride4)
        stride16 = e.layer3(stride8)
        x = e.layer4(stride16)
        for level, skip in zip(self.decoder, (stride16, stride8, stride4, stride2), strict=True):
            x = level(x, skip)
        chroma = torch.tanh(self.head(x).float()) / 2
        return chroma[..., : (height + 1) // 2, : (width + 1) // 2]


def channels(layer: Any) -> int:
    """Output channels of a torchvision ResNet layer."""
    block = layer[-1]
    return getattr(block, "conv3", block.conv2).out_channels
