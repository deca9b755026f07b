"""What a file says of its photograph, which stays with it: EXIF, XMP, IPTC, comments, texts and
resolution, copied in blocks, letter by letter.

What goes: coordinates (unless asked for), and what is no longer true (thumbnails, profiles that
were applied, gain maps, manifests of C2PA). What is damaged is dropped by itself, with a warning.
"""

import hashlib
import io
import logging
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from PIL import Image, ImageCms

from ..errors import reason
from . import exif, items, jpeg2000, png, xmp
from .ifd import Directory, Tiff
from .jpeg import COMMENT, segments

log = logging.getLogger(__name__)

EXIF_START, XMP_START = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
MORE_XMP_START = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_START, ICC_START = b"Photoshop 3.0\0", b"ICC_PROFILE\0"
GIF_XMP, GIF_XMP_END = b"\x21\xff\x0bXMP DataXMP", b"\1\xff\xfe\xfd\xfc"  # XMP, part 3, 1.1.2
# Of JPEG: what cameras and programs said before there was EXIF (PictureInfo, Ducky, comments), and
# how it begins: Kodak's and Ricoh's are not alone behind their markers.
OLD_DETAILS = {0xE3: b"Meta\0\0", 0xE5: b"RMETA\0", 0xEA: b"", 0xEC: b""}
# Of JPEG: how it is stored, thumbnails, profiles, gain maps, manifests of C2PA.
NEEDLESS = tuple(b"JFIF\0 JFXX\0 ICC_PROFILE\0 MPF\0 FPXR\0 Adobe\0 JP urn:iso".split(b" "))
MAX_SEGMENT = 65_533  # bytes of a JPEG's, without its length
MAX_PARTS = 2_000  # segments that are looked at
PNG_XMP = b"XML:com.adobe.xmp"
IPTC_RESOURCE = 0x0404
JPEG_2000_BOXES = (  # of EXIF, XMP and IPTC
    "4a706754696666457869662d3e4a5032",
    "be7acfcb97a942e89c71999491e3afac",
    "33c7a4d2b81d4723a0baf1a3e097ad38",
)
RESOURCES = b"8BIM", b"MeSa", b"PHUT", b"DCSR", b"AgHg"  # how one of Photoshop's begins
# Of Photoshop's resources: thumbnails, profile, and EXIF and XMP once more.
UNTRUE_RESOURCES = (0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424)
LEFT = "%s: its %s stay behind, since %s holds none"


@dataclass(frozen=True)
class Metadata:
    """What a file says of its photograph, as it stands there."""

    exif: bytes = b""  # a block, which is a TIFF without pixels
    xmp: bytes = b""
    iptc: bytes = b""  # records of IIM
    resources: bytes = b""  # of Photoshop, without IPTC
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[bytes, bytes], ...] = ()  # chunks of a PNG: name and content
    segments: tuple[tuple[int, bytes], ...] = ()  # more of a JPEG: marker and content
    profiled: bool = False  # its colours had a profile, which was applied


def of_image(image: Image.Image, data: bytes, name: str) -> Metadata:
    """What a file other than a TIFF says.

    Args:
        image: opened from it.
        data: the file, of JPEG, PNG, GIF, JPEG 2000 and AVIF.
    """
    profiled = "icc_profile" in image.info
    if image.format in ("JPEG", "MPO"):
        return replace(of_jpeg(data, name), profiled=profiled)
    if image.format == "PNG":
        return replace(_of_png(data, name), profiled=profiled)
    block, packet, said = (image.info.get(key, b"") for key in ("exif", "xmp", "comment"))
    comment = said.encode() if isinstance(said, str) else said
    comments = (comment,) if isinstance(comment, bytes) and comment else ()
    if image.format == "JPEG2000":
        return replace(_of_jpeg_2000(data), comments=comments, profiled=profiled)
    block = block if isinstance(block, bytes) else b""
    if image.format == "AVIF":
        try:
            block = items.exif(data)
        except (ValueError, IndexError) as error:
            log.warning("%s: its EXIF is damaged, and dropped (%s)", name, reason(error))
    packet = packet if isinstance(packet, bytes) else b""
    if image.format == "GIF":
        packet = data.partition(GIF_XMP)[2].partition(GIF_XMP_END)[0]
    return Metadata(block.removeprefix(EXIF_START), packet, comments=comments, profiled=profiled)


