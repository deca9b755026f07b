"""Sidecars: whose they are, and what of them is copied."""

import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from colouriser import Colouriser, Options, sidecars, sources
from colouriser.job import Job
from colouriser.worker import Worker

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"
 exif:GPSLatitude="12,34.5N" dc:title="Die Mühle"/></rdf:RDF></x:xmpmeta>"""
TAKEOUT = {
    "title": "a.jpg",
    "description": "Die Mühle, 1931",
    "geoData": {"latitude": 12.576, "longitude": 98.1},
    "people": [{"name": "Käthe", "altitude": 3}],
}


@pytest.mark.parametrize(
    ("photograph", "sidecar", "result", "copy"),
    [
        ("a.jpg", "a.xmp", "a.jpg", "a.xmp"),
        ("a.jpg", "a.XMP", "a.jpg", "a.XMP"),
        ("a.gif", "a.xmp", "a.gif.png", "a.gif.xmp"),
        ("a.gif", "a.gif.xmp", "a.gif.png", "a.gif.png.xmp"),
        ("a.jpg", "a.jpg.json", "a-colourised.jpg", "a-colourised.jpg.json"),
        ("a.JPG", "a.jpg.supplemental-metadata.json", "a.JPG", "a.JPG.supplemental-metadata.json"),
        ("a(1).jpg", "a.jpg(1).json", "a(1).jpg", "a(1).jpg.json"),
        ("a(1).jpg", "a.jpg.supplemental-meta(1).json", "a(1).jpg", "a(1).jpg.json"),
        (f"{'a' * 41}.jpg", f"{'a' * 41}.jpg..json", "b.jpg", "b.jpg..json"),
        ("a-edited.jpg", "a.jpg.json", "a-edited.jpg", "a-edited.jpg.json"),
        ("a-bearbeitet.jpg", "a.jpg.json", "a.jpg", "a.jpg.json"),
        ("a-modifie\u0301.jpg", "a.jpg.json", "a.jpg", "a.jpg.json"),  # as a Mac writes é
        ("a-edited(1).jpg", "a.jpg(1).json", "a.jpg", "a.jpg.json"),
        ("mu\u0308hle.jpg", "m\u00fchle.jpg.json", "a.jpg", "a.jpg.json"),
        (f"{'a' * 60}.jpg", f"{'a' * 46}.json", "b.jpg", "b.jpg.json"),
    ],
)
def test_whose_they_are(photograph: str, sidecar: str, result: str, copy: str) -> None:
    found = sidecars.owners([f"1931/{photograph}", "1931/b.png"], [f"1931/{sidecar}"])
    assert found == {f"1931/{photograph}": [f"1931/{sidecar}"]}
    assert sidecars.copy_name(photograph, sidecar, result) == copy
    assert not sidecars.owners([photograph], [f"1931/{sidecar}", "other.xmp", "metadata.json"])


def test_coordinates_and_what_is_no_longer_true_go() -> None:
    turned = sidecars.edited("a.xmp", XMP.encode(), True, 1).decode()
    assert turned == XMP.replace('Orientation="6"', 'Orientation="1"')
    assert sidecars.edited("a.xmp", XMP.encode(), True, 6) == XMP.encode()
    found = sidecars.edited("a.xmp", XMP.encode(), False, 6).decode()
    assert "Die Mühle" in found
    assert "GPS" not in found
    wide = f'<?xml version="1.0" encoding="UTF-16"?>{XMP}'.encode("utf-16")
    assert sidecars.edited("a.xmp", wide, False, 6).decode().startswith('<?xml version="1.0" enc')
    data = json.dumps(TAKEOUT).encode()
    assert sidecars.edited("a.jpg.json", data, True, 1) == data
    kept = json.loads(sidecars.edited("a.jpg.json", data, False, 1))
    assert kept == {
        "title": "a.jpg",
        "description": "Die Mühle, 1931",
        "people": [{"name": "Käthe"}],
    }


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xmp", b"<x/>"),
        ("a.xmp", b"\xff\xfe\0"),
        ("a.xmp", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'),
        ("a.json", b"[1, 2]"),
        ("a.json", b"{"),
        ("a.json", b"\xff"),
        ("a.json", b'{"a": ' * 100_000),
        ("a.json", b" " * (sidecars.MAX_BYTES + 1)),
    ],
)
def test_damaged_ones_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        sidecars.edited(name, data, False, 1)


def write_album(folder: Path, cat: Image.Image) -> None:
    """A photograph of 1965 with sidecars, one of them damaged, in a folder."""
    folder.mkdir()
    cat.resize((90, 60)).convert("L").save(folder / "a.gif")
    (folder / "a.xmp").write_text(XMP, encoding="utf-8")
    (folder / "a.gif.json").write_text(json.dumps(TAKEOUT), encoding="utf-8")
    (folder / "a.gif.xmp").write_bytes(b"<x/>")
    os.utime(folder / "a.gif", (-150_000_000, -150_000_000))


def test_they_are_copied_beside_results_which_have_their_own_time(
    colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    write_album(tmp_path / "in", cat)
    with zipfile.ZipFile(tmp_path / "in.zip", "w", strict_timestamps=False) as archive:
        for file in (tmp_path / "in").iterdir():
            archive.write(file, f"1965/{file.name}")
    for given, below in (("in", "."), ("in/a.gif", "."), ("in.zip", "1965")):
        out = tmp_path / "out" / given
        jobs, problems, _ = sources.plan([tmp_path / given], out)
        ((target, entry),) = jobs.items()
        job = Job(entry.source, entry.name, Options(), target=target, sidecars=entry.sidecars)
        (outcome,) = Worker(colouriser).run([job])
        assert not problems
        assert not outcome.error
        assert ["a.gif.xmp, beside it, is not copied" in line for line in outcome.warnings] == [
            True
        ]
        found = sorted(file.name for file in (out / below).iterdir())
        assert found == ["a.gif.png", "a.gif.png.json", "a.gif.xmp"]
        assert "Die Mühle" in (out / below / "a.gif.xmp").read_text(encoding="utf-8")
        assert "geoData" not in (out / below / "a.gif.png.json").read_text(encoding="utf-8")
        year = 1980 if given == "in.zip" else 1965  # a zip knows none before
        written = (out / below / "a.gif.png").stat().st_mtime
        assert year == time.gmtime(written + 86400).tm_year


def test_in_a_photographs_own_folder_nothing_is_replaced(
    colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    write_album(tmp_path / "in", cat)
    jobs, _, _ = sources.plan([tmp_path / "in"], tmp_path / "in")
    ((target, entry),) = jobs.items()
    job = Job(entry.source, entry.name, target=target, sidecars=entry.sidecars)
    assert not Worker(colouriser).run([job])[0].error
    assert (tmp_path / "in" / "a.gif.xmp").read_bytes() == b"<x/>"  # the copy of a.xmp would be
    assert (tmp_path / "in" / "a.gif.png").exists()
