"""JPEG to JPEG: the luma stays, coefficient by coefficient, and only chroma is new.

    photograph.jpg ─ Y coefficients and their quantisation ───────┐
    coloured RGB ─ half size ─ Cb, Cr, each encoded at quality 90 ┴─ result.jpg

A JPEG stores luma and chroma apart, as quantised coefficients of blocks of 8×8. To decode and
encode luma again would change it and, so as not to show, cost four times the bytes.
"""

import importlib.util
import io
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import simplejpeg
from PIL import Image, ImageChops

from ..errors import reason

log = logging.getLogger(__name__)

QUALITY = 90  # of chroma: its error, about 1/255, is below what the eye sees at half the size
SMALL = 16  # pixels: up to this side chroma has luma's size; there are too few blocks to tell apart
HUFFMAN = (0xC0, 0xC1, 0xC2)  # start of frame: baseline, extended, progressive; not arithmetic
MOST_PARTS = 10_000  # of a file; cameras and programs write a dozen, and each becomes an object
ANEW = "%s: its luma is encoded anew, at the highest quality, since %s"
PROGRESSIVE = 0xC2
START_OF_SCAN, END_OF_IMAGE, WITHOUT_LENGTH = 0xDA, 0xD9, (0x01, 0xD8, 0xD9)
HUFFMAN_TABLES, QUANTISATION, APPLICATION, COMMENT = 0xC4, 0xDB, range(0xE0, 0xF0), 0xFE
NO_RESTARTS, END = b"\xff\xdd\0\4\0\0", b"\xff\xd9"
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
RGB_NAMES = [ord(letter) for letter in "RGB"]  # of components that are no luma and chroma
UPRIGHT_TO_STORED = {  # the inverse of an EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
PADDED = re.compile(r"Corrupt JPEG data: \d extraneous bytes")  # a few, as some cameras leave them
JPEGLIB = Lock()  # it is not safe in several threads


@dataclass(frozen=True)
class Jpeg:
    """A photograph's file, if its luma can be kept."""

    data: bytes
    orientation: int  # EXIF's, 1 to 8
    size: tuple[int, int]  # as it is stored
    grey: bool  # luma is all it has


def whose_luma_stays(image: Image.Image, data: bytes, orientation: int, name: str) -> Jpeg | None:
    """The file of a decoded JPEG if its luma can be kept; if not, the log says why.

    Args:
        image: opened from the file; mode and components are looked at.
        data: the file.
        orientation: EXIF's.
        name: what the log calls it.
    """
    why = _obstacle(image, data)
    if why:
        log.warning(ANEW, name, why)
        return None
    orientation = orientation if orientation in UPRIGHT_TO_STORED else 1
    return Jpeg(data, orientation, image.size, image.mode == "L")


def decoded(data: bytes, mode: str = "L") -> tuple[Image.Image | None, str]:
    """A JPEG as Pillow decodes it, but faster, if nothing is odd about it; and what is damaged in
    it, in libjpeg's words.

    Args:
        data: the file.
        mode: "L", its luma as it is stored; "RGB"; or "CMYK".
    """
    try:
        values = simplejpeg.decode_jpeg(data, "GRAY" if mode == "L" else mode, strict=True)
    except ValueError as error:
        said = reason(error)
        return None, said if said.startswith("Corrupt") and not PADDED.match(said) else ""
    return Image.fromarray(values[..., 0] if mode == "L" else values), ""


def _obstacle(image: Image.Image, data: bytes) -> str:
    """Why the luma of a JPEG cannot be kept; nothing if it can."""
    layers = getattr(image, "layer", [])
    names, factors = [layer[0] for layer in layers], [tuple(layer[1:3]) for layer in layers]
    if image.mode not in ("L", "RGB") or len(layers) not in (1, 3):
        return f"its colours are {image.mode}"
    if image.info.get("adobe_transform") == 0 or names == RGB_NAMES:
        return "it stores red, green and blue"
    if any(f[0] > factors[0][0] or f[1] > factors[0][1] for f in factors):
        return "its luma has fewer pixels than its chroma"
    markers = [marker for marker, _, _ in islice(segments(data), MOST_PARTS + 1)]
    if len(markers) > MOST_PARTS:
        return "it is built of very many parts"
    if not any(marker in HUFFMAN for marker in markers):
        return "it is coded in a rare way"
    if len(layers) == 3 and not has_jpeglib():
        return "jpeglib is not installed"
    return ""


def has_jpeglib() -> bool:
    """Whether luma can be taken out of files that have colours: not all systems have jpeglib."""
    return importlib.util.find_spec("jpeglib") is not None


def same_luma(image: Image.Image, luma: Image.Image) -> bool:
    """Whether luma, after a colour profile was applied, is still what the file stores."""
    difference = ImageChops.difference(image.convert("L"), luma)
    return difference.getextrema()[1] <= 1  # type: ignore[operator]


def keep_luma(jpeg: Jpeg, colour: Image.Image, header: bytes) -> bytes:
    """A JPEG with the luma of a photograph's file and the chroma of its coloured version.

    Luma, Cb and Cr are scans of their own (ITU T.81, A.2.2). That of luma is the file's, byte by
    byte, if it has no colours.

    Args:
        jpeg: the file.
        colour: mode "RGB", upright, of the photograph's size, or of `half` of it.
        header: another JPEG, whose application segments (EXIF, XMP, resolution) are taken.

    Raises:
        OSError, ValueError: the file cannot be read this way.
    """
    factor = 1 if min(jpeg.size) <= SMALL else 2
    whole = factor == 2 and max(colour.size) == max(jpeg.size)
    small = _stored(half(colour, jpeg.orientation) if whole else colour, jpeg.orientation)
    if small.size != tuple(-(-side // factor) for side in jpeg.size):
        raise ValueError("its sizes do not agree")
    several = jpeg.grey and any(marker == PROGRESSIVE for marker, _, _ in segments(jpeg.data))
    chroma = [_grey(plane, several) for plane in small.convert("YCbCr").split()[1:]]
    luma = jpeg.data if jpeg.grey else _luma_alone(jpeg.data)
    return _joined(luma, jpeg.size, chroma, header, factor)


def _luma_alone(data: bytes) -> bytes:
    """A grey JPEG with the luma of a file that has other components, too.

    Raises:
        OSError: the file cannot be read this way.
    """
    import jpeglib  # when it is needed: it loads libraries of its own

    with JPEGLIB, tempfile.TemporaryDirectory(prefix="colouriser-jpeg-") as folder:
        source, target = (str(Path(folder) / f"{name}.jpg") for name in "ab")
        # It takes no more than 50 application segments, where phones write more.
        parts = (part for marker, part in _parts(data) if marker not in (*APPLICATION, COMMENT))
        Path(source).write_bytes(b"".join([data[:2], *parts, END]))
        jpeglib.version.set("turbo210")  # the fastest of those that it brings
        old = jpeglib.read_dct(source)
        table = old.qt[old.quant_tbl_no[0]]
        made = jpeglib.from_dct(old.Y, qt=table[None], quant_tbl_no=[0])
        made.width, made.height = old.width, old.height  # it takes whole blocks
        made.write_dct(target)
        return Path(target).read_bytes()


def _grey(plane: Image.Image, several: bool) -> bytes:
    """A grey JPEG of a plane of chroma; in several passes, if luma is."""
    buffer = io.BytesIO()
    plane.save(buffer, "JPEG", qtables=[_table()], optimize=True, progressive=several)
    return buffer.getvalue()


@cache
def _table() -> list[int]:
    """The quantisation of chroma at QUALITY."""
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "JPEG", quality=QUALITY)
    with Image.open(buffer) as image:
        return image.quantization[1]  # type: ignore[attr-defined]


def _joined(
    luma: bytes, size: tuple[int, int], chroma: Sequence[bytes], header: bytes, factor: int
) -> bytes:
    """A JPEG of this size with the scans of three grey ones, of which those of chroma are `factor`
    times as small, and with the application segments of another."""
    out = [luma[:2], *(part for marker, part in _parts(header) if marker in APPLICATION)]
    for marker, part in _parts(luma):
        if marker in HUFFMAN:
            part = part[: 2 + int.from_bytes(part[2:4], "big")]  # without bytes that only fill
            if len(part) != 13:  # with one component: its name, factors and table
                raise ValueError("it is not grey")
            if part[5:9] != size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big"):
                raise ValueError("its sizes do not agree")
            name, table = part[10], part[12]
            names = [n for n in (1, 2, 3) if n != name][:2]
            other = (table + 1) % 4
            part = part[:2] + (17).to_bytes(2, "big") + part[4:9] + bytes([3])
            part += bytes([name, 17 * factor, table, names[0], 17, other, names[1], 17, other])
        if marker not in APPLICATION and marker != COMMENT:
            out.append(part)
    out.append(NO_RESTARTS)
    for name, plane in zip(names, chroma, strict=True):
        for marker, part in _parts(plane):
            if marker == QUANTISATION:
                out.append(part[:4] + bytes([other]) + part[5:])
            elif marker == START_OF_SCAN:
                out.append(part[:5] + bytes([name]) + part[6:])
            elif marker == HUFFMAN_TABLES:
                out.append(part)
    return b"".join([*out, END])


def half(image: Image.Image, orientation: int = 1) -> Image.Image:
    """An upright image in the size of chroma; as it is where that has luma's size. Of an odd side
    the last pixel as it is stored stays alone."""
    if min(image.size) <= SMALL:
        return image
    return _stored(
        _stored(image, orientation).reduce(2), {6: 8, 8: 6}.get(orientation, orientation)
    )


def _stored(upright: Image.Image, orientation: int) -> Image.Image:
    """An upright image as it is stored in a file of this orientation."""
    return upright.transpose(UPRIGHT_TO_STORED[orientation]) if orientation != 1 else upright


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers of a JPEG's segments and their bytes, with the data of the scan that follows, up to
    the end of the image."""
    for (marker, start, _), (_, after, _) in pairwise(segments(data)):
        yield marker, data[start:after]


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of a JPEG's segments, with the end of the image. Within a scan's own
    data 0xff is followed by 0 or by a mark of restart."""
    place = 2
    while found := MARKER.search(data, place):
        marker, start, place = data[found.end() - 1], found.start(), found.end()
        if marker not in WITHOUT_LENGTH:
            place += int.from_bytes(data[place : place + 2], "big")
        yield marker, start, place
        if marker == END_OF_IMAGE:  # what follows, a phone's film for example, is not read
            return
    yield END_OF_IMAGE, len(data), len(data)  # some programs forget it


def header_of(options: dict[str, Any]) -> bytes:
    """A tiny JPEG with the EXIF, XMP and resolution that Pillow's `save` is given."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "JPEG", **options)
    return buffer.getvalue()
