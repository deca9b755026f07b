"""JPEG to JPEG: the luma stays, coefficient by coefficient, and only chroma is new.

    photograph.jpg ─ Y coefficients and their quantisation ────────┐
    coloured RGB ─ half size ─ Cb, Cr coefficients at quality 90 ──┴─ result.jpg

A JPEG stores luma and chroma apart, as quantised coefficients of blocks of 8×8. To decode and
encode luma again would change it and, so as not to show, cost four times the bytes.
"""

import io
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageChops

log = logging.getLogger(__name__)

QUALITY = 90  # of chroma: its error, about 1/255, is below what the eye sees at half the size
SMALL = 16  # pixels: up to this side chroma has luma's size; there are too few blocks to tell apart
HUFFMAN = (0xC0, 0xC1, 0xC2)  # start of frame: baseline, extended, progressive; not arithmetic
ANEW = "%s: its luma is encoded anew, at the highest quality, since %s"
START_OF_SCAN = 0xDA
APPLICATION, COMMENT = range(0xE0, 0xF0), 0xFE
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


ONE_AT_A_TIME = Lock()  # jpeglib is not safe with threads


@dataclass(frozen=True)
class Jpeg:
    """A photograph's file, if its luma can be kept, and how it is to be turned."""

    data: bytes
    orientation: int  # EXIF's, 1 to 8


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
    return Jpeg(data, orientation if orientation in UPRIGHT_TO_STORED else 1)


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
    if not any(marker in HUFFMAN for marker, _, _ in _segments(data)):
        return "it is coded in a rare way"
    return ""


def same_luma(image: Image.Image, luma: Image.Image) -> bool:
    """Whether luma, after a colour profile was applied, is still what the file stores."""
    difference = ImageChops.difference(image.convert("L"), luma)
    return difference.getextrema()[1] <= 1  # type: ignore[operator]


def keep_luma(jpeg: Jpeg, colour: Image.Image, header: bytes) -> bytes:
    """A JPEG with the luma of a photograph's file and the chroma of its coloured version.

    Args:
        jpeg: the file.
        colour: mode "RGB", upright, of the photograph's size, or of `half` of it.
        header: another JPEG, whose application segments (EXIF, XMP, resolution) are taken.

    Raises:
        OSError, ValueError: the file cannot be read this way.
    """
    with Image.open(io.BytesIO(jpeg.data)) as image:
        size = image.size
    factor = 1 if min(size) <= SMALL else 2
    whole = factor == 2 and max(colour.size) == max(size)
    small = _stored(half(colour, jpeg.orientation) if whole else colour, jpeg.orientation)
    if small.size != tuple(-(-side // factor) for side in size):
        raise ValueError("its sizes do not agree")
    with tempfile.TemporaryDirectory(prefix="colouriser-jpeg-") as folder:
        source, chroma, target = (str(Path(folder) / f"{name}.jpg") for name in "abc")
        Path(source).write_bytes(jpeg.data)
        small.save(chroma, "JPEG", quality=QUALITY, subsampling=0)
        with ONE_AT_A_TIME:
            _join(source, chroma, target, size, factor)
        return _with_header(Path(target).read_bytes(), header)


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


def _join(source: str, chroma: str, target: str, size: tuple[int, int], factor: int) -> None:
    """Write a JPEG of this size with the luma of one file and the chroma of another, in which it is
    `factor` times as small."""
    import jpeglib  # when it is needed: it loads libraries of its own

    jpeglib.version.set("turbo210")  # the fastest of those that it brings
    old, new = jpeglib.read_dct(source), jpeglib.read_dct(chroma)
    if (old.width, old.height) != size:
        raise ValueError("its sizes do not agree")
    tables = np.stack([old.qt[old.quant_tbl_no[0]], new.qt[new.quant_tbl_no[1]]])
    made = jpeglib.from_dct(old.Y, new.Cb, new.Cr, qt=tables, quant_tbl_no=[0, 1, 1])
    made.width, made.height = size  # it takes whole blocks
    made.samp_factor = np.array([[factor, factor], [1, 1], [1, 1]])
    made.write_dct(target)


def _with_header(data: bytes, header: bytes) -> bytes:
    """A JPEG with the application segments of another in place of its own."""
    out = io.BytesIO()
    out.write(data[:2])
    for marker, start, end in _segments(header):
        if marker in APPLICATION:
            out.write(header[start:end])
    rest = len(data)
    for marker, start, _ in _segments(data):
        if marker not in APPLICATION and marker != COMMENT:
            rest = min(rest, start)
    out.write(data[rest:])
    return out.getvalue()


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, start and end of a JPEG's segments up to its first scan's head."""
    found: list[tuple[int, int, int]] = []
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        found.append((marker, place, place + 2 + length))
        if marker == START_OF_SCAN:
            break
        place += 2 + length
    return found


def header_of(options: dict[str, Any]) -> bytes:
    """A tiny JPEG with the EXIF, XMP and resolution that Pillow's `save` is given."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "JPEG", **options)
    return buffer.getvalue()
