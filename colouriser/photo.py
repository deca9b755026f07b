"""Photographs in files: reading them as luma, writing coloured ones.

Reading applies the EXIF orientation, converts colour profiles to sRGB, brings 16 bit down to 8, and
refuses what is no photograph or too large, before decoding it. Writing is atomic and keeps the
original's format, transparency and metadata.
"""

import io
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from .errors import PhotoError
from .files import write_atomically

log = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000  # the largest photograph that is decoded; needs about 1.5 GB
Image.init()  # registers all formats; Pillow would do it too late
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
READABLE = tuple(f for f in FORMATS if f in Image.OPEN)  # a build of Pillow may lack some
# Formats that can be written, and how: so that luma comes back within 1/255. Any smaller JPEG or
# lossy WebP would change the photograph itself, which is to stay as it is.
SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True, "method": 1},  # method 1: seconds faster than 4, little larger
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF")
KEEPS_ALPHA = ("PNG", "WEBP", "TIFF")


@dataclass(frozen=True)
class Photo:
    """A photograph without its colour, and what is needed to write a coloured copy of it."""

    luma: Image.Image  # mode "L", upright
    suffix: str  # of the format a copy is best written in, such as ".jpg"
    alpha: Image.Image | None = None  # mode "L", upright, for photographs with transparency
    exif: Image.Exif = field(default_factory=Image.Exif)  # without orientation and position


def suffixes() -> set[str]:
    """Lower-case file suffixes (".jpg") of the formats that can be read."""
    return {s for s, f in Image.registered_extensions().items() if f in READABLE}


def to_luma(image: Image.Image) -> Image.Image:
    """The upright 8-bit luma of a PIL image of any mode, as mode "L".

    It is Pillow's `convert("L")` (Rec. 601), except that deeper modes are scaled and not clipped:
    "I;16" and "I" from [0, 65535], "F" from [0, 1], or from [0, 255] if it goes above 1.

    Raises:
        PhotoError: the image has no pixels, is larger than MAX_PIXELS, or cannot be decoded.
    """
    if min(image.size) < 1 or image.width * image.height > MAX_PIXELS:
        raise PhotoError(_size_message(image.size))
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            return _scale_to_8_bit(image)
        return image.convert("L")
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoError(
            f"cannot decode the image ({error}); save it again or use another"
        ) from error


def _scale_to_8_bit(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    if image.mode == "F":
        scale = 255.0 if values.max() <= 1 else 1.0
    else:
        scale = 255.0 / 65535.0 if image.mode.startswith("I;16") or values.max() > 255 else 1.0
    return Image.fromarray((values * scale).round().clip(0, 255).astype(np.uint8))


def read(source: str | Path | BinaryIO, name: str | None = None) -> Photo:
    """Read a photograph from a file.

    Args:
        source: a path or an open binary file. The format is judged by content, not by name.
        name: what error messages call it; the file's name unless given.

    Raises:
        PhotoError: not found, not an image, damaged, empty, or larger than MAX_PIXELS.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "the photograph")
    try:
        image: Image.Image = Image.open(source, formats=READABLE)
        if image.width * image.height > MAX_PIXELS:
            raise PhotoError(f"{name}: {_size_message(image.size)}")
        image.load()
        suffix = SUFFIXES.get(image.format or "", ".png")
        ImageOps.exif_transpose(image, in_place=True)
        image = _to_srgb(image)
        exif = image.getexif()
        for tag in (ExifTags.Base.Orientation, ExifTags.IFD.GPSInfo):
            exif.pop(tag, None)
        transparent = image.has_transparency_data
        alpha = image.convert("RGBA").getchannel("A") if transparent else None
        luma = to_luma(image)
    except PhotoError as error:
        raise error if str(error).startswith(name) else PhotoError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {_size_message(None)}") from error
    except Image.UnidentifiedImageError as error:
        raise PhotoError(
            f"{name}: not an image that can be read; use JPEG, PNG, WebP, TIFF or BMP"
        ) from error
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file; check the name") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error  # without the path
        raise PhotoError(
            f"{name}: damaged or incomplete ({reason}); save or download it again"
        ) from error
    return Photo(luma, suffix, alpha, exif)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert an image with an embedded colour profile to sRGB, and drop the profile."""
    profile = image.info.pop("icc_profile", None)
    if not profile or image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.warning("ignoring a colour profile that cannot be used: %s", error)
        return image
    return converted or image


def _size_message(size: tuple[int, int] | None) -> str:
    if size and min(size) < 1:
        return "the image has no pixels; use another"
    what = f"{size[0]} × {size[1]} pixels are" if size else "the image is"
    return f"{what} more than the limit of {MAX_PIXELS // 1_000_000} megapixels; make it smaller"


def writable(path: Path) -> bool:
    """Whether a coloured photograph can be written under this name; judged by the suffix."""
    return Image.registered_extensions().get(path.suffix.lower()) in SAVE


def write(colour: Image.Image, path: str | Path, photo: Photo | None = None) -> None:
    """Write a coloured photograph. The file appears under its name only when it is complete.

    Args:
        colour: mode "RGB".
        path: where to; the suffix decides the format. JPEG is written at quality 100 with chroma
            at full size, WebP lossless: both keep luma within 1/255, as the others do.
        photo: the photograph it was made from, whose transparency and metadata are kept.

    Raises:
        PhotoError: the format cannot be written, or the file cannot (no space, no permission).
    """
    path = Path(path)
    if not writable(path):
        raise PhotoError(f"{path.name}: cannot write this format; use {', '.join(SAVE)}")
    file_format = Image.registered_extensions()[path.suffix.lower()]
    options = dict(SAVE[file_format])
    if photo and file_format in KEEPS_EXIF and len(photo.exif):
        options["exif"] = photo.exif
    if photo and photo.alpha and file_format in KEEPS_ALPHA:
        colour = colour.copy()
        colour.putalpha(photo.alpha)
    try:
        write_atomically(path, lambda file: colour.save(file, file_format, **options))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{path.name}: cannot be written ({reason})") from error
