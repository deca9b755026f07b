"""Reading photographs as luma.

Reading applies the EXIF orientation, converts colour profiles to sRGB, keeps the depth of what is
deeper than 8 bits beside its luma of 8, and refuses what is no photograph, too large, or built to
be slow, before decoding it.
"""

import io
import logging
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from ..errors import PhotoError, reason
from . import bmp, jpeg2000, png, tiff
from .deep import deep_samples, is_deep_avif, rare_jpeg
from .depth import BAND, TOP, Numbers, grey_table, to_deep_luma, to_rgb
from .jpeg import (
    ANEW,
    END,
    END_OF_IMAGE,
    MOST_PARTS,
    START_OF_SCAN,
    UPRIGHT_TO_STORED,
    Jpeg,
    decoded,
    same_luma,
    segments,
    whose_luma_stays,
)
from .kinds import HEAD, other_kind
from .limits import check_scans, check_size, too_large
from .metadata import (
    ICC_START,
    Metadata,
    directory_resolution,
    of_directory,
    of_image,
    of_jpeg,
    orientation,
    resolution,
)
from .own import small_picture

log = logging.getLogger(__name__)

pillow_heif.register_heif_opener()
Image.init()  # registers all formats; Pillow would do it too late
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
READABLE = tuple(f for f in FORMATS if f in Image.OPEN)  # a build of Pillow may lack some
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
JPEGS = ("JPEG", "MPO")
WHOLE = (*JPEGS, "PNG", "GIF", "JPEG2000", "PPM", "HEIF", "AVIF")  # read as a whole
JPEG_START = b"\xff\xd8\xff"
KNOWN_STARTS = (JPEG_START, png.START, b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"GIF8", b"BM")
BEHIND_TEXT = re.compile(rb"[\t-\r -~]+(\xff\xd8\xff|\x89PNG)")  # a newline, or what a server said
REDUCED = 1024  # longest side in samples from which the small picture of colours is made
SCAN = b"\xff\xda"
NONE = Image.new("L", (1, 1))  # stands where pixels come later
USUAL_COMPRESSIONS = (1, 5, 8, 32946, 32773)  # none, LZW, deflate, PackBits
ONLY_FIRST = "only the first is used", "only the first is used, and the rest is left"
SEVERAL = f"has more than one page or frame; {ONLY_FIRST[0]}"
PAGES = f"has {{count}} pages or frames; {ONLY_FIRST[1]}"
COUNTED = ("HEIF", "AVIF", "WEBP")  # whose heads say how many there are
MOTION = re.compile(rb"MotionPhoto|MicroVideo|hdrgm:Version|HDRGainMap")  # as XMP tells
SAMSUNGS_FILM = b"MotionPhoto_Data"
SAMSUNGS_END = b"SEFT"
BEHIND = (
    "what follows the photograph in its file (another picture, a gain map, a film, or captions of "
    "a press archive) is left"
)
STORED_TO_UPRIGHT = UPRIGHT_TO_STORED | {
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Photo:
    """A photograph without its colour, and what is needed to write a coloured copy of it."""

    luma: Image.Image  # mode "L", upright; of a JPEG without a profile, as it is stored
    suffix: str  # of the format a copy is best written in, such as ".jpg"
    alpha: Image.Image | None = None  # mode "L", upright, for photographs with transparency
    metadata: Metadata = field(default_factory=Metadata)  # what the file says of it
    dpi: tuple[float, float] | None = None  # resolution of a scan, dots per inch
    several: bool = False  # the file has more than one page or frame, and this is the first
    jpeg: Jpeg | None = None  # its file, if it is a JPEG whose luma can be kept as it is
    deep: np.ndarray | None = None  # luma as uint16 H×W, upright, of files deeper than 8 bits
    own: np.ndarray | None = None  # its colours, uint8 H×W×3, small, see own.py; None without any


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
    check_size(image.size)
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        return _luma(image)
    except Exception as error:  # decoders raise anything on damaged files
        raise _damaged(error) from error


def _luma(image: Image.Image) -> Image.Image:
    """The luma of an upright image."""
    if image.mode.startswith(("I", "F")):
        return _scale_to_8_bit(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    luma = (image.convert("LA") if image.mode == "La" else image).convert("L")
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


def read_picture(source: str | Path | BinaryIO, name: str | None = None) -> Image.Image:
    """Read a photograph in its colours: upright, sRGB, mode "RGB"; a reference, for example.

    Args, Raises: as `read`.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "the photograph")
    with _explained(name):
        if not isinstance(source, (str, Path)):
            return _picture(source, name)
        with _open(source) as file:
            return _picture(file, name)


def _picture(file: BinaryIO, name: str) -> Image.Image:
    head, page = file.read(HEAD), None
    file.seek(0)
    if head.startswith(JPEG_START):
        file = _with_its_end(file)
    if head[:2] in (b"II", b"MM"):
        page, file = _page(file, name)
        if page and page.deep:
            samples, numbers = _samples_of(page)
            return _turned(Image.fromarray(to_rgb(samples, numbers)), _page_orientation(page))
    try:
        opened = Image.open(file, formats=READABLE)
    except Image.UnidentifiedImageError:
        data = _all(file)
        if not (head.startswith(JPEG_START) and (rare := rare_jpeg(data))):
            raise
        return _turned(Image.fromarray(to_rgb(*rare)), orientation(of_jpeg(data, name)))
    with opened as image:
        check_size(image.size)
        data = _all(file) if image.format in WHOLE else b""
        if image.format in JPEGS:
            check_scans(data)
        _find_profile(image, data, file)
        found = deep_samples(image, data)
        if found and found[1].transfer:  # what Pillow makes of it is flat
            turned = orientation(of_image(image, data, name))
            return _turned(Image.fromarray(to_rgb(*found)), turned)
        _by_libtiff(image)
        turned = _stated(image) if image.format != "TIFF" else 1  # Pillow's loading turns these
        if page and page.is_turned_from_outside():
            turned = _page_orientation(page)
        image.load()
        return _to_srgb(_turned(image, turned), name).convert("RGB")


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
        raise too_large().of(name) from error
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
    head = file.read(HEAD)
    file.seek(0)
    if kind := other_kind(head):
        raise kind.refusal()
    if not head:
        raise PhotoError("empty_file", "an empty file; copy or download it again")
    page = None
    if head[:2] in (b"II", b"MM"):
        page, file = _page(file, name)
        if page and page.deep:
            metadata = of_directory(page.tiff, page.about, name)
            several = page.count > 1
            about = Photo(
                NONE,
                ".tif",
                None,
                metadata,
                directory_resolution(page.tiff, page.directory),
                several,
            )
            return _of_samples(*_samples_of(page), name, about, _page_orientation(page))
    if head.startswith(png.START):
        file = _without_damaged_details(file, name)
    if head.startswith(JPEG_START):
        file = _with_its_end(file)
    try:
        opened = Image.open(file, formats=READABLE)
    except Image.UnidentifiedImageError as error:
        data = _all(file)
        if head.startswith(JPEG_START) and (rare := rare_jpeg(data)):
            about = Photo(NONE, ".png", None, of_jpeg(data, name))
            return _of_samples(*rare, name, about, orientation(about.metadata))
        if head.startswith(KNOWN_STARTS) or BEHIND_TEXT.match(head):
            raise _damaged_or_rare() from error
        raise
    with opened as image:
        check_size(image.size)
        data = _all(file) if image.format in WHOLE else b""
        if image.format in JPEGS:
            check_scans(data)
        _find_profile(image, data, file)
        _say_damaged_profile(image, data, name)
        clear = image.info.get("transparency")
        if image.format == "PNG" and image.mode == "L" and isinstance(clear, int):
            image.info["transparency"] = png.clear_grey(data, clear)
        suffix = SUFFIXES.get(image.format or "", ".png")
        dpi = (
            directory_resolution(page.tiff, page.directory) if page else resolution(image)
        )  # Pillow makes up a TIFF's
        metadata = (
            of_directory(page.tiff, page.about, name) if page else of_image(image, data, name)
        )
        followed = bool(MOTION.search(metadata.xmp)) or data.rfind(SAMSUNGS_FILM) >= 0
        followed = followed or (image.format in JPEGS and _is_followed(data))
        several = _say_several(image, page, followed, name)
        if page:
            turned = _page_orientation(page)
        else:  # an AVIF is turned by what stands beside its EXIF
            turned = orientation(metadata) if metadata.exif and image.format != "AVIF" else 1
            turned = _stated(image) if turned == 1 else turned
        if image.format == "AVIF" and is_deep_avif(data):
            log.warning("%s: has more than 8 bits, and is brought down to them", name)
        if found := deep_samples(image, data):
            return _of_samples(
                *found, name, Photo(NONE, suffix, None, metadata, dpi, several), turned
            )
        jpeg = whose_luma_stays(image, data, turned, name) if image.format in JPEGS else None
        profile, own = "icc_profile" in image.info, None
        whole, damage = None, ""
        if image.format in JPEGS and image.mode in ("L", "RGB", "CMYK"):
            whole, damage = decoded(data, "L" if jpeg and not profile else image.mode)
            whole = None if image.mode == "CMYK" else whole  # whether it is inverted Pillow knows
        if damage:
            log.warning("%s: parts of it are damaged (%s); look at the result", name, damage)
        if jpeg and not profile:
            own = None if jpeg.grey else _eighth(data, turned)
            image.draft("L", None)  # its chroma would be decoded for nothing
        if page:
            image.info.pop("xmp", None)  # in which Pillow would look for how it is turned
        _by_libtiff(image)
        picture: Image.Image = image
        if whole:
            whole.info, picture = image.info, whole
        picture.load()
        if page and picture.mode == "P" and (colours := page.old_palette()):
            picture.putpalette(colours)
        # Of a TIFF Pillow's own loading turns the pixels, by what its own directory says.
        by_pillow = image.format == "TIFF" and not (page and page.is_turned_from_outside())
        stored = _turned(picture, 1 if by_pillow else turned)
        upright = _to_srgb(stored, name)
        alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
        alpha = _unless_all_clear(alpha, name)
        luma = _luma(upright)
        own = small_picture(upright) if own is None else own
        if jpeg and profile and not same_luma(stored, luma):
            log.warning(ANEW, name, "its colour profile changes it")
            jpeg = None
        return Photo(luma, suffix, alpha, metadata, dpi, several, jpeg, own=own)


def _eighth(data: bytes, orientation: int) -> np.ndarray | None:
    """The small picture of a JPEG's colours, decoded at an eighth of its size."""
    with Image.open(io.BytesIO(data), formats=JPEGS) as image:
        image.draft("RGB", (1, 1))
        return small_picture(_turned(image, orientation))


def _without_damaged_details(file: BinaryIO, name: str) -> BinaryIO:
    """A PNG, but for details that are damaged, for which it would not be opened."""
    data = _all(file)
    if not (damaged := png.damaged_details(data)):
        return file
    log.warning("%s: has damaged details, which are dropped", name)
    kept, last = list[bytes](), 0
    for start, end in damaged:
        kept.append(data[last:start])
        last = end
    return io.BytesIO(b"".join([*kept, data[last:]]))


def _with_its_end(file: BinaryIO) -> BinaryIO:
    """A JPEG, with the mark of its end, which some programs and broken copies lack, if nothing else
    is missing: then whatever stands before that mark is passed over."""
    data = _all(file)
    if data.rfind(END) > data.rfind(SCAN):
        return io.BytesIO(data)
    try:
        with Image.open(io.BytesIO(data + END), formats=["JPEG"]) as image:
            check_size(image.size)
            mode = "CMYK" if image.mode == "CMYK" else "L"
    except Image.UnidentifiedImageError:  # of a rare kind
        return io.BytesIO(data)
    check_scans(data)
    return io.BytesIO(data + END if decoded(data + END, mode)[0] else data)


def _find_profile(image: Image.Image, data: bytes, file: BinaryIO) -> None:
    """Note the profile of a JPEG 2000 or a BMP, for which Pillow does not look."""
    if image.format == "JPEG2000" and (profile := jpeg2000.profile(data)):
        image.info["icc_profile"] = profile
    if image.format == "BMP" and (found := bmp.profile(file)) is not None:
        image.info["icc_profile"] = found


def _say_damaged_profile(image: Image.Image, data: bytes, name: str) -> None:
    heads = takewhile(lambda part: part[0] != START_OF_SCAN, islice(segments(data), MOST_PARTS))
    parts = (data[start + 4 : end] for _, start, end in heads)
    lost = image.format in JPEGS and any(part.startswith(ICC_START) for part in parts)
    if not image.info.get("icc_profile") and (lost or "icc_profile" in image.info):
        image.info.pop("icc_profile", None)
        log.warning("%s: its colour profile is damaged, and was not applied", name)


def _by_libtiff(image: Image.Image) -> None:
    """Have libtiff decode an uncompressed TIFF of YCbCr, since Pillow's own decoder knows no
    subsampling."""
    if not isinstance(image, TiffImageFile) or image.tag_v2.get(tiff.PHOTOMETRIC) != tiff.YCBCR:
        return
    if image.tag_v2.get(tiff.COMPRESSION, 1) == 1:
        image.use_load_libtiff = True
        place = ("RGBX", "raw", False, image.tag_v2.offset)
        image.tile = [ImageFile._Tile("libtiff", (0, 0, *image.size), 0, place)]


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """An image of this EXIF orientation, upright."""
    if orientation not in STORED_TO_UPRIGHT:
        return image
    upright = image.transpose(STORED_TO_UPRIGHT[orientation])
    upright.info = dict(image.info)
    return upright


def _page(file: BinaryIO, name: str) -> tuple[tiff.Page | None, BinaryIO]:
    """The photograph in a TIFF, and a file in which it is the first picture."""
    if not isinstance(file, (io.BufferedReader, io.BytesIO)):  # a zip's, in which seeking is slow
        file = io.BytesIO(file.read())
    try:
        page = tiff.find_page(file)
    except ValueError:  # Pillow may know better, or what to say
        file.seek(0)
        return None, file
    check_size(page.size)
    if not page.is_written():
        raise _damaged(ValueError("parts of it were never written"))
    if page.count > 1:
        count = f"{page.count} or more" if page.count >= tiff.MAX_PAGES else page.count
        log.warning("%s: %s", name, PAGES.format(count=count))
    file.seek(0)
    if not page.first and not page.deep:
        data = bytearray(file.read())
        start, size = (8, 8) if page.tiff.big else (4, 4)
        order = f"{page.tiff.end}{'Q' if page.tiff.big else 'I'}"
        data[start : start + size] = struct.pack(order, page.directory.place)
        file = io.BytesIO(data)
    return page, file


def _samples_of(page: tiff.Page) -> tuple[np.ndarray, Numbers]:
    """A page's samples, and what they mean.

    Raises:
        PhotoError: it is compressed in a rare way.
    """
    try:
        return tiff.samples(page)
    except PhotoError:
        raise
    except Exception as error:
        compression = page.tiff.value(page.directory, tiff.COMPRESSION, 1)
        if compression not in USUAL_COMPRESSIONS:
            raise PhotoError(
                "rare_compression",
                "is compressed in a rare way (number {number}); save it as TIFF with LZW",
                number=compression,
            ) from error
        raise


def _page_orientation(page: tiff.Page) -> int:
    return page.tiff.value(page.about, ExifTags.Base.Orientation, 1)


def _stated(image: Image.Image) -> int:
    """The orientation that Pillow finds, also in XMP; 1 if what the file says is damaged."""
    if image.format == "PNG":
        image.load()  # which looking for it would do, and whose errors are of pixels
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises anything on what is no EXIF
        return 1


def _all(file: BinaryIO) -> bytes:
    """All of a file, which stays where it is."""
    before = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(before)
    return data


def _of_samples(
    samples: np.ndarray, numbers: Numbers, name: str, about: Photo, turned: int
) -> Photo:
    """A photograph of samples of any kind; all but its pixels is that of another."""
    deep, clear, notes = to_deep_luma(samples, numbers)
    for note in notes:
        log.warning("%s: %s", name, note)
    if turned in STORED_TO_UPRIGHT:
        deep = np.array(_turned(Image.fromarray(deep), turned))
    alpha = None if clear is None else _turned(Image.fromarray(clear), turned)
    alpha = _unless_all_clear(alpha, name)
    deeper = samples.dtype.itemsize > 1
    has_colours = numbers.family in ("rgb", "cmyk")  # those of Lab are not looked at
    own = small_picture(_turned(_reduced(samples, numbers), turned)) if has_colours else None
    luma = to_eight_bits(deep)
    return replace(about, luma=luma, alpha=alpha, deep=deep if deeper else None, own=own)


def _unless_all_clear(alpha: Image.Image | None, name: str) -> Image.Image | None:
    """Transparency, unless nothing at all would be seen, as of BMPs that leave its bytes empty."""
    if alpha is None or alpha.getextrema()[1] > 0:  # type: ignore[operator]
        return alpha
    log.warning("%s: is transparent everywhere; its transparency is left", name)
    return None


def _reduced(samples: np.ndarray, numbers: Numbers) -> Image.Image:
    """Every so many samples in their colours, mode "RGB"; profiles are left."""
    step = max(1, max(samples.shape[:2]) // REDUCED)
    return Image.fromarray(to_rgb(samples[::step, ::step], numbers))


def inverted(photo: Photo) -> Photo:
    """A negative as the positive that it stands for: luma reversed, from the film's own base, which
    an orange mask darkens, to its densest place. Its luma is another one, of which 0.1 % at either
    end is cut off."""
    deep = np.asarray(photo.luma, np.uint16) * 257 if photo.deep is None else photo.deep
    black, white = np.percentile(deep[:: max(1, len(deep) // 1000)], (0.1, 99.9))
    rows = max(1, BAND // max(1, deep.shape[1]))
    out = np.empty_like(deep)
    for top in range(0, len(deep), rows):
        part = deep[top : top + rows].astype(np.float32)
        out[top : top + rows] = ((white - part) / max(1, white - black)).clip(0, 1) * TOP
    luma = to_eight_bits(out)
    return replace(photo, luma=luma, deep=None if photo.deep is None else out, jpeg=None, own=None)


def to_eight_bits(deep: np.ndarray) -> Image.Image:
    """Luma of 16 bits, uint16 H×W, as mode "L"."""
    return Image.fromarray(((deep.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _is_followed(data: bytes) -> bool:
    """Whether anything but padding and a phone's own notes stands behind a JPEG's end."""
    parts = islice(segments(data), MOST_PARTS)
    end = next((end for marker, _, end in parts if marker == END_OF_IMAGE), len(data))
    rest = data[end:].strip(b"\0\r\n\x1a \xff")
    return bool(rest) and not rest.endswith(SAMSUNGS_END)


def _say_several(image: Image.Image, page: tiff.Page | None, followed: bool, name: str) -> bool:
    """Whether a file has more than one page or frame, which is said.

    Args:
        followed: something follows the photograph that is no page.
    """
    if followed or image.format == "MPO" or (image.format == "HEIF" and image.info.get("aux")):
        log.warning("%s: %s", name, BEHIND)
        return False
    if page:  # which has said it
        return page.count > 1
    # Whether there are several is told by the first; to count them would mean to visit all.
    several = bool(getattr(image, "is_animated", False))
    if several and image.format in COUNTED:
        log.warning("%s: %s", name, PAGES.format(count=image.n_frames))  # type: ignore[attr-defined]
    elif several:
        log.warning("%s: %s", name, SEVERAL)
    return several


def _to_srgb(image: Image.Image, name: str) -> Image.Image:
    """Convert an image with an embedded colour profile to sRGB, and drop the profile."""
    profile = image.info.pop("icc_profile", None)
    if not profile or image.mode in ("LAB", "YCbCr", "HSV"):
        return image
    plain, alpha = image, None
    if image.has_transparency_data and image.mode != "RGBA":
        alpha = image.convert("RGBA").getchannel("A")
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        plain = image.convert("L" if grey else "RGB")
    if grey and profile[16:20] == b"GRAY":
        return _grey_to_srgb(plain, alpha, profile, name) or image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if plain.mode == "RGBA" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(plain, source, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.warning("%s: its colour profile cannot be used (%s)", name, reason(error))
        return image
    if converted is None:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted


def _grey_to_srgb(
    image: Image.Image, alpha: Image.Image | None, profile: bytes, name: str
) -> Image.Image | None:
    """The same of an image of mode "L" with a profile of grey; nothing if it cannot be used."""
    try:
        table = np.rint(grey_table(profile)[::257] * 255).astype(np.uint8)
    except Exception as error:  # of a profile that is damaged
        log.warning("%s: its colour profile cannot be used (%s)", name, reason(error))
        return None
    converted = image.point(table.tolist())
    return Image.merge("LA", (converted, alpha)) if alpha else converted


def _damaged_or_rare() -> PhotoError:
    return PhotoError(
        "damaged_or_rare",
        "damaged, or of a rare kind of its format; save it again, as PNG or TIFF",
    )


def _damaged(error: Exception) -> PhotoError:
    if "nsupported" in str(error):  # as decoders say it of what they do not know
        return _damaged_or_rare()
    return PhotoError(
        "damaged",
        "damaged or incomplete ({reason}); save or download it again",
        reason=reason(error),
    )
