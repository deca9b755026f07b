"""Writing coloured photographs: atomically, with the luma, transparency and metadata they had."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import PhotoError, reason
from . import tiff
from .depth import BLUE, GREEN, RED, TOP
from .jpeg import ANEW, half, header_of, keep_luma
from .metadata import into_jpeg, into_png, kept
from .read import Photo

log = logging.getLogger(__name__)

PNG_LEVEL = 2  # of zlib: a sixth larger than usual, in a sixth of the time, which the largest need
# Formats that can be written, and how: so that luma comes back within 1/255 (JPEG: but for single
# pixels). Any smaller JPEG or lossy WebP would change the photograph, which is to stay as it is.
SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {"compress_level": PNG_LEVEL},
    # Exact, or luma would be lost where alpha is 0.
    "WEBP": {"lossless": True, "method": 0, "quality": 0, "exact": True},
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}
KEEPS_ALPHA = ("PNG", "WEBP", "TIFF")
KEEPS_DEPTH = ("PNG", "TIFF")  # of 16 bits
ROWS = 1 << 20  # pixels made deep at a time
MARKED = 2  # steps of luma: colour differs by less from what it was made of


def format_of(name: str) -> str | None:
    """The format of a file of this name, as Pillow calls it; judged by the suffix."""
    return Image.registered_extensions().get(Path(name).suffix.lower())


def result_name(name: str) -> str:
    """The name of a result: the photograph's own, or NAME.png if its format cannot be written."""
    return name if format_of(name) in SAVE else f"{name}.png"


def stored_orientation(photo: Photo, name: str) -> int:
    """The EXIF orientation of the pixels in a result of this name: 1, or that of a JPEG whose luma
    stays as it is stored."""
    return photo.jpeg.orientation if photo.jpeg and format_of(name) == "JPEG" else 1


def working_luma(photo: Photo, name: str) -> Image.Image:
    """The luma to be coloured for a result of this name, mode "L": all of the photograph's, or half
    the size for a JPEG whose own luma stays, which has chroma of half the size."""
    if photo.jpeg and format_of(name) == "JPEG":
        return half(photo.luma, photo.jpeg.orientation)
    return photo.luma


