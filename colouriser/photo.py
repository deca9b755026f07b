"""Photographs in files: reading them as luma, writing coloured ones.

Reading applies the EXIF orientation, converts colour profiles to sRGB, brings 16 bit down to 8, and
refuses what is no photograph or too large, before decoding it. Writing is atomic and keeps the
original's transparency, resolution and what its EXIF says of camera, date and author; the position
only if asked for. A coloured file says in its XMP that an algorithm made the colour.
"""

import io
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo
from pillow_heif import register_heif_opener

from .errors import PhotoError, reason
from .files import write_atomically

log = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000  # the largest photograph that is decoded; needs about 3 GB
MAX_SIDE = 65_535  # JPEG's own limit; chroma is stretched to the whole width at once
register_heif_opener()
Image.init()  # registers all formats; Pillow would do it too late
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
READABLE = tuple(f for f in FORMATS if f in Image.OPEN)  # a build of Pillow may lack some
# Formats that can be written, and how: so that luma comes back within 1/255 (JPEG: but for single
# pixels). Any smaller JPEG or lossy WebP would change the photograph, which is to stay as it is.
SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True, "method": 1},  # 1 of 0 to 6: fast, and somewhat larger
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF")
KEEPS_ALPHA = ("PNG", "WEBP", "TIFF")
Tag = ExifTags.Base
KEPT_TAGS = (Tag.ImageDescription, Tag.Make, Tag.Model, Tag.DateTime, Tag.Artist, Tag.Copyright)
# Of the Exif directory all is kept but what would no longer be true or cannot be copied.
DROPPED_TAGS = (
    Tag.MakerNote,
    Tag.ExifInteroperabilityOffset,
    Tag.ExifImageWidth,
    Tag.ExifImageHeight,
)
ORIGINAL_SIDE = 1024  # longest side of the copy that is kept of a photograph in colour
IN_COLOUR = 4.0  # of 255: spread of chroma that no tint, such as sepia's, explains
# What the press calls a photograph that a trained algorithm has added to: IPTC's digital source
# type (https://cv.iptc.org/newscodes/digitalsourcetype/).
SOURCE_TYPE = "compositeWithTrainedAlgorithmicMedia"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{SOURCE_TYPE}"/>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
XMP_TAG = 700  # of TIFF


@dataclass(frozen=True)
class Photo:
    """A photograph without its colour, and what is needed to write a coloured copy of it."""

    luma: Image.Image  # mode "L", upright
    suffix: str  # of the format a copy is best written in, such as ".jpg"
    alpha: Image.Image | None = None  # mode "L", upright, for photographs with transparency
    exif: Image.Exif = field(default_factory=Image.Exif)  # without orientation and position
    position: dict[int, Any] = field(default_factory=dict)  # the EXIF's GPS directory
    dpi: tuple[float, float] | None = None  # resolution of a scan, dots per inch
    original: Image.Image | None = None  # if it was in colour: "RGB", upright, at most 1024 px
    notices: tuple[str, ...] = ()  # what was not as one might expect, in a sentence each


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
        if image.getexif().get(Tag.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            return _scale_to_8_bit(image)
        if image.mode == "LAB":
            lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
        luma = (image.convert("LA") if image.mode == "La" else image).convert("L")
    except Exception as error:  # decoders raise anything on damaged files
        raise PhotoError(f"damaged or incomplete ({reason(error)}); save it again") from error
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
    try:
        with Image.open(source, formats=READABLE) as image:
            return _read(image, name)
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {LIMITS}") from error
    except Image.UnidentifiedImageError as error:
        raise PhotoError(
            f"{name}: not an image that can be read; use JPEG, PNG, WebP, TIFF or BMP"
        ) from error
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file; check the name") from error
    except Exception as error:  # decoders raise anything on damaged files
        raise PhotoError(
            f"{name}: damaged or incomplete ({reason(error)}); save or download it again"
        ) from error


def _read(image: Image.Image, name: str) -> Photo:
    _check_size(image.size)
    pages, notices = getattr(image, "n_frames", 1), tuple[str, ...]()
    if pages > 1 and image.format != "MPO":
        notices = (f"has {pages} pages or frames; only the first is used",)
        log.warning("%s: %s", name, notices[0])
    suffix, dpi = SUFFIXES.get(image.format or "", ".png"), image.info.get("dpi")
    if dpi and not all(0 < float(side) < float("inf") for side in dpi):  # damaged, or unknown
        dpi = None
    image.load()
    exif = _kept_exif(image.getexif())
    position = dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo))
    ImageOps.exif_transpose(image, in_place=True)
    image = _to_srgb(image)
    transparent = image.has_transparency_data
    alpha = image.convert("RGBA").getchannel("A") if transparent else None
    original = _original(image)
    return Photo(to_luma(image), suffix, alpha, exif, position, dpi, original, notices)


