"""Photographs that go wrong while they are read or written, in whatever process that is."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Odd:
    """A file that is read and written like any other but for what happens then.

    Args:
        path: the file.
        happens: "death", "memory", "wait", "bug" or nothing; when it is opened or written.
    """

    path: Path
    happens: str = ""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def nbytes(self) -> int:
        return self.path.stat().st_size

    @property
    def modified(self) -> int:
        return self.path.stat().st_mtime_ns

    def with_name(self, name: str) -> "Odd":
        return Odd(self.path.with_name(name), self.happens)

    def open(self) -> BinaryIO:
        self.happen()
        return self.path.open("rb")

    def write(self, data: bytes | memoryview) -> None:
        self.happen()
        self.path.write_bytes(data)

    def happen(self) -> None:
        match self.happens:
            case "death":
                os._exit(1)  # as when the system kills it for its memory
            case "memory":
                raise MemoryError
            case "wait":
                time.sleep(600)
            case "bug":
                raise ZeroDivisionError("a bug")
