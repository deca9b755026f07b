"""Small files of every kind, damaged at random: read, or refused by an error of ours."""

import gc
import io
import json
import os
import random
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from PIL import ExifTags, Image

from colouriser import PhotoError, photo, sidecars, sources

MUTANTS = int(os.environ.get("MUTANTS", "150"))  # of each kind; make mutants has more
WIDTH, HEIGHT = 24, 16
ODD = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
GREY = np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1)).astype("u1")
DEEP = GREY.astype("u2") * 257
COLOURS = np.dstack([GREY, GREY[:, ::-1], 255 - GREY])


def pillow(mode: str, file_format: str, **options: object) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Die Mühle"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"MAKER\0" * 9
    more = (
        {"exif": exif.tobytes()} if file_format in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF") else {}
    )
    image = Image.fromarray(COLOURS).convert(mode)
    image.save(buffer, file_format, **(more | options))
    return buffer.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def png_deep() -> bytes:
    return bytes(photo.encode(Image.fromarray(COLOURS), "a.png", deep_photo()))


def deep_photo() -> photo.Photo:
    return photo.read(io.BytesIO(tiff(DEEP, photometric="minisblack")), "deep.tif")


SEEDS: dict[str, Callable[[], bytes]] = {
    "grey.jpg": lambda: pillow("L", "JPEG"),
    "colour.jpg": lambda: pillow("RGB", "JPEG", comment="a mill"),
    "progressive.jpg": lambda: pillow("RGB", "JPEG", progressive=True),
    "cmyk.jpg": lambda: pillow("CMYK", "JPEG"),
    "grey.png": lambda: pillow("L", "PNG"),
    "palette.png": lambda: pillow("P", "PNG"),
    "alpha.png": lambda: pillow("RGBA", "PNG", dpi=(300, 300)),
    "deep.png": png_deep,
    "lossy.webp": lambda: pillow("RGB", "WEBP"),
    "alpha.webp": lambda: pillow("RGBA", "WEBP", lossless=True),
    "a.bmp": lambda: pillow("RGB", "BMP"),
    "a.gif": lambda: pillow("P", "GIF"),
    "a.ppm": lambda: pillow("RGB", "PPM"),
    "text.pgm": lambda: b"P2 24 16 4095\n" + b" ".join(b"%d" % v for v in (DEEP >> 4).flat),
    "deep.pgm": lambda: b"P5 24 16 4095\n" + (DEEP >> 4).astype(">u2").tobytes(),
    "a.jp2": lambda: pillow("RGB", "JPEG2000"),
    "a.avif": lambda: pillow("RGB", "AVIF"),
    "a.heic": lambda: pillow("RGB", "HEIF"),
    "grey.tif": lambda: pillow("L", "TIFF"),
    "packed.tif": lambda: pillow("RGB", "TIFF", compression="tiff_lzw"),
    "jpeg.tif": lambda: pillow("RGB", "TIFF", compression="jpeg"),
    "fax.tif": lambda: pillow("1", "TIFF", compression="group4"),
    "deep.tif": lambda: tiff(DEEP, photometric="minisblack", compression="zlib", predictor=True),
    "twelve.tif": lambda: tiff(DEEP >> 4, photometric="miniswhite", bitspersample=12),
    "planes.tif": lambda: tiff(
        np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate", byteorder=">"
    ),
    "float.tif": lambda: tiff((GREY / 255).astype("f4"), photometric="minisblack", bigtiff=True),
    "tiles.tif": lambda: tiff(DEEP, photometric="minisblack", tile=(16, 16)),
    "pages.tif": lambda: tiff(np.stack([GREY] * 3), photometric="minisblack"),
}


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with some damage: bytes changed, taken out, put in, or its end cut off."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        # Half of all damage is where most of the structure is.
        start = chance.randrange(min(len(out), 200) if chance.random() < 0.5 else len(out))
        match chance.randrange(6):
            case 0:
                out[start] ^= 1 << chance.randrange(8)
            case 1:
                out[start : start + 1] = chance.randbytes(1)
            case 2:
                odd = chance.choice(ODD)
                out[start : start + len(odd)] = odd
            case 3:
                del out[start : start + chance.randint(1, 40)]
            case 4:
                out[start:start] = out[start : start + chance.randint(1, 40)]
            case _:
                del out[max(start, 1) :]
        if len(out) < 2:
            break
    return bytes(out)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file is written, and no process or open file is left."""
    process = psutil.Process()
    gc.collect()  # what others before left
    before = len(process.children(recursive=True)), process.num_fds()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    gc.collect()  # an error and its file may hold each other
    assert not list(tmp_path.iterdir())
    after = len(process.children(recursive=True)), process.num_fds()
    assert after == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_readers(name: str) -> None:
    seed = SEEDS[name]()
    photo.read(io.BytesIO(seed), name)
    read = 0
    for number in range(MUTANTS):
        data = mutated(seed, random.Random(f"{name} {number}"))
        try:
            found = photo.read(io.BytesIO(data), name)
            if max(found.luma.size) < 1000:
                photo.encode(Image.new("RGB", found.luma.size), f"a{found.suffix}", found)
            read += 1
        except PhotoError:
            continue
        except Exception as error:
            raise AssertionError(f"{name}, mutant {number}: {error!r}") from error
    assert read < MUTANTS  # something was damaged


@pytest.mark.filterwarnings("ignore")
def test_archives() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("1931/grey.jpg", "1931/grey.xmp", "Mühle.tif", "notes.txt"):
            archive.writestr(name, zlib.compress(name.encode()) * 9)
    file = Path("album.zip")
    for number in range(MUTANTS):
        file.write_bytes(mutated(buffer.getvalue(), random.Random(f"zip {number}")))
        try:
            for entry in sources.photographs([file])[0]:
                with entry.open() as opened:
                    photo.read(opened, entry.name)
        except PhotoError:
            continue
        except Exception as error:
            raise AssertionError(f"zip, mutant {number}: {error!r}") from error
    file.unlink()


def test_sidecars() -> None:
    packet = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="12,34.5N"/></rdf:RDF></x:xmpmeta>"""
    notes = json.dumps({"description": "Die Mühle", "geoData": {"latitude": 1.5}}).encode()
    for name, seed in (("a.xmp", packet), ("a.json", notes)):
        for number in range(5 * MUTANTS):
            data = mutated(seed, random.Random(f"{name} {number}"))
            try:
                sidecars.edited(name, data, False, 1)
            except ValueError:
                continue
