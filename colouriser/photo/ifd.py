"""Directories of TIFF, which EXIF has too: reading them entry by entry, so that a damaged one costs
itself alone."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4} | {
    16: 8, 17: 8, 18: 8, 129: 1
}  # bytes of a value, by its type; 129 are letters of EXIF 3.0  # fmt: skip
LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"} | {
    16: "Q", 17: "q", 18: "Q"
}  # fmt: skip
MAX_ENTRIES = 4096  # of a directory; files have a few dozen
MAX_VALUES = 1 << 16  # of a tag that is looked at


@dataclass(frozen=True)
class Entry:
    """A tag of a directory."""

    tag: int
    kind: int  # its type
    count: int
    start: int  # of its value in the file
    place: int  # of the entry itself

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return SIZES[self.kind] * self.count


@dataclass(frozen=True)
class Directory:
    """A directory's entries, by tag, the first of each."""

    entries: dict[int, Entry]
    damaged: tuple[int, ...]  # tags that are left out
    place: int
    following: int  # where the next is; 0 for none


class Tiff:
    """A TIFF, or a block of EXIF, and its directories."""

    def __init__(self, file: BinaryIO) -> None:
        """Look at its head.

        Raises:
            ValueError: it is no TIFF.
        """
        self.file = file
        file.seek(0, 2)
        self.length = file.tell()
        head = self.at(0, 16)
        self.end = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(f"{self.end}H", head[2:4])[0] if self.end and head[3:] else 0
        if version not in (42, 43):
            raise ValueError("no TIFF")
        self.big = version == 43
        self.first = self.number(head[8:16] if self.big else head[4:8])

    def at(self, start: int, size: int) -> bytes:
        """Bytes of the file; fewer at its end."""
        if not 0 <= start <= self.length or size < 0:
            return b""
        self.file.seek(start)
        return self.file.read(min(size, self.length - start))

    def number(self, raw: bytes) -> int:
        """An unsigned number in the file's order."""
        return int.from_bytes(raw, "little" if self.end == "<" else "big")

    def directory(self, place: int) -> Directory:
        """The directory at a place.

        Raises:
            ValueError: there is none.
        """
        head, size, room = (8, 20, 8) if self.big else (2, 12, 4)
        count = self.number(self.at(place, head))
        raw = self.at(place + head, size * min(count, MAX_ENTRIES))
        if place < 8 or not 0 < count <= MAX_ENTRIES or len(raw) < size:
            raise ValueError("no directory")
        entries, damaged = dict[int, Entry](), list[int]()
        for index in range(len(raw) // size):
            one = raw[size * index : size * (index + 1)]
            tag, kind = self.number(one[:2]), self.number(one[2:4])
            values, where = self.number(one[4 : size - room]), place + head + size * index
            width = SIZES.get(kind, 0) * values
            start = where + size - room if width <= room else self.number(one[-room:])
            if not width or start + width > self.length:
                damaged.append(tag)
            else:
                entries.setdefault(tag, Entry(tag, kind, values, start, where))
        following = self.number(self.at(place + head + size * count, room))
        return Directory(entries, tuple(damaged), place, following)

    def raw(self, entry: Entry) -> bytes:
        """The bytes of a value."""
        return self.at(entry.start, entry.size)

    def values(self, directory: Directory, tag: int) -> tuple[float, ...]:
        """The numbers of a tag; none if it is not there, or not of numbers."""
        entry = directory.entries.get(tag)
        if entry is None or entry.count > MAX_VALUES:
            return ()
        raw = self.raw(entry)
        if entry.kind in (5, 10):
            pairs = struct.unpack(
                f"{self.end}{2 * entry.count}{'I' if entry.kind == 5 else 'i'}", raw
            )
            return tuple(a / b if b else 0.0 for a, b in zip(pairs[::2], pairs[1::2], strict=True))
        letter = LETTERS.get(entry.kind)
        return struct.unpack(f"{self.end}{entry.count}{letter}", raw) if letter else ()

    def value(self, directory: Directory, tag: int, otherwise: int = 0) -> int:
        """The first number of a tag."""
        found = self.values(directory, tag)
        return int(found[0]) if found and abs(found[0]) < 2**64 else otherwise

    def chain(self, most: int) -> Iterator[Directory]:
        """The main directories, up to a number of them."""
        place, seen = self.first, set[int]()
        while place and place not in seen and len(seen) < most:
            seen.add(place)
            try:
                found = self.directory(place)
            except ValueError:
                return
            yield found
            place = found.following
