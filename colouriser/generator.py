"""The generator: a U-Net that looks at luma and hints, and predicts chroma and a palette.

    luma N×1×H×W ┐
    hints N×3×H×W┴ encoder ─ features at strides 2, 4, 8, 16, 32; attention over the last two
                       │   skips, by concatenation
    palette N×K×H/4×W/4 ── at stride 4 ── decoder: up 2× by pixel shuffle, two 3×3 convolutions,
    chroma N×2×H/2×W/2 ─── at stride 2 ── four times

The palette says which colours a place might have: logits of cells of the chroma plane. Chroma is
the palette's mean plus a residual of the head, both learnt together: the mean knows what is likely,
the residual where things end. Chroma is smooth, so half size loses little and costs a quarter.
Everything is explicit in `forward`: a module in eval mode holds no state between calls and may be
shared by threads.

U-Net: Ronneberger et al. 2015. Pixel shuffle: Shi et al. 2016. Hints and the two branches: Zhang et
al. 2017, Real-time user-guided image colorization (arXiv:1705.02999). The mean of a palette as a
colour: Zhang et al. 2016, Colorful image colorization (arXiv:1603.08511).
"""

import copy
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .colour import palette_cells
from .encoder import ENCODERS, STRIDES, Attention, new_encoder
from .errors import ModelError, SettingError
from .options import quoted

STRIDE = STRIDES[-1]  # sizes are padded to a multiple of it
WIDEST = 1024  # channels of a decoder level; beyond this a config is a mistake or an attack
CHROMA_STD = 0.1  # of chroma in photographs, about
MAX_MEAN = 2.0  # factor on the palette's mean; beyond this a config is a mistake
BFLOAT16 = "COLOURISER_BFLOAT16"  # environment variable
PALETTE_WIDTH = 64  # channels before the palette's cells; wider costs time at every start


@dataclass(frozen=True)
class GeneratorConfig:
    """What `config.json` holds: all that is needed to build the module that weights fit into."""

    encoder: str = "efficientnet_lite2"  # knows more than ResNet-18 at half the arithmetic
    decoder: tuple[int, ...] = (192, 96, 64, 32)  # channels at strides 16, 8, 4, 2
    attention: bool = True  # at strides 16 and 32; older weights have none
    hints: bool = True  # whether it takes hints; some older weights do not
    palette: int = 16  # of 255: distance of the palette's cells, below what the eye tells apart; 0:
    # no palette, the residual is the chroma
    mean: float = 1.0  # factor on the palette's mean in chroma; older weights were mixed afterwards

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
        for name in ("attention", "hints"):
            if type(getattr(self, name)) is not bool:
                raise ModelError(
                    "bad_config",
                    "{name} must be true or false, not {value!r}",
                    name=name,
                    value=getattr(self, name),
                )
        if type(self.palette) is not int or not (self.palette == 0 or 8 <= self.palette <= 64):
            raise ModelError(
                "bad_config", "palette must be 0 or from 8 to 64, not {value!r}", value=self.palette
            )
        if type(self.mean) not in (int, float) or not 0 <= self.mean <= MAX_MEAN:
            raise ModelError(
                "bad_config",
                "mean must be from 0 to {most}, not {value!r}",
                most=MAX_MEAN,
                value=self.mean,
            )


