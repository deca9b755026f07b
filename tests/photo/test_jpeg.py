"""JPEG to JPEG: the luma's coefficients stay."""

import io
import itertools
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps
from torchvision.io import decode_image  # a decoder of its own

from colouriser import PhotoError, colour, photo

from ..photographs import stored_luma
from .files import write

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "4:1:1")
SIZES = ((1, 1), (7, 5), (16, 16), (17, 33), (101, 64), (451, 300))
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
}


def write_jpeg(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, "JPEG", **({"quality": 85} | options))
    return path


def coefficients(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The luma's coefficients and their quantisation."""
    opened = jpeglib.read_dct(str(path))
    return opened.Y, opened.qt[opened.quant_tbl_no[0]]


def coloured(source: Path, out: Path) -> Path:
    """What the library writes for a photograph, in colours of our own."""
    read = photo.read(source)
    grey = photo.working_luma(read, out.name)
    size = grey.size
    luma = torch.from_numpy(np.array(grey))[None, None] / 255
    down = torch.linspace(-0.1, 0.1, size[1]).view(1, 1, -1, 1).expand(1, 1, size[1], size[0])
    rgb = colour.to_rgb(luma, torch.cat([down, -down], 1))[0].mul(255).round().byte()
    write(Image.fromarray(rgb.permute(1, 2, 0).numpy()), out, read)
    return out


def assert_kept(source: Path, out: Path) -> None:
    (before, table), (after, other) = coefficients(source), coefficients(out)
    assert np.array_equal(before, after)
    assert np.array_equal(table, other)
    with Image.open(source) as old, Image.open(out) as new:
        assert new.size == old.size
        assert new.mode == "RGB"
        new.load()
    assert decode_image(str(out)).shape[0] == 3
    assert out.stat().st_size <= 1.15 * source.stat().st_size + 20_000


@pytest.mark.parametrize("sampling", ["grey", *SAMPLINGS])
def test_luma_stays(sampling: str, cat: Image.Image, tmp_path: Path) -> None:
    count = 0
    for (kind, options), size, quality in itertools.product(KINDS.items(), SIZES, (60, 96)):
        image = cat.resize(size)
        named = dict(options) if sampling == "grey" else options | {"subsampling": sampling}
        source = tmp_path / f"{kind}-{size[0]}-{quality}.jpg"
        write_jpeg(
            image.convert("L") if sampling == "grey" else image, source, quality=quality, **named
        )
        out = coloured(source, tmp_path / f"out-{source.name}")
        assert_kept(source, out)
        assert photo.read(out).luma.tobytes() == photo.read(source).luma.tobytes()
        count += 1
    assert count == 48  # of 240


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_photographs_of_several_sources(path: Path, tmp_path: Path) -> None:
    assert_kept(path, coloured(path, tmp_path / "out.jpg"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_stays_turned(orientation: int, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "Box Brownie"
    source = write_jpeg(cat.crop((0, 0, 201, 131)), tmp_path / "in.jpg", exif=exif)
    out = coloured(source, tmp_path / "out.jpg")
    assert_kept(source, out)
    with Image.open(out) as image:
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == orientation
        assert image.getexif()[ExifTags.Base.Model] == "Box Brownie"
    read, again = photo.read(source), photo.read(out)
    assert again.luma.size == read.luma.size
    assert again.luma.tobytes() == read.luma.tobytes()
    chroma = np.asarray(photo.read_picture(out).convert("YCbCr"), float)[..., 1]
    assert chroma[-20:].mean() > chroma[:20].mean() + 20  # upright, blue is below


@pytest.mark.parametrize("orientation", range(1, 9))
def test_colours_lie_where_they_belong(orientation: int, tmp_path: Path) -> None:
    """Stripes of two pixels of chroma as it is stored, in a photograph with odd sides."""
    colours = np.array([[230, 90, 90], [80, 150, 240]], np.uint8)
    stripes = np.tile(np.repeat(colours, 4, axis=0), (13, 1))[:101]
    stored = Image.fromarray(np.tile(stripes, (67, 1, 1)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    read = photo.read(write_jpeg(stored, tmp_path / "in.jpg", exif=exif, subsampling=0))
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    write(ImageOps.exif_transpose(stored), tmp_path / "out.jpg", read)
    with Image.open(tmp_path / "out.jpg") as image:
        seen, true = (np.asarray(i.convert("YCbCr"), int)[..., 1:] for i in (image, stored))
    assert np.abs(seen - true).mean() < 20  # 12; 29 if each is one pixel beside its place


def test_colours_of_the_whole_size_or_half_of_it(cat: Image.Image, tmp_path: Path) -> None:
    read = photo.read(write_jpeg(cat, tmp_path / "in.jpg"))
    assert photo.working_luma(read, "out.jpg").size == (226, 150)
    assert photo.working_luma(read, "out.png").size == cat.size
    write(cat, tmp_path / "whole.jpg", read)
    write(cat.reduce(2), tmp_path / "half.jpg", read)
    assert (tmp_path / "whole.jpg").read_bytes() == (tmp_path / "half.jpg").read_bytes()


def test_files_of_phones(cat: Image.Image, tmp_path: Path) -> None:
    """Two pictures in one file, and a film after the picture: the first picture is coloured."""
    small = cat.resize((200, 130))
    cat.save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=[small], quality=90)
    write_jpeg(cat, tmp_path / "film.jpg")
    with (tmp_path / "film.jpg").open("ab") as file:
        file.write(np.random.default_rng(0).bytes(5000))
    for name in ("two.jpg", "film.jpg"):
        out = coloured(tmp_path / name, tmp_path / f"out-{name}")
        assert_kept(tmp_path / name, out)
        with Image.open(out) as image:
            assert (image.format, image.size) == ("JPEG", cat.size)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_forgotten_end(mode: str, cat: Image.Image, tmp_path: Path) -> None:
    whole = write_jpeg(cat.convert(mode), tmp_path / "whole.jpg")
    (tmp_path / "in.jpg").write_bytes(whole.read_bytes()[:-2] + bytes(5000))
    assert_kept(tmp_path / "in.jpg", coloured(tmp_path / "in.jpg", tmp_path / "out.jpg"))


def test_very_many_parts(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_jpeg(cat.convert("L"), tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "in.jpg").write_bytes(whole[:-2] + b"\xff\x01" * 20_000 + whole[-2:])
    with caplog.at_level(logging.WARNING):
        out = coloured(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert "very many parts" in caplog.text
    with Image.open(out) as image:
        assert image.size == cat.size


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_many_application_segments(mode: str, cat: Image.Image, tmp_path: Path) -> None:
    """As phones write them, with a depth map for example."""
    whole = write_jpeg(cat.convert(mode), tmp_path / "whole.jpg").read_bytes()
    segments = (b"\xff\xe9\0\x10" + bytes(14)) * 100
    (tmp_path / "in.jpg").write_bytes(whole[:2] + segments + whole[2:])
    assert_kept(tmp_path / "whole.jpg", coloured(tmp_path / "in.jpg", tmp_path / "out.jpg"))


def test_details_are_kept(cat: Image.Image, tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = write_jpeg(cat, tmp_path / "in.jpg", dpi=(300, 300), icc_profile=srgb)
    out = coloured(source, tmp_path / "out.jpg")
    assert_kept(source, out)
    with Image.open(out) as image:
        assert image.info["dpi"] == (300, 300)
    assert b"compositeWithTrainedAlgorithmicMedia" in out.read_bytes()


def test_what_cannot_be_kept_is_encoded_anew(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sources = {
        "CMYK": write_jpeg(cat.convert("CMYK"), tmp_path / "cmyk.jpg"),
        "red, green and blue": write_jpeg(cat, tmp_path / "rgb.jpg", keep_rgb=True),
    }
    for why, source in sources.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            out = coloured(source, tmp_path / f"out-{source.name}")
        assert f"{source.name}: its luma is encoded anew" in caplog.text
        assert why in caplog.text
        luma, again = photo.read(source).luma, photo.read(out).luma
        assert np.abs(np.asarray(luma, int) - np.asarray(again, int)).max() <= 2


def test_damaged_files_end_in_our_error(cat: Image.Image, tmp_path: Path) -> None:
    data = write_jpeg(cat, tmp_path / "good.jpg").read_bytes()
    draw = np.random.default_rng(0)
    for index in range(40):
        broken = bytearray(data)
        for place in draw.integers(2, len(data), 6):
            broken[place] = draw.integers(256)
        path = tmp_path / f"broken-{index}.jpg"
        path.write_bytes(bytes(broken[: draw.integers(100, len(broken))] if index % 2 else broken))
        try:
            out = coloured(path, tmp_path / "out.jpg")
        except PhotoError:
            continue
        with Image.open(out) as image:
            image.load()


def test_png_of_a_jpeg_is_upright(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    source = write_jpeg(cat, tmp_path / "in.jpg", exif=exif)
    with Image.open(coloured(source, tmp_path / "out.png")) as image:
        assert image.size == (cat.height, cat.width)
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1


def test_the_luma_that_is_seen(cat: Image.Image, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    cat.convert("L").resize((1200, 800)).save(buffer, "JPEG", quality=92)
    source = tmp_path / "in.jpg"
    source.write_bytes(buffer.getvalue())
    read = photo.read(source)
    coloured(source, tmp_path / "out.jpg")
    error = np.abs(
        np.asarray(photo.read(tmp_path / "out.jpg").luma, int) - np.asarray(read.luma, int)
    )
    assert (error > 2).mean() < 0.01  # only where a colour does not exist at its luma


def test_without_jpeglib(
    cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Grey files keep their bytes, others are encoded anew, and both are said to be what they
    are."""
    monkeypatch.setattr("colouriser.photo.jpeg.has_jpeglib", lambda: False)
    monkeypatch.setitem(sys.modules, "jpeglib", None)
    grey = write_jpeg(cat.convert("L"), tmp_path / "grey.jpg")
    with caplog.at_level(logging.WARNING):
        out = coloured(grey, tmp_path / "out-grey.jpg")
    assert not caplog.records
    assert np.array_equal(stored_luma(out), stored_luma(grey))
    colours = write_jpeg(cat, tmp_path / "colours.jpg")
    with caplog.at_level(logging.WARNING):
        out = coloured(colours, tmp_path / "out-colours.jpg")
    assert "jpeglib is not installed" in caplog.text
    with Image.open(out) as image:
        error = np.asarray(image.convert("L"), int) - np.asarray(photo.read(colours).luma, int)
    assert (np.abs(error) > 1).mean() < 0.001  # but for single pixels, as for other formats


def test_several_threads_may_write(cat: Image.Image, tmp_path: Path) -> None:
    source = write_jpeg(cat, tmp_path / "in.jpg")
    alone = coloured(source, tmp_path / "alone.jpg").read_bytes()
    targets = [tmp_path / f"{index}.jpg" for index in range(100)]
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda target: coloured(source, target).read_bytes(), targets)
        assert set(results) == {alone}
