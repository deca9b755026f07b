"""Colouriser: one object that owns the generator and all that happens around it.

    photograph ─ luma, full size ──────────────────────────────┐
                   └ small copy ─ generator ─ chroma, small ─ guided filter ─ merge ─ RGB, full size

The generator's cost depends on `detail` only.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from . import guide, hub
from .errors import ModelError
from .generator import Generator
from .photo import to_luma
from .settings import DETAIL, TEMPERATURE, VIVIDNESS

LONGEST = 4  # a side of the small copy is at most 4 × detail, so that panoramas cost no more


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
        detail: float = DETAIL.usual,
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
            SettingError: a setting is out of range.
        """
        luma = to_luma(image)
        return self.merge(luma, self.predict(luma, detail), vividness, temperature)

    def predict(self, luma: Image.Image, detail: float = DETAIL.usual) -> Tensor:
        """Predict chroma: the slow, size-independent half of `colourise`, whose result can be kept.

        Args:
            luma: mode "L".
            detail: see `colourise`.

        Returns:
            Coefficients of the guided filter, float32 4×h×w on the CPU, about detail / 2 a side:
            chroma at any size is `coefficients[:2] * luma + coefficients[2:]`.

        Raises:
            ModelError: the generator returned values that are not finite.
            SettingError: detail is out of range.
        """
        DETAIL.check("detail", detail)
        small = luma.resize(
            small_size(*luma.size, int(detail)), Image.Resampling.BILINEAR, reducing_gap=2.0
        )
        grey = _to_tensor(small)[None, None].to(self.device)  # 1×1×H×W
        with torch.inference_mode():
            chroma = self.generator(grey.contiguous(memory_format=torch.channels_last)).chroma
            coefficients = guide.guided_filter(F.avg_pool2d(grey, 2), chroma)[0].cpu()
        if not coefficients.isfinite().all():
            raise ModelError(
                "not_finite",
                "{model} returned values that are not finite; use other weights",
                model=self.name,
            )
        return coefficients

    @staticmethod
    def merge(
        luma: Image.Image, coefficients: Tensor, vividness: float = 1.0, temperature: float = 0.0
    ) -> Image.Image:
        """Bring predicted chroma to full size and merge it with the photograph's luma: the half of
        `colourise` whose cost depends on the size.

        Args:
            luma: mode "L", the photograph.
            coefficients: from `predict`.
            vividness, temperature: see `colourise`.

        Returns:
            Mode "RGB", of luma's size.

        Raises:
            SettingError: a setting is out of range.
        """
        VIVIDNESS.check("vividness", vividness)
        TEMPERATURE.check("temperature", temperature)
        return guide.merge(luma, coefficients, vividness, temperature)


def small_size(width: int, height: int, detail: int) -> tuple[int, int]:
    """Width and height of the generator's copy: an area of detail², aspect kept, sides even."""
    scale = detail / (width * height) ** 0.5
    sides = (
        min(max(round(side * scale / 2), 16), LONGEST * detail // 2) for side in (width, height)
    )
    small_width, small_height = (2 * side for side in sides)
    return small_width, small_height


def _to_tensor(luma: Image.Image) -> Tensor:
    """Mode "L" to float32 H×W in [0, 1]."""
    return torch.from_numpy(np.array(luma)).float().div_(255)
