"""Items of a HEIF or AVIF file (ISO/IEC 14496-12): its EXIF, as it is stored.

Pillow writes an AVIF's anew when its orientation is not the one by which its pixels are turned, and
takes letters beyond ASCII for question marks.
"""

from .jpeg2000 import MOST_BOXES, boxes


def exif(data: bytes) -> bytes:
    """The block of EXIF, which is a TIFF without pixels; empty if there is none.

    Raises:
        ValueError, IndexError: the directory of items is damaged.
    """
    for kind, start, end in boxes(data):
        if kind == b"meta":
            parts = {name: (first, last) for name, first, last in boxes(data, start + 4, end)}
            if {b"iinf", b"iloc"} <= parts.keys():
                number = _number(data, *parts[b"iinf"], b"Exif")
                content = _content(data, *parts[b"iloc"], number, parts.get(b"idat", (0, 0))[0])
                return content[4 + int.from_bytes(content[:4], "big") :]
    return b""


def _number(data: bytes, start: int, end: int, wanted: bytes) -> int:
    """The number of the first item of a type; 0 if there is none."""
    place = start + (6 if data[start] == 0 else 8)
    for kind, first, last in boxes(data, place, end):
        wide = 4 if data[first] >= 3 else 2
        if kind == b"infe" and data[first + 6 + wide : last][:4] == wanted:
            return int.from_bytes(data[first + 4 : first + 4 + wide], "big")
    return 0


def _content(data: bytes, start: int, end: int, wanted: int, inside: int) -> bytes:
    """The bytes of an item.

    Args:
        inside: where the box begins of items that lie in the directory itself.
    """
    place, version = start + 6, data[start]

    def number(size: int) -> int:
        nonlocal place
        if place + size > end:
            raise ValueError("a box of its directory ends too early")
        place += size
        return int.from_bytes(data[place - size : place], "big")

    offset_size, length_size = data[start + 4] >> 4, data[start + 4] & 15
    base_size, index_size = data[start + 5] >> 4, data[start + 5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    seen = 0
    for _ in range(number(wide)):
        item, found = number(wide), b""
        method = number(2) & 15 if version else 0
        number(2)  # another file's number
        base = number(base_size) + (inside if method == 1 else 0)
        parts = number(2)
        seen += 1 + parts
        if seen > MOST_BOXES:  # which may take no room at all
            raise ValueError("its directory has too many parts")
        for _ in range(parts):
            number(index_size)
            first, length = base + number(offset_size), number(length_size)
            if item == wanted and len(found) + length <= len(data):
                found += data[first : first + length]
        if item == wanted:
            return found
    return b""