def _original(image: Image.Image) -> Image.Image | None:
    """A small copy of a photograph in colour; nothing of one in grey or in one tint."""
    if image.mode.startswith(("1", "L;", "I", "F")) or image.mode in ("L", "LA", "La"):
        return None
    small = (
        image.copy()
        if max(image.size) <= ORIGINAL_SIDE
        else image.reduce(max(1, max(image.size) // ORIGINAL_SIDE))
    )
    small = small.convert("RGB")
    small.thumbnail((ORIGINAL_SIDE, ORIGINAL_SIDE))
    planes = np.asarray(small.convert("YCbCr"), dtype=np.float32)[::4, ::4].reshape(-1, 3)
    luma, chroma = planes[:, :1] - planes[:, :1].mean(), planes[:, 1:] - planes[:, 1:].mean(0)
    tint = (luma * chroma).sum(0) / max(float((luma**2).sum()), 1.0)  # what luma explains
    return small if (chroma - luma * tint).std() > IN_COLOUR else None


def _kept_exif(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in KEPT_TAGS if tag in exif})
    details = exif.get_ifd(ExifTags.IFD.Exif)
    kept.get_ifd(ExifTags.IFD.Exif).update(
        {tag: value for tag, value in details.items() if tag not in DROPPED_TAGS}
    )
    return kept


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


LIMITS = (
    f"more than the limit of {MAX_PIXELS // 1_000_000} megapixels or {MAX_SIDE} pixels a side; "
    "make it smaller"
)


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1:
        raise PhotoError("the image has no pixels; use another")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise PhotoError(f"{width} × {height} pixels are {LIMITS}")


def writable(path: Path) -> bool:
    """Whether a coloured photograph can be written under this name; judged by the suffix."""
    return Image.registered_extensions().get(path.suffix.lower()) in SAVE


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
        path: where to; the suffix decides the format. JPEG is written at quality 100 with chroma
            at full size, WebP lossless, since anything smaller would change luma.
        photo: the photograph it was made from, whose transparency and metadata are kept; without
            it the file has no metadata at all.
        position: keep the position (GPS) as well.

    Raises:
        PhotoError: the format cannot be written, or the file cannot (no space, no permission).
    """
    path = Path(path)
    if not writable(path):
        raise PhotoError(f"{path.name}: cannot write this format; use {', '.join(SAVE)}")
    file_format = Image.registered_extensions()[path.suffix.lower()]
    options = dict(SAVE[file_format])
    if photo and photo.dpi:
        options["dpi"] = photo.dpi
    if photo and photo.alpha and file_format in KEEPS_ALPHA:
        colour = colour.copy()
        colour.putalpha(photo.alpha)
    try:
        try:
            metadata = _metadata(photo, file_format, position) if photo else {}
            data = _encode(colour, file_format, options | metadata)
        except Exception as error:  # EXIF that was read but cannot be written in this format
            log.warning("%s: written without EXIF (%s)", path.name, reason(error))
            metadata = _metadata(Photo(colour, path.suffix), file_format, False) if photo else {}
            data = _encode(colour, file_format, options | metadata)
        write_atomically(path, lambda file: file.write(data))
    except Exception as error:
        raise PhotoError(f"{path.name}: cannot be written ({reason(error)})") from error


def _encode(image: Image.Image, file_format: str, options: dict[str, Any]) -> memoryview:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getbuffer()


def _metadata(photo: Photo, file_format: str, position: bool) -> dict[str, Any]:
    """Options of Pillow's `save` that write EXIF and XMP."""
    if file_format not in KEEPS_EXIF:
        return {}
    exif = Image.Exif()
    exif.update(photo.exif)
    details = photo.exif.get_ifd(ExifTags.IFD.Exif)
    directories = {ExifTags.IFD.Exif: details} if details else {}
    if position and photo.position:
        directories[ExifTags.IFD.GPSInfo] = photo.position
    for directory, tags in directories.items():
        exif.get_ifd(directory).update(tags)
    if file_format == "TIFF":
        exif[XMP_TAG] = XMP.encode()
        # Pillow writes directories into uncompressed files alone.
        return {"exif": exif.tobytes(), "compression": "raw"} if directories else {"exif": exif}
    data = exif.tobytes()  # of the object itself, Pillow would pass over new directories
    if file_format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        return {"exif": data, "pnginfo": text}
    return {"exif": data, "xmp": XMP.encode()}
