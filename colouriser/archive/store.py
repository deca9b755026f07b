"""Where an archive's photographs lie: a folder of this machine, or one in a bucket.

pyarrow's file systems do the work, so that all of `s3://`, `gs://`, `abfs://` and `hdfs://` are
understood, with the credentials that those programs find in their usual places.
"""

import io
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow
from filelock import FileLock, Timeout
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from ..debris import PassedOver
from ..errors import ArchiveError, ColouriserError, PhotoError, reason
from ..files import is_part, write_bytes
from ..sources import MAX_FILE_BYTES, search, sort_out

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class File:
    """What a store says of one of its files."""

    name: str  # below the store's root, with slashes
    bytes: int
    modified: int  # nanoseconds since 1970
    sidecars: tuple[str, ...] = ()
    film: bool = False


@dataclass(frozen=True)
class Store:
    """A folder, here or in a bucket. Can be sent to other machines."""

    files: FileSystem
    root: str
    local: bool

    def __str__(self) -> str:
        return self.root if self.local else f"{self.files.type_name}://{self.root}"

    def beside(self, ending: str) -> "Store":
        """The folder next to it whose name has this ending more."""
        return Store(self.files, self.root + ending, self.local)

    def holds(self, other: "Store") -> bool:
        """Whether another store is this one, or a folder in it."""
        inside = f"{other.root}/".startswith(f"{self.root.rstrip('/')}/")
        return inside and self.files.equals(other.files)

    def list_files(self) -> list[File]:
        """All its files; none if it is not there.

        Raises:
            ArchiveError: it cannot be listed.
        """
        try:
            selector = FileSelector(self.root, allow_not_found=True, recursive=True)
            found = self.files.get_file_info(selector)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise ArchiveError(
                "store_unreadable",
                "{place} cannot be listed ({reason}); check its name and your permissions",
                place=str(self),
                reason=reason(error),
            ) from error
        start = len(self.root) + 1
        return [
            File(info.path[start:], info.size or 0, info.mtime_ns or 0)
            for info in found
            if info.type == FileType.File
        ]

    def modified(self, name: str) -> int | None:
        """When a file was last written, in nanoseconds since 1970; None if there is none."""
        info = self.files.get_file_info(f"{self.root}/{name}")
        return None if info.type == FileType.NotFound else info.mtime_ns or 0

    def file(self, name: str) -> "Path | StoreFile":
        """A file as a job takes it, to be read or written."""
        return Path(self.root, name) if self.local else StoreFile(self, name)

    def open(self, name: str) -> BinaryIO:
        """A file for reading.

        Raises:
            OSError: it cannot be read.
            PhotoError: it is larger than any photograph.
        """
        if self.local:
            return Path(self.root, name).open("rb")
        with self.files.open_input_file(f"{self.root}/{name}") as file:
            if file.size() > MAX_FILE_BYTES:
                raise PhotoError(
                    "file_too_large",
                    "more than the limit of {megabytes} MB; make it smaller",
                    megabytes=MAX_FILE_BYTES // 1_000_000,
                )
            return io.BytesIO(file.read())  # one request

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Write a file, whole or not at all: buckets show what is written when it is complete.

        Raises:
            OSError: it cannot be written.
        """
        if self.local:
            write_bytes(Path(self.root, name), data)
            return
        with self.files.open_output_stream(f"{self.root}/{name}") as file:
            file.write(data)

    def bring(self, name: str, path: Path) -> None:
        """Copy a file, of any size, to one of this machine.

        Raises:
            OSError: it cannot be read or written.
        """
        copy_files(f"{self.root}/{name}", str(path), self.files, LocalFileSystem())

    def send(self, name: str, path: Path) -> None:
        """Copy a file of this machine, of any size, here.

        Raises:
            OSError: it cannot be read or written.
        """
        copy_files(str(path), f"{self.root}/{name}", LocalFileSystem(), self.files)

    def delete(self, name: str) -> None:
        """Delete a file.

        Raises:
            OSError: it cannot be deleted.
        """
        self.files.delete_file(f"{self.root}/{name}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away meanwhile. Only a folder of this machine can be locked.

        Raises:
            ArchiveError: another run writes there.
        """
        path = Path(f"{self.root}.lock")
        with ExitStack() as stack:
            if self.local:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(FileLock(path, timeout=0))
                    stack.callback(path.unlink, missing_ok=True)
                except Timeout as error:
                    raise ArchiveError(
                        "archive_in_use",
                        "another run writes to {place}; wait for it, or give another folder",
                        place=str(self),
                    ) from error
                except (OSError, NotImplementedError):  # what follows says what is wrong there
                    log.debug("%s cannot be locked", self)
            yield

    def tidy(self) -> None:
        """Delete what killed workers left of files that they were writing. Nobody may be writing.

        Raises:
            ArchiveError: it cannot be listed.
        """
        if not self.local:  # buckets show complete files alone
            return
        for file in self.list_files():
            if is_part(PurePosixPath(file.name).name):
                try:
                    Path(self.root, file.name).unlink(missing_ok=True)
                except OSError as error:
                    log.warning("%s is half written and stays (%s)", file.name, reason(error))


