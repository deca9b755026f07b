"""Reading and writing photographs."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from colouriser import PhotoError, photo


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_formats(suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"cat{suffix}"
    cat.save(path)
    read = photo.read(path)
    assert read.suffix == suffix
    assert read.luma.size == cat.size
    photo.write(cat, tmp_path / f"out{suffix}", read)
    with Image.open(tmp_path / f"out{suffix}") as written:
        error = np.abs(np.asarray(written.convert("L"), int) - np.asarray(cat.convert("L"), int))
    assert error.max() == 0 if suffix != ".jpg" else error.max() <= 1


@pytest.mark.parametrize("suffix", [".gif", ".jp2", ".ppm"])
def test_formats_that_become_png(suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / f"cat{suffix}")
    assert photo.read(tmp_path / f"cat{suffix}").suffix == ".png"


def test_content_decides_not_the_name(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.jpg", "PNG")
    assert photo.read(tmp_path / "cat.jpg").suffix == ".png"


def test_metadata_is_kept_but_not_the_position(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1938:06:01 12:00:00"
    cat.save(tmp_path / "cat.jpg", exif=exif)
    read = photo.read(tmp_path / "cat.jpg")
    assert read.luma.size == cat.size[::-1]
    photo.write(read.luma.convert("RGB"), tmp_path / "out.jpg", read)
    with Image.open(tmp_path / "out.jpg") as written:
        kept = written.getexif()
        assert kept[ExifTags.Base.Model] == "Box Brownie"
        date = kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        assert date == "1938:06:01 12:00:00"
        assert ExifTags.Base.Orientation not in kept
        assert not kept.get_ifd(ExifTags.IFD.GPSInfo)


def test_transparency_is_kept(cat: Image.Image, tmp_path: Path) -> None:
    alpha = cat.convert("L").point(lambda v: 255 if v > 100 else 0)
    clear = cat.copy()
    clear.putalpha(alpha)
    clear.save(tmp_path / "cat.png")
    photo.write(cat, tmp_path / "out.png", photo.read(tmp_path / "cat.png"))
    with Image.open(tmp_path / "out.png") as written:
        assert written.getchannel("A").tobytes() == alpha.tobytes()


def test_colour_profiles_are_converted(cat: Image.Image, tmp_path: Path) -> None:
    """The same numbers in a colour space with another white mean another luma."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    with_wrong_profile = photo.read(_saved(cat, tmp_path / "wrong.png", profile)).luma
    assert with_wrong_profile.tobytes() == cat.convert("L").tobytes()  # ignored, with a warning
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = photo.read(_saved(cat, tmp_path / "same.png", srgb)).luma
    assert np.abs(np.asarray(same, int) - np.asarray(cat.convert("L"), int)).max() <= 1


def _saved(image: Image.Image, path: Path, profile: bytes) -> Path:
    image.save(path, icc_profile=profile)
    return path


def test_sixteen_bit_files(cat: Image.Image, tmp_path: Path) -> None:
    luma = np.asarray(cat.convert("L"))
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(luma.astype(np.uint16) * 257).save(tmp_path / name)
        assert np.array_equal(np.asarray(photo.read(tmp_path / name).luma), luma)


def jpeg(cat: Image.Image) -> bytes:
    buffer = io.BytesIO()
    cat.save(buffer, "JPEG")
    return buffer.getvalue()


def test_bad_files_are_named_and_explained(cat: Image.Image, tmp_path: Path) -> None:
    content = {
        "text.jpg": b"not an image at all",
        "empty.jpg": b"",
        "cut.jpg": jpeg(cat)[:5000],
        "head.jpg": jpeg(cat)[:100],
        "script.svg": b"<svg/>",
    }
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    for name in [*content, "missing.jpg"]:
        with pytest.raises(PhotoError) as error:
            photo.read(tmp_path / name)
        message = str(error.value)
        assert message.startswith(f"{name}: ")
        assert "; " in message  # what was wrong; what to do
        assert "\n" not in message
        assert str(tmp_path) not in message


@pytest.mark.parametrize("side", [13_000, 60_000])
def test_bombs_are_refused_before_decoding(side: int, tmp_path: Path) -> None:
    # A PNG that claims to be side × side pixels, without the pixels.
    path = tmp_path / "bomb.png"
    Image.new("L", (1, 1)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = side.to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=r"bomb\.png: .*limit of 150 megapixels"):
        photo.read(path)


def test_nothing_partial_is_left(cat: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"what was there before")
    with pytest.raises(PhotoError):
        photo.write(cat.convert("F"), tmp_path / "out.png")  # PNG cannot hold it: fails half way
    assert (tmp_path / "out.png").read_bytes() == b"what was there before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]


def test_unwritable_format_and_place(cat: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"out\.gif: cannot write this format"):
        photo.write(cat, tmp_path / "out.gif")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PhotoError, match=r"out\.png: cannot be written"):
        photo.write(cat, tmp_path / "file" / "out.png")
