"""Which files: photographs in folders and zip archives, their sidecars, and the names of results.

Folders, archives and buckets share one rule, `sort_out`. A file with a photograph's ending is one,
and reading it will tell if it is not; of others the first bytes decide, where they can be had.
"""

import os
import re
import struct
import time
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from . import sidecars
from .alphabets import decode_names
from .debris import PLACEHOLDER, PassedOver, debris
from .errors import ColouriserError, PhotoError
from .job import Source
from .photo import result_name, suffixes
from .photo.kinds import FILMS, HEAD, file_kind

MAX_PHOTOS = 500  # at once, on the page
MAX_FILE_BYTES = 200_000_000  # of one photograph in an archive, unpacked
MAX_STEM_BYTES = 180  # of a result's name without its suffix, in file systems that allow 255
MAX_NAME_BYTES = 255  # of a name in most file systems
MAX_FOLDERS = 16  # around a photograph in an archive, of those that come back
MAX_HEADS = 10_000  # files of an archive whose endings say nothing, and whose first bytes are read
FIRST_OF_SEVERAL = b"PK\7\x08"  # begins the first part of a zip archive that was split
ZIP_STARTS = (b"PK\3\4", b"PK\5\6", FIRST_OF_SEVERAL)
ELSEWHERE = 0xFFFF  # part of a split archive: which one, an extra field says (zip64)
UTF_8_FLAG = 0x800  # of names in zip archives
UNICODE_NAME, UNIX_TIME, WINDOWS_TIME = 0x7075, 0x5455, 0x000A  # kinds of what may stand beside one
FROM_1601 = 11_644_473_600  # seconds to 1970, when Unix's time begins
LAST_TICK = 1 << 58  # in the year 2514; a system refuses times that are far away


@dataclass(frozen=True)
class Entry:
    """A photograph, or a sidecar, in a file or in a zip archive."""

    name: str  # what messages call it; in an archive with its folders
    file: Path  # it, or the archive
    member: zipfile.ZipInfo | None = None  # which one of the archive's
    sidecars: tuple[Source, ...] = ()

    @property
    def source(self) -> Source:
        """What a job reads."""
        return self.file if self.member is None else self

    @property
    def nbytes(self) -> int:
        """Bytes that will be read."""
        return self.member.file_size if self.member else self.file.stat().st_size

    @property
    def modified(self) -> int | None:
        """When it was last written, nanoseconds since 1970."""
        if self.member is None:
            return self.file.stat().st_mtime_ns
        for kind, value in _extras(self.member):  # DOS's time is local, and of whole two seconds
            if kind == UNIX_TIME and len(value) >= 5 and value[0] & 1:
                return int.from_bytes(value[1:5], "little", signed=True) * 10**9
            ticks = int.from_bytes(value[8:16], "little")  # of 100 nanoseconds
            if kind == WINDOWS_TIME and value[4:8] == b"\1\0\x18\0" and 0 < ticks < LAST_TICK:
                return ticks * 100 - FROM_1601 * 10**9
        if 0 in self.member.date_time[1:3]:  # no month, no day: no time was known
            return None
        try:
            return int(time.mktime((*self.member.date_time, 0, 0, -1))) * 10**9
        except (OverflowError, ValueError):
            return None

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
        except NotImplementedError as error:  # Deflate64, say
            raise PhotoError(
                "packed_rarely", "packed in a way that is not known here; zip it anew"
            ).of(self.name) from error
        except (zipfile.BadZipFile, OSError) as error:
            raise PhotoError("damaged_in_archive", "damaged in its archive; zip it again").of(
                self.name
            ) from error


