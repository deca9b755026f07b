"""Many photographs: archives in and out."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from colouriser import PhotoError, many, photo


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
    entries = list(many.photographs([scan, archive]))
    assert [name for name, _ in entries] == ["scan.jpg", "one.jpg", "two.JPG"]
    for name, opener in entries:
        with opener() as file:
            assert photo.read(file, name).luma.size == cat.size


def test_at_most_so_many(scan: Path, tmp_path: Path) -> None:
    names = [f"{index}.jpg" for index in range(many.MOST + 1)]
    archive = tmp_path / "album.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in names:
            opened.writestr(name, b"")
    with pytest.raises(PhotoError, match="more than 500 photographs"):
        list(many.photographs([archive]))


def test_damaged_archives_and_entries(scan: Path, cat: Image.Image, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg", "two.jpg"], scan)
    data = bytearray(archive.read_bytes())
    data[0:4] = b"nope"  # the first photograph's own header
    archive.write_bytes(data)
    (_, broken), (name, good) = many.photographs([archive])
    with pytest.raises(PhotoError, match=r"one\.jpg: damaged in its archive"):
        broken()
    with good() as file:
        assert photo.read(file, name).luma.size == cat.size
    archive.write_bytes(data[: len(data) // 2])
    (name, opener), *_ = many.photographs([archive])
    with pytest.raises(PhotoError, match=r"album\.zip: not an image"), opener() as file:
        photo.read(file, name)


def test_large_and_locked_entries_are_refused_before_unpacking(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "album.zip", ["one.jpg"], scan)
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of a password
    (tmp_path / "locked.zip").write_bytes(data)
    ((_, opener),) = many.photographs([tmp_path / "locked.zip"])
    with pytest.raises(PhotoError, match=r"one\.jpg: locked with a password"):
        opener()
    monkeypatch.setattr(many, "LARGEST", 1000)
    ((_, opener),) = many.photographs([archive])
    with pytest.raises(PhotoError, match=r"one\.jpg: more than the limit"):
        opener()


def test_pack_keeps_files_of_the_same_name(scan: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "scan.jpg"
    again.parent.mkdir()
    again.write_bytes(b"another")
    many.pack([scan, again], tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["scan.jpg", "scan-2.jpg"]
        assert archive.read("scan-2.jpg") == b"another"
