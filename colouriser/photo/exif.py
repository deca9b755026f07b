"""Blocks of EXIF: kept letter by letter, but for what must go.

A block is edited where it lies, so that notes of cameras, which point into it, stay valid.
"""

import io
import logging
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .ifd import LETTERS, Directory, Tiff

log = logging.getLogger(__name__)

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965  # tags that point to directories
ORIENTATION, COLOUR_SPACE, WIDTH, HEIGHT = 274, 40961, 40962, 40963
XMP, IPTC, PHOTOSHOP, PROFILE = 700, 33723, 34377, 34675  # of TIFF, kept by themselves
IMAGEJ_SIZES, IMAGEJ = 50838, 50839
LAYERS = 37724  # of Photoshop
THUMBNAIL, THUMBNAIL_SIZE = 513, 514
RESOLUTION = frozenset({282, 283, 296})  # written anew
# How a TIFF stores its pixels; layers, tables of colours, sub-directories, C2PA.
STRUCTURE = frozenset(
    {*range(254, 267), 273, 274, 277, 278, 279, 280, 281, 284, *range(288, 294), 301, 317}
    | {*range(318, 326), 330, *range(332, 335), 336, *range(338, 348), *range(512, 533)}
    | {XMP, IPTC, PHOTOSHOP, PROFILE, LAYERS, 52545, 33421, 33422, IMAGEJ_SIZES, IMAGEJ}
)
PLACES_ON_MAPS = frozenset({33550, 33922, 34264, 34735, 34736, 34737})  # GeoTIFF
BIG = (16, 17, 18)  # types that a TIFF of 32 bits does not have
MAX_TAG = 1 << 20  # bytes of a tag that is copied
HEADER = {"<": b"II*\0", ">": b"MM\0*"}
Value = tuple[int, int, int, bytes]  # tag, type, count, and the bytes of the value


def edited(block: bytes, name: str, position: bool, orientation: int, srgb: bool) -> bytes:
    """A block of EXIF without thumbnails and what is damaged; nothing if it is no block.

    Args:
        name: of the photograph, for the log.
        position: keep coordinates.
        orientation: what it says of the pixels that it is written beside.
        srgb: the profile that its colours had was applied.
    """
    tiff = Tiff(io.BytesIO(block))
    main = tiff.directory(tiff.first)
    data = bytearray(block)
    turned = tiff.value(main, ORIENTATION, 1) != orientation
    gone = {XMP, IPTC, PHOTOSHOP, PROFILE, 330}
    if not position:
        gone |= {GPS, *PLACES_ON_MAPS}
    damaged, kept = [*main.damaged], [main]
    for pointer in (EXIF, GPS):
        if pointer not in main.entries:
            continue
        try:
            sub = tiff.directory(tiff.value(main, pointer))
        except ValueError:
            damaged.append(pointer)
            gone.add(pointer)
            continue
        if pointer == GPS and not position:
            _blank_position(data, tiff, sub)
            continue
        damaged += sub.damaged
        kept.append(sub)
        _set_number(data, tiff, sub, COLOUR_SPACE, 1 if srgb else None)
        if GPS in sub.entries and not position:  # an odd place for it
            with suppress(ValueError):
                _blank_position(data, tiff, tiff.directory(tiff.value(sub, GPS)))
        out = ({WIDTH, HEIGHT} if turned else set()) | (set() if position else {GPS})
        _cut(data, tiff, sub, out, sub.following)
    _set_number(data, tiff, main, ORIENTATION, orientation)
    _cut(data, tiff, main, gone, 0)
    _drop_thumbnail(data, tiff, main.following, kept)
    if damaged:
        tags = ", ".join(str(tag) for tag in sorted(damaged))
        log.warning("%s: dropped damaged tags of its EXIF (%s)", name, tags)
    return bytes(data)


def _set_number(
    data: bytearray, tiff: Tiff, directory: Directory, tag: int, value: int | None
) -> None:
    entry = directory.entries.get(tag)
    letter = LETTERS.get(entry.kind) if entry else None
    if value is not None and entry and letter and letter in "BHIbhi":  # any that is read
        struct.pack_into(f"{tiff.end}{letter}", data, entry.start, value)


def _cut(data: bytearray, tiff: Tiff, directory: Directory, gone: set[int], following: int) -> None:
    """Leave out tags of a directory, and those that are damaged."""
    kept = [entry for tag, entry in directory.entries.items() if tag not in gone]
    records = b"".join(bytes(data[e.place : e.place + 12]) for e in kept)
    for tag in gone & directory.entries.keys():
        entry = directory.entries[tag]
        data[entry.start : entry.start + entry.size] = bytes(entry.size)
    count = len(directory.entries) + len(directory.damaged)
    new = struct.pack(f"{tiff.end}H", len(kept)) + records + struct.pack(f"{tiff.end}I", following)
    size = max(len(new), min(6 + 12 * count, len(data) - directory.place))
    data[directory.place : directory.place + size] = new.ljust(size, b"\0")


def _blank_position(data: bytearray, tiff: Tiff, gps: Directory) -> None:
    """Overwrite coordinates, also where a camera's note repeats them."""
    repeated = list[bytes]()
    for tag in (2, 4):  # latitude, longitude
        entry, parts = gps.entries.get(tag), tiff.values(gps, tag)
        if not entry or len(parts) != 3 or not any(parts):
            continue
        degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
        raw = tiff.raw(entry)
        swapped = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
        repeated += [raw, swapped]
        for sign in (degrees, -degrees):
            repeated += [struct.pack("<d", sign), struct.pack(">d", sign)]
        for found in re.finditer(rb"\d{1,3}\.\d{3,}", bytes(data)):
            if abs(float(found[0][:20]) - degrees) < 0.001:
                data[found.start() : found.end()] = b" " * len(found[0])  # it may be of a caption
    for value in repeated:
        start = data.find(value)
        while start >= 0:
            data[start : start + len(value)] = bytes(len(value))
            start = data.find(value, start + 1)
    for entry in gps.entries.values():
        data[entry.start : entry.start + entry.size] = bytes(entry.size)
        data[entry.place : entry.place + 12] = bytes(12)


