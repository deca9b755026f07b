"""Many photographs: archives in and out."""

import os
import struct
import unicodedata
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from colouriser import PhotoError, photo, sources

from . import hostile


def write_zip(path: Path, names: list[str], photograph: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.write(photograph, name)
    return path


@pytest.fixture
def scan(cat: Image.Image, tmp_path: Path) -> Path:
    cat.save(tmp_path / "scan.jpg")
    return tmp_path / "scan.jpg"


def test_files_and_archives(scan: Path, cat: Image.Image, tmp_path: Path) -> None:
    names = ["1938/one.jpg", "two.JPG", "__MACOSX/._one.jpg"]
    archive = write_zip(tmp_path / "album.zip", names, scan)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("notes.txt", "no photograph")
    entries, passed = sources.photographs([scan, archive])
    assert [entry.name for entry in entries] == ["scan.jpg", "1938/one.jpg", "two.JPG"]
    assert passed.counts == {"other": 1, "system": 1}
    for entry in entries:
        with entry.open() as file:
            assert photo.read(file, entry.name).luma.size == cat.size


def test_at_most_so_many(scan: Path, tmp_path: Path) -> None:
    names = [f"{index}.jpg" for index in range(sources.MAX_PHOTOS + 1)]
    archive = tmp_path / "album.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in names:
            opened.writestr(name, b"")
    with pytest.raises(PhotoError, match="more than 500 photographs"):
        sources.photographs([archive])


def test_damaged_archives_and_entries(scan: Path, cat: Image.Image, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg", "two.jpg"], scan)
    data = bytearray(archive.read_bytes())
    data[0:4] = b"nope"  # the first photograph's own header
    archive.write_bytes(data)
    (broken, good), _ = sources.photographs([archive])
    with pytest.raises(PhotoError, match=r"one\.jpg: damaged in its archive"):
        broken.open()
    with good.open() as file:
        assert photo.read(file, good.name).luma.size == cat.size
    write_zip(archive, ["one.jpg"], scan)
    archive.write_bytes(archive.read_bytes()[:-30])  # a download that broke off
    with pytest.raises(PhotoError, match=r"album\.zip: damaged or incomplete archive"):
        sources.photographs([archive])
    archive.write_bytes(data[: len(data) // 2])
    (entry,), _ = sources.photographs([archive])
    with pytest.raises(PhotoError, match=r"album\.zip: not an image"), entry.open() as file:
        photo.read(file, entry.name)


@pytest.mark.parametrize("part", ["first", "last"])
def test_a_part_of_a_split_archive(part: str, scan: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg"], scan)
    data = bytearray(archive.read_bytes())
    if part == "first":
        data[:0] = b"PK\7\x08"
    else:  # the part in which a photograph begins, in the directory at the end
        struct.pack_into("<H", data, data.rfind(b"PK\1\2") + 34, 1)
    archive.write_bytes(data)
    with pytest.raises(PhotoError, match=r"album\.zip: a part of a split archive; join its parts"):
        sources.photographs([archive])


def test_a_whole_archive_may_say_its_part_elsewhere(scan: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg"], scan)
    data = bytearray(archive.read_bytes())
    struct.pack_into("<H", data, data.rfind(b"PK\1\2") + 34, 0xFFFF)
    archive.write_bytes(data)
    (entry,), _ = sources.photographs([archive])
    with entry.open() as file:
        assert photo.read(file, entry.name)


@pytest.mark.parametrize("kind", ["unix", "windows"])
def test_times_in_an_archive_are_those_of_the_world(kind: str, scan: Path, tmp_path: Path) -> None:
    seconds = -1_000_000_001  # of 1938: no DOS time
    extra = struct.pack("<HHBi", 0x5455, 5, 1, seconds)
    if kind == "windows":
        ticks = (seconds + 11_644_473_600) * 10**7
        extra = struct.pack("<HHIHH3Q", 10, 32, 0, 1, 24, ticks, ticks, ticks)
    info = zipfile.ZipInfo("one.jpg", (2026, 7, 1, 12, 0, 0))
    info.extra = extra
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr(info, scan.read_bytes())
    ((entry,), _) = sources.photographs([tmp_path / "album.zip"])
    assert entry.modified == seconds * 10**9


def test_a_time_that_no_system_has_is_none(scan: Path, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("one.jpg", (2026, 7, 1, 12, 0, 0))
    info.extra = struct.pack("<HHIHH3Q", 10, 32, 0, 1, 24, *[2**64 - 1] * 3)
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr(info, scan.read_bytes())
    ((entry,), _) = sources.photographs([tmp_path / "album.zip"])
    assert entry.modified is not None  # DOS's
    os.utime(scan, ns=(entry.modified, entry.modified))


def test_large_and_locked_entries_are_refused_before_unpacking(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg"], scan)
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of a password
    (tmp_path / "locked.zip").write_bytes(data)
    ((entry,), _) = sources.photographs([tmp_path / "locked.zip"])
    with pytest.raises(PhotoError, match=r"one\.jpg: locked with a password"):
        entry.open()
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 1000)
    ((entry,), _) = sources.photographs([archive])
    with pytest.raises(PhotoError, match=r"one\.jpg: more than the limit"):
        entry.open()


def test_names_from_other_systems(scan: Path, tmp_path: Path) -> None:
    names = ["album\\1938\\one.jpg", "../../two.jpg", "C:\\three.jpg"]
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("x.jpg")
            entry.filename = name
            archive.writestr(entry, scan.read_bytes())
    entries, _ = sources.photographs([tmp_path / "album.zip"])
    assert [entry.name for entry in entries] == ["album/1938/one.jpg", "two.jpg", "three.jpg"]


@pytest.mark.parametrize("stem", ["a" * 251, "ü" * 125, "写" * 80])
def test_long_names_are_shortened(stem: str) -> None:
    short = sources.short_stem(f"{stem}.jpg")
    assert stem.startswith(short)
    assert 100 < len(f"{short}-2-colourised.jpg".encode()) < 255


def test_no_name_is_used_twice() -> None:
    used = dict[str, int]()
    names = [
        sources.unused_name(name, used) for name in ("a.jpg", "a.jpg", "A.jpg", "b.jpg", "a.jpg")
    ]
    assert names == ["a.jpg", "a-2.jpg", "A-3.jpg", "b.jpg", "a-4.jpg"]


def test_an_archive_of_many_other_files_is_soon_read(tmp_path: Path) -> None:
    archive = hostile.entries(tmp_path / "album.zip", 20_000)
    entries, passed = sources.photographs([archive])
    assert (entries, passed.counts) == ([], {"other": 20_000})


def test_many_of_one_name_are_soon_told_apart(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        warnings.simplefilter("ignore")  # zipfile's, of names that are there already
        for _ in range(2000):
            archive.writestr("x.jpg", b"")
    entries, _ = sources.in_archive(tmp_path / "album.zip")
    assert [entries[i].name for i in (0, 1, -1)] == ["x.jpg", "x-2.jpg", "x-2000.jpg"]


def test_pack(scan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "1938"
    folder.mkdir(parents=True)
    scan.rename(folder / "scan.jpg")
    os.utime(folder / "scan.jpg", (-1_000_000_000, -1_000_000_000))  # of 1938
    sources.pack(tmp_path / "results", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["1938/scan.jpg"]
        assert archive.read("1938/scan.jpg") == (folder / "scan.jpg").read_bytes()
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


PHOTOSHOP, FILM = b"8BPS\0\1", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"


def test_debris_is_counted_and_other_photographs_are_named(scan: Path, tmp_path: Path) -> None:
    data, folder = scan.read_bytes(), tmp_path / "folder"
    files = {
        "a.jpg": data,
        "no-ending": data,
        "._a.jpg": b"\0\5\x16\7",
        ".trashed-1-a.jpg": data,
        ".cache/a.jpg": data,
        "@eaDir/a.jpg/SYNO_M.jpg": data,
        "#recycle/a.jpg": data,
        "Library.photoslibrary/resources/derivatives/a.jpg": data,
        "Library.photoslibrary/originals/b.jpg": data,
        "a.jpg.crdownload": data,
        "b.jpg.download/b.jpg": data,
        "a.jpg_original": data,
        "notes.txt": b"a note",
        "film": FILM,
        "more.zip": b"PK\3\4",
        "print.tif": PHOTOSHOP,  # reading it will tell
        "layers.dat": PHOTOSHOP,
        "raw.NEF": b"II*\0",
        "raw.jxl": b"\xff\x0a",
        ".c.heic.icloud": b"bplist00",
        "empty": b"",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "link").symlink_to(tmp_path)
    passed = sources.PassedOver()
    found, problems = sources.search(folder, None, passed)
    expected = ["Library.photoslibrary/originals/b.jpg", "a.jpg", "no-ending", "print.tif"]
    assert (list(found), problems) == (expected, [])
    counts = {"hidden": 3, "system": 3, "half": 2, "backup": 1, "other": 2, "film": 1, "packed": 1}
    assert passed.counts == counts
    library = sources.search(folder / "Library.photoslibrary", None, sources.PassedOver())[0]
    assert list(library) == ["originals/b.jpg"]  # given itself, too
    kinds, *named = passed.lines()
    assert kinds.startswith("passed over: hidden files: 3; files of systems: 3; half downloads: 2")
    assert sorted(line.split(": ", 3)[1:] for line in named) == sorted(
        [str(folder / name), why]
        for name, why in {
            "link": "a link to a folder; give that folder itself",
            "c.heic": "a place-holder of iCloud; download the photograph first",
            "layers.dat": "a document of Photoshop or GIMP; save it as TIFF or PNG",
            "raw.NEF": "a camera's raw file; develop it and save it as TIFF or JPEG",
            "raw.jxl": "a JPEG XL; convert it to PNG or JPEG",
        }.items()
    )
    # The same files in an archive are judged alike; it knows no links.
    with zipfile.ZipFile(tmp_path / "folder.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    entries, others = sources.in_archive(tmp_path / "folder.zip")
    assert sorted(entry.name for entry in entries) == expected
    assert (others.counts, len(others.unread)) == (counts, 4)


def test_folders_that_may_not_be_read_are_said_unless_they_are_a_systems(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lost+found", "album"):
        (tmp_path / name).mkdir()
    scandir = os.scandir

    def denied(path: str) -> object:  # who runs as root may read all
        if Path(path) != tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    passed = sources.PassedOver()
    found, problems = sources.search(tmp_path, None, passed)
    assert list(found) == ["scan.jpg"]
    assert [str(problem).split(": ")[0] for problem in problems] == [str(tmp_path / "album")]
    assert passed.counts == {"system": 1}


@pytest.mark.parametrize(
    "names",
    [
        ("a.JPG", "A.jpg"),
        (unicodedata.normalize("NFC", "Mühle.jpg"), unicodedata.normalize("NFD", "Mühle.jpg")),
        ("Album/a.jpg", "album/a.jpg"),
        ("a.gif", "a.gif.png"),
    ],
)
def test_twins_of_other_disks_are_named(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"photograph")
    jobs, problems, _ = sources.plan([tmp_path / "in"], tmp_path / "out")
    assert len(jobs) == 1
    (problem,) = problems
    assert all(str(tmp_path / "in" / name) in str(problem) for name in names)


def test_a_result_whose_name_no_disk_takes(tmp_path: Path) -> None:
    (tmp_path / f"{'ü' * 125}.gif").write_bytes(b"GIF89a")
    jobs, problems, _ = sources.plan([tmp_path], tmp_path / "out")
    assert not jobs
    assert "its result's name would have 258 bytes" in str(problems[0])


def zip_with_names(path: Path, names: list[bytes], data: bytes) -> Path:
    """A zip archive with names that no flag says to be UTF-8."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, name in enumerate(names):
            archive.writestr("x" * len(name) if index == 0 else f"{index}".zfill(len(name)), data)
    raw = path.read_bytes()
    for index, name in enumerate(names):
        stand_in = b"x" * len(name) if index == 0 else str(index).encode().zfill(len(name))
        raw = raw.replace(stand_in, name)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("names", "alphabet"),
    [
        (["Großmutter/Käthe.jpg", "Noël.jpg", "château.jpg"], "cp437"),
        (["São Paulo.jpg", "Ávila.jpg"], "cp850"),
        (["José.jpg", "Großmutter.jpg"], "cp1252"),
        (["бабушка/мама 1938.jpg", "Ленинград.jpg"], "cp866"),
        (["бабушка/мама 1938.jpg", "Ленинград.jpg"], "cp1251"),
        (["写真/母.jpg", "表紙.jpg", "ソファ.jpg"], "cp932"),
        (["할머니/부산 1.jpg", "사진.jpg"], "cp949"),
        (["老照片/全家福.jpg", "香港1950.jpg"], "big5"),
        (["老照片/全家福.jpg", "上海1950.jpg"], "gbk"),
        (["Mühle.jpg", "写真.jpg"], "utf-8"),
    ],
)
def test_names_that_no_flag_explains(names: list[str], alphabet: str, tmp_path: Path) -> None:
    raw = [name.encode(alphabet) for name in names]
    archive = zip_with_names(tmp_path / "album.zip", raw, b"\xff\xd8\xff")
    entries, _ = sources.photographs([archive])
    assert [entry.name for entry in entries] == names
    for entry in entries:
        with entry.open() as file:
            assert file.read() == b"\xff\xd8\xff"


def test_names_of_info_zip(tmp_path: Path) -> None:
    name, other = "写真.jpg".encode(), b"__.jpg"
    for crc, expected in ((zlib.crc32(other), "写真.jpg"), (7, "__.jpg")):
        member = zipfile.ZipInfo(other.decode())
        more = b"\1" + struct.pack("<I", crc) + name
        member.extra = struct.pack("<HH", 0x7075, len(more)) + more
        with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
            archive.writestr(member, b"")
        ((entry,), _) = sources.photographs([tmp_path / "album.zip"])
        assert entry.name == expected


def test_folders_of_an_archive_have_an_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr("a/" * 1000 + "x.jpg", b"")
    ((entry,), _) = sources.photographs([tmp_path / "album.zip"])
    assert entry.name == "a/" * 16 + "x.jpg"


def test_archives_are_planned_like_folders(scan: Path, tmp_path: Path) -> None:
    names = ["1931/front.jpg", "1932/front.jpg", "1932/FRONT.jpg"]
    archive = write_zip(tmp_path / "album.cbz", names, scan)
    jobs, problems, _ = sources.plan([archive], tmp_path / "out")
    targets = [target.relative_to(tmp_path / "out").as_posix() for target in jobs]
    assert (targets, problems) == ([*names[:2], "1932/FRONT-2.jpg"], [])
    assert next(iter(jobs.values())).name == f"{archive}/1931/front.jpg"
    archive.write_bytes(b"PK\3\4" + archive.read_bytes()[4:-30])
    jobs, problems, _ = sources.plan([archive, tmp_path / "none.zip"], tmp_path / "out")
    assert list(jobs) == [tmp_path / "out" / "none.zip.png"]
    (problem,) = problems
    assert str(problem).endswith(
        "album.cbz: damaged or incomplete archive; zip or download it again"
    )
