"""Many photographs: archives in and out."""

import zipfile
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
    names = ["1938/one.jpg", "two.JPG", "notes.txt", "__MACOSX/._one.jpg"]
    archive = write_zip(tmp_path / "album.zip", names, scan)
    entries, passed = sources.photographs([scan, archive])
    assert [entry.name for entry in entries] == ["scan.jpg", "one.jpg", "two.JPG"]
    assert passed == ["notes.txt"]
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
    archive.write_bytes(data[: len(data) // 2])
    (entry,), _ = sources.photographs([archive])
    with pytest.raises(PhotoError, match=r"album\.zip: not an image"), entry.open() as file:
        photo.read(file, entry.name)


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
    assert [entry.name for entry in entries] == ["one.jpg", "two.jpg", "three.jpg"]


@pytest.mark.parametrize("stem", ["a" * 251, "ü" * 125, "写" * 80])
def test_long_names_are_shortened(stem: str) -> None:
    short = sources.short_stem(f"{stem}.jpg")
    assert stem.startswith(short)
    assert 100 < len(f"{short}-2-colourised.jpg".encode()) < 255


def test_no_name_is_used_twice() -> None:
    used: set[str] = set()
    names = [
        sources.unused_name(name, used) for name in ("a.jpg", "a.jpg", "A.jpg", "b.jpg", "a.jpg")
    ]
    assert names == ["a.jpg", "a-2.jpg", "A-3.jpg", "b.jpg", "a-4.jpg"]


def test_an_archive_of_many_other_files_is_soon_read(tmp_path: Path) -> None:
    archive = hostile.entries(tmp_path / "album.zip", 20_000)
    entries, passed = sources.photographs([archive])
    assert (len(entries), len(passed)) == (0, 20_000)


def test_pack(scan: Path, tmp_path: Path) -> None:
    sources.pack([scan], tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["scan.jpg"]
        assert archive.read("scan.jpg") == scan.read_bytes()
