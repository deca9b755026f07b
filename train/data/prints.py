"""Prints, as people scan them: photographs on mounts and album pages, with captions, and papers
without any photograph.

What people bring is not only the photograph: its paper, ink and border have no colour to be found,
and a letter, a map or a drawing has none at all. Such prints do not exist in colour, so they are
made: photographs keep their true colours, all else is neutral. `measure/prints.py` makes those of
the evaluation, of other papers, fonts and layouts.
"""

import math
import random
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from torch import Tensor

FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif-Italic")
LETTERS = "eeeeaaaiiooutttnnnrrrsssllddcmpghbvfwyk"
WHITE = 255.0


def compose(photographs: Tensor, index: int, draw: random.Random) -> Tensor:
    """A print of a photograph, or a paper in its place.

    Args:
        photographs: RGB, float N×3×S×S in [0, 1]; an album page shows several.
        index: of the one that is asked for.
        draw: decides what it becomes.

    Returns:
        RGB, float 3×S×S, in true colours: neutral but for photographs.
    """
    image = to_image(photographs[index])
    kind = draw.choices(("mount", "album", "postcard", "paper", "drawing", "even"), KIND_WEIGHTS)[0]
    if kind == "mount":
        page = _mount(image, draw)
    elif kind == "album":
        others = [to_image(p) for p in photographs[torch.arange(len(photographs)) != index][:3]]
        page = _album([image, *others], draw)
    elif kind == "postcard":
        page = _postcard(image, draw)
    elif kind == "paper":
        page = paper(image.size, draw, draw.uniform(0.6, 1))
        write(page, (0, 0, *page.size), draw, lines=draw.randint(4, 16))
    elif kind == "drawing":
        page = _drawing(image, draw)
    else:
        page = Image.new("L", image.size, draw.randint(0, 255)).convert("RGB")
    return to_tensor(page).to(photographs.device)


KIND_WEIGHTS = (4, 2, 2, 2, 1, 1)  # most scans of prints are a photograph with its border


def to_image(rgb: Tensor) -> Image.Image:
    """RGB, float 3×H×W in [0, 1], as an image."""
    return Image.fromarray((rgb * WHITE).round().byte().permute(1, 2, 0).cpu().numpy())


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image as float 3×H×W in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / WHITE


def paper(size: tuple[int, int], draw: random.Random, tone: float) -> Image.Image:
    """Neutral paper of a tone in [0, 1]: with a slope of light, stains and fibres."""
    width, height = size
    rng = np.random.default_rng(draw.getrandbits(32))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    slope = draw.uniform(0, 0.06) * (x * draw.uniform(-1, 1) + y * draw.uniform(-1, 1))
    clouds = Image.fromarray(rng.standard_normal((6, 6)).astype(np.float32)).resize(size)
    values = tone + slope + draw.uniform(0, 0.03) * np.asarray(clouds)
    values = values + draw.uniform(0, 0.02) * rng.standard_normal((height, width))
    return Image.fromarray((values.clip(0, 1) * WHITE).astype(np.uint8)).convert("RGB")


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"), size)