def _drop_thumbnail(data: bytearray, tiff: Tiff, place: int, kept: list[Directory]) -> None:
    """Overwrite a thumbnail and its directory, but nothing of directories that stay, to which a
    damaged block may point."""
    taken = [span for directory in kept for span in _spans(directory)]

    def is_free(start: int, end: int) -> bool:
        return not any(start < behind and first < end for first, behind in taken)

    if not place:
        return
    try:
        directory = tiff.directory(place)
    except ValueError:
        return
    if not is_free(*next(_spans(directory))):
        return
    start, size = (tiff.value(directory, tag) for tag in (THUMBNAIL, THUMBNAIL_SIZE))
    for entry in directory.entries.values():
        data[entry.place : entry.place + 12] = bytes(12)
    if 0 < start < start + size <= len(data) and is_free(start, start + size):
        data[start : start + size] = bytes(size)
        if start + size >= len(data) - 4:
            del data[start:]


def _spans(directory: Directory) -> Iterator[tuple[int, int]]:
    """Where a directory begins and ends; and each of its values that lies outside of it."""
    count = len(directory.entries) + len(directory.damaged)
    yield directory.place, directory.place + 6 + 12 * count
    for entry in directory.entries.values():
        if entry.size > 4:
            yield entry.start, entry.start + entry.size


def from_tiff(tiff: Tiff, main: Directory, name: str, without: frozenset[int] = STRUCTURE) -> bytes:
    """A block of EXIF with a directory's tags and those below it, but for some."""
    damaged = [tag for tag in main.damaged if tag not in without]
    values = _values(tiff, main, name, without)
    subs = dict[int, list[Value]]()
    for pointer in (EXIF, GPS):
        if pointer in main.entries:
            try:
                sub = tiff.directory(tiff.value(main, pointer))
            except ValueError:
                damaged.append(pointer)
                continue
            damaged += sub.damaged
            subs[pointer] = _values(tiff, sub, name, without | {INTEROPERABILITY, GPS})
    if damaged:
        tags = ", ".join(str(tag) for tag in sorted(damaged))
        log.warning("%s: dropped damaged tags (%s)", name, tags)
    return block_of(values, subs, tiff.end) if values or subs else b""


def _values(tiff: Tiff, directory: Directory, name: str, without: frozenset[int]) -> list[Value]:
    found = [
        entry
        for tag, entry in directory.entries.items()
        if tag not in without and tag not in (EXIF, GPS)
    ]
    for entry in found:
        if entry.kind in BIG or entry.size > MAX_TAG:
            log.warning(
                "%s: its tag %d is larger than is copied, or of BigTIFF alone, and stays behind",
                name,
                entry.tag,
            )
    fitting = [e for e in found if e.kind not in BIG and e.size <= MAX_TAG]
    return [(e.tag, e.kind, e.count, tiff.raw(e)) for e in fitting]


def block_of(values: Iterable[Value], subs: dict[int, list[Value]], end: str = "<") -> bytes:
    """A block of EXIF: tags, and directories by the tag that points to them."""
    pointers = [(tag, 4, 1, bytes(4)) for tag in subs]
    place = 8 + len(directory([*values, *pointers], 8, end))
    below = b""
    pointers = []
    for tag, own in subs.items():
        pointers.append((tag, 4, 1, struct.pack(f"{end}I", place + len(below))))
        below += directory(own, place + len(below), end)
    return HEADER[end] + struct.pack(f"{end}I", 8) + directory([*values, *pointers], 8, end) + below


def directory(
    values: Iterable[Value], place: int, end: str, records: Iterable[bytes] = ()
) -> bytes:
    """A directory that lies at a place, its values behind it; and entries as they are stored, whose
    values lie elsewhere."""
    values, records = list(values), list(records)
    start, behind = place + 2 + 12 * (len(values) + len(records)) + 4, b""
    for tag, kind, count, raw in values:
        if len(raw) <= 4:
            field = raw.ljust(4, b"\0")
        else:
            field = struct.pack(f"{end}I", start + len(behind))
            behind += raw + bytes(len(raw) % 2)
        records.append(struct.pack(f"{end}HHI", tag, kind, count) + field)
    records.sort(key=lambda record: struct.unpack(f"{end}H", record[:2]))
    return struct.pack(f"{end}H", len(records)) + b"".join(records) + bytes(4) + behind


def smaller(block: bytes, most: int, name: str) -> bytes:
    """A block of at most so many bytes: without its largest tags, if it has to be."""
    gone = set[int]()
    while len(block) > most:
        tiff = Tiff(io.BytesIO(block))
        main = tiff.directory(tiff.first)
        entries = [*main.entries.values()]
        if EXIF in main.entries:
            entries += tiff.directory(tiff.value(main, EXIF)).entries.values()
        largest = max(entries, key=lambda entry: entry.size).tag
        if largest in gone:
            return b""
        gone.add(largest)
        block = from_tiff(tiff, main, name, frozenset({largest}))
    if gone:
        tags = ", ".join(str(tag) for tag in sorted(gone))
        log.warning(
            "%s: dropped tags of its EXIF that this format has no room for (%s)", name, tags
        )
    return block
