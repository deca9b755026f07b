"""Colouriser: one object that owns the generator and all that happens around it.

    photograph ─ luma, full size ──────────────────────────────┐
                   └ small copy ─ generator ─ chroma, small ─ guided filter ─ merge ─ RGB, full size

The generator's cost depends on `detail` only. The rest runs over bands of rows that fit the
processor's cache, so memory beyond input and output stays small for any photograph.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from . import colour, hub
from .errors import ColouriserError, ModelError
from .generator import Generator
from .photo import to_luma

DETAIL = 256  # the size the generator is trained at; below it sees too little, above too locally
DETAIL_RANGE = (64, 1024)
VIVIDNESS_RANGE = (0.0, 4.0)
TEMPERATURE_RANGE = (-1.0, 1.0)
WARM = (-0.05, 0.035)  # chroma (Cb, Cr) that temperature 1 adds: toward the colour of lamplight
LONGEST = 4  # a side of the small copy is at most 4 × detail, so that panoramas cost no more
RADIUS = 2  # of the guided filter's windows, in pixels of chroma
SMOOTHNESS = 0.02**2  # luma variance below which the filter sees no edge: noise and film grain
BAND = 1 << 17  # pixels merged at a time: a dozen float planes of it stay in a processor's cache
WHITE = 255.0


class Colouriser:
    """Colours photographs. Create it with `Colouriser.load`; it may be shared by threads."""

    def __init__(
        self, generator: Generator, device: str | torch.device | None = None, name: str = "a model"
    ) -> None:
        """Wrap a generator. `device` is the first GPU if there is one, otherwise the CPU; `name` is
        what people call the model."""
        self.name = name
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.generator = generator.eval().to(self.device).to(memory_format=torch.channels_last)

    @classmethod
    def load(
        cls, source: str | Path | None = None, device: str | torch.device | None = None
    ) -> "Colouriser":
        """Load a model.

        Args:
            source: nothing for the bundled weights, a folder with `model.safetensors` and
                `config.json`, or a Hub repository "owner/name@revision".
            device: where the generator runs; the first GPU if there is one, otherwise the CPU.

        Raises:
            ModelError: the model cannot be found, is damaged, or does not fit its config.
        """
        found = hub.find(source)
        return cls(hub.load(found), device, str(found))

    def colourise(
        self,
        image: Image.Image,
        *,
        detail: int = DETAIL,
        vividness: float = 1.0,
        temperature: float = 0.0,
    ) -> Image.Image:
        """Colour a photograph.

        Args:
            image: PIL image of any mode and size. Colour in it is ignored; an EXIF orientation is
                applied.
            detail: the generator sees a copy of about detail × detail pixels; 64 to 1024.
            vividness: factor on chroma; 0 is grey, 1 what the generator says; 0 to 4.
            temperature: what is added to all colours, from -1 (bluish) to 1 (yellowish).

        Returns:
            An upright "RGB" image of the same size, whose luma, Pillow's `convert("L")`, is within
            1/255 of the image's everywhere.

        Raises:
            PhotoError: the image cannot be decoded or is too large.
            ModelError: the generator returned values that are not finite.
            ColouriserError: a setting is out of range.
        """
        luma = to_luma(image)
        return self.merge(luma, self.predict(luma, detail), vividness, temperature)

    def predict(self, luma: Image.Image, detail: int = DETAIL) -> Tensor:
        """Predict chroma: the slow, size-independent half of `colourise`, whose result can be kept.

        Args:
            luma: mode "L".
            detail: see `colourise`.

        Returns:
            Coefficients of the guided filter, float32 4×h×w on the CPU, about detail / 2 a side:
            chroma at any size is `coefficients[:2] * luma + coefficients[2:]`.

        Raises:
            ModelError: the generator returned values that are not finite.
            ColouriserError: detail is out of range.
        """
        check_range("detail", detail, DETAIL_RANGE)
        small = luma.resize(
            small_size(*luma.size, detail), Image.Resampling.BILINEAR, reducing_gap=2.0
        )
        guide = _to_tensor(small)[None, None].to(self.device)  # 1×1×H×W
        with torch.inference_mode():
            chroma = self.generator(guide.contiguous(memory_format=torch.channels_last))
            coefficients = guided_filter(F.avg_pool2d(guide, 2), chroma)[0].cpu()
        if not coefficients.isfinite().all():
            raise ModelError(f"{self.name} returned values that are not finite; use other weights")
        return coefficients

    @staticmethod
    def merge(
        luma: Image.Image, coefficients: Tensor, vividness: float = 1.0, temperature: float = 0.0
    ) -> Image.Image:
        """Bring chroma up to full size along the photograph's edges and merge it with its luma.

        Args:
            luma: mode "L", the photograph.
            coefficients: from `predict`.
            vividness, temperature: see `colourise`.

        Returns:
            Mode "RGB", of luma's size.

        Raises:
            ColouriserError: a setting is out of range.
        """
        check_range("vividness", vividness, VIVIDNESS_RANGE)
        check_range("temperature", temperature, TEMPERATURE_RANGE)
        width, height = luma.size
        grey = torch.from_numpy(np.array(luma))
        out = torch.empty(3, height, width, dtype=torch.uint8)
        with torch.inference_mode():
            unit = torch.tensor([1, 1, WHITE, WHITE]).view(4, 1, 1)  # offsets in steps of 1/255
            scaled = coefficients * (vividness * unit)
            scaled[2:] += torch.tensor(WARM).view(2, 1, 1) * (temperature * WHITE)
            for top, bottom, slope, offset in _bands(scaled, width, height):
                band = grey[None, top:bottom].float()
                distances = colour.offsets(torch.addcmul(offset, slope, band))
                scale = colour.gamut_scale(band, *distances, white=WHITE)
                band += 0.5  # so that cutting off decimals rounds
                for channel, distance in zip(out, distances, strict=True):
                    channel[top:bottom] = torch.addcmul(band, scale, distance)[0]
        return Image.merge("RGB", [Image.fromarray(channel.numpy()) for channel in out])


def check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    """Raise a ColouriserError unless value is within limits."""
    if not limits[0] <= value <= limits[1]:
        raise ColouriserError(f"{name} must be from {limits[0]:g} to {limits[1]:g}, not {value}")


def small_size(width: int, height: int, detail: int) -> tuple[int, int]:
    """Width and height of the generator's copy: an area of detail², aspect kept, sides even."""
    scale = detail / (width * height) ** 0.5
    sides = (
        min(max(round(side * scale / 2), 16), LONGEST * detail // 2) for side in (width, height)
    )
    small_width, small_height = (2 * side for side in sides)
    return small_width, small_height


def guided_filter(guide: Tensor, chroma: Tensor) -> Tensor:
    """Coefficients of the Fast Guided Filter (He & Sun 2015, arXiv:1505.00996).

    Args:
        guide: luma, float 1×1×H×W in [0, 1].
        chroma: float 1×2×H×W.

    Returns:
        1×4×H×W: slope (2) and offset (2) of chroma as a linear function of luma in each window.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)

    mean_guide, mean_chroma = mean(guide), mean(chroma)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * chroma) - mean_guide * mean_chroma) / (variance + SMOOTHNESS)
    return mean(torch.cat([slope, mean_chroma - slope * mean_guide], 1))


def _bands(
    coefficients: Tensor, width: int, height: int
) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """Bilinear interpolation to width × height: top, bottom, slope and offset of bands of rows.

    Along rows it is done at once; along columns band by band, each between two rows of them.
    """
    low, weight = _positions(coefficients.shape[2], width)
    padded = F.pad(coefficients, (0, 1, 0, 1), mode="replicate")
    columns = torch.lerp(padded[:, :, low], padded[:, :, low + 1], weight)  # 4×(h + 1)×width
    low, weight = _positions(coefficients.shape[1], height)
    start = 0
    for row, count in zip(*torch.unique_consecutive(low, return_counts=True), strict=True):
        above, below = columns[:, row, None], columns[:, row + 1, None]
        end = start + int(count)
        for top in range(start, end, max(1, BAND // width)):
            bottom = min(end, top + max(1, BAND // width))
            band = torch.lerp(above, below, weight[None, top:bottom, None])
            yield top, bottom, band[:2], band[2:]
        start = end


def _positions(small: int, large: int) -> tuple[Tensor, Tensor]:
    """Where the centres of `large` pixels lie among those of `small`: index below, and weight of
    the index above."""
    positions = ((torch.arange(large) + 0.5) * (small / large) - 0.5).clamp_(0, small - 1)
    low = positions.long()
    return low, positions - low


def _to_tensor(luma: Image.Image) -> Tensor:
    """Mode "L" to float32 H×W in [0, 1]."""
    return torch.from_numpy(np.array(luma)).float().div_(255)