def _of_jpeg_2000(data: bytes) -> Metadata:
    """What a JPEG 2000 says, in boxes of its own that have a number for a name."""
    found, texts = dict[bytes, bytes](), list[tuple[bytes, bytes]]()
    for kind, start, end in jpeg2000.boxes(data):
        if kind == b"uuid":
            found.setdefault(data[start : start + 16], data[start + 16 : end])
        elif kind == b"xml ":  # of museums and libraries
            texts.append((b"iTXt", b"XML" + bytes(5) + _utf8(data[start:end])))
    block, packet, iptc = (found.get(bytes.fromhex(name), b"") for name in JPEG_2000_BOXES)
    return Metadata(block.removeprefix(EXIF_START), packet, iptc, texts=tuple(texts))


def of_directory(tiff: Tiff, page: Directory, name: str) -> Metadata:
    """What a page of a TIFF says."""
    entries = page.entries
    found = {
        tag: tiff.raw(entries[tag])
        for tag in (exif.XMP, exif.IPTC, exif.PHOTOSHOP)
        if tag in entries
    }
    resources, iptc = _resources(found.get(exif.PHOTOSHOP, b""), name)
    if exif.IMAGEJ in entries:
        log.warning("%s: what ImageJ says of it (Info, overlays) stays behind", name)
    if exif.LAYERS in entries:
        log.warning("%s: Photoshop's layers stay behind; the picture that they make is used", name)
    without = exif.STRUCTURE | exif.RESOLUTION
    return Metadata(
        exif.from_tiff(tiff, page, name, without),
        found.get(exif.XMP, b""),
        found.get(exif.IPTC, b"") or iptc,
        resources,
        profiled=exif.PROFILE in entries,
    )


