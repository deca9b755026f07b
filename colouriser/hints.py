"""A hint is a colour at a place. One mechanism serves corrections, variants and references.

A `Hint` is a small patch for the generator (`rasterise`). What the generator makes of it is
corrected where it goes too far (`limit_hints`), so that other things keep their colours, and where
it falls short (`enforce_hints`), so that a hinted place always comes out in its hue. What the
network says of a place is read from its palette: likely colours (`suggest`) and how unsure it is
(`entropy`). Variants are hints drawn from it (`sample_variants`); those of a reference come from
another photograph (`match_features`).
"""

import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from PIL import ImageColor
from torch import Tensor
from torch.nn import functional as F

from . import colour
from .encoder import Likeness
from .errors import HintError, reason
from .options import quoted

MAX_HINTS = 1000  # hints in a photograph: more than a person sets, and drawn in a tenth of a second
MAX_PATCH = 9  # side of a patch in pixels of the small copy; the generator has seen none larger
RADIUS = 0.01  # of the photograph's shorter side, unless a hint says otherwise
REACH = 0.21  # how far a correction reaches, as a share of the side: across a thing, …
LUMA_TOLERANCE, CHROMA_TOLERANCE = (
    0.16,
    0.032,
)  # … to where luma, and chroma as it was predicted, differ by so much
WITHIN = 16 / 255  # chroma that the eye takes for one colour
APART = 24 / 255  # of two suggestions, which a person should tell from each other
FARTHEST = 1e6  # pixels; no photograph is larger
OBJECTS = 6  # places that a variant colours anew, and colours that each may get
SPACING = 0.2  # of two of them, as a share of the small copy's longer side
CLEAR = 0.2  # least probability of a colour in a variant, of that of the likeliest
AROUND = 0.15  # of the side: nearer to a hint everything follows it

Colour = Sequence[int] | str  # numpy's arrays are taken, too


@dataclass(frozen=True)
class Hint:
    """A colour at a place of a photograph.

    Raises:
        HintError: a value is of the wrong kind, or is no colour.
    """

    x: float  # pixels from the left of the upright photograph
    y: float  # pixels from its top
    colour: Colour  # sRGB 0 to 255, or as in CSS: "#c04030", "navy". Its luma does not matter
    radius: float | None = None  # pixels; 1 % of the shorter side unless given

    def __post_init__(self) -> None:
        radius = RADIUS if self.radius is None else self.radius
        for name, value in (("x", self.x), ("y", self.y), ("radius", radius)):
            _check_number(name, value)
        if self.radius is not None and not self.radius > 0:
            raise HintError(
                "hint_radius", "a hint's radius must be above 0, not {value}", value=self.radius
            )
        self.chroma  # noqa: B018  # raises if it is no colour
        if not isinstance(self.colour, str):  # a list or an array
            object.__setattr__(self, "colour", tuple(int(value) for value in self.colour))

    @property
    def chroma(self) -> tuple[float, float]:
        """The colour's (Cb, Cr) in [-0.5, 0.5]."""
        try:
            red, green, blue = (
                ImageColor.getrgb(self.colour)[:3] if isinstance(self.colour, str) else self.colour
            )
            values = (red, green, blue)
            whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
            if not whole or not all(0 <= v <= 255 for v in values):
                raise ValueError
        except (TypeError, ValueError) as error:
            raise HintError(
                "hint_colour",
                "{value} is no colour; give #rrggbb, a name, or three whole numbers to 255",
                value=quoted(self.colour),
            ) from error
        _, chroma = colour.split(
            torch.tensor([int(value) for value in values]).view(1, 3, 1, 1) / 255
        )
        return float(chroma[0, 0]), float(chroma[0, 1])


@dataclass(frozen=True)
class Suggestion:
    """A colour that a place might have."""

    colour: tuple[int, int, int]  # sRGB at the place's luma
    probability: float  # of it and of colours that look alike


