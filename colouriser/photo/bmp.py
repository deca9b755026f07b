"""What Pillow does not look for in a BMP: its colour profile (bitmap header of version 5)."""

import struct
from typing import BinaryIO

HEADER, SIZE = 14, 124  # bytes in front of the bitmap header, and of that in version 5
EMBEDDED = b"DEBM"  # kind of colours: by a profile in the file; PROFILE_EMBEDDED, little-endian
LARGEST = 1 << 22  # bytes of a profile


def profile(file: BinaryIO) -> bytes | None:
    """The ICC profile; empty if damaged, None if there is none. The file stays where it is."""
    before = file.tell()
    try:
        file.seek(HEADER)
        head = file.read(SIZE)
        if len(head) < SIZE or head[56:60] != EMBEDDED:
            return None
        header, start, size = struct.unpack_from("<I108xII", head)
        if header < SIZE:
            return None
        file.seek(HEADER + start)
        return file.read(size) if size <= LARGEST else b""
    finally:
        file.seek(before)
