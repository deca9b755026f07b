"""The generator: a U-Net that looks at luma and hints, and predicts chroma and a palette.

    luma N×1×H×W ┐
    hints N×3×H×W┴ encoder (ResNet) ─ features at strides 2, 4, 8, 16, 32 ─ evenness
                                        │   skips, by concatenation
    chroma N×2×H/2×W/2 ── head ── decoder: up 2× by pixel shuffle, two 3×3 convolutions, four times
                       + palette's mean  │
    palette N×K×H/4×W/4 ───── palette ───┘ at stride 4

Chroma is what is painted; the palette says which colours a place might have. Its mean is less often
wrong than a head that a critic has taught to be bold, but coarse: what is painted can be made of
both, and then the head has the detail. How much of each is best depends on what is shown: fur looks
flat without detail, and detail stains a coat. The evenness, a number from 0 to 1, says so for each
photograph. Chroma is smooth, so half size loses little and costs a quarter. Everything is explicit
in `forward`: a module in eval mode holds no state between calls and may be shared by threads.

U-Net: Ronneberger et al. 2015. Pixel shuffle: Shi et al. 2016. ResNet: He et al. 2015. Hints and
the two branches: Zhang et al. 2017, Real-time user-guided image colorization (arXiv:1705.02999).
The mean of a palette as a colour: Zhang et al. 2016, Colorful image colorization
(arXiv:1603.08511).
"""

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .colour import palette_cells
from .errors import ModelError

STRIDES = (2, 4, 8, 16, 32)  # of the encoder's features
STRIDE = STRIDES[-1]  # sizes are padded to a multiple of it
WIDEST = 1024  # channels of a decoder level; beyond this a config is a mistake or an attack
GREY_MEAN, GREY_STD = 0.449, 0.226  # ImageNet's mean and standard deviation, averaged over R, G, B
CHROMA_STD = 0.1  # of chroma in photographs, about
MOST = 2.0  # factor on head or mean; beyond this a config is a mistake
PALETTE_WIDTH = 64  # channels before the palette's cells; wider costs time at every start


@dataclass(frozen=True)
class GeneratorConfig:
    """What `config.json` holds: all that is needed to build the module that weights fit into."""

    encoder: str = "resnet18"  # a third of ResNet-34's time on CPUs, and colour needs little more
    decoder: tuple[int, ...] = (192, 96, 64, 32)  # channels at strides 16, 8, 4, 2
    hints: bool = True  # whether it takes hints; weights of before do not
    palette: int = 16  # of 255: distance of the palette's cells, below what the eye tells apart; 0:
    # no palette, as in weights of before
    mean: float = 0.0  # factor on the palette's mean in what is painted, beside the head; 0 while
    # each learns alone
    even: tuple[float, float] | None = None  # factors on head and mean, in place of 1 and `mean`,
    # in photographs whose evenness is 1; None: there is no evenness

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ModelError(
                "bad_config",
                "unknown encoder {value!r}; use one of {choices}",
                value=self.encoder,
                choices=", ".join(ENCODERS),
            )
        widths = self.decoder
        if len(widths) != 4 or not all(type(w) is int and 0 < w <= WIDEST for w in widths):
            raise ModelError(
                "bad_config",
                "decoder needs four widths from 1 to {widest}, not {value}",
                widest=WIDEST,
                value=widths,
            )
        if type(self.hints) is not bool:
            raise ModelError(
                "bad_config", "hints must be true or false, not {value!r}", value=self.hints
            )
        if type(self.palette) is not int or not (self.palette == 0 or 8 <= self.palette <= 64):
            raise ModelError(
                "bad_config", "palette must be 0 or from 8 to 64, not {value!r}", value=self.palette
            )
        most = MOST if self.palette else 0
        if not _is_factor(self.mean, most):
            raise ModelError(
                "bad_config",
                "mean must be from 0 to {most}, and 0 without a palette, not {value!r}",
                most=MOST,
                value=self.mean,
            )
        even = self.even
        if even is not None and not (
            self.palette and len(even) == 2 and all(_is_factor(value, MOST) for value in even)
        ):
            raise ModelError(
                "bad_config",
                "even must be two factors from 0 to {most}, and null without a palette, not "
                "{value}",
                most=MOST,
                value=even,
            )


def _is_factor(value: object, most: float) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value <= most


class Painting(NamedTuple):
    """What the generator says of photographs."""

    chroma: Tensor  # float N×2×⌈H/2⌉×⌈W/2⌉ (Cb, Cr) in [-0.5, 0.5]
    palette: Tensor  # float N×K×⌈H/4⌉×⌈W/4⌉, logits of `Generator.cells`; K is 0 without a palette


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