def read_hints(path: Path) -> list[Hint]:
    """Hints from a JSON file: a list of {"x", "y", "colour", "radius"}, or {"hints": [...]}.

    Raises:
        HintError: the file cannot be read, or holds no hints.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise HintError(
            "hints_unreadable",
            "cannot be read ({reason}); give a JSON list of hints",
            reason=reason(error),
        ).of(path.name) from error
    try:
        return hints_from(value["hints"] if isinstance(value, dict) and "hints" in value else value)
    except HintError as error:
        error.of(path.name)
        raise


def hints_from(values: object) -> list[Hint]:
    """Hints from a list of objects, as in JSON.

    Raises:
        HintError: they are none.
    """
    if not isinstance(values, list):
        raise HintError("hints_list", "hints must be a list, not {value}", value=quoted(values))
    if len(values) > MAX_HINTS:
        raise _too_many(len(values))
    hints = []
    for value in values:
        if not isinstance(value, dict) or not {"x", "y", "colour"} <= set(value) <= FIELDS:
            raise HintError(
                "hint_fields",
                "a hint has x, y, colour and perhaps radius; not {value}",
                value=quoted(value),
            )
        rgb = value["colour"]
        hints.append(Hint(**value | {"colour": tuple(rgb) if isinstance(rgb, list) else rgb}))
    return hints


FIELDS = {"x", "y", "colour", "radius"}


def check(hints: Sequence[Hint], width: int, height: int) -> None:
    """Refuse hints that lie outside of a photograph, and too many of them.

    Raises:
        HintError: one does, or there are.
    """
    if len(hints) > MAX_HINTS:
        raise _too_many(len(hints))
    for hint in hints:
        check_place(hint.x, hint.y, width, height)


def check_place(x: float, y: float, width: int, height: int) -> None:
    """Refuse a place outside of a photograph.

    Raises:
        HintError: it is.
    """
    for name, value in (("x", x), ("y", y)):
        _check_number(name, value)
    if not (0 <= x < width and 0 <= y < height):
        raise HintError(
            "hint_outside",
            "({x:g}, {y:g}) is outside of the photograph of {width} × {height} pixels",
            x=x,
            y=y,
            width=width,
            height=height,
        )


def _check_number(name: str, value: Any) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool)  # numpy's are, too
    if not real or not -FARTHEST < value < FARTHEST:
        raise HintError(
            "hint_number",
            "a hint's {name} must be a number, not {value}",
            name=name,
            value=quoted(value),
        )


def _too_many(count: int) -> HintError:
    return HintError(
        "too_many_hints", "{count} hints are more than {most}", count=count, most=MAX_HINTS
    )


@dataclass(frozen=True)
class Patch:
    """A hint in the small copy that the generator sees."""

    rows: slice
    columns: slice
    chroma: Tensor  # (Cb, Cr)


def patches(hints: Iterable[Hint], size: tuple[int, int], small: tuple[int, int]) -> list[Patch]:
    """Where hints for a photograph of `size` (width, height) lie in its small copy."""
    found = []
    for hint in hints:
        across, down = (s / full for s, full in zip(small, size, strict=True))
        radius = hint.radius or RADIUS * min(size)
        spans = []
        for place, scale, length in ((hint.y, down, small[1]), (hint.x, across, small[0])):
            side = min(max(round(2 * radius * scale), 1), MAX_PATCH, length)
            start = min(max(round((place + 0.5) * scale - side / 2), 0), length - side)
            spans.append(slice(start, start + side))
        found.append(Patch(spans[0], spans[1], torch.tensor(hint.chroma)))
    return found


def rasterise(found: Iterable[Patch], size: tuple[int, int]) -> Tensor:
    """Patches as the generator takes them: float 1×3×H×W. Where two overlap, the later counts."""
    drawn = torch.zeros(1, 3, size[1], size[0])
    for patch in found:
        drawn[0, :2, patch.rows, patch.columns] = patch.chroma.view(2, 1, 1)
        drawn[0, 2, patch.rows, patch.columns] = 1
    return drawn


def enforce_hints(luma: Tensor, chroma: Tensor, found: Iterable[Patch]) -> Tensor:
    """Move predicted chroma to its hints where it falls short of them.

    What is missing at a hint is missing around it, too: less with distance, with difference in luma
    and with difference in what was predicted, so that it follows the photograph's edges and those
    that the generator sees. The generator spreads a hint over the whole object; this makes sure of
    its middle. Between hints what is missing is interpolated (inverse distance weighting, Shepard
    1968), so that each is obeyed exactly, however many there are around it.

    Args:
        luma: float 1×1×h×w, of chroma's size.
        chroma: float 1×2×h×w.
        found: patches in the small copy, of twice that size; of two at one place the later counts.
    """
    height, width = chroma.shape[2:]
    places = dict[tuple[int, int], tuple[float, float, Patch]]()
    for patch in found:
        top, left = ((s.start + s.stop - 1) / 4 for s in (patch.rows, patch.columns))
        places[min(round(top), height - 1), min(round(left), width - 1)] = (top, left, patch)
    y, x = torch.arange(height).view(-1, 1), torch.arange(width)
    total, weights = torch.zeros(height, width), torch.full((height, width), 1e-6)
    missing = torch.zeros(2, height, width)
    for (row, column), (top, left, patch) in places.items():
        reach = REACH * math.sqrt(height * width) + (patch.rows.stop - patch.rows.start) / 4
        distance = ((y - top) ** 2 + (x - left) ** 2) / reach**2
        unlike = ((luma[0, 0] - luma[0, 0, row, column]) / LUMA_TOLERANCE) ** 2
        here = chroma[0, :, row, column, None, None]
        apart = (chroma[0] - here).square().sum(0) / CHROMA_TOLERANCE**2
        share = torch.exp(-(distance + unlike + apart) / 2)
        share = (share / share[row, column]).clamp(max=1)
        weight = share / (1 + 1e-4 - share)
        missing += weight * (patch.chroma.view(2, 1, 1) - here)
        weights += weight
        total = torch.maximum(total, share)
    return chroma + total * missing / weights


def limit_hints(
    before: Tensor, chroma: Tensor, features: Tensor, likeness: Likeness, found: Sequence[Patch]
) -> Tensor:
    """Keep what hints change to what is around them, and to what looks like their things.

    Args:
        before: chroma without the hints, float 1×2×h×w.
        chroma: the same with them.
        features: what the encoder sees of the photograph, float C×h/8×w/8 or so.
        likeness: the encoder's.
        found: the hints, in the small copy, of twice chroma's size.
    """
    height, width = chroma.shape[2:]
    seen = F.normalize(features, dim=0)
    places = [
        ((p.rows.start + p.rows.stop) / 4, (p.columns.start + p.columns.stop) / 4) for p in found
    ]
    rows = [min(int(top / height * seen.shape[1]), seen.shape[1] - 1) for top, _ in places]
    columns = [min(int(left / width * seen.shape[2]), seen.shape[2] - 1) for _, left in places]
    cosines = torch.einsum("cp,chw->phw", seen[:, rows, columns], seen).amax(0)
    alike = ((cosines - likeness.other) / (likeness.same - likeness.other)).clamp(0, 1)
    alike = F.interpolate(alike[None, None], (height, width), mode="bilinear")
    y, x = torch.arange(height).view(-1, 1), torch.arange(width)
    distance = torch.full((height, width), torch.inf)
    for top, left in places:
        distance = torch.minimum(distance, (y - top) ** 2 + (x - left) ** 2)
    near = torch.exp(-distance / (2 * AROUND**2 * height * width))
    return before + torch.maximum(alike, near) * (chroma - before)


def suggest(probabilities: Tensor, cells: Tensor, luma: float, count: int) -> list[Suggestion]:
    """Likely colours at a place, most likely first, distinct to the eye.

    Args:
        probabilities: of the cells at the place, float K, of sum 1.
        cells: their chroma, float K×2.
        luma: of the place, in [0, 1].
        count: how many at most; there are fewer where nothing else is likely.
    """
    left, found = probabilities.clone(), list[Suggestion]()
    distances = torch.cdist(cells, cells)
    for _ in range(count):
        around = (distances <= WITHIN).float() @ left
        best = int(around.argmax())
        near = (distances[best] <= WITHIN) * left
        mass = float(near.sum())
        if mass <= 1e-4:
            break
        mean = (near[:, None] * cells).sum(0) / mass
        rgb = colour.to_rgb(torch.full((1, 1, 1, 1), luma), mean.view(1, 2, 1, 1)).flatten()
        red, green, blue = (rgb * 255).round().int().tolist()
        found.append(Suggestion((red, green, blue), mass))
        left = torch.where(torch.cdist(mean[None], cells)[0] <= APART, 0.0, left)
    return found


def entropy(palette: Tensor) -> Tensor:
    """Where the network could as well have chosen otherwise: the palette's entropy.

    Args:
        palette: probabilities, float K×h×w.

    Returns:
        Float h×w from 0, sure, to 1, any colour is as likely.
    """
    return torch.special.entr(palette).sum(0) / math.log(len(palette))


def unsure_places(palette: Tensor, most: int = OBJECTS) -> list[tuple[int, int]]:
    """Rows and columns where the palette is the least certain, apart from each other."""
    left = F.avg_pool2d(entropy(palette)[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    height, width = left.shape
    y, x = torch.arange(height).view(-1, 1), torch.arange(width)
    reach, places = (SPACING * max(height, width)) ** 2, list[tuple[int, int]]()
    while len(places) < most and left.max() > 0:
        row, column = divmod(int(left.argmax()), width)
        places.append((row, column))
        left = left.masked_fill((y - row) ** 2 + (x - column) ** 2 < reach, 0.0)
    return places


def sample_variants(
    palette: Tensor, cells: Tensor, luma: Tensor, count: int, seed: int
) -> list[list[tuple[int, int, tuple[int, int, int]]]]:
    """Colours for the least certain objects, for several variants of a photograph: each variant
    gives one of its objects another colour than all before, and draws the others.

    Args:
        palette: probabilities, float K×h×w.
        cells: their chroma, float K×2.
        luma: float h×w in [0, 1].
        count: of variants.
        seed: decides.

    Returns:
        For each variant: row, column and colour at some places.
    """
    draw, variants = random.Random(seed), []
    places = unsure_places(palette)
    choices = [suggest(palette[:, y, x], cells, float(luma[y, x]), OBJECTS) for y, x in places]
    for variant in range(count):
        chosen = []
        for index, (place, likely) in enumerate(zip(places, choices, strict=True)):
            if index == variant % len(places):  # another one each time
                one = likely[(1 + variant // len(places)) % len(likely)]
            else:
                clear = [c for c in likely if c.probability >= CLEAR * likely[0].probability]
                (one,) = draw.choices(clear, [c.probability for c in clear])
            chosen.append((*place, one.colour))
        variants.append(chosen)
    return variants


def match_features(
    own: Tensor, other: Tensor, likeness: Likeness
) -> list[tuple[int, int, int, int]]:
    """Places of a photograph and, for each, the most similar of another, if it is alike enough.

    Args:
        own, other: features, float C×h×w.
        likeness: their encoder's.

    Returns:
        Row and column in the one and in the other.
    """
    one, two = (F.normalize(f.flatten(1), dim=0) for f in (own, other))
    cosines, matches = (one.T @ two).max(1)
    return [
        (*divmod(index, own.shape[2]), *divmod(int(matches[index]), other.shape[2]))
        for index in (cosines >= likeness.match).nonzero().flatten().tolist()
    ]
