"""Job: one photograph to colour. Outcome: its files, or one error."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from .errors import ColouriserError, PhotoError
from .options import Options, Wishes

GROUP = 4  # photographs: the network takes a fifth less time for each; more of them save no more


class Readable(Protocol):
    """A photograph that is not a file of this machine: in a zip archive, in a bucket."""

    @property
    def name(self) -> str:
        """Of the file, with folders or without."""

    @property
    def nbytes(self) -> int:
        """Bytes that will be read."""

    @property
    def modified(self) -> int | None:
        """When it was last written, nanoseconds since 1970; None if nobody knows."""

    def open(self) -> BinaryIO:
        """Open it for reading.

        Raises:
            OSError, PhotoError: it cannot be read.
        """


class Writable(Protocol):
    """Where a result goes that becomes no file of this machine."""

    @property
    def name(self) -> str:
        """With the suffix that decides the format."""

    def with_name(self, name: str) -> "Writable":
        """The one of another name beside it."""

    def write(self, data: bytes | memoryview) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """


Source = Path | Readable
Target = Path | Writable


@dataclass(frozen=True)
class Job:
    """One photograph to be coloured. Can be sent to another process."""

    source: Source
    name: str  # what messages call the photograph
    options: Options = Options()
    wishes: Wishes = Wishes()
    target: Target | None = None  # decides the format; None where `Worker.finish` is told
    variants: tuple[Target | None, ...] = ()  # of other colourings; None: not to be written
    sidecars: tuple[Source, ...] = ()  # copied beside the first result, see `sidecars`


@dataclass(frozen=True)
class Outcome:
    """What became of a job: files or an error."""

    files: tuple[str, ...] = ()  # names of what was written
    size: tuple[int, int] | None = None  # of the photograph, upright: width, height
    nbytes: int = 0  # of the first file
    seconds: float = 0.0  # from reading to writing
    warnings: tuple[str, ...] = ()  # a sentence each
    error: ColouriserError | None = None
    in_colour: bool = False  # it was so already, and what was written is a copy of it


def too_slow() -> PhotoError:
    """The error of a photograph whose time is over."""
    return PhotoError("too_slow", "takes too long to read or write; save it in another way")


def too_much() -> PhotoError:
    """The error of a photograph for which there is too little memory."""
    return PhotoError(
        "too_much", "could not be read or written in the memory there is; make it smaller"
    )


def source_time(source: Source) -> int | None:
    """When a photograph's file was last written, nanoseconds since 1970; None if nobody knows."""
    try:
        return source.stat().st_mtime_ns if isinstance(source, Path) else source.modified
    except (OSError, ValueError):
        return None


def source_bytes(source: Source) -> int:
    """Bytes of a photograph's file; 0 if that cannot be said."""
    try:
        return source.stat().st_size if isinstance(source, Path) else source.nbytes
    except (OSError, ValueError):
        return 0
