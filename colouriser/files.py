"""Files that appear under their name only when they are complete."""

import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PART = re.compile(r"\.[0-9a-f]{32}\.part")  # the name of a file until it is complete


def write_atomically(
    path: Path, write: Callable[[BinaryIO], object], modified: int | None = None
) -> None:
    """Call `write` with an open binary file that replaces `path` once it is safely on the disk.

    A crash, a kill or a full disk leaves what was at `path` before. Missing folders are made.

    Args:
        modified: the file's time, nanoseconds since 1970; as near to it as the disk can; now unless
            given.

    Raises:
        OSError: as from opening and writing; whatever `write` raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if modified is not None:
            with suppress(OSError, OverflowError):
                os.utime(part, ns=(modified, modified))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview, modified: int | None = None) -> None:
    """The same for what is in memory.

    Raises:
        OSError: see `write_atomically`.
    """
    write_atomically(path, lambda file: file.write(data), modified)


def is_part(name: str) -> bool:
    """Whether a file is what a killed process left of one that it was writing."""
    return bool(PART.fullmatch(name))
