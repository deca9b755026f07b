"""Files that are built to be slow or large, for the tests of the page and the benchmark of load."""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from PIL import Image


def scans(path: Path, count: int, side: int = 256) -> Path:
    """A progressive JPEG with many scans that say nothing; each costs the time of a picture."""
    Image.new("L", (side, side), 90).save(path, "JPEG", progressive=True)
    data = path.read_bytes()
    empty = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"
    path.write_bytes(data[:-2] + empty * count + data[-2:])
    return path


def directories(path: Path, count: int) -> Path:
    """A TIFF with a chain of many directories, all of them of the same small picture."""
    Image.new("L", (8, 8), 90).save(path, "TIFF")
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    size = 2 + 12 * entries + 4
    directory = bytes(data[first : first + size - 4])
    data += b"\0" * (len(data) % 2)
    start = len(data)
    if count:
        struct.pack_into("<I", data, first + size - 4, start)
    for index in range(count):
        following = start + (index + 1) * size if index + 1 < count else 0
        data += directory + struct.pack("<I", following)
    path.write_bytes(data)
    return path


def entries(path: Path, count: int, suffix: str = ".txt") -> Path:
    """A zip archive of many empty files."""
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            archive.writestr(f"{index}{suffix}", b"")
    return path


def text(path: Path, photograph: Image.Image, count: int = 5) -> Path:
    """A PNG with compressed texts that become very large."""
    photograph.save(path, "PNG")
    data = path.read_bytes()
    body = b"zTXtkey\0\0" + zlib.compress(bytes(100_000_000))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk * count + data[33:])
    return path


def large(path: Path, megapixels: float, **options: Any) -> Path:
    """A small file of a large even picture, in the format of its suffix."""
    side = int((megapixels * 1e6) ** 0.5)
    mode = "1" if path.suffix == ".png" else "L"
    Image.new(mode, (side, side), 1).save(path, **options)
    return path


def plain(path: Path, megapixels: float) -> Path:
    """A PPM that writes its numbers out as text, which is slow to read."""
    side = int((megapixels * 1e6) ** 0.5)
    path.write_bytes(f"P2 {side} {side} 255\n".encode() + b"9 " * (side * side))
    return path
