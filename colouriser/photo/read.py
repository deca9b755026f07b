"""Reading photographs as luma.

Reading applies the EXIF orientation, converts colour profiles to sRGB, brings 16 bit down to 8, and
refuses what is no photograph, too large, or built to be slow, before decoding it.
"""

import io
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps
from pillow_heif import register_heif_opener

from ..errors import PhotoError, reason
from .jpeg import ANEW, START_OF_SCAN, Jpeg, same_luma, segments, whose_luma_stays
from .metadata import kept_exif, position, resolution

log = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000  # the largest photograph that is decoded; needs about 3 GB
MAX_SIDE = 65_535  # JPEG's own limit; chroma is stretched to the whole width at once
MAX_SCANS = 100  # of a JPEG; programs write a dozen, and each takes the time of a whole picture
register_heif_opener()
Image.init()  # registers all formats; Pillow would do it too late
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
READABLE = tuple(f for f in FORMATS if f in Image.OPEN)  # a build of Pillow may lack some
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
SEVERAL = "has more than one page or frame; only the first is used"


@dataclass(frozen=True)
class Photo:
    """A photograph without its colour, and what is needed to write a coloured copy of it."""

    luma: Image.Image  # mode "L", upright; of a JPEG without a profile, as it is stored
    suffix: str  # of the format a copy is best written in, such as ".jpg"
    alpha: Image.Image | None = None  # mode "L", upright, for photographs with transparency
    exif: Image.Exif = field(default_factory=Image.Exif)  # without orientation and position
    position: dict[int, Any] = field(default_factory=dict)  # the EXIF's GPS directory
    dpi: tuple[float, float] | None = None  # resolution of a scan, dots per inch
    several: bool = False  # the file has more than one page or frame, and this is the first
    jpeg: Jpeg | None = None  # its file, if it is a JPEG whose luma can be kept as it is


def suffixes() -> set[str]:
    """Lower-case file suffixes (".jpg") of the formats that can be read."""
    return {s for s, f in Image.registered_extensions().items() if f in READABLE}


def to_luma(image: Image.Image) -> Image.Image:
    """The upright 8-bit luma of a PIL image of any mode, as mode "L".

    It is Pillow's `convert("L")` (Rec. 601), except that deeper modes are scaled and not clipped:
    "I;16" from [0, 65535]; "I" and "F" from [0, 1] ("F" only), [0, 255], [0, 65535] or
    [0, 2**32 - 1], the smallest that holds all values. A colour profile is left to `read`.

    Raises:
        PhotoError: the image has no pixels, is larger than the limits, or cannot be decoded.
    """
    _check_size(image.size)
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            return _scale_to_8_bit(image)
        if image.mode == "LAB":
            lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
        luma = (image.convert("LA") if image.mode == "La" else image).convert("L")
    except Exception as error:  # decoders raise anything on damaged files
        raise _damaged(error) from error
    luma.info = {}
    return luma


def _scale_to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0)
    largest = values.max()
    if image.mode.startswith("I;16"):
        white = 65535
    else:
        whites = ([1] if image.mode == "F" else []) + [255, 65535, 2**32 - 1]
        white = next((w for w in whites if largest <= w), whites[-1])
    return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))


def read(source: str | Path | BinaryIO, name: str | None = None) -> Photo:
    """Read a photograph from a file.

    Args:
        source: a path or an open binary file. The format is judged by content, not by name.
        name: what error messages call it; the file's name unless given.

    Raises:
        PhotoError: not found, not an image, damaged, empty, or larger than the limits.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "the photograph")
    with _explained(name):
        if not isinstance(source, (str, Path)):
            return _read(source, name)
        with _open(source) as file:
            return _read(file, name)


def read_picture(source: str | Path) -> Image.Image:
    """Read a photograph in its colours: upright, sRGB, mode "RGB"; a reference, for example.

    Raises:
        PhotoError: as `read`.
    """
    name = Path(source).name
    with _explained(name), _open(source) as file, Image.open(file, formats=READABLE) as image:
        _check_size(image.size)
        _check_scans(_jpeg_data(image.format, file))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _to_srgb(image).convert("RGB")


def _open(source: str | Path) -> BinaryIO:
    if not stat.S_ISREG(os.stat(source).st_mode):  # opening a pipe would wait for ever
        raise PhotoError("not_a_file", "a folder or a device, not a file; give a photograph")
    return open(source, "rb")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what opening and decoding raise into a PhotoError about a file of this name."""
    try:
        yield
    except PhotoError as error:
        error.of(name)
        raise
    except Image.DecompressionBombError as error:
        raise _too_large().of(name) from error
    except Image.UnidentifiedImageError as error:
        raise PhotoError(
            "not_an_image", "not an image that can be read; use JPEG, PNG, WebP, TIFF or BMP"
        ).of(name) from error
    except FileNotFoundError as error:
        raise PhotoError("not_found", "no such file; check the name").of(name) from error
    except PermissionError as error:
        raise PhotoError("not_permitted", "you may not read this file; change its permissions").of(
            name
        ) from error
    except Exception as error:  # decoders raise anything on damaged files
        raise _damaged(error).of(name) from error


def _read(file: BinaryIO, name: str) -> Photo:
    with Image.open(file, formats=READABLE) as image:
        _check_size(image.size)
        data = _jpeg_data(image.format, file)
        _check_scans(data)
        # Whether there are several is told by the first; to count them would mean to visit all.
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        if several:
            log.warning("%s: %s", name, SEVERAL)
        suffix, dpi = SUFFIXES.get(image.format or "", ".png"), resolution(image)
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        jpeg = whose_luma_stays(image, data, turned, name) if data else None
        profile = "icc_profile" in image.info
        if jpeg and not profile:
            image.draft("L", None)  # its chroma would be decoded for nothing
        image.load()
        exif, gps = kept_exif(image.getexif()), position(image.getexif())
        ImageOps.exif_transpose(image, in_place=True)
        upright = _to_srgb(image)
        alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
        luma = to_luma(upright)
        if jpeg and profile and not same_luma(image, luma):
            log.warning(ANEW, name, "its colour profile changes it")
            jpeg = None
        return Photo(luma, suffix, alpha, exif, gps, dpi, several, jpeg)


def _jpeg_data(file_format: str | None, file: BinaryIO) -> bytes:
    """All of a JPEG's file; nothing of others."""
    if file_format not in ("JPEG", "MPO"):
        return b""
    before = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(before)
    return data


def _check_scans(data: bytes) -> None:
    """Refuse a JPEG with so many scans that decoding it would take for ever."""
    scans = 0
    for marker, _, _ in segments(data):
        scans += marker == START_OF_SCAN
        if scans > MAX_SCANS:
            break
    if scans > MAX_SCANS:
        raise PhotoError(
            "too_many_scans",
            "is built of more than {most} scans, where cameras and programs write a dozen; save it "
            "again",
            most=MAX_SCANS,
        )


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


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1:
        raise PhotoError("no_pixels", "the image has no pixels; use another")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_large(f"{width} × {height} pixels are ")


def _too_large(what: str = "") -> PhotoError:
    return PhotoError(
        "too_large",
        "{what}more than the limit of {megapixels} megapixels or {side} pixels a side; make it "
        "smaller",
        what=what,
        megapixels=MAX_PIXELS // 1_000_000,
        side=MAX_SIDE,
    )


def _damaged(error: Exception) -> PhotoError:
    return PhotoError(
        "damaged",
        "damaged or incomplete ({reason}); save or download it again",
        reason=reason(error),
    )
