"""Many photographs at once: files and zip archives in, one zip archive out."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .errors import PhotoError
from .photo import suffixes

MOST = 500  # photographs at once
LARGEST = 200_000_000  # bytes of one photograph in an archive, unpacked

Opener = Callable[[], BinaryIO]


def photographs(files: Iterable[Path]) -> Iterator[tuple[str, Opener]]:
    """The photographs in files, some of which may be zip archives: name, and what opens it.

    Folders and files in an archive that have no photograph's name are passed over. Nothing is
    unpacked to disk.

    Raises:
        PhotoError: an archive is damaged, or there are more than 500 photographs.
    """
    found: list[tuple[str, Opener]] = []
    for file in files:
        if zipfile.is_zipfile(file) and file.suffix.lower() == ".zip":
            found += _in_archive(file)
        else:
            found.append((file.name, _opener(file)))
        if len(found) > MOST:
            raise PhotoError(f"more than {MOST} photographs; give them in parts")
    yield from found


def _opener(file: Path) -> Opener:
    return lambda: file.open("rb")


def _in_archive(file: Path) -> list[tuple[str, Opener]]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise PhotoError(f"{file.name}: damaged archive; zip it again") from error

    def opener(entry: zipfile.ZipInfo) -> Opener:
        def read() -> BinaryIO:
            name = PurePosixPath(entry.filename).name
            if entry.file_size > LARGEST:
                limit = f"the limit of {LARGEST // 1_000_000} MB"
                raise PhotoError(f"{name}: more than {limit}; make it smaller")
            if entry.flag_bits & 1:
                raise PhotoError(f"{name}: locked with a password; zip it without")
            try:
                return zipfile.ZipFile(file).open(entry)  # type: ignore[return-value]
            except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
                raise PhotoError(f"{name}: damaged in its archive; zip it again") from error

        return read

    return [
        (PurePosixPath(entry.filename).name, opener(entry))
        for entry in entries
        if PurePosixPath(entry.filename).suffix.lower() in suffixes()
        and not PurePosixPath(entry.filename).name.startswith(".")  # ._photo.jpg of macOS
    ]


def pack(files: Iterable[Path], target: Path) -> None:
    """Write files into a zip archive, under their names, a number added to one that is there."""
    names: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # photographs are dense
        for file in files:
            name, number = file.name, 2
            while name in names:
                name, number = f"{file.stem}-{number}{file.suffix}", number + 1
            names.add(name)
            archive.write(file, name)
