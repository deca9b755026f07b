"""What a file's numbers mean: depth, white, polarity, transfer; and results of the same depth."""

import io
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from colouriser import PhotoError, photo
from colouriser.photo import png

from .files import (
    HEIGHT,
    SIXTEEN,
    WIDTH,
    bare_tiff,
    coloured,
    grey_profile,
    packed_twelve,
    ramp,
    read_luma,
    srgb,
    tiff,
    whole,
    write,
)

Make = Callable[[Path], Path]
RIGHT = np.rint(ramp(255)).astype(int)


def assert_ramp(path: Path, right: np.ndarray = RIGHT, most: int = 1) -> None:
    assert np.abs(read_luma(path) - right).max() <= most


def deep_png(path: Path, values: np.ndarray, *chunks: tuple[bytes, bytes]) -> Path:
    path.write_bytes(png.with_chunks(bytes(imagecodecs.png_encode(values)), chunks))
    return path


def tiffs(**kinds: Any) -> dict[str, Make]:
    """Makers of TIFFs: values, or values and options."""

    def make(given: Any) -> Make:
        values, options = given if isinstance(given, tuple) else (given, {})
        return lambda path: tiff(path.with_suffix(".tif"), values, **options)

    return {name: make(given) for name, given in kinds.items()}


def highlights(values: np.ndarray, part: float, most: float) -> np.ndarray:
    """The same, with the brightest part of it above 1."""
    return np.where(values > 1 - part, most, values)


SEPARATE = {"photometric": "rgb", "planarconfig": "separate"}
KINDS = tiffs(
    sixteen=whole(SIXTEEN),
    big_endian=(whole(SIXTEEN), {"byteorder": ">"}),
    big_tiff=(whole(SIXTEEN), {"bigtiff": True}),
    lzw=(whole(SIXTEEN), {"compression": "lzw", "predictor": 2}),
    deflate_floats=(ramp().astype("f4"), {"compression": "deflate", "predictor": 3}),
    zstd=(whole(SIXTEEN), {"compression": "zstd"}),
    tiles=(whole(SIXTEEN), {"tile": (32, 32)}),
    jpeg_2000=(whole(255, "u1"), {"compression": "jpeg2000"}),
    white_is_zero=(SIXTEEN - whole(SIXTEEN), {"photometric": "miniswhite"}),
    white_is_zero_big=(SIXTEEN - whole(SIXTEEN), {"photometric": "miniswhite", "byteorder": ">"}),
    white_is_zero_floats=((1 - ramp()).astype("f4"), {"photometric": "miniswhite"}),
    rgb=(np.dstack([whole(SIXTEEN)] * 3), {"photometric": "rgb"}),
    planes=(np.stack([whole(SIXTEEN)] * 3), SEPARATE),
    planes_of_floats=(np.stack([ramp()] * 3).astype("f4"), SEPARATE),
    planes_8=(np.stack([whole(255, "u1")] * 3), SEPARATE),
    floats=ramp().astype("f4"),
    halves=ramp().astype("f2"),
    doubles=ramp(),
    floats_to_65535=ramp(SIXTEEN).astype("f4"),
    floats_to_255=ramp(255).astype("f4"),
    unsigned_32=np.rint(ramp(2**32 - 1)).astype("u4"),
    unsigned_32_to_65535=whole(SIXTEEN, "u4"),
    signed_16=(whole(SIXTEEN, "i4") - 32768).astype("i2"),
    infrared=(
        np.dstack([*[whole(SIXTEEN)] * 3, whole(SIXTEEN)[::-1]]),
        {"photometric": "rgb", "extrasamples": ["unspecified"]},
    ),
    ink=(
        np.dstack([*[SIXTEEN - whole(SIXTEEN)] * 3, 0 * whole(SIXTEEN)]),
        {"photometric": "separated"},
    ),
    largest_4095=(whole(4095), {"extratags": [(281, 3, 1, 4095, True)]}),
    smallest_largest_1023=(whole(1023), {"extratags": [(341, 3, 1, 1023, True)]}),
    largest_of_the_picture=(whole(SIXTEEN), {"extratags": [(281, 3, 1, 65001, True)]}),
    eight_of_4=(whole(15, "u1"), {"extratags": [(281, 3, 1, 15, True)]}),
) | {
    "packed_12": lambda path: bare_tiff(path, packed_twelve(whole(4095)), 12),
    "png_16": lambda path: deep_png(path, whole(SIXTEEN)),
    "png_16_rgb": lambda path: deep_png(path, np.dstack([whole(SIXTEEN)] * 3)),
    "jpeg_2000_12": lambda path: (
        path.write_bytes(imagecodecs.jpeg2k_encode(whole(4095), bitspersample=12, level=0)) and path
    ),
    "jpeg_12": lambda path: (
        path.write_bytes(imagecodecs.jpeg_encode(whole(4095), bitspersample=12, level=99)) and path
    ),
    "jpeg_lossless": lambda path: (
        path.write_bytes(imagecodecs.jpeg_encode(whole(SIXTEEN), lossless=True, bitspersample=16))
        and path
    ),
    "ppm_12": lambda path: (
        path.write_bytes(
            b"P5 # a scan\n%d %d\n4095\n" % (WIDTH, HEIGHT) + whole(4095, ">u2").tobytes()
        )
        and path
    ),
    "ppm_text": lambda path: (
        path.write_bytes(
            b"P2 %d %d\n4095\n# row by row\n" % (WIDTH, HEIGHT)
            + b"\n".join(b" ".join(b"%d" % value for value in row) for row in whole(4095))
        )
        and path
    ),
    "ppm_rgb": lambda path: (
        path.write_bytes(
            b"P6 %d %d 65535\n" % (WIDTH, HEIGHT)
            + np.dstack([whole(SIXTEEN)] * 3).astype(">u2").tobytes()
        )
        and path
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_number_is_the_same_ramp(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / kind)
    steps = {"eight_of_4": 9, "jpeg_12": 2}.get(kind, 1)
    assert_ramp(path, most=steps)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"jpeg_2000", "planes_8", "eight_of_4"}))