def mark(colour: Image.Image) -> Image.Image:
    """A copy of a coloured photograph with a small line in its corner that says what it is."""
    marked, size = colour.copy(), max(10, round(min(colour.size) / 45))
    ImageDraw.Draw(marked).text(
        (colour.width - size, colour.height - size),
        "Colour added by an algorithm",
        "white",
        ImageFont.load_default(size),
        anchor="rs",
        stroke_width=max(1, size // 12),
        stroke_fill="black",
    )
    return marked


def encode(
    colour: Image.Image,
    name: str,
    photo: Photo | None = None,
    position: bool = False,
    note: bool = True,
) -> bytes | memoryview:
    """A coloured photograph's file.

    Args:
        colour: mode "RGB", of the photograph's size or of what `working_luma` gave.
        name: of the file; the suffix decides the format. A JPEG of a JPEG keeps its luma as it is
            (jpeg.py); others are written at quality 100 with chroma at full size, WebP lossless,
            since anything smaller would change luma.
        photo: the photograph it was made from, whose transparency and metadata are kept; without
            it the file has no metadata at all.
        position: keep the position (GPS) as well.
        note: say that an algorithm made the colour; not of a photograph's own colours.

    Raises:
        PhotoError: the format cannot be written.
    """
    file_format = format_of(name) or ""
    if file_format not in SAVE:
        raise PhotoError(
            "format_unwritable", "cannot write this format; use {formats}", formats=", ".join(SAVE)
        ).of(name)
    try:
        return _encode(colour, file_format, photo, position, name, note)
    except Exception as error:
        raise not_written(error).of(name) from error


def not_written(error: Exception) -> PhotoError:
    """The error of a result that could be made but not written."""
    return PhotoError("not_written", "cannot be written ({reason})", reason=reason(error))


def _with_luma(colour: Image.Image, luma: Image.Image) -> Image.Image:
    """A coloured photograph of half the size at full size, with its luma."""
    if colour.size == luma.size:
        return colour
    _, *chroma = colour.resize(luma.size, Image.Resampling.BILINEAR).convert("YCbCr").split()
    return Image.merge("YCbCr", (luma, *chroma)).convert("RGB")


def _encode(
    colour: Image.Image,
    file_format: str,
    photo: Photo | None,
    position: bool,
    name: str,
    note: bool,
) -> bytes | memoryview:
    if photo is None:
        return _saved(colour, file_format, {})
    resolution = {"dpi": photo.dpi} if photo.dpi else {}
    if photo.jpeg and file_format == "JPEG":
        try:
            luma_kept = keep_luma(photo.jpeg, colour, header_of(resolution))
            turned = photo.jpeg.orientation
            return into_jpeg(luma_kept, kept(photo.metadata, name, "JPEG", position, turned))
        except (OSError, ValueError, KeyError, IndexError) as error:
            log.warning(ANEW, name, f"it cannot be read in parts ({reason(error)})")
            colour = _with_luma(colour, photo.luma)
    found = kept(photo.metadata, name, file_format, position, note=note)
    if photo.alpha and file_format in KEEPS_ALPHA:
        colour = colour.copy()
        colour.putalpha(photo.alpha)
    elif photo.alpha and photo.alpha.getextrema() != (255, 255):
        log.warning("%s: its transparency is left, since %s holds none", name, file_format)
    deep = None
    if photo.deep is not None and colour.size == photo.luma.size:
        if file_format in KEEPS_DEPTH:
            deep = deepened(colour, photo.luma, photo.deep)
        else:
            log.warning("%s: brought down to 8 bits, since %s holds no more", name, file_format)
    if file_format == "TIFF":
        samples = np.asarray(colour) if deep is None else deep
        return tiff.encode(samples, found, photo.dpi)
    if file_format == "PNG":
        if deep is None:
            return into_png(_saved(colour, "PNG", {}), found, photo.dpi)
        import imagecodecs  # when it is needed: it takes a third of a second

        packed = imagecodecs.png_encode(deep, level=PNG_LEVEL, filter=imagecodecs.PNG.FILTER.UP)
        return into_png(packed, found, photo.dpi)
    if file_format == "JPEG":
        return into_jpeg(_saved(colour, "JPEG", resolution), found)
    if file_format == "WEBP":
        more = {"exif": found.exif, "xmp": found.xmp, "icc_profile": found.profile}
        return _saved(colour, "WEBP", {key: value for key, value in more.items() if value})
    return _saved(colour, file_format, resolution)


def _saved(image: Image.Image, file_format: str, more: dict[str, Any]) -> bytes | memoryview:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **SAVE[file_format] | more)
    return buffer.getbuffer()


def deepened(colour: Image.Image, luma: Image.Image, deep: np.ndarray) -> np.ndarray:
    """A coloured photograph with the luma of 16 bits that it was made from.

    Where its luma is another one (a mark was drawn), it stays as it is.

    Args:
        colour: mode "RGB" or "RGBA".
        luma: mode "L", of `deep`.
        deep: uint16 H×W.

    Returns:
        uint16 H×W×3 or 4. A colour that does not exist at its luma is scaled toward grey.
    """
    width, height = colour.size
    samples, eight = np.asarray(colour), np.asarray(luma)
    out = np.empty((height, width, samples.shape[2]), np.uint16)
    weights = np.array([RED, GREEN, BLUE], np.float32)
    rows = max(1, ROWS // width)
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        rgb = samples[part, :, :3].astype(np.float32)
        grey = rgb @ weights
        away = (rgb - grey[..., None]) * (TOP / 255)
        full = deep[part].astype(np.float32)
        above, below = away.max(2).clip(1e-3), away.min(2).clip(max=-1e-3)
        scale = np.minimum(np.minimum((TOP - full) / above, -full / below), 1)
        mixed = full[..., None] + away * scale[..., None]
        other = np.abs(grey - eight[part]) > MARKED
        out[part, :, :3] = np.rint(np.where(other[..., None], rgb * (TOP / 255), mixed))
    out[..., 3:] = samples[..., 3:].astype(np.uint16) * 257
    return out