def sort_out(
    names: Iterable[str], head: Callable[[str], bytes | None], passed: PassedOver, place: str = ""
) -> dict[str, list[str]]:
    """Which files are photographs: the name of each, and those of its sidecars.

    Args:
        names: of the files below one folder, with slashes.
        head: a file's first bytes; None where they cannot be had, and its ending decides.
        passed: is told of the rest.
        place: what stands before the names of what is told.
    """
    endings, found, notes = suffixes(), list[str](), list[str]()
    folder = PurePosixPath(place).name
    for name in names:
        path = PurePosixPath(name)
        suffix = path.suffix.lower()
        away = PLACEHOLDER.fullmatch(path.name)
        if away and PurePosixPath(away[1]).suffix.lower() in endings:
            passed.unread.append(_not_here().of(f"{place}{path.with_name(away[1])}"))
        elif kind := debris(name, folder):
            passed.counts[kind] += 1
        elif suffix in endings:
            found.append(name)
        elif suffix in sidecars.ENDINGS:
            notes.append(name)
        elif (other := file_kind(suffix, head(name))) is True:
            found.append(name)
        elif other and not other.counted:
            passed.unread.append(other.refusal().of(f"{place}{name}"))
        else:
            counted = other.counted if other else "other"
            if suffix in FILMS and counted in ("film", "other"):
                passed.films.add(name)
                counted = "film"
            passed.counts[counted] += 1
    owned = sidecars.owners(found, notes)
    of_photographs = {note for each in owned.values() for note in each}
    passed.counts.update("other" for note in notes if note not in of_photographs)
    return {name: owned.get(name, []) for name in found}


def _not_here() -> PhotoError:
    return PhotoError("not_here", "a place-holder of iCloud; download the photograph first")


def photographs(files: Iterable[Path]) -> tuple[list[Entry], PassedOver]:
    """The photographs in files, some of which may be zip archives, and what was passed over in
    archives.

    Raises:
        PhotoError: an archive is damaged, or there are more than 500 photographs.
    """
    found, passed = list[Entry](), PassedOver()
    for file in files:
        if is_archive(file):
            entries, others = in_archive(file)
            found += entries
            passed.add(others)
        else:
            found.append(Entry(file.name, file))
        if len(found) > MAX_PHOTOS:
            raise PhotoError(
                "too_many", "more than {most} photographs; give them in parts", most=MAX_PHOTOS
            )
    return found, passed


def is_archive(file: Path) -> bool:
    """Whether a file is a zip archive, whatever its name; False if it cannot be read."""
    try:
        if not file.is_file():
            return False
        starts_so = _head(file)[:4] in ZIP_STARTS  # its end may be missing
        return starts_so or (file.suffix.lower() == ".zip" and zipfile.is_zipfile(file))
    except OSError:
        return False


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(HEAD)


def in_archive(file: Path) -> tuple[list[Entry], PassedOver]:
    """The photographs in a zip archive, and what was passed over in it.

    Raises:
        PhotoError: it is damaged, or a part of one.
    """
    members, passed, used = dict[str, zipfile.ZipInfo](), PassedOver(), dict[str, int]()
    looked_into = count()
    try:
        if _head(file).startswith(FIRST_OF_SEVERAL):
            raise _split()
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if any(0 < info.volume < ELSEWHERE for info in infos):
                raise _split()
            for info, name in zip(infos, _member_names(infos), strict=True):
                if name := _inside(name):
                    members[unused_name(name, used)] = info

            def head(name: str) -> bytes | None:
                if not members[name].file_size:
                    return b""
                if next(looked_into) >= MAX_HEADS:
                    return None
                try:
                    with archive.open(members[name]) as opened:
                        return opened.read(HEAD)
                except Exception:  # locked, or damaged, of which opening it says more
                    return None

            found = sort_out(members, head, passed)
    except PhotoError as error:
        raise error.of(file.name) from None
    except Exception as error:  # zipfile raises anything on damaged files
        raise PhotoError(
            "damaged_archive", "damaged or incomplete archive; zip or download it again"
        ).of(file.name) from error
    entry = {name: Entry(name, file, member) for name, member in members.items()}
    return [
        replace(entry[name], sidecars=tuple(entry[note] for note in notes))
        for name, notes in found.items()
    ], passed


def _split() -> PhotoError:
    return PhotoError(
        "split_archive",
        "a part of a split archive; join its parts first (zip -s 0 PART --out WHOLE)",
    )