def test_a_result_is_as_deep_as_its_source(kind: str, suffix: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / kind)
    read = photo.read(path)
    assert read.deep is not None
    out = coloured(path, tmp_path / f"out{suffix}")
    data = out.read_bytes()
    samples = imagecodecs.png_decode(data) if suffix == ".png" else tifffile.imread(out)
    assert samples.dtype == np.uint16
    luma = np.rint(samples[..., :3].astype(float) @ [0.299, 0.587, 0.114])
    assert np.abs(luma - read.deep).max() <= 1
    assert np.ptp(samples[20, 30].astype(int)) > 500  # it has colours
    with Image.open(out) as opened:  # which other programs can read
        opened.load()
        assert opened.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_depth_that_is_lost_is_said(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = KINDS["sixteen"](tmp_path / "scan")
    coloured(path, tmp_path / f"out{suffix}")
    assert f"out{suffix}: brought down to 8 bits" in caplog.text


def test_a_mark_is_drawn_on_deep_photographs_too(tmp_path: Path) -> None:
    path = tiff(tmp_path / "scan.tif", np.full((300, 400), 20_000, "u2"))
    read = photo.read(path)
    write(photo.mark(read.luma.convert("RGB")), tmp_path / "out.png", read)
    samples = imagecodecs.png_decode((tmp_path / "out.png").read_bytes())
    assert samples.max() > 60_000
    assert (samples[:150] == 20_000).all()


@pytest.mark.parametrize(("part", "most"), [(0.01, 1.05), (0.04, 3.0), (0.001, 100.0)])
def test_highlights_of_floats_are_clipped(part: float, most: float, tmp_path: Path) -> None:
    values = highlights(ramp(), part, most).astype("f4")
    assert_ramp(
        tiff(tmp_path / "light.tif", values),
        RIGHT * (ramp() <= 1 - part) + 255 * (ramp() > 1 - part),
    )


def test_numbers_that_are_none_count_as_black(tmp_path: Path) -> None:
    values = ramp().astype("f4")
    values[:4] = np.nan
    values[4:8] = -0.2
    values[8:12] = np.inf
    right = RIGHT.copy()
    right[:8], right[8:12] = 0, 255
    assert_ramp(tiff(tmp_path / "holes.tif", values), right)


def test_significant_bits_count_where_no_sample_is_larger(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert_ramp(deep_png(tmp_path / "low.png", whole(16383), (b"sBIT", b"\x0e")))
    assert "low.png: has 14 significant bits" in caplog.text
    caplog.clear()
    assert_ramp(deep_png(tmp_path / "full.png", whole(SIXTEEN), (b"sBIT", b"\x0e")))
    assert_ramp(deep_png(tmp_path / "eight.png", whole(255, "u1"), (b"sBIT", b"\x05")))
    assert not caplog.records
    assert_ramp(deep_png(tmp_path / "five.png", whole(31, "u1"), (b"sBIT", b"\x05")), most=5)
    assert "five.png" in caplog.text


def test_a_dark_scan_is_kept_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert_ramp(deep_png(tmp_path / "dark.png", whole(16383)), RIGHT // 4)
    assert "dark.png: uses numbers up to 16383 of 65535" in caplog.text


def light_profile() -> bytes:
    """An ICC profile of sRGB's colours in linear light."""
    light = bytearray(imagecodecs.cms_profile("srgb"))
    start = light.index(b"para") + 12
    light[start : start + 4] = (65536).to_bytes(4, "big")
    light[start - 4 : start] = b"\0\0\0\0"  # a power alone
    return bytes(light)


@pytest.mark.parametrize("kind", ["L", "LA", "1", "P", "RGB"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_profile_is_applied_to_every_mode(kind: str, suffix: str, tmp_path: Path) -> None:
    grey = Image.fromarray(whole(255, "u1"))
    image = grey.convert(kind)
    profile, right = grey_profile(1.0), np.rint(srgb(ramp()) * 255)
    if kind in ("P", "RGB"):  # colours have another
        profile = light_profile()
    image.save(tmp_path / f"light{suffix}", icc_profile=profile)
    stored = np.asarray(image.convert("L")) / 255
    right = np.rint(srgb(stored) * 255)
    assert_ramp(tmp_path / f"light{suffix}", right, 2)
    out = coloured(tmp_path / f"light{suffix}", tmp_path / f"out{suffix}")
    with Image.open(out) as written:
        assert written.info["icc_profile"][16:20] == b"RGB "  # which describes its own numbers


def test_a_profile_is_applied_to_a_bmp(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In its header of version 5, which Pillow does not write."""
    Image.fromarray(whole(255, "u1")).convert("RGB").save(tmp_path / "plain.bmp")
    data, profile = (tmp_path / "plain.bmp").read_bytes(), light_profile()
    pixels, stored = data[54:], read_luma(tmp_path / "plain.bmp")
    start = data[:10] + struct.pack("<2I", 14 + 124, 124) + data[18:54] + bytes(16)
    start += b"DEBM" + bytes(48)  # a profile in the file, where version 4 has a gamma
    for size, right in ((len(profile), np.rint(srgb(stored / 255) * 255)), (2**32 - 1, stored)):
        end = struct.pack("<4I", 4, 124 + len(pixels), size, 0)
        (tmp_path / "light.bmp").write_bytes(start + end + pixels + profile)
        assert_ramp(tmp_path / "light.bmp", right, 2)
    assert ["its colour profile is damaged" in m for m in caplog.messages] == [True]


def test_a_profile_is_applied_to_deep_numbers(tmp_path: Path) -> None:
    profile, right = grey_profile(1.0), np.rint(srgb(ramp()) * 255)
    for name, values in (("sixteen", whole(SIXTEEN)), ("floats", ramp().astype("f4"))):
        assert_ramp(tiff(tmp_path / f"{name}.tif", values, iccprofile=profile), right, 2)
    Image.fromarray(whole(SIXTEEN)).save(tmp_path / "deep.png", icc_profile=profile)
    assert_ramp(tmp_path / "deep.png", right, 2)
    both = np.dstack([whole(SIXTEEN), np.full((HEIGHT, WIDTH), SIXTEEN, "u2")])
    options: dict[str, Any] = {"extrasamples": ["unassalpha"], "iccprofile": profile}
    assert_ramp(tiff(tmp_path / "alpha.tif", both, **options), right, 2)


def test_a_profile_of_something_else_is_ignored_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for profile in (imagecodecs.cms_profile("srgb"), b"GRAY" * 50):
        assert_ramp(tiff(tmp_path / "scan.tif", whole(SIXTEEN), iccprofile=profile))
        assert "scan.tif: its colour profile" in caplog.text
        caplog.clear()


@pytest.mark.parametrize(("bits", "gamma"), [(8, 1.0), (16, 1.0), (8, 0.55), (16, 0.45455)])
def test_the_gamma_of_a_png(bits: int, gamma: float, tmp_path: Path) -> None:
    chunk = (b"gAMA", round(gamma * 100_000).to_bytes(4, "big"))
    path = deep_png(tmp_path / "gamma.png", whole(2**bits - 1, f"u{bits // 8}"), chunk)
    right = RIGHT if gamma == 0.45455 else np.rint(srgb(ramp() ** (1 / gamma)) * 255)
    assert_ramp(path, right, 2)
    path.write_bytes(png.with_chunks(path.read_bytes(), [(b"sRGB", b"\0")]))
    assert_ramp(path)  # which says it surely


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("colours", [1, 3])
def test_deep_transparency(colours: int, premultiplied: bool, tmp_path: Path) -> None:
    alpha = np.full((HEIGHT, WIDTH), SIXTEEN)
    alpha[:, 50:] = SIXTEEN // 2
    values = ramp(SIXTEEN) * (alpha / SIXTEEN if premultiplied else 1)
    samples = np.dstack([*[np.rint(values)] * colours, alpha]).astype("u2")
    path = tiff(
        tmp_path / "clear.tif",
        samples,
        photometric="rgb" if colours == 3 else "minisblack",
        extrasamples=["assocalpha" if premultiplied else "unassalpha"],
    )
    assert_ramp(path)
    for suffix in (".png", ".tif"):
        with Image.open(coloured(path, tmp_path / f"out{suffix}")) as written:
            assert written.mode == "RGBA"
            values = np.asarray(written.getchannel("A"))
            assert (values[:, :50] == 255).all()
            assert (np.abs(values[:, 50:].astype(int) - 128) <= 1).all()


@pytest.mark.parametrize("where", ["second", "sub", "unmarked"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_thumbnail_is_not_the_photograph(where: str, bits: int, tmp_path: Path) -> None:
    small = np.asarray(Image.fromarray(whole(255, "u1")).resize((WIDTH // 4, HEIGHT // 4)))
    large = whole(2**bits - 1, f"u{bits // 8}")
    path = tmp_path / "scan.tif"
    common: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(path) as file:
        subs = {"subifds": 1} if where == "sub" else {}
        file.write(small, subfiletype=int(where != "unmarked"), **subs, **common)
        file.write(large, subfiletype=0, **common)
    assert_ramp(path)
    assert not photo.read(path).several


def test_a_smaller_copy_after_the_photograph_is_no_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(whole(SIXTEEN), photometric="minisblack", metadata=None)
        file.write(whole(SIXTEEN)[::4, ::4], photometric="minisblack", subfiletype=1, metadata=None)
    assert_ramp(tmp_path / "scan.tif")
    assert not caplog.records


def test_the_pages_of_an_album_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = np.stack([whole(SIXTEEN)] * 7)
    tifffile.imwrite(tmp_path / "album.tif", pages, photometric="minisblack", metadata=None)
    read = photo.read(tmp_path / "album.tif")
    assert read.several
    assert read.luma.size == (WIDTH, HEIGHT)
    assert "album.tif: has 7 pages or frames; only the first is used" in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_photographs_are_turned_as_others_are(orientation: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"extratags": [(274, 3, 1, orientation, True)]}
    deep, flat = tmp_path / "deep.tif", tmp_path / "flat.tif"
    tiff(deep, whole(SIXTEEN), **options)
    tiff(flat, np.rint(ramp(255)).astype("u1"), **options)
    assert np.abs(read_luma(deep) - read_luma(flat)).max() <= 1
    read = photo.read(deep)
    assert read.deep is not None
    assert read.deep.shape == read_luma(deep).shape


def raw_dng(path: Path) -> Path:
    small = np.dstack([whole(255, "u1")[::4, ::4]] * 3)
    version: list[Any] = [(50706, 1, 4, b"\1\4\0\0", True)]
    with tifffile.TiffWriter(path) as file:
        file.write(small, subfiletype=1, photometric="rgb", subifds=1, extratags=version)
        file.write(whole(SIXTEEN), subfiletype=0, photometric=32803)
    return path


OTHERS = {
    "a camera's raw file": (
        b"FUJIFILMCCD-RAW 0201",
        b"II*\0\x10\0\0\0CR\2\0",
        b"IIU\0" + bytes(40),
    ),
    "a document of Photoshop": (b"8BPS\0\1", b"gimp xcf v011"),
    "a JPEG XL": (b"\xff\x0a" + bytes(20), b"\0\0\0\x0cJXL \r\n\x87\n"),
    "a PDF": (b"%PDF-1.4\n",),
    "a web page": (b"<!DOCTYPE html><html>", b"\n<html><body>404"),
    "a drawing": (b"<svg/>", b"<?xml version='1.0'?><svg/>"),
    "a film": (b"\0\0\0\x18ftypmp42" + bytes(12), b"\0\0\0\x14ftypqt  " + bytes(12)),
    "what a system keeps": (b"\0\5\x16\7\0\2\0\0Mac OS X",),
    "a place-holder of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n",),
    "a file of measurements": (bytes(128) + b"DICM", b"v/1\x01", b"SIMPLE  =   T"),
    "an archive": (b"PK\3\4" + bytes(30),),
    "a JPEG XR": (b"II\xbc\1",),
    "an empty file": (b"",),
    "damaged, or of a rare kind": (
        b"\xff\xd8\xff\xd9",
        b"II*\0\x08\0\0\0",
        b"\n\xff\xd8\xff\xe0",
        b"HTTP/1.1 200 OK\r\n\r\n" + png.START,
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_photograph_is_named_with_a_remedy(what: str, tmp_path: Path) -> None:
    for data in OTHERS[what]:
        (tmp_path / "given.jpg").write_bytes(data)
        with pytest.raises(PhotoError, match=f"^given.jpg: {what}.*; ") as error:
            photo.read(tmp_path / "given.jpg")
        assert "use JPEG" not in str(error.value)


def test_raw_pictures_are_refused_and_not_their_previews_coloured(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"raw\.dng: a camera's raw file; develop it"):
        photo.read(raw_dng(tmp_path / "raw.dng"))


def test_what_is_too_deep_or_odd_is_refused(tmp_path: Path) -> None:
    palette = bare_tiff(tmp_path / "odd.tif", whole(SIXTEEN).tobytes(), 16, (262, 4, b"\3"))
    with pytest.raises(PhotoError, match=r"odd\.tif: .*; save it"):
        photo.read(palette)
    rare = bare_tiff(tmp_path / "rare.tif", bytes(500), 16, (259, 4, struct.pack("<I", 34676)))
    with pytest.raises(PhotoError, match=r"rare\.tif: .*; "):
        photo.read(rare)


def test_a_cut_scan_is_damaged(tmp_path: Path) -> None:
    for compression in (None, "lzw", "deflate"):
        noise = np.random.default_rng(0).integers(0, SIXTEEN, (300, 300)).astype("u2")
        path = tiff(tmp_path / "scan.tif", noise, compression=compression, rowsperstrip=50)
        data = path.read_bytes()
        with tifffile.TiffFile(path) as opened:
            last = opened.pages[0].dataoffsets[-1]
        path.write_bytes(data[: last + 100])
        if int.from_bytes(data[4:8], "little") < last:  # the directory is still there
            with pytest.raises(PhotoError, match=r"scan\.tif: "):
                photo.read(path)


def test_heif_of_ten_bits_stays_deep(tmp_path: Path) -> None:
    rgb = np.dstack([whole(SIXTEEN)] * 3)
    file = pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), rgb.tobytes())
    file.save(tmp_path / "deep.heic", quality=100)
    read = photo.read(tmp_path / "deep.heic")
    assert read.deep is not None
    assert np.abs(np.asarray(read.luma, int) - RIGHT).max() <= 3


def test_a_zip_is_read_like_a_file(tmp_path: Path) -> None:
    path = KINDS["lzw"](tmp_path / "scan")
    assert np.array_equal(
        read_luma(path), np.asarray(photo.read(io.BytesIO(path.read_bytes())).luma)
    )


def test_ordinary_files_say_nothing(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".jp2"):
        cat.save(tmp_path / f"cat{suffix}")
        assert photo.read(tmp_path / f"cat{suffix}").deep is None
    assert not caplog.records


def test_bytes_that_are_said_to_be_signed_are_shown_as_they_are(tmp_path: Path) -> None:
    values = whole(255, "u1")
    path = tiff(tmp_path / "signed.tif", values.view("i1"))
    assert (read_luma(path) == values).all()


def test_webp_in_tiff(tmp_path: Path) -> None:
    values = np.dstack([whole(255, "u1")] * 3)
    options = {"photometric": "rgb", "compression": "webp", "compressionargs": {"level": -1}}
    path = tiff(tmp_path / "webp.tif", values, **options)
    assert abs(read_luma(path) - values[..., 0]).max() <= 1