@dataclass(frozen=True)
class StoreFile:
    """A file of a store that is no folder of this machine: `Readable` and `Writable`."""

    store: Store
    path: str  # below the store's root

    @property
    def name(self) -> str:
        """Without folders."""
        return PurePosixPath(self.path).name

    @property
    def nbytes(self) -> int:
        """Bytes that will be read."""
        return self.store.files.get_file_info(f"{self.store.root}/{self.path}").size or 0

    @property
    def modified(self) -> int | None:
        """See `Store.modified`."""
        return self.store.modified(self.path)

    def with_name(self, name: str) -> "StoreFile":
        """The file of another name beside it."""
        return StoreFile(self.store, str(PurePosixPath(self.path).with_name(name)))

    def open(self) -> BinaryIO:
        """See `Store.open`."""
        return self.store.open(self.path)

    def write(self, data: bytes | memoryview) -> None:
        """See `Store.write`."""
        self.store.write(self.path, data)


def open_store(place: str) -> Store:
    """The store at a path, or at a URI such as `s3://bucket/folder`.

    Raises:
        ArchiveError: it is neither, or a bucket without a folder.
    """
    parts = urlsplit(place) if "://" in place else None
    if parts and parts.scheme != "file" and not parts.path.strip("/"):
        raise ArchiveError(
            "no_folder_in_bucket",
            "{place} is a whole bucket; give a folder in it, such as {place}/photographs",
            place=place.rstrip("/"),
        )
    try:
        files, root = FileSystem.from_uri(place) if parts else (LocalFileSystem(), place)
        if isinstance(files, LocalFileSystem) and os.path.isfile(root):
            raise NotADirectoryError("it is a file")
    except (OSError, ValueError, ImportError, pyarrow.ArrowException) as error:
        raise ArchiveError(
            "no_store",
            "{place} cannot be used ({reason}); give a folder, or a URI such as s3://bucket/folder",
            place=place,
            reason=reason(error),
        ) from error
    local = isinstance(files, LocalFileSystem)
    root = os.path.realpath(root) if local else root.strip("/")
    return Store(files, root, local)


def photographs(
    store: Store, output: Store, passed: PassedOver, films: bool = False
) -> tuple[list[File], list[ColouriserError]]:
    """The photographs in a store, by name, but for those in an output folder inside it; and what is
    wrong with others. What is none is passed over.

    Args:
        films: take them, too.

    Raises:
        ArchiveError: the store is not there, or cannot be listed.
    """
    problems = list[ColouriserError]()
    if store.local:
        if not os.path.isdir(store.root):
            raise _missing(store)
        inside = Path(output.root) if output.local else None
        names, problems = search(Path(store.root), inside, passed)
        names |= _films(passed, films)
        found = list[File]()
        for name, notes in names.items():
            path = Path(store.root, name)
            try:
                path.name.encode()
                state = path.stat()
                if not stat.S_ISREG(state.st_mode):  # opening a pipe would wait for ever
                    raise OSError("it is no file")
            except (OSError, UnicodeEncodeError) as error:
                problems.append(
                    PhotoError(
                        "not_listed",
                        "cannot be used ({reason}); rename or remove it",
                        reason=reason(error),
                    ).of(str(path).encode(errors="backslashreplace").decode())
                )
                continue
            film = name in passed.films
            found.append(File(name, state.st_size, state.st_mtime_ns, tuple(notes), film))
        return found, problems
    files = {file.name: file for file in store.list_files()}
    if not files:
        raise _missing(store)
    results = f"{output.root}/" if store.holds(output) else None
    others = [n for n in sorted(files) if not (results and f"{store.root}/{n}".startswith(results))]
    found = []
    names = sort_out(others, lambda name: None, passed, f"{store}/")
    for name, notes in (names | _films(passed, films)).items():
        if safe(name):
            film = name in passed.films
            found.append(replace(files[name], sidecars=tuple(filter(safe, notes)), film=film))
        else:
            problems.append(
                PhotoError(
                    "unsafe_name", "its name would lead out of the output folder; rename it"
                ).of(name)
            )
    return found, problems


def _films(passed: PassedOver, taken: bool) -> dict[str, list[str]]:
    """The films among what was passed over, as `sort_out` gives photographs, if they are taken."""
    if not taken:
        return {}
    passed.counts["film"] -= len(passed.films)
    return {name: list[str]() for name in passed.films}


def safe(name: str) -> bool:
    """Whether a name from a bucket, in which anything may stand, stays below a folder."""
    parts = name.split("/")
    odd = {"", ".", ".."} & set(parts) or "\0" in name
    return not odd and (os.name != "nt" or not set('\\:*?"<>|') & set(name))


def _missing(store: Store) -> ArchiveError:
    return ArchiveError(
        "store_missing",
        "there is no folder {place}, or nothing in it; check its name and your permissions",
        place=str(store),
    )