def resolution(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, where the file has a number for it."""
    dpi = image.info.get("dpi")
    if image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2):
        dpi = _exif_resolution(image.info.get("exif", b""))  # Pillow makes one up
    return dpi if dpi and all(0 < float(side) < float("inf") for side in dpi) else None


def _exif_resolution(block: bytes) -> tuple[float, float] | None:
    try:
        tiff = Tiff(io.BytesIO(block.removeprefix(EXIF_START)))
        main = tiff.directory(tiff.first)
    except ValueError:
        return None
    return directory_resolution(tiff, main)


def directory_resolution(tiff: Tiff, directory: Directory) -> tuple[float, float] | None:
    """Dots per inch, as a directory says it."""
    across, down = (tiff.values(directory, tag)[:1] for tag in (282, 283))
    unit = {2: 1.0, 3: 2.54}.get(tiff.value(directory, 296, 2))
    if not (unit and across and down and across[0] > 0 and down[0] > 0):
        return None
    return across[0] * unit, down[0] * unit


def orientation(metadata: Metadata) -> int:
    """How the pixels of a file are turned, as EXIF says it."""
    try:
        tiff = Tiff(io.BytesIO(metadata.exif))
        return tiff.value(tiff.directory(tiff.first), exif.ORIENTATION, 1)
    except ValueError:
        return 1


def of_jpeg(data: bytes, name: str) -> Metadata:
    """What a JPEG says."""
    block, packet, photoshop = b"", b"", b""
    comments, more, old = list[bytes](), list[tuple[int, bytes]](), list[tuple[int, bytes]]()
    left = set[str]()
    for number, (marker, start, end) in enumerate(segments(data)):
        if number > MAX_PARTS or marker == 0xDA:
            break
        content = data[start + 4 : end]
        if marker == 0xE1 and content.startswith(EXIF_START) and not block:
            block = content[len(EXIF_START) :]
        elif marker == 0xE1 and content.startswith(XMP_START) and not packet:
            packet = content[len(XMP_START) :]
        elif marker == 0xE1 and content.startswith(MORE_XMP_START):
            part = content[len(MORE_XMP_START) + 32 :]
            if len(part) > 8:
                more.append((int.from_bytes(part[4:8], "big"), part[8:]))
        elif marker == 0xED and content.startswith(PHOTOSHOP_START):
            photoshop += content[len(PHOTOSHOP_START) :]
        elif marker == COMMENT and content:
            comments.append(content)
        elif marker in OLD_DETAILS and content.startswith(OLD_DETAILS[marker]):
            old.append((marker, content))
        elif 0xE0 <= marker <= 0xEF and content.strip(b"\0") and not content.startswith(NEEDLESS):
            left.add(f"APP{marker - 0xE0}")
    if left:
        log.warning(
            "%s: what a maker or program says in %s stays behind", name, ", ".join(sorted(left))
        )
    if more:
        try:
            packet = xmp.joined(packet, b"".join(part for _, part in sorted(more)))
        except ValueError as error:
            log.warning("%s: a part of its XMP is damaged, and dropped (%s)", name, reason(error))
    resources, iptc = _resources(photoshop, name)
    return Metadata(block, packet, iptc, resources, tuple(comments), segments=tuple(old))


def _resources(photoshop: bytes, name: str) -> tuple[bytes, bytes]:
    """Resources of Photoshop that are kept, and the IPTC among them."""
    kept, iptc, place = list[bytes](), b"", 0
    while place + 12 <= len(photoshop):
        number, letters = (
            int.from_bytes(photoshop[place + 4 : place + 6], "big"),
            photoshop[place + 6],
        )
        head = place + 6 + (1 + letters + 1) // 2 * 2
        size = int.from_bytes(photoshop[head : head + 4], "big")
        end = head + 4 + size
        if photoshop[place : place + 4] not in RESOURCES or end > len(photoshop):
            log.warning("%s: a part of its Photoshop block is damaged, and dropped", name)
            break
        if number == IPTC_RESOURCE:
            iptc += photoshop[head + 4 : end]
        elif number not in UNTRUE_RESOURCES:
            kept.append(photoshop[place:end] + bytes(size % 2))
        place = end + size % 2
    return b"".join(kept), iptc


def _of_png(data: bytes, name: str) -> Metadata:
    block, packet, iptc, resources = b"", b"", b"", b""
    texts = list[tuple[bytes, bytes]]()
    for chunk, content in png.chunks(data):
        if chunk == b"eXIf":
            block = content.removeprefix(EXIF_START)
        if chunk not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        key, _, value = content.partition(b"\0")
        try:
            if key == PNG_XMP:
                packed = chunk == b"zTXt" or (chunk == b"iTXt" and value[:1] == b"\1")
                if chunk != b"tEXt":
                    value = value[1:] if chunk == b"zTXt" else value[2:].split(b"\0", 2)[2]
                packet = _unpacked(value) if packed else value
            elif key.startswith(b"Raw profile type "):  # of ImageMagick
                kind, raw = key[17:].lower(), _raw_profile(value, chunk == b"zTXt")
                if kind in (b"iptc", b"8bim"):
                    other, found = _resources(raw, name) if raw.startswith(b"8BIM") else (b"", raw)
                    resources, iptc = resources or other, iptc or found
                elif kind == b"xmp" or raw.startswith(XMP_START):
                    packet = packet or raw.removeprefix(XMP_START)
                elif kind in (b"exif", b"app1"):
                    block = block or raw.removeprefix(EXIF_START)
            else:
                texts.append((chunk, content))
        except (ValueError, IndexError, zlib.error) as error:
            log.warning("%s: a damaged text is dropped (%s)", name, reason(error))
    return Metadata(block, packet, iptc, resources, texts=tuple(texts))


def _unpacked(value: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    out = unpacker.decompress(value, xmp.MAX_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("it is too long")
    return out


def _raw_profile(value: bytes, packed: bool) -> bytes:
    text = _unpacked(value[1:]) if packed else value
    _, _, digits = text.strip().split(b"\n", 2)
    return bytes.fromhex(digits.decode("ascii"))


@dataclass(frozen=True)
class Kept:
    """What a result of a format says: edited, and no larger than fits."""

    exif: bytes
    xmp: bytes
    iptc: bytes
    resources: bytes
    comments: tuple[bytes, ...]
    texts: tuple[tuple[bytes, bytes], ...]
    segments: tuple[tuple[int, bytes], ...]
    profile: bytes


def kept(
    metadata: Metadata,
    name: str,
    file_format: str,
    position: bool,
    turned: int = 1,
    note: bool = True,
) -> Kept:
    """What is kept of a photograph's metadata in a result.

    Args:
        name: of the result, for the log.
        file_format: as Pillow calls it.
        position: keep coordinates.
        turned: EXIF orientation of the result's pixels.
        note: say that an algorithm made the colour.
    """
    block = b""
    if metadata.exif:
        try:
            block = exif.edited(metadata.exif, name, position, turned, metadata.profiled)
            if file_format == "JPEG":
                block = exif.smaller(block, MAX_SEGMENT - 2 - len(EXIF_START), name)
        except (ValueError, struct.error) as error:
            log.warning("%s: its EXIF is damaged, and dropped (%s)", name, reason(error))
            block = b""
    if turned != 1 and not block:
        block = exif.block_of([(exif.ORIENTATION, 3, 1, struct.pack("<H", turned))], {})
    try:
        if note:
            packet = xmp.edited(metadata.xmp, position, turned)
        else:
            packet = xmp.cleaned(metadata.xmp, position, turned) if metadata.xmp else b""
    except ValueError as error:
        log.warning("%s: its XMP is damaged, and dropped (%s)", name, reason(error))
        packet = xmp.edited(b"", position, turned) if note else b""
    texts = tuple(text for text in metadata.texts if position or not _is_position(text[1]))
    profile = _srgb() if metadata.profiled else b""
    _say_left(metadata, name, file_format)
    iptc, resources, comments = metadata.iptc, metadata.resources, metadata.comments
    return Kept(block, packet, iptc, resources, comments, texts, metadata.segments, profile)


def _is_position(content: bytes) -> bool:
    return bool(re.match(rb"(?:exif:)?GPS", content, re.IGNORECASE))


def _say_left(metadata: Metadata, name: str, file_format: str) -> None:
    said = (metadata.comments, metadata.texts)
    if metadata.iptc and file_format == "WEBP":
        log.warning(LEFT, name, "IPTC captions", file_format)
    if metadata.resources and file_format == "WEBP":
        log.warning(LEFT, name, "details of Photoshop", file_format)
    if any(said) and file_format in ("WEBP", "TIFF"):
        log.warning(LEFT, name, "comments", file_format)
    if metadata.segments and file_format != "JPEG":
        log.warning(LEFT, name, "details of old cameras and programs", file_format)
    if file_format == "BMP" and any((metadata.exif, metadata.xmp, metadata.iptc, *said)):
        log.warning(LEFT, name, "details", file_format)


@cache
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def into_jpeg(data: bytes | bytearray | memoryview, found: Kept) -> bytes:
    """A JPEG with metadata behind its first segment, which says its resolution."""
    data = bytes(data)
    start = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    parts = [b"\xff" + bytes([m]) + struct.pack(">H", len(c) + 2) + c for m, c in _contents(found)]
    return b"".join([data[:start], *parts, data[start:]])


def _contents(found: Kept) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG's segments."""
    if found.exif:
        yield 0xE1, EXIF_START + found.exif
    if 0 < len(found.xmp) <= MAX_SEGMENT - len(XMP_START) - 2:
        yield 0xE1, XMP_START + found.xmp
    elif found.xmp:
        yield from _long_xmp(found.xmp)
    photoshop = found.resources + (_iptc_resource(found.iptc) if found.iptc else b"")
    room = MAX_SEGMENT - 2 - len(PHOTOSHOP_START)
    for start in range(0, len(photoshop), room):
        yield 0xED, PHOTOSHOP_START + photoshop[start : start + room]
    if found.profile:
        yield 0xE2, ICC_START + b"\1\1" + found.profile
    yield from found.segments
    for comment in found.comments:
        yield COMMENT, comment[: MAX_SEGMENT - 2]
    for chunk, content in found.texts:
        key, value = _text(chunk, content)
        yield COMMENT, f"{key}: {value}".encode()[: MAX_SEGMENT - 2]


def _iptc_resource(iptc: bytes) -> bytes:
    """IPTC as one of Photoshop's resources."""
    head = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc))
    return head + iptc + bytes(len(iptc) % 2)