def _member_names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Names in a zip archive. Those that no flag says to be UTF-8 were written in the alphabet of
    one system, which zipfile takes for that of DOS."""
    raw = [info.orig_filename.encode("cp437", "replace") for info in infos]
    said = [
        info.orig_filename if info.flag_bits & UTF_8_FLAG else _unicode_name(info, name)
        for info, name in zip(infos, raw, strict=True)
    ]
    guessed = iter(decode_names([name for name, text in zip(raw, said, strict=True) if not text]))
    return [text or next(guessed) for text in said]


def _unicode_name(info: zipfile.ZipInfo, raw: bytes) -> str:
    """The name in UTF-8 that Info-ZIP writes beside another; "" if there is none."""
    for kind, value in _extras(info):
        if kind == UNICODE_NAME and value[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return value[5:].decode("utf-8", "ignore")
    return ""


def _extras(info: zipfile.ZipInfo) -> Iterator[tuple[int, bytes]]:
    """What stands beside a name in a zip archive: kind and value."""
    place, extra = 0, info.extra
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        yield kind, extra[place + 4 : place + 4 + size]
        place += 4 + size


def _inside(name: str) -> str:
    """A name in an archive without what leads out of a folder; "" for none."""
    parts = re.split(r"[/\\]", name.replace("\0", ""))  # some programs write backslashes
    parts = [part for part in parts if part not in ("", ".", "..") and not part.endswith(":")]
    return "/".join(parts[-MAX_FOLDERS - 1 :])


def short_stem(name: str) -> str:
    """A file name without folders and suffix, short enough to be added to."""
    stem = Path(name).stem.encode("utf-8", "replace")
    return stem[:MAX_STEM_BYTES].decode("utf-8", "ignore")


def folded(name: str) -> str:
    """A name as those file systems see it that know no case, or no difference between é and é."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def unused_name(name: str, used: dict[str, int]) -> str:
    """A name, or one with a number added if it has been used; it is used from now on.

    Args:
        used: names, `folded`, and the last number of each.
    """
    path, key, free = PurePosixPath(name), folded(name), name
    while folded(free) in used:
        used[key] += 1
        free = str(path.with_name(f"{path.stem}-{used[key]}{path.suffix}"))
    used[folded(free)] = 1
    return free


def pack(folder: Path, target: Path) -> None:
    """Write the files in a folder into a zip archive, under their names below it."""
    # Photographs are dense; and a zip knows no year before 1980, so it has the nearest.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))


def target_name(name: str, format: str = "original") -> str:
    """The name of a photograph's result: its own, or NAME.png where the format is to be or must be
    another."""
    if format == "png" and Path(name).suffix.lower() != ".png":
        return f"{name}.png"
    return result_name(name)


def claim_name(target: str, source: str, taken: dict[str, str]) -> PhotoError | None:
    """Take a name for a result; or what is wrong with it.

    Args:
        target: the name, with folders.
        source: of the photograph.
        taken: names that have been taken, `folded`, and the photographs that took them.
    """
    size = len(os.fsencode(PurePosixPath(target).name))
    if size > MAX_NAME_BYTES:
        return PhotoError(
            "name_too_long",
            "its result's name would have {size} bytes, where disks allow {most}; rename it",
            size=size,
            most=MAX_NAME_BYTES,
        )
    other = taken.setdefault(folded(target), source)
    if other != source:
        return PhotoError(
            "same_name",
            "{other} would get the same name, or one that many disks take for the same; rename "
            "one, or use another output folder",
            other=other,
        )
    return None


def plan(
    photos: Iterable[Path], output: Path, format: str = "original"
) -> tuple[dict[Path, Entry], list[ColouriserError], PassedOver]:
    """Which result is written from which photograph (target -> it), what is wrong with others, and
    what was passed over.

    Args:
        photos: photographs; folders that are searched for them; and zip archives.
        output: folder for the results; inside a searched folder it is passed over.
        format: of the results, see `Options`.
    """
    jobs, problems, taken = dict[Path, Entry](), list[ColouriserError](), dict[str, str]()
    photos, passed = list(photos), PassedOver()
    beside = _beside(given for given in photos if not os.path.isdir(given))
    for given in photos:
        entries, wrong = _entries(given, output, passed, beside)
        problems += wrong
        for name, entry in entries.items():
            path = output / name
            target = path.with_name(target_name(path.name, format))
            if os.path.realpath(target) == os.path.realpath(entry.file):
                problems.append(
                    PhotoError(
                        "same_file", "would be overwritten; choose another output folder"
                    ).of(entry.name)
                )
            elif problem := claim_name(target.as_posix(), entry.name, taken):
                problems.append(problem.of(entry.name))
            else:
                jobs[target] = entry
    return jobs, problems, passed


