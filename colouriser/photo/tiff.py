"""TIFF: which of its pictures is the photograph, and the samples of one that Pillow cannot give."""

import io
import struct
import zlib
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from PIL import Image

from ..errors import PhotoError
from . import exif
from .depth import Numbers
from .ifd import Directory, Tiff
from .kinds import RAW
from .metadata import Kept

MAX_PAGES = 100  # that are looked at
MAX_BYTES = 1_500_000_000  # of decoded samples: of the largest photograph with four of 16 bits
SUB_IFDS, SUBFILE, OLD_SUBFILE, DNG_VERSION, CFA_PATTERN, PROFILE = (
    330,
    254,
    255,
    50706,
    33422,
    34675,
)
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR = 256, 257, 258, 259, 262, 277, 284
EXTRA, FORMAT, LARGEST, SMALLEST_LARGEST = 338, 339, 281, 341
STRIPS, TILES, COLOUR_MAP, TYPE_JPEG = 273, 324, 320, 7
ORIENTATION = exif.ORIENTATION
REDUCED, MASK, OLD_REDUCED = 1, 4, 2
YCBCR, SIGNED_LAB = 6, 8
FAX = (2, 3, 4, 32771)  # compressions in which white is usually zero
RAW_PHOTOMETRICS = (32803, 34892)  # a mosaic of colours, or its linear light
FAMILIES = {0: "grey", 1: "grey", 2: "rgb", 5: "cmyk", 6: "rgb", 8: "lab", 9: "lab"}
CHANNELS = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}
NONE_OF_PILLOWS = (22610, 33003, 33004, 33005, 34712, 34887, 34892, 50001, 50002, 52546)
STRIP, LEVEL = 1 << 20, 2  # bytes of a strip, and zlib's level, as for PNG
COMPARED, SAME = 16, 0.8  # pixels a side at which pictures are compared, and their correlation
LARGER = 2  # times per side a picture of the same shape has to be, for the first to be its copy


@dataclass(frozen=True)
class Page:
    """The photograph in a TIFF."""

    tiff: Tiff
    directory: Directory
    about: Directory  # its tags, and what the directory says that it lies in or that shows it small
    count: int  # pages that are none's smaller copy; at most MAX_PAGES
    deep: bool  # its samples are none that Pillow gives as they are
    first: bool  # it is what programs that know no others open

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as stored."""
        return _size(self.tiff, self.directory)

    def is_turned_from_outside(self) -> bool:
        """Whether it is another directory that says how its pixels are turned."""
        return ORIENTATION not in self.directory.entries and ORIENTATION in self.about.entries

    def is_written(self) -> bool:
        """Whether all its strips or tiles have a place: not those of a scan that broke off."""
        places = (self.tiff.values(self.directory, tag) for tag in (STRIPS, TILES))
        return all(place for tag in places for place in tag)

    def old_palette(self) -> bytes:
        """Its colours, if they count to 255 as old writers have it, and not to 65535: red, green,
        blue of each; empty otherwise."""
        colours = np.array(self.tiff.values(self.directory, COLOUR_MAP))
        if len(colours) % 3 or not 0 < colours.max(initial=0) <= 255:
            return b""
        return colours.astype(np.uint8).reshape(3, -1).T.tobytes()


def find_page(file: BinaryIO) -> Page:
    """The photograph in a TIFF: its first picture that is no smaller copy of another.

    Raises:
        PhotoError: it is a camera's raw file.
        ValueError: it is no TIFF, or has no picture.
    """
    tiff = Tiff(file)
    mains = list(tiff.chain(MAX_PAGES))
    every = [each for main in mains for each in (main, *_subs(tiff, main))]
    for each in every:
        raw = tiff.value(each, PHOTOMETRIC, 1) in RAW_PHOTOMETRICS
        if raw or {DNG_VERSION, CFA_PATTERN} & each.entries.keys():
            raise RAW.refusal()
    pictures = [each for each in every if min(_size(tiff, each)) > 0]
    full = [each for each in pictures if not _marked(tiff, each)]
    if not pictures:
        raise ValueError("no picture")
    page = full[0] if full else max(pictures, key=lambda each: _size(tiff, each))
    larger = next((each for each in full if _is_copy(_size(tiff, page), _size(tiff, each))), page)
    main = page in mains and larger in mains
    if not main or _alike(file, mains.index(page), mains.index(larger)):
        page = larger
    pages = [
        each
        for each in mains
        if each in full and not _is_copy(_size(tiff, each), _size(tiff, page))
    ]
    owners = (each for each in mains if page.place in tiff.values(each, SUB_IFDS))
    owner = page if page in mains[:1] else next(owners, mains[0])
    damaged = tuple({*owner.damaged, *page.damaged})
    about = replace(page, entries=owner.entries | page.entries, damaged=damaged)
    first = page.place == tiff.first
    return Page(tiff, page, about, max(1, len(pages)), _is_deep(tiff, page), first)


def _subs(tiff: Tiff, directory: Directory) -> list[Directory]:
    found = []
    for place in tiff.values(directory, SUB_IFDS)[:16]:
        try:
            found.append(tiff.directory(int(place)))
        except ValueError:
            continue
    return found


def _size(tiff: Tiff, directory: Directory) -> tuple[int, int]:
    return tiff.value(directory, WIDTH), tiff.value(directory, HEIGHT)


def _marked(tiff: Tiff, directory: Directory) -> bool:
    """Whether a picture says that it is a smaller copy or a mask."""
    old = tiff.value(directory, OLD_SUBFILE) == OLD_REDUCED
    mask = tiff.value(directory, PHOTOMETRIC) == 4
    return old or mask or bool(tiff.value(directory, SUBFILE) & (REDUCED | MASK))


def _is_copy(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a picture of this size looks like a smaller copy of another."""
    across, down = other[0] / size[0], other[1] / size[1]
    return min(across, down) >= LARGER and abs(across / down - 1) < 0.02


