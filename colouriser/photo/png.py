"""PNG: its chunks, and what its numbers mean."""

import struct
import zlib
from collections.abc import Iterable, Iterator

from .depth import Numbers

START = b"\x89PNG\r\n\x1a\n"
LINEAR, BRIGHTER = b"\x08", {b"\x10": "PQ", b"\x12": "HLG"}  # of ITU-T H.273's kinds of transfer
USUAL_GAMMA, NEAR = 0.45455, 0.02  # of sRGB, whose own curve is meant by it
MAX_CHUNKS = 10_000  # that are looked at; programs write a few
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by type of colour, but for palettes


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names of a PNG's chunks and what they hold; of pixels (IDAT), nothing."""
    place = len(START)
    for _ in range(MAX_CHUNKS):
        head = data[place : place + 8]
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head)
        yield name, b"" if name == b"IDAT" else data[place + 8 : place + 8 + size]
        place += size + 12


def damaged_details(data: bytes) -> list[tuple[int, int]]:
    """Where chunks begin and end that a photograph can do without, and whose checksum is wrong."""
    found, place = list[tuple[int, int]](), len(START)
    for _ in range(MAX_CHUNKS):
        head = data[place : place + 8]
        if len(head) < 8:
            break
        end = place + 12 + int.from_bytes(head[:4], "big")
        lesser = bool(head[4] & 0x20)  # a small first letter
        if lesser and end <= len(data):
            stored = int.from_bytes(data[end - 4 : end], "big")
            if zlib.crc32(data[place + 4 : end - 4]) != stored:
                found.append((place, end))
        place = end
    return found


def numbers(data: bytes) -> tuple[Numbers, int, bool]:
    """What a PNG says of its samples; their bits; and whether Pillow's would be others."""
    found = dict[bytes, bytes]()
    for name, content in chunks(data):
        if name == b"IDAT":
            break
        found.setdefault(name, content)
    head = found.get(b"IHDR", b"")
    bits, kind = (head[8], head[9]) if len(head) >= 10 else (8, 2)
    gamma = int.from_bytes(found.get(b"gAMA", b"")[:4], "big") / 100_000
    transfer = found.get(b"cICP", b"\0\0")[1:2]
    stated = {b"iCCP", b"sRGB", b"cICP"} & found.keys()  # which gAMA is only a stand-in for
    if transfer == LINEAR:
        gamma = 1.0
    elif stated or abs(gamma - USUAL_GAMMA) < NEAR or not 0.1 <= gamma <= 10:
        gamma = 0.0
    significant = found.get(b"sBIT", b"")[: 3 if kind & 2 else 1]
    few = max(significant, default=0)
    few = few if few < bits and kind != 3 else 0
    alpha = {4: 1, 6: 3}.get(kind)
    family = "rgb" if kind & 2 else "grey"
    bright = BRIGHTER.get(transfer, "")
    meaning = Numbers(family, bits, significant=few, alpha=alpha, gamma=gamma, transfer=bright)
    return meaning, bits, bits == 16 or bool(gamma or bright) or bool(few and bits == 8)


def clear_grey(data: bytes, stored: int) -> int:
    """The grey of a PNG that is transparent, in 8 bits, of which Pillow gives the stored value."""
    bits = data[24]
    return stored * 255 // (2**bits - 1) if bits in (2, 4) else stored


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it is stored."""
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    )


def with_chunks(data: bytes | bytearray | memoryview, more: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG with more chunks behind its header."""
    start = len(START) + 12 + 13
    return b"".join([data[:start], *(chunk(*one) for one in more), data[start:]])