def _entries(
    given: Path, output: Path, passed: PassedOver, beside: dict[Path, tuple[Source, ...]]
) -> tuple[dict[str, Entry], list[ColouriserError]]:
    """The photographs of one argument, by the names of their results; and what is wrong."""
    if is_archive(given):
        try:
            entries, others = in_archive(given)
        except PhotoError as error:
            return {}, [error.of(str(given))]
        for unread in others.unread:
            unread.of(f"{given}/{unread.about}")
        passed.add(others)
        found = {entry.name: replace(entry, name=f"{given}/{entry.name}") for entry in entries}
        return found, [] if found else [_empty().of(str(given))]
    if not os.path.isdir(given):
        return {given.name: Entry(str(given), given, sidecars=beside.get(given, ()))}, []
    names, problems = search(given, output, passed)
    if not names and not problems:
        problems.append(_empty().of(str(given)))
    return {
        name: Entry(str(given / name), given / name, sidecars=_paths(given, notes))
        for name, notes in names.items()
    }, problems


def _empty() -> PhotoError:
    return PhotoError("empty_folder", "no photographs in this folder; check the name")


def _beside(files: Iterable[Path]) -> dict[Path, tuple[Source, ...]]:
    """The sidecars of files."""
    found, folders = dict[Path, tuple[Source, ...]](), defaultdict[Path, list[str]](list)
    for file in files:
        folders[file.parent].append(file.name)
    for folder, names in folders.items():
        with suppress(OSError):
            notes = [n for n in os.listdir(folder) if n.lower().endswith(sidecars.ENDINGS)]
            for name, own in sidecars.owners(names, notes).items():
                found[folder / name] = _paths(folder, own)
    return found


def _paths(folder: Path, names: list[str]) -> tuple[Source, ...]:
    return tuple(folder / name for name in sorted(names))


def search(
    folder: Path, output: Path | None, passed: PassedOver
) -> tuple[dict[str, list[str]], list[ColouriserError]]:
    """Photographs in a folder, but for those in an output folder inside it, see `sort_out`; and the
    folders in it that cannot be read.

    Links to files are followed; those to folders are named, since they may lead anywhere.
    """
    problems, inside = list[ColouriserError](), ""
    if output is not None:
        inside = os.path.relpath(os.path.realpath(output), os.path.realpath(folder))

    def unreadable(error: OSError) -> None:
        if debris(os.path.relpath(error.filename, folder).replace(os.sep, "/")):
            passed.counts["system"] += 1
            return
        problems.append(
            PhotoError(
                "folder_not_permitted", "you may not read this folder; change its permissions"
            ).of(str(error.filename))
        )

    names = list[str]()
    for top, folders, files in os.walk(folder, onerror=unreadable):
        below = "" if (at := os.path.relpath(top, folder)) == "." else f"{at}/".replace(os.sep, "/")
        names += (below + file for file in files)
        for each in folders:
            if os.path.islink(os.path.join(top, each)) and not debris(below + each):
                passed.unread.append(_link().of(os.path.join(top, each)))
        folders[:] = [each for each in folders if below + each != inside.replace(os.sep, "/")]
    head = partial(_head_below, folder)
    return sort_out(sorted(names), head, passed, f"{folder}/"), problems


def _link() -> PhotoError:
    return PhotoError("link_to_folder", "a link to a folder; give that folder itself")


def _head_below(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        return _head(path) if path.is_file() else b""  # opening a pipe would wait for ever
    except OSError:
        return b""