def _alike(file: BinaryIO, one: int, other: int) -> bool:
    """Whether two main pictures show the same, and are not two pages of an album; so they are taken
    to be if Pillow cannot read them."""
    found = list[np.ndarray]()
    try:
        file.seek(0)
        with Image.open(file, formats=("TIFF",)) as image:
            for index in (one, other):
                image.seek(index)
                step = max(1, min(image.size) // 256)
                few = np.asarray(image)[::step, ::step].astype(np.float32)
                few = few.reshape(*few.shape[:2], -1).mean(2)
                small = Image.fromarray(few).resize((COMPARED, COMPARED), Image.Resampling.BOX)
                found.append(np.asarray(small).ravel())
    except Exception:  # Pillow raises anything on what it does not know
        return True
    return min(v.std() for v in found) == 0 or float(np.corrcoef(found)[0, 1]) > SAME


def _is_deep(tiff: Tiff, directory: Directory) -> bool:
    bits, formats = tiff.values(directory, BITS) or (1,), tiff.values(directory, FORMAT) or (1,)
    if max(bits) > 8 or not {*formats} <= {1, 4}:
        return True
    compression = tiff.value(directory, COMPRESSION, 1)
    photometric = tiff.value(directory, PHOTOMETRIC, -1)
    if compression in NONE_OF_PILLOWS or (photometric < 0 and compression not in FAX):
        return True
    family = FAMILIES.get(photometric, "rgb")
    if family in ("grey", "cmyk") and tiff.value(directory, SAMPLES, 1) > CHANNELS[family]:
        return True
    white = _white(tiff, directory)
    return max(bits) == 8 and white is not None and 0 < white < 255 and (white + 1) & white == 0


def _white(tiff: Tiff, directory: Directory) -> int | None:
    for tag in (LARGEST, SMALLEST_LARGEST):
        found = tiff.values(directory, tag)
        if found and 0 < found[0] < 2**64:
            return int(found[0])
    return None


def samples(page: Page) -> tuple[np.ndarray, Numbers]:
    """Samples of a page, H×W×C, and what they mean.

    Raises:
        PhotoError: it is too large, or odd.
        Exception: whatever tifffile raises of damaged files.
    """
    from tifffile import TiffFile, TiffPage  # when it is needed: it takes a third of a second

    tiff, directory = page.tiff, page.directory
    channels = tiff.value(directory, SAMPLES, 1)
    photometric = tiff.value(directory, PHOTOMETRIC, 2 if channels > 2 else 1)  # as libtiff guesses
    family = FAMILIES.get(photometric, "")
    bits = tiff.values(directory, BITS) or (1,)
    if photometric == YCBCR and tiff.value(directory, COMPRESSION, 1) != TYPE_JPEG:
        family = ""
    whole = not {*(tiff.values(directory, FORMAT) or (1,))} - {1, 2}
    if whole and bits[0] > 16 and bits[0] not in (32, 64):
        family = ""
    if not family or len({*bits}) != 1 or tiff.value(directory, 32997, 1) > 1:
        raise PhotoError(
            "odd_samples", "stores its samples in an odd way; save it as a TIFF of 16 bits"
        )
    width, height = page.size
    if width * height * channels * -(-int(bits[0]) // 8) > MAX_BYTES:
        raise PhotoError(
            "too_many_bytes", "needs too much memory; save it with 16 bits, or smaller"
        )
    tiff.file.seek(0)
    with TiffFile(tiff.file) as opened:
        opened.filehandle.seek(directory.place)
        found = TiffPage(opened, index=0)
        values = found.asarray()
    if values.dtype == np.int8:  # as libtiff, and so all viewers, take them
        values = values.view(np.uint8)
    if tiff.value(directory, PLANAR, 1) == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, 2)
    values = values.reshape(height, width, -1)
    if photometric == SIGNED_LAB and values.dtype.kind == "u":
        values = values.copy()
        values[..., 1:3] += values.dtype.type(1 << (8 * values.dtype.itemsize - 1))
    extra = [int(kind) for kind in tiff.values(directory, EXTRA)]
    place = next((index for index, kind in enumerate(extra) if kind in (1, 2)), None)
    profile = directory.entries.get(PROFILE)
    return values, Numbers(
        family=family,
        bits=int(bits[0]) if values.dtype.kind != "f" else 0,
        white=_white(tiff, directory),
        inverted=photometric == 0,
        alpha=None if place is None else CHANNELS[family] + place,
        premultiplied=place is not None and extra[place] == 1,
        profile=tiff.raw(profile) if profile else b"",
    )


def encode(samples: np.ndarray, found: Kept, dpi: tuple[float, float] | None) -> bytes:
    """A TIFF, packed with deflate, that begins with its block of EXIF, whose tags become its own.

    What points into the block (notes of cameras, other directories) so stays valid.

    Args:
        samples: uint8 or uint16 H×W×3, or 4 with transparency.
        found: metadata.
        dpi: resolution.
    """
    block, end = found.exif, ">" if found.exif[:2] == b"MM" else "<"
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    rows = max(1, STRIP // (width * channels * samples.dtype.itemsize))
    start = block + bytes(len(block) % 2) if block else exif.HEADER[end] + bytes(4)
    parts, places, sizes = [start], list[int](), list[int]()
    place = len(start)
    for top in range(0, height, rows):
        strip = samples[top : top + rows].copy()
        strip[:, 1:] -= samples[top : top + rows, :-1]  # predictor 2
        packed = zlib.compress(strip.astype(f"{end}u{samples.dtype.itemsize}").tobytes(), LEVEL)
        packed += bytes(len(packed) % 2)
        parts.append(packed)
        places.append(place)
        sizes.append(len(packed))
        place += len(packed)

    def short(tag: int, *values: int) -> exif.Value:
        return tag, 3, len(values), struct.pack(f"{end}{len(values)}H", *values)

    def long(tag: int, *values: int) -> exif.Value:
        return tag, 4, len(values), struct.pack(f"{end}{len(values)}I", *values)

    own = [
        long(WIDTH, width), long(HEIGHT, height), short(BITS, *[bits] * channels),
        short(COMPRESSION, 8), short(PHOTOMETRIC, 2), long(273, *places), short(SAMPLES, channels),
        long(278, rows), long(279, *sizes), short(PLANAR, 1), short(317, 2),
    ]  # fmt: skip
    if channels == 4:
        own.append(short(EXTRA, 2))
    for tag, kind, raw in (
        (exif.XMP, 1, found.xmp),
        (exif.IPTC, 7, found.iptc),
        (exif.PHOTOSHOP, 7, found.resources),
        (PROFILE, 7, found.profile),
    ):
        if raw:
            own.append((tag, kind, len(raw), raw))
    if dpi:
        whole = [min(round(side * 1000), 2**32 - 1) for side in dpi]
        own += [
            (tag, 5, 1, struct.pack(f"{end}II", n, 1000))
            for tag, n in zip((282, 283), whole, strict=True)
        ]
        own.append(short(296, 2))
    tags = {tag for tag, *_ in own} | exif.STRUCTURE
    kept = list[bytes]()
    if block:
        tiff = Tiff(io.BytesIO(block))
        entries = tiff.directory(tiff.first).entries
        kept = [block[e.place : e.place + 12] for tag, e in entries.items() if tag not in tags]
    made = exif.directory(own, place, end, kept)
    data = bytearray(b"".join([*parts, made]))
    data[4:8] = struct.pack(f"{end}I", place)
    return bytes(data)
