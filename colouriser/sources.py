"""Which files: photographs in folders and zip archives, and the names of their results."""

import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import ColouriserError, PhotoError
from .job import Source
from .photo import result_name, suffixes

MAX_PHOTOS = 500  # at once, on the page
MAX_FILE_BYTES = 200_000_000  # of one photograph in an archive, unpacked
MAX_STEM_BYTES = 180  # of a result's name without its suffix, in file systems that allow 255


@dataclass(frozen=True)
class Entry:
    """A photograph in a file, or in a zip archive."""

    name: str  # of the photograph, without folders
    file: Path  # it, or the archive
    member: zipfile.ZipInfo | None = None  # which one of the archive's

    @property
    def source(self) -> Source:
        """What a job reads."""
        return self.file if self.member is None else self

    @property
    def nbytes(self) -> int:
        """Bytes that will be read."""
        return self.member.file_size if self.member else self.file.stat().st_size

    def open(self) -> BinaryIO:
        """Open it for reading. Nothing is unpacked to disk.

        Raises:
            PhotoError: it is locked, too large, or damaged in its archive.
        """
        if self.member is None:
            return self.file.open("rb")
        if self.member.file_size > MAX_FILE_BYTES:
            raise PhotoError(
                "file_too_large",
                "more than the limit of {megabytes} MB; make it smaller",
                megabytes=MAX_FILE_BYTES // 1_000_000,
            ).of(self.name)
        if self.member.flag_bits & 1:
            raise PhotoError("locked", "locked with a password; zip it without").of(self.name)
        try:
            return zipfile.ZipFile(self.file).open(self.member)  # type: ignore[return-value]
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise PhotoError("damaged_in_archive", "damaged in its archive; zip it again").of(
                self.name
            ) from error


def photographs(files: Iterable[Path]) -> tuple[list[Entry], list[str]]:
    """The photographs in files, some of which may be zip archives, and the names of what was passed
    over in archives: files that have no photograph's name.

    Raises:
        PhotoError: an archive is damaged, or there are more than 500 photographs.
    """
    found, passed = list[Entry](), list[str]()
    for file in files:
        if file.suffix.lower() == ".zip" and zipfile.is_zipfile(file):
            entries, others = _in_archive(file)
            found += entries
            passed += others
        else:
            found.append(Entry(file.name, file))
        if len(found) > MAX_PHOTOS:
            raise PhotoError(
                "too_many", "more than {most} photographs; give them in parts", most=MAX_PHOTOS
            )
    return found, passed


def _in_archive(file: Path) -> tuple[list[Entry], list[str]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except Exception as error:  # zipfile raises anything on damaged files
        raise PhotoError("damaged_archive", "damaged archive; zip it again").of(
            file.name
        ) from error
    endings, entries, passed = suffixes(), list[Entry](), list[str]()
    for member in members:
        name = re.split(r"[/\\]", member.filename)[-1]  # some programs write backslashes
        if not name or name.startswith("."):  # a folder, or ._photo.jpg of macOS
            continue
        if Path(name).suffix.lower() in endings:
            entries.append(Entry(name, file, member))
        else:
            passed.append(name)
    return entries, passed


def short_stem(name: str) -> str:
    """A file name without its suffix, short enough to be added to."""
    stem = Path(name).stem.encode("utf-8", "replace")
    return stem[:MAX_STEM_BYTES].decode("utf-8", "ignore")


def unused_name(name: str, used: set[str]) -> str:
    """A name, or one with a number added if it has been used; it is used from now on."""
    path, number, free = Path(name), 2, name
    while free.lower() in used:  # some file systems know no case
        free, number = f"{path.stem}-{number}{path.suffix}", number + 1
    used.add(free.lower())
    return free


def pack(files: Iterable[Path], target: Path) -> None:
    """Write files into a zip archive, under their names."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # photographs are dense
        for file in files:
            archive.write(file, file.name)


def target_name(name: str, format: str = "original") -> str:
    """The name of a photograph's result: its own, or NAME.png where the format is to be or must be
    another."""
    if format == "png" and Path(name).suffix.lower() != ".png":
        return f"{name}.png"
    return result_name(name)


def plan(
    photos: Iterable[Path], output: Path, format: str = "original"
) -> tuple[dict[Path, Path], list[ColouriserError]]:
    """Which result is written from which photograph (target -> source), and what is wrong with the
    rest.

    Args:
        photos: photographs, and folders that are searched for them.
        output: folder for the results; inside a searched folder it is passed over.
        format: of the results, see `Options`.
    """
    jobs, problems = dict[Path, Path](), list[ColouriserError]()
    for given in photos:
        sources = [given]
        if os.path.isdir(given):
            sources, unreadable = search(given, output)
            problems += unreadable
            if not sources and not unreadable:
                problems.append(
                    PhotoError("empty_folder", "no photographs in this folder; check the name").of(
                        str(given)
                    )
                )
        for source in sources:
            target = output / (source.relative_to(given) if source != given else source.name)
            target = target.with_name(target_name(target.name, format))
            if os.path.realpath(target) == os.path.realpath(source):
                problems.append(
                    PhotoError(
                        "same_file", "would be overwritten; choose another output folder"
                    ).of(str(source))
                )
            elif jobs.setdefault(target, source) != source:
                problems.append(
                    PhotoError(
                        "same_name",
                        "{other} has the same name; use another output folder",
                        other=jobs[target],
                    ).of(str(source))
                )
    return jobs, problems


def search(folder: Path, output: Path | None) -> tuple[list[Path], list[ColouriserError]]:
    """Photographs in a folder, but for those in an output folder inside it; and the folders in it
    that cannot be read."""
    endings, problems = suffixes(), list[ColouriserError]()

    def unreadable(error: OSError) -> None:
        problems.append(
            PhotoError(
                "folder_not_permitted", "you may not read this folder; change its permissions"
            ).of(str(error.filename))
        )

    found = [Path(top, f) for top, _, files in os.walk(folder, onerror=unreadable) for f in files]
    found = [path for path in found if path.suffix.lower() in endings]
    if output is not None:
        inside = os.path.relpath(os.path.realpath(output), os.path.realpath(folder))
        if inside != "." and not inside.startswith(".."):
            found = [path for path in found if not path.is_relative_to(folder / inside)]
    return sorted(found), problems