def _long_xmp(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """XMP of more than a segment: a packet that names the rest (XMP, part 3, 1.1.3.1)."""
    guid = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    short = xmp.edited(b"", True, 1).decode()
    pointer = (
        f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid.decode()}"'
    )
    short = short.replace(" Iptc4xmpExt:Digital", f" {pointer} Iptc4xmpExt:Digital", 1)
    yield 0xE1, XMP_START + short.encode()
    room = MAX_SEGMENT - 2 - len(MORE_XMP_START) - 40
    for start in range(0, len(packet), room):
        head = guid + struct.pack(">II", len(packet), start)
        yield 0xE1, MORE_XMP_START + head + packet[start : start + room]


def _text(chunk: bytes, content: bytes) -> tuple[str, str]:
    """Key and value of a PNG's text."""
    key, _, value = content.partition(b"\0")
    if chunk == b"iTXt":
        packed = value[:1] == b"\1"
        value = value[2:].split(b"\0", 2)[-1]
        value = _unpacked(value) if packed else value
        return key.decode("latin-1"), value.decode("utf-8", "replace")
    value = _unpacked(value[1:]) if chunk == b"zTXt" else value
    return key.decode("latin-1"), value.decode("latin-1")


def into_png(
    data: bytes | bytearray | memoryview, found: Kept, dpi: tuple[float, float] | None
) -> bytes:
    """A PNG with metadata behind its header."""
    more = list[tuple[bytes, bytes]]()
    if found.profile:
        more.append((b"iCCP", b"sRGB\0\0" + zlib.compress(found.profile)))
    if dpi:
        across, down = (min(round(side / 0.0254), 2**31 - 1) for side in dpi)
        more.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if found.exif:
        more.append((b"eXIf", found.exif))
    if found.xmp:
        more.append((b"iTXt", PNG_XMP + bytes(5) + found.xmp))
    if found.iptc or found.resources:
        block = (found.resources + (_iptc_resource(found.iptc) if found.iptc else b"")).hex()
        lines = "\n".join(block[i : i + 72] for i in range(0, len(block), 72))
        text = f"\niptc\n{len(block) // 2:8}\n{lines}\n".encode()
        more.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    more += found.texts
    more += [(b"iTXt", b"Comment" + bytes(5) + _utf8(comment)) for comment in found.comments]
    return png.with_chunks(bytes(data), more)


def _utf8(raw: bytes) -> bytes:
    """A comment, whose letters are UTF-8 or, in old files, Latin-1."""
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8").encode()
    except UnicodeDecodeError:
        return raw.decode("latin-1").encode()
