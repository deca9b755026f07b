"""Writing coloured photographs: atomically, with the luma, transparency and metadata they had."""

import io
import logging
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..errors import PhotoError, reason
from ..files import write_atomically
from .jpeg import ANEW, half, header_of, keep_luma
from .metadata import save_options
from .read import Photo

log = logging.getLogger(__name__)

# Formats that can be written, and how: so that luma comes back within 1/255 (JPEG: but for single
# pixels). Any smaller JPEG or lossy WebP would change the photograph, which is to stay as it is.
SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    # The fastest of both: a sixth larger, in a sixth of the time, which the largest need.
    "PNG": {"compress_level": 2},
    # Exact, or luma would be lost where alpha is 0.
    "WEBP": {"lossless": True, "method": 0, "quality": 0, "exact": True},
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}
KEEPS_ALPHA = ("PNG", "WEBP", "TIFF")


def writable(path: Path) -> bool:
    """Whether a coloured photograph can be written under this name; judged by the suffix."""
    return _format(path) in SAVE


def _format(path: Path) -> str | None:
    return Image.registered_extensions().get(path.suffix.lower())


def result_name(name: str) -> str:
    """The name of a result: the photograph's own, or NAME.png if its format cannot be written."""
    return name if writable(Path(name)) else f"{name}.png"


def to_colour(photo: Photo, name: str) -> Image.Image:
    """The luma to be coloured for a result of this name, mode "L": all of the photograph's, or half
    the size for a JPEG whose own luma stays, which has chroma of half the size."""
    if photo.jpeg and _format(Path(name)) == "JPEG":
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


def write(
    colour: Image.Image, path: str | Path, photo: Photo | None = None, position: bool = False
) -> None:
    """Write a coloured photograph. The file appears under its name only when it is complete.

    Args:
        colour: mode "RGB".
        path: where to; the suffix decides the format.
        photo, position: see `encode`.

    Raises:
        PhotoError: the format cannot be written, or the file cannot (no space, no permission).
    """
    path = Path(path)
    data = encode(colour, path.name, photo, position)
    try:
        write_atomically(path, lambda file: file.write(data))
    except Exception as error:
        raise not_written(error).of(path.name) from error


def encode(
    colour: Image.Image, name: str, photo: Photo | None = None, position: bool = False
) -> bytes | memoryview:
    """A coloured photograph's file.

    Args:
        colour: mode "RGB", of the photograph's size or of what `to_colour` gave.
        name: of the file; the suffix decides the format. A JPEG of a JPEG keeps its luma as it is
            (jpeg.py); others are written at quality 100 with chroma at full size, WebP lossless,
            since anything smaller would change luma.
        photo: the photograph it was made from, whose transparency and metadata are kept; without
            it the file has no metadata at all.
        position: keep the position (GPS) as well.

    Raises:
        PhotoError: the format cannot be written.
    """
    if not writable(Path(name)):
        raise PhotoError(
            "format_unwritable", "cannot write this format; use {formats}", formats=", ".join(SAVE)
        ).of(name)
    file_format = _format(Path(name)) or ""
    options = dict(SAVE[file_format])
    if photo and photo.dpi:
        options["dpi"] = photo.dpi
    if photo and photo.alpha and file_format in KEEPS_ALPHA:
        colour = colour.copy()
        colour.putalpha(photo.alpha)
    try:
        try:
            gps = photo.position if photo and position else {}
            exif = photo.exif if photo else None
            return _encode(colour, file_format, options, photo, exif, gps, name)
        except Exception as error:  # EXIF that was read but cannot be written in this format
            log.warning("%s: written without EXIF (%s)", name, reason(error))
            return _encode(colour, file_format, options, photo, Image.Exif(), {}, name)
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
    image: Image.Image,
    file_format: str,
    options: dict[str, Any],
    photo: Photo | None,
    exif: Image.Exif | None,
    gps: dict[int, Any],
    name: str,
) -> bytes | memoryview:
    if photo and photo.jpeg and exif is not None and file_format == "JPEG":
        metadata = save_options(exif, gps, file_format, photo.jpeg.orientation)
        header = header_of(options | metadata)
        try:
            return keep_luma(photo.jpeg, image, header)
        except (OSError, ValueError, KeyError, IndexError) as error:
            log.warning(ANEW, name, f"it cannot be read in parts ({reason(error)})")
            image = _with_luma(image, photo.luma)
    metadata = save_options(exif, gps, file_format) if exif is not None else {}
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options | metadata)
    return buffer.getbuffer()