ENCODERS: dict[str, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class Encoder(nn.Module):
    """A ResNet without its classifier, with torchvision's names for its parameters.

    Written out, since importing torchvision takes longer than all the rest of colouriser.
    """

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        block, depths = ENCODERS[name]
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
    """Predicts chroma and a palette from luma and hints. See the module's docstring."""

    cells: Tensor  # float K×2 (Cb, Cr): the palette's colours

    def __init__(self, config: GeneratorConfig = GeneratorConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder, 4 if config.hints else 1)
        *skips, below = self.encoder.widths
        levels = []
        for skip, width in zip(reversed(skips), config.decoder, strict=True):
            levels.append(DecoderLevel(below, skip, width))
            below = width
        self.decoder = nn.ModuleList(levels)
        self.head = nn.Conv2d(below, 2, 1)
        cells = palette_cells(config.palette) if config.palette else torch.zeros(0, 2)
        self.register_buffer("cells", cells, persistent=False)
        if config.palette:
            self.palette = nn.Sequential(
                nn.Conv2d(config.decoder[2], PALETTE_WIDTH, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(PALETTE_WIDTH, len(cells), 1),
            )
        if config.even:
            self.evenness = nn.Linear(self.encoder.widths[-1], 1)

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Painting:
        """Predict chroma and a palette.

        Args:
            luma: float N×1×H×W in [0, 1], any H and W from 1.
            hints: float N×3×H×W: chroma (Cb, Cr) in [-0.5, 0.5] where there is a hint, and where
                hints are, 0 or 1; all 0 elsewhere. None are zeros.

        Raises:
            ModelError: there are hints, and these weights cannot take any.
        """
        height, width = luma.shape[-2:]
        *skips, deepest = self.encoder(self._input(luma, hints))
        x = deepest
        palette = luma.new_zeros(len(x), 0, *skips[1].shape[2:])
        for index, (level, skip) in enumerate(zip(self.decoder, reversed(skips), strict=True)):
            x = level(x, skip)
            if index == 2 and self.config.palette:
                palette = self.palette(x).float()
        chroma = torch.tanh(self.head(x).float()) / 2
        if self.config.mean or self.config.even:
            if self.config.even and hints is not None:  # a hint must not change it: it is of all
                deepest = self.encoder(self._input(luma, None))[-1]
            chroma = self._mix(chroma, palette, deepest)
        return Painting(
            chroma[..., : (height + 1) // 2, : (width + 1) // 2],
            palette[..., : -(-height // 4), : -(-width // 4)],
        )

    def _mix(self, head: Tensor, palette: Tensor, deepest: Tensor) -> Tensor:
        """What is painted, of the head's chroma N×2×H/2×W/2 and the palette's mean; `deepest` are
        the encoder's features without hints."""
        shares = palette.movedim(1, 3).softmax(3)  # N×H/4×W/4×K: faster with the cells last
        # Detached: a palette says what is likely, and learns that from its own loss alone.
        mean = (shares.detach() @ self.cells).movedim(3, 1)
        mean = F.interpolate(mean, scale_factor=2, mode="bilinear")
        painted = head + self.config.mean * mean
        if self.config.even:
            of_head, of_mean = self.config.even
            evenness = self.evenness(deepest.mean((2, 3))).float().sigmoid()
            even = of_head * head + of_mean * mean
            painted = torch.lerp(painted, even, evenness[..., None, None])
        return painted.clamp(-0.5, 0.5)

    def features(self, luma: Tensor, stride: int = 16) -> Tensor:
        """What the encoder sees, for comparing places of photographs.

        Args:
            luma: float N×1×H×W in [0, 1].
            stride: 2, 4, 8, 16 or 32.

        Returns:
            Float N×C×⌈H/stride⌉×⌈W/stride⌉.
        """
        height, width = luma.shape[-2:]
        seen = self.encoder(self._input(luma, None))[STRIDES.index(stride)]
        return seen[..., : -(-height // stride), : -(-width // stride)]

    def _input(self, luma: Tensor, hints: Tensor | None) -> Tensor:
        height, width = luma.shape[-2:]
        x = (luma - GREY_MEAN) / GREY_STD
        if self.config.hints:
            if hints is None:
                hints = luma.new_zeros(len(luma), 3, height, width)
            x = torch.cat([x, hints[:, :2] / CHROMA_STD, hints[:, 2:]], 1)
        elif hints is not None:
            raise ModelError("no_hints", "these weights take no hints; use newer ones")
        x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return x.to(self.encoder.conv1.weight.dtype)


def for_inference(generator: Generator, device: torch.device) -> Generator:
    """A copy that says the same in less time: each normalisation folded into the convolution before
    it, and in bfloat16 where a device computes in it. Its inputs and outputs stay float32."""
    generator = copy.deepcopy(generator).eval()
    for parent in list(generator.modules()):
        for (name, convolution), (other, norm) in pairwise(list(parent.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, other, nn.Identity())
    cells = generator.cells
    generator.to(device, torch.bfloat16 if has_bfloat16(device.type) else torch.float32)
    generator.cells = cells.to(device)  # a colour is not rounded
    return generator.to(memory_format=torch.channels_last)


def has_bfloat16(device: str) -> bool:
    """Whether a kind of device computes in bfloat16; without, emulating it costs ten times the
    time of float32."""
    if device == "cpu":
        found = torch.cpu.get_capabilities()
        return any(value is True for name, value in found.items() if "bf16" in name)
    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
