"""JPEG 2000 (ISO/IEC 15444-1): its boxes, its colour profile, and samples that Pillow cuts."""

import struct
from collections.abc import Iterator

import numpy as np

from ..errors import PhotoError

START = b"\xff\x4f\xff\x51"  # of a codestream: its first two markers
COUNT, COMPONENTS = 40, 42  # bytes from there to how many components there are, and to the first
PROFILED = (2, 3)  # methods of a box of colour that hold a profile
MOST_BOXES = 1000  # more are no photograph's


def boxes(data: bytes, place: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box, and where its content begins and ends."""
    last = len(data) if end is None else end
    for _ in range(MOST_BOXES):
        if place + 8 > last:
            return
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        head = 16 if size == 1 else 8
        size = int.from_bytes(data[place + 8 : place + 16], "big") if size == 1 else size
        behind = place + size if size else last
        if behind < place + head:
            return
        yield kind, place + head, min(behind, last)
        place = behind


def profile(data: bytes) -> bytes:
    """The ICC profile; empty if there is none."""
    for kind, start, end in boxes(data):
        if kind == b"jp2h":
            for inner, first, last in boxes(data, start, end):
                if inner == b"colr":
                    return data[first + 3 : last] if data[first] in PROFILED else b""
    return b""


def depths(data: bytes) -> list[int]:
    """Bits of the samples of each component; none if it cannot be told."""
    start = data.find(START)
    if not 0 <= start < len(data) - COMPONENTS:
        return []
    (count,) = struct.unpack(">H", data[start + COUNT : start + COMPONENTS])
    sizes = data[start + COMPONENTS : start + COMPONENTS + 3 * count : 3]
    return [(size & 0x7F) + 1 for size in sizes]


def samples(data: bytes) -> np.ndarray:
    """Samples H×W×C as they are stored.

    Raises:
        PhotoError: its components differ in depth, or not all were decoded.
    """
    import imagecodecs  # when it is needed: it takes a third of a second

    found = depths(data)
    # Of a file with a profile the decoder returns memory that nobody has written.
    values = imagecodecs.jpeg2k_decode(data[data.find(START) :] if profile(data) else data)
    values = values if values.ndim == 3 else values[..., None]
    if len({*found}) != 1 or values.shape[2] != len(found):
        raise PhotoError(
            "odd_samples", "stores its samples in an odd way; save it as a TIFF of 16 bits"
        )
    return values
