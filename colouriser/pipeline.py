"""Colouriser: one object that owns the generator and all that happens around it.

    photograph ─ luma, full size ──────────────────────────────┐
                   └ small copy ─ generator ─ chroma, small ─ guided upsampling ─ merge ─ RGB

The generator's cost depends on `detail` only.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from . import colour, guide, hub
from .errors import HintError, ModelError, SettingError
from .generator import STRIDE, Generator, for_inference
from .hints import (
    Hint,
    Patch,
    Suggestion,
    check,
    check_place,
    enforce_hints,
    entropy,
    limit_hints,
    match_features,
    patches,
    rasterise,
    sample_variants,
    suggest,
)
from .options import DETAIL, STRENGTH, SUGGESTIONS, TEMPERATURE, VARIANTS, VIVIDNESS, quoted
from .photo import to_luma

log = logging.getLogger(__name__)

UNLIKE = "the reference shows nothing that looks alike, so no colour of it is used"
MAX_RATIO = 4  # a side of the small copy is at most 4 × detail, so that panoramas cost no more
# Of the small copy's sides; those near 1 first, which are taken where others are no better.
FACTORS = sorted((1 + percent / 100 for percent in range(-6, 7)), key=lambda f: abs(f - 1))
BATCH_PIXELS = (
    4 * 256**2
)  # pixels of small copies at once: four of the usual; larger ones gain nothing
MATCHING_STRIDE = 16  # stride of the features by which places of two photographs are compared


@dataclass(frozen=True)
class WorkingCopy:
    """What the network sees of a photograph."""

    size: tuple[int, int]  # of the photograph: width, height
    luma: np.ndarray  # uint8 H×W, see `small_size`


@dataclass(frozen=True)
class ReferenceCopy:
    """What the network sees of a reference, and its colours."""

    luma: np.ndarray  # uint8 H×W, see `small_size`
    rgb: np.ndarray  # uint8 H×W×3


@dataclass(frozen=True)
class Prediction:
    """What the network says of a photograph, with the hints it was given: all that its colours are
    made of, at the size of its small copy, so that nothing need be asked twice."""

    size: tuple[int, int]  # of the photograph: width, height
    luma: Tensor  # float 1×1×H×W in [0, 1], the small copy
    chroma: Tensor  # float 1×2×H/2×W/2 (Cb, Cr)
    palette: Tensor  # float K×H/4×W/4, probabilities of the cells; K is 0 for older weights
    cells: Tensor  # float K×2 (Cb, Cr)
    coefficients: Tensor  # float 4×H/2×W/2, of guide.guided_upsampling
    borrowed: tuple[Patch, ...] = ()  # a reference's colours that it was given
    patches: tuple[Patch, ...] = ()  # the hints that it was given

    def suggest(self, x: float, y: float, n: int = int(SUGGESTIONS.default)) -> list[Suggestion]:
        """Likely colours at a place, see `Colouriser.suggest`."""
        SUGGESTIONS.check("n", n)
        check_place(x, y, *self.size)
        self._check_palette()
        height, width = self.palette.shape[1:]
        column = min(int(x * width / self.size[0]), width - 1)
        row = min(int(y * height / self.size[1]), height - 1)
        luma = float(F.adaptive_avg_pool2d(self.luma, (height, width))[0, 0, row, column])
        return suggest(self.palette[:, row, column], self.cells, luma, n)

    def uncertainty(self, size: tuple[int, int] | None = None) -> Image.Image:
        """Where the network could as well have chosen otherwise, see `Colouriser.uncertainty`; of
        the photograph's size unless another is given."""
        self._check_palette()
        values = entropy(self.palette).clamp(0, 1).mul(255).round().byte().numpy()
        return Image.fromarray(values).resize(size or self.size, Image.Resampling.BILINEAR)

    def variant_hints(self, variant: int, hints: Sequence[Hint] = ()) -> list[Hint]:
        """Hints of one of `variants`, counted from 1, and of a person's, which hold in it, too."""
        return [*self.variants(variant)[-1], *hints]

    def variants(self, n: int, seed: int = 0) -> list[list[Hint]]:
        """Hints for other colourings, see `Colouriser.variants`."""
        VARIANTS.check("n", n)
        self._check_palette()
        height, width = self.palette.shape[1:]
        luma = F.adaptive_avg_pool2d(self.luma, (height, width))[0, 0]
        across, down = (
            self.size[0] / width,
            self.size[1] / height,
        )  # photograph's pixels of a cell's
        return [
            [
                Hint(
                    min((column + 0.5) * across, self.size[0] - 1),
                    min((row + 0.5) * down, self.size[1] - 1),
                    rgb,
                    min(across, down) / 2,
                )
                for row, column, rgb in chosen
            ]
            for chosen in sample_variants(self.palette, self.cells, luma, n, seed)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        tensors = (self.luma, self.chroma, self.palette, self.coefficients)
        return sum(tensor.nbytes for tensor in tensors)

    def _check_palette(self) -> None:
        if not len(self.cells):
            raise ModelError("no_palette", "these weights know no other colours; use newer ones")


class Colouriser:
    """Colours photographs. Create it with `Colouriser.load`; it may be shared by threads."""

    def __init__(
        self, generator: Generator, device: str | torch.device | None = None, name: str = "a model"
    ) -> None:
        """Wrap a generator. `device` is the first GPU if there is one, otherwise the CPU; `name` is
        what people call the model."""
        self.name = name
        self.device = _device(device)
        self.generator = for_inference(generator, self.device)

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
            SettingError: there is no such device.
            ModelError: the model cannot be found, is damaged, or does not fit its config.
        """
        model = hub.resolve(source)
        return cls(hub.load(model), device, str(model))

    def colourise(
        self,
        image: Image.Image,
        *,
        hints: Sequence[Hint] = (),
        reference: Image.Image | None = None,
        strength: float = STRENGTH.default,
        detail: float = DETAIL.default,
        vividness: float = VIVIDNESS.default,
        temperature: float = TEMPERATURE.default,
    ) -> Image.Image:
        """Colour a photograph.

        Args:
            image: PIL image of any mode and size. Colour in it is ignored; an EXIF orientation is
                applied.
            hints: colours at places. A hinted place comes out in that hue, as far as RGB has it at
                its luma; of two at one place the later counts.
            reference: another photograph, whose colours are taken where it shows the same things.
                Where nothing in it looks alike, the network decides as without it.
            strength: how much of the reference's colours is taken, from 0 to 1.
            detail: the generator sees a copy of about detail × detail pixels; 64 to 1024.
            vividness: factor on chroma; 0 is grey, 1 what the generator says; 0 to 2.
            temperature: what is added to all colours, from -1 (bluish) to 1 (yellowish).

        Returns:
            An upright "RGB" image of the same size, whose luma, Pillow's `convert("L")`, is within
            1/255 of the image's everywhere.

        Raises:
            PhotoError: an image cannot be decoded or is too large.
            HintError: a hint lies outside of the photograph, there are too many, or the reference
                is grey.
            ModelError: the weights take no hints, or returned values that are not finite.
            SettingError: a setting is out of range.
        """
        luma = to_luma(image)
        prediction = self.predict(luma, detail, hints, reference, strength)
        return self.render(luma, prediction, vividness, temperature)

    def predict(
        self,
        luma: Image.Image,
        detail: float = DETAIL.default,
        hints: Sequence[Hint] = (),
        reference: Image.Image | None = None,
        strength: float = STRENGTH.default,
    ) -> Prediction:
        """Ask the network: the slow, size-independent half of `colourise`, whose result can be
        kept.

        Args:
            luma: mode "L".
            detail, hints, reference, strength: see `colourise`.

        Raises:
            HintError, ModelError, SettingError: see `colourise`.
        """
        other = None if reference is None else reference_copy(reference, detail)
        return self.predict_copy(working_copy(luma, detail), hints, other, strength)

    def predict_copy(
        self,
        copy: WorkingCopy,
        hints: Sequence[Hint] = (),
        reference: ReferenceCopy | None = None,
        strength: float = STRENGTH.default,
        limited: bool = True,
    ) -> Prediction:
        """The same for a photograph that is elsewhere.

        Args:
            copy, reference: see `working_copy` and `reference_copy`.
            hints, strength: see `colourise`.
            limited: whether hints stay with their things (`limit_hints`), for which the network is
                asked once more; where they lie everywhere nothing is left to keep them from.

        Raises:
            HintError, ModelError, SettingError: see `colourise`.
        """
        STRENGTH.check("strength", strength)
        check(hints, *copy.size)
        small = _to_tensor(copy.luma)
        borrowed = () if reference is None else self._borrowed(small, reference, strength)
        found = patches(hints, copy.size, (small.shape[3], small.shape[2]))
        if not limited:
            borrowed, found = [*borrowed, *found], []
        return self._predict(copy.size, small, borrowed, found)

    def predict_copies(self, copies: Sequence[WorkingCopy]) -> list[Prediction | ModelError]:
        """The same predictions, or their errors, for several photographs in less time: the network
        sees those together whose small copies are alike in shape."""
        smalls = [_to_tensor(copy.luma) for copy in copies]
        found: dict[int, Prediction | ModelError] = {}
        for shape in {small.shape for small in smalls}:
            alike = [index for index, small in enumerate(smalls) if small.shape == shape]
            most = max(1, BATCH_PIXELS // math.prod(shape))
            for own in (alike[start : start + most] for start in range(0, len(alike), most)):
                chroma, palette = self._paint(torch.cat([smalls[index] for index in own]))
                for index, own_chroma, own_palette in zip(own, chroma, palette, strict=True):
                    size, small = copies[index].size, smalls[index]
                    try:
                        found[index] = self._prediction(
                            size, small, own_chroma[None], own_palette[None]
                        )
                    except ModelError as error:
                        found[index] = error
        return [found[index] for index in range(len(copies))]

    def suggest(
        self,
        image: Image.Image,
        x: float,
        y: float,
        n: int = int(SUGGESTIONS.default),
        hints: Sequence[Hint] = (),
    ) -> list[Suggestion]:
        """Likely colours at a place, given the hints so far.

        Args:
            image: the photograph.
            x, y: the place, in pixels of the upright photograph.
            n: how many; 1 to 20. There are fewer where nothing else is likely.
            hints: see `colourise`.

        Returns:
            Most likely first, distinct to the eye, with their probabilities.

        Raises:
            ModelError: the weights have no palette.
            HintError: the place or a hint is outside of the photograph.
            SettingError: n is out of range.
        """
        return self.predict(to_luma(image), hints=hints).suggest(x, y, n)

    def uncertainty(self, image: Image.Image) -> Image.Image:
        """Where the network could as well have chosen otherwise: mode "L", of the image's upright
        size; 0 is sure.

        Raises:
            ModelError: the weights have no palette.
        """
        return self.predict(to_luma(image)).uncertainty()

    def variants(self, image: Image.Image, n: int, seed: int = 0) -> list[Image.Image]:
        """Other colourings, each plausible, by hints drawn from the palette at the objects of which
        the network is the least certain.

        Args:
            image: the photograph.
            n: how many; 1 to 16.
            seed: the same gives the same.

        Raises:
            ModelError: the weights have no palette.
            SettingError: n is out of range.
        """
        luma = to_luma(image)
        return [
            self.render(luma, prediction)
            for prediction in self.predict_variants(self.predict(luma), n, seed)
        ]

    def predict_variants(
        self, prediction: Prediction, n: int, seed: int = 0
    ) -> Iterator[Prediction]:
        """Predictions of variants, see `variants`, one at a time as they are asked for. What hints
        `prediction` was given holds in all of them."""
        small = (prediction.luma.shape[3], prediction.luma.shape[2])
        for hints in prediction.variants(n, seed):
            found = (*patches(hints, prediction.size, small), *prediction.patches)
            yield self._predict(prediction.size, prediction.luma, prediction.borrowed, found)

    @staticmethod
    def render(
        luma: Image.Image,
        prediction: Prediction,
        vividness: float = VIVIDNESS.default,
        temperature: float = TEMPERATURE.default,
    ) -> Image.Image:
        """Bring predicted chroma to full size and merge it with the photograph's luma: the half of
        `colourise` whose cost depends on the size.

        Args:
            luma: mode "L", the photograph.
            prediction: from `predict`.
            vividness, temperature: see `colourise`.

        Returns:
            Mode "RGB", of luma's size.

        Raises:
            SettingError: a setting is out of range.
        """
        VIVIDNESS.check("vividness", vividness)
        TEMPERATURE.check("temperature", temperature)
        return guide.render_bands(luma, prediction.coefficients, vividness, temperature)

    def _predict(
        self,
        size: tuple[int, int],
        small: Tensor,
        borrowed: Sequence[Patch] = (),
        found: Sequence[Patch] = (),
    ) -> Prediction:
        chroma, palette = self._paint(small, [*borrowed, *found])
        if found:
            before, features = self._without_hints(small, borrowed)
            chroma = limit_hints(before, chroma, features, self.generator.encoder.likeness, found)
        return self._prediction(size, small, chroma, palette, borrowed, found)

    def _without_hints(self, small: Tensor, borrowed: Sequence[Patch]) -> tuple[Tensor, Tensor]:
        """Chroma of a small copy that a person's hints do not change, as `_paint` has it; and what
        the encoder sees there, as `_features` has it."""
        if borrowed:
            return self._paint(small, borrowed)[0], self._features(small)
        with torch.inference_mode():
            layout = self._layout(small)
            seen = self.generator.see(layout)
            chroma = self.generator.paint(layout, seen).chroma
            features = self.generator.features(layout, MATCHING_STRIDE, seen)[0]
        return chroma.cpu(), features.float().cpu()

    def _layout(self, small: Tensor) -> Tensor:
        return small.to(self.device).contiguous(memory_format=torch.channels_last)

    def _paint(self, small: Tensor, found: Sequence[Patch] = ()) -> tuple[Tensor, Tensor]:
        """Chroma and palette of small copies N×1×H×W, on the CPU; patches are the same for all."""
        drawn = (
            rasterise(found, (small.shape[3], small.shape[2])).to(self.device) if found else None
        )
        with torch.inference_mode():
            chroma, palette = (x.cpu() for x in self.generator(self._layout(small), drawn))
        return chroma, palette

    def _prediction(
        self,
        size: tuple[int, int],
        small: Tensor,
        chroma: Tensor,
        palette: Tensor,
        borrowed: Sequence[Patch] = (),
        found: Sequence[Patch] = (),
    ) -> Prediction:
        with torch.inference_mode():
            half = F.avg_pool2d(small, 2)
            chroma = chroma.contiguous()  # or pooling it takes twice as long
            chroma = enforce_hints(half, chroma, [*borrowed, *found])
            coefficients = guide.guided_upsampling(half, chroma)[0]
            likely = palette[0].movedim(0, 2).softmax(2).movedim(2, 0)
        if not (coefficients.sum() + likely.sum()).isfinite():
            raise ModelError(
                "not_finite",
                "{model} returned values that are not finite; use other weights",
                model=self.name,
            )
        cells = self.generator.cells.cpu()
        given = tuple(borrowed), tuple(found)
        return Prediction(size, small, chroma, likely, cells, coefficients, *given)

    def _borrowed(self, small: Tensor, reference: ReferenceCopy, strength: float) -> list[Patch]:
        """Patches with a reference's colours where it shows the same things."""
        rgb = torch.from_numpy(reference.rgb).permute(2, 0, 1)
        _, chroma = colour.split(rgb[None].float() / 255)
        if chroma.abs().max() < 4 / 255:
            raise HintError("reference_grey", "the reference has no colours; give one that has")
        own, other = (self._features(x) for x in (small, _to_tensor(reference.luma)))
        predicted = self._predict((1, 1), small).chroma
        chroma = F.adaptive_avg_pool2d(chroma, (other.shape[1], other.shape[2]))[0]
        before = F.adaptive_avg_pool2d(predicted, (own.shape[1], own.shape[2]))[0]
        found = []
        matches = match_features(own, other, self.generator.encoder.likeness)
        for row, column, other_row, other_column in matches:
            mixed = torch.lerp(before[:, row, column], chroma[:, other_row, other_column], strength)
            middle = MATCHING_STRIDE // 2
            top = min(row * MATCHING_STRIDE + middle - 2, small.shape[2] - 4)
            left = min(column * MATCHING_STRIDE + middle - 2, small.shape[3] - 4)
            found.append(Patch(slice(top, top + 4), slice(left, left + 4), mixed))
        if not found:
            log.warning(UNLIKE)
        return found

    def _features(self, small: Tensor) -> Tensor:
        """What the encoder sees at stride 16: float C×h×w."""
        with torch.inference_mode():
            return self.generator.features(self._layout(small), MATCHING_STRIDE)[0].float().cpu()


def small_size(width: int, height: int, detail: int) -> tuple[int, int]:
    """Width and height of the generator's copy: an area of about detail², aspect kept, sides even.

    The generator pads sides to multiples of its stride, which costs time and shows it nothing: of
    a 4:3 photograph a quarter, if it is done without care. So the sides are up to 6 % longer or
    shorter, by as much as leaves the least to pad.
    """

    def sides(factor: float) -> tuple[int, int]:
        scale = factor * detail / (width * height) ** 0.5
        a, b = (
            min(max(round(s * scale / 2), 16), MAX_RATIO * detail // 2) for s in (width, height)
        )
        return 2 * a, 2 * b

    def padded(size: tuple[int, int]) -> float:
        """Area with padding, of that without."""
        whole = (max(2, math.ceil(side / STRIDE)) * STRIDE for side in size)
        return math.prod(whole) / math.prod(size)

    return min((sides(factor) for factor in FACTORS), key=padded)


def working_copy(luma: Image.Image, detail: float = DETAIL.default) -> WorkingCopy:
    """What the network sees of a photograph: all that need be sent to where the network is.

    Args:
        luma: mode "L".
        detail: see `Colouriser.colourise`.

    Raises:
        SettingError: detail is out of range.
    """
    size = small_size(*luma.size, int(DETAIL.check("detail", detail)))
    small = luma.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return WorkingCopy(luma.size, np.array(small))


def reference_copy(reference: Image.Image, detail: float = DETAIL.default) -> ReferenceCopy:
    """What the network sees of a reference.

    Args:
        reference: of any mode.
        detail: see `Colouriser.colourise`.

    Raises:
        PhotoError: it cannot be decoded or is too large.
        SettingError: detail is out of range.
    """
    luma = working_copy(to_luma(reference), detail).luma  # which turns it upright
    upright = ImageOps.exif_transpose(reference).convert("RGB")
    return ReferenceCopy(luma, np.array(upright.resize((luma.shape[1], luma.shape[0]))))


def _to_tensor(luma: np.ndarray) -> Tensor:
    """uint8 H×W to float32 1×1×H×W in [0, 1]."""
    return torch.from_numpy(luma).float().div_(255)[None, None]


def _device(name: str | torch.device | None) -> torch.device:
    """A device that is there; the first GPU, otherwise the CPU, if none is named.

    Raises:
        SettingError: no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingError(
            "no_device",
            "{device} is no device of this computer; give cpu, cuda, cuda:1 or mps",
            device=quoted(str(name)),
        ) from error
    return device