def write(
    page: Image.Image, box: tuple[int, int, int, int], draw: random.Random, lines: int
) -> None:
    """Write lines of invented words into a box (left, top, right, bottom), printed or by hand, in
    ink that stands out from the paper."""
    left, top, right, bottom = box
    pen = ImageDraw.Draw(page)
    step = max(6, (bottom - top) // (lines + 1))
    paper_tone = page.crop(box).convert("L").resize((1, 1)).getpixel((0, 0))
    assert isinstance(paper_tone, int)
    tone = draw.randint(0, 90) if paper_tone > 110 else draw.randint(180, 255)
    ink = (tone, tone, tone)
    by_hand = draw.random() < 0.4
    font = _font(draw.choice(FONTS), max(5, round(step * draw.uniform(0.5, 0.9))))
    indent = left + (right - left) * draw.uniform(0.02, 0.2)
    for line in range(lines):
        y = top + (line + 0.5) * step
        end = right - (right - left) * draw.uniform(0.02, 0.5)
        if by_hand:
            pen.line(scrawl(indent, y + step / 2, end, step, draw), fill=ink, width=1)
        else:
            text = " ".join(word(draw) for _ in range(1 + int((end - indent) / (3 * step))))
            pen.text((indent, y), text, ink, font)


def word(draw: random.Random) -> str:
    letters = "".join(draw.choices(LETTERS, k=draw.randint(2, 9)))
    return letters.capitalize() if draw.random() < 0.2 else letters


def scrawl(
    start: float, y: float, end: float, height: float, draw: random.Random
) -> list[tuple[float, float]]:
    """Points of a line that looks like handwriting."""
    points, phase = [], draw.uniform(0, 6)
    for step in range(max(2, int(end - start))):
        phase += draw.uniform(0.4, 1.4)
        rise = math.sin(phase) * height * draw.uniform(0.1, 0.4)
        points.append((start + step + 1.5 * math.cos(phase), y + rise))
    return points


def _tone(draw: random.Random) -> float:
    """Of the paper around a photograph: white or cream, black, or grey board."""
    kinds = ((0.8, 1.0), (0.02, 0.15), (0.3, 0.7))
    return draw.uniform(*draw.choices(kinds, (3, 1, 1))[0])


def _screened(image: Image.Image, draw: random.Random) -> Image.Image:
    """As printed in a newspaper or book: in dots of the same colours."""
    pitch = draw.uniform(2.5, 5)
    angle = draw.uniform(0, math.pi / 2)
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    u = (x * math.cos(angle) + y * math.sin(angle)) * (math.pi / pitch)
    v = (y * math.cos(angle) - x * math.sin(angle)) * (math.pi / pitch)
    screen = (np.sin(u) * np.sin(v))[..., None] * draw.uniform(20, 60)
    values = np.asarray(image, dtype=np.float32) + screen
    return Image.fromarray(values.clip(0, WHITE).astype(np.uint8))


def _paste(
    page: Image.Image, image: Image.Image, box: tuple[int, int, int, int], draw: random.Random
) -> None:
    """Set a photograph into a box of the page, straight or slightly turned, its edge cut straight
    or deckled, perhaps with a white border of its own."""
    width, height = max(8, box[2] - box[0]), max(8, box[3] - box[1])
    image = ImageOps.fit(image, (width, height))
    if draw.random() < 0.3:
        image = _screened(image, draw)
    if draw.random() < 0.3:
        border = max(1, round(min(width, height) * draw.uniform(0.02, 0.06)))
        tone = draw.randint(215, 255)
        image = ImageOps.expand(
            image.crop((border, border, width - border, height - border)),
            border,
            (tone, tone, tone),
        )
    mask = Image.new("L", (width, height), 255)
    if draw.random() < 0.2:  # a deckle edge
        pen = ImageDraw.Draw(mask)
        for place in range(0, max(width, height), 4):
            depth = draw.randint(0, 2)
            for corner in (
                (place, -2),
                (place, height - depth),
                (-2, place),
                (width - depth, place),
            ):
                pen.ellipse((*corner, corner[0] + 4, corner[1] + 4), 0)
    turn = draw.uniform(-4, 4) if draw.random() < 0.4 else 0.0
    if turn:
        image, mask = (i.rotate(turn, Image.Resampling.BILINEAR) for i in (image, mask))
    page.paste(image, box[:2], mask)


def _mount(image: Image.Image, draw: random.Random) -> Image.Image:
    """One photograph with its border, perhaps with a caption below."""
    size = image.width
    page = paper(image.size, draw, _tone(draw))
    left, top, right = (round(size * draw.uniform(0.03, 0.2)) for _ in range(3))
    caption = draw.random() < 0.5
    bottom = round(size * (draw.uniform(0.12, 0.3) if caption else draw.uniform(0.03, 0.2)))
    _paste(page, image, (left, top, size - right, size - bottom), draw)
    if caption:
        write(page, (left, size - bottom + 2, size - right, size), draw, lines=draw.randint(1, 2))
    return page


def _album(images: list[Image.Image], draw: random.Random) -> Image.Image:
    """Up to four photographs on a page, each with a caption or none."""
    size, half = images[0].width, images[0].width // 2
    page = paper(images[0].size, draw, _tone(draw))
    for number, image in enumerate(images[: draw.randint(2, 4)]):
        row, column = divmod(number, 2)
        left, top = column * half, row * half
        pads = [round(half * draw.uniform(0.05, 0.2)) for _ in range(4)]
        box = (left + pads[0], top + pads[1], left + half - pads[2], top + half - pads[3])
        _paste(page, image, box, draw)
        if draw.random() < 0.5 and pads[3] > 8:
            write(page, (box[0], box[3] + 1, box[2], min(size, top + half)), draw, lines=1)
    return page


def _postcard(image: Image.Image, draw: random.Random) -> Image.Image:
    """A photograph with writing beside it, and a postmark."""
    size = image.width
    page = paper(image.size, draw, draw.uniform(0.7, 1))
    share, edge = draw.uniform(0.4, 0.7), round(size * 0.04)
    if draw.random() < 0.5:
        picture = (edge, edge, size - edge, round(size * share))
        text = (edge, round(size * share) + 2, size - edge, size)
    else:
        picture = (edge, edge, round(size * share), size - edge)
        text = (round(size * share) + 2, edge, size - edge, size)
    _paste(page, image, picture, draw)
    write(page, text, draw, lines=draw.randint(3, 8))
    if draw.random() < 0.5:
        pen, radius = ImageDraw.Draw(page), size * draw.uniform(0.06, 0.12)
        x, y = draw.uniform(0, size), draw.uniform(0, size)
        tone = draw.randint(0, 90)
        for ring in (radius, radius * 0.7):
            pen.ellipse((x - ring, y - ring, x + ring, y + ring), outline=(tone, tone, tone))
    return page


def _drawing(image: Image.Image, draw: random.Random) -> Image.Image:
    """Lines where the photograph has edges, on paper."""
    edges = np.asarray(image.convert("L").filter(ImageFilter.CONTOUR), dtype=np.float32)
    page = np.asarray(paper(image.size, draw, draw.uniform(0.7, 1)), dtype=np.float32)
    strength = draw.uniform(0.6, 1)
    lines = 1 - strength * (1 - edges / WHITE)
    return Image.fromarray((page * lines[..., None]).clip(0, WHITE).astype(np.uint8))