class Painting(NamedTuple):
    """What the generator says of photographs."""

    chroma: Tensor  # float N×2×⌈H/2⌉×⌈W/2⌉ (Cb, Cr) in [-0.5, 0.5]
    palette: Tensor  # float N×K×⌈H/4⌉×⌈W/4⌉, logits of `Generator.cells`; K is 0 without a palette


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
        self.encoder = new_encoder(config.encoder, 4 if config.hints else 1)
        *skips, below = self.encoder.widths
        if config.attention:
            self.attention16, self.attention32 = Attention(skips[-1]), Attention(below)
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
            nn.init.zeros_(self.head.weight)  # chroma begins as the palette's mean
            nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Painting:
        """Predict chroma and a palette.

        Args:
            luma: float N×1×H×W in [0, 1], any H and W from 1.
            hints: float N×3×H×W: chroma (Cb, Cr) in [-0.5, 0.5] where there is a hint, and where
                hints are, 0 or 1; all 0 elsewhere. None are zeros.

        Raises:
            ModelError: there are hints, and these weights cannot take any.
        """
        return self.paint(luma, self.see(luma, hints))

    def see(self, luma: Tensor, hints: Tensor | None = None) -> list[Tensor]:
        """The encoder's features at STRIDES, of luma that is padded to multiples of 32."""
        return self.encoder(self._input(luma, hints))

    def paint(self, luma: Tensor, seen: list[Tensor]) -> Painting:
        """What `forward` predicts, from what `see` saw."""
        height, width = luma.shape[-2:]
        *skips, x = seen
        if self.config.attention:
            skips[-1], x = self.attention16(skips[-1]), self.attention32(x)
        palette = luma.new_zeros(len(luma), 0, *skips[1].shape[2:])
        for index, (level, skip) in enumerate(zip(self.decoder, reversed(skips), strict=True)):
            x = level(x, skip)
            if index == 2 and self.config.palette:
                palette = self.palette(x).float()
        chroma = torch.tanh(self.head(x).float()) / 2
        if self.config.palette:
            shares = palette.movedim(1, 3).softmax(3)  # N×H/4×W/4×K: faster with the cells last
            mean = (shares @ self.cells).movedim(3, 1)
            mean = F.interpolate(mean, scale_factor=2, mode="bilinear")
            chroma = (chroma + self.config.mean * mean).clamp(-0.5, 0.5)
        return Painting(
            chroma[..., : (height + 1) // 2, : (width + 1) // 2],
            palette[..., : -(-height // 4), : -(-width // 4)],
        )

    def features(self, luma: Tensor, stride: int = 16, seen: list[Tensor] | None = None) -> Tensor:
        """What the encoder sees, for comparing places of photographs.

        Args:
            luma: float N×1×H×W in [0, 1].
            stride: 2, 4, 8, 16 or 32.
            seen: what `see` saw of luma without hints, if it was asked before.

        Returns:
            Float N×C×⌈H/stride⌉×⌈W/stride⌉.
        """
        height, width = luma.shape[-2:]
        found = (seen or self.see(luma))[STRIDES.index(stride)]
        return found[..., : -(-height // stride), : -(-width // stride)]

    def _input(self, luma: Tensor, hints: Tensor | None) -> Tensor:
        height, width = luma.shape[-2:]
        x = (luma - self.encoder.mean) / self.encoder.std
        if self.config.hints:
            if hints is None:
                hints = luma.new_zeros(len(luma), 3, height, width)
            x = torch.cat([x, hints[:, :2] / CHROMA_STD, hints[:, 2:]], 1)
        elif hints is not None:
            raise ModelError("no_hints", "these weights take no hints; use newer ones")
        x = F.pad(x, (0, _missing(width), 0, _missing(height)), mode="replicate")
        return x.to(self.head.weight.dtype)


def _missing(side: int) -> int:
    """Pixels that a side lacks to a multiple of STRIDE, and to two of it: in bfloat16 oneDNN's
    convolutions from two columns to one read memory that nobody has written."""
    return 2 * STRIDE - side if side <= STRIDE else -side % STRIDE


def for_inference(
    generator: Generator, device: torch.device, bfloat16: bool | None = None
) -> Generator:
    """A copy that says the same in less time: each normalisation folded into the convolution before
    it, and in bfloat16 where a device computes in it, unless `bfloat16` says otherwise. Its inputs
    and outputs stay float32."""
    generator = copy.deepcopy(generator).eval()
    for parent in list(generator.modules()):
        for (name, convolution), (other, norm) in pairwise(list(parent.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, other, nn.Identity())
    cells = generator.cells
    if bfloat16 is None:
        bfloat16 = has_bfloat16(device.type)
    generator.to(device, torch.bfloat16 if bfloat16 else torch.float32)
    generator.cells = cells.to(device)  # a colour is not rounded
    return generator.to(memory_format=torch.channels_last)


def has_bfloat16(device: str) -> bool:
    """Whether bfloat16 is used on a kind of device: where it computes in it, since emulating it
    costs ten times the time of float32; or as COLOURISER_BFLOAT16 says, 0 or 1.

    Raises:
        SettingError: it says something else.
    """
    if wanted := os.environ.get(BFLOAT16):
        if wanted not in ("0", "1"):
            raise SettingError(
                "no_switch",
                "{setting} must be 0 or 1, not {value}",
                setting=BFLOAT16,
                value=quoted(wanted),
            )
        return wanted == "1"
    if device == "cpu":
        # Older versions of torch have no public way to ask.
        found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(value is True for name, value in found.items() if "bf16" in name)
    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
