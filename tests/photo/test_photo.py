"""Reading and writing photographs."""

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from colouriser import PhotoError, photo

from .. import hostile
from ..photographs import stored_luma
from .files import write


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_formats(suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"cat{suffix}"
    cat.save(path)
    read = photo.read(path)
    assert read.suffix == suffix
    assert read.luma.size == cat.size
    write(cat, tmp_path / f"out{suffix}", read)
    out = tmp_path / f"out{suffix}"
    assert np.array_equal(stored_luma(out), stored_luma(path if suffix == ".jpg" else out))
    if suffix != ".jpg":
        assert np.array_equal(stored_luma(out), np.asarray(cat.convert("L"), int))


@pytest.mark.parametrize("suffix", [".gif", ".jp2", ".ppm", ".heic", ".avif"])
def test_formats_that_become_png(suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / f"cat{suffix}")
    assert photo.read(tmp_path / f"cat{suffix}").suffix == ".png"


def test_content_decides_not_the_name(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.jpg", "PNG")
    assert photo.read(tmp_path / "cat.jpg").suffix == ".png"


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((".jpg", mode) for mode in ("1", "L", "RGB", "CMYK")),
        *((".png", mode) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
        *((".tif", mode) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16")),
    ],
)
def test_every_mode_comes_back(mode: str, suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    deep = Image.fromarray(np.asarray(cat.convert("L")).astype(np.uint16) * 257)
    image = deep if mode == "I;16" else cat.convert(mode)
    image.save(tmp_path / f"cat{suffix}")
    write(cat, tmp_path / f"out{suffix}", photo.read(tmp_path / f"cat{suffix}"))
    with Image.open(tmp_path / f"out{suffix}") as written:
        written.load()
        assert written.size == cat.size
        assert written.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_metadata_is_kept_but_not_the_position(
    suffix: str, cat: Image.Image, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1938:06:01 12:00:00"
    cat.save(tmp_path / "cat.jpg", exif=exif, dpi=(600, 600))
    read = photo.read(tmp_path / "cat.jpg")
    assert read.luma.size == cat.size[::-1]
    write(read.luma.convert("RGB"), tmp_path / f"out{suffix}", read)
    with Image.open(tmp_path / f"out{suffix}") as written:
        if suffix != ".webp":
            assert written.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        kept = written.getexif()
        assert kept[ExifTags.Base.Model] == "Box Brownie"
        date = kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        assert date == "1938:06:01 12:00:00"
        # The pixels of a JPEG are not turned, so that its luma can stay.
        assert kept.get(ExifTags.Base.Orientation, 1) == (6 if suffix == ".jpg" else 1)
        assert not kept.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_the_position_is_kept_if_asked_for(suffix: str, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    cat.save(tmp_path / "cat.heic", exif=exif.tobytes())
    out = tmp_path / f"out{suffix}"
    write(cat, out, photo.read(tmp_path / "cat.heic"), position=True)
    with Image.open(out) as written:
        position = written.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert position[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 0.0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_files_say_that_an_algorithm_made_the_colour(
    suffix: str, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / f"cat{suffix}")
    write(cat, tmp_path / f"out{suffix}", photo.read(tmp_path / f"cat{suffix}"))
    with Image.open(tmp_path / f"out{suffix}") as written:
        xmp = written.getexif()[700] if suffix == ".tif" else written.info["xmp"]
    kind = b"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert b'Iptc4xmpExt:DigitalSourceType="' + kind in xmp


def test_a_tag_that_has_no_room_costs_itself_alone(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000  # more than a JPEG's EXIF holds
    exif[ExifTags.Base.Model] = "Box Brownie"
    cat.save(tmp_path / "cat.png", exif=exif)
    write(cat, tmp_path / "out.jpg", photo.read(tmp_path / "cat.png"))
    assert "out.jpg: dropped tags of its EXIF that this format has no room for (270)" in caplog.text
    with Image.open(tmp_path / "out.jpg") as written:
        assert dict(written.getexif()) == {ExifTags.Base.Model: "Box Brownie"}
    assert b"compositeWithTrainedAlgorithmicMedia" in (tmp_path / "out.jpg").read_bytes()


@pytest.mark.parametrize("size", [(40, 30), (451, 300), (4000, 500)])
def test_the_mark_is_small_and_in_the_corner(size: tuple[int, int], cat: Image.Image) -> None:
    plain = cat.resize(size)
    changed = np.asarray(photo.mark(plain)) != np.asarray(plain)
    assert changed.any()
    if min(size) >= 300:
        assert changed.mean() < 0.1
        assert not changed[: size[1] // 2].any()


def test_a_resolution_that_is_no_number_is_dropped(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.tif", dpi=(300, 300))
    data = (tmp_path / "cat.tif").read_bytes()
    (tmp_path / "cat.tif").write_bytes(
        data.replace((300).to_bytes(4, "little") + b"\1\0\0\0", bytes(8))
    )
    read = photo.read(tmp_path / "cat.tif")
    assert read.dpi is None
    write(cat, tmp_path / "out.tif", read)


def test_transparency_is_kept(cat: Image.Image, tmp_path: Path) -> None:
    alpha = cat.convert("L").point(lambda v: 255 if v > 100 else 0)
    clear = cat.copy()
    clear.putalpha(alpha)
    clear.save(tmp_path / "cat.png")
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "cat.png"))
    with Image.open(tmp_path / "out.png") as written:
        assert written.getchannel("A").tobytes() == alpha.tobytes()


def test_colour_profiles_are_converted(cat: Image.Image, tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = np.asarray(cat.convert("L"), int)
    same = photo.read(_saved(cat, tmp_path / "same.png", srgb)).luma
    assert np.abs(np.asarray(same, int) - plain).max() <= 1
    # The same numbers in a space with a gamma of 1.8 instead of 2.4 are brighter.
    gamma = srgb.index(b"para") + 12
    brighter = srgb[:gamma] + int(1.8 * 65536).to_bytes(4, "big") + srgb[gamma + 4 :]
    changed = photo.read(_saved(cat, tmp_path / "brighter.png", brighter)).luma
    assert (np.asarray(changed, int) - plain).mean() > 10
    # One that does not fit the photograph is ignored.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    ignored = photo.read(_saved(cat, tmp_path / "wrong.png", lab)).luma
    assert np.array_equal(np.asarray(ignored), plain)


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


def test_damage_anywhere_is_an_error_of_ours(cat: Image.Image, tmp_path: Path) -> None:
    """Decoders raise anything on damaged files; readers get a photograph or a PhotoError."""
    chance = np.random.default_rng(0)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1938:06:01 12:00:00"
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        path = tmp_path / f"cat{suffix}"
        cat.resize((60, 40)).save(path, exif=exif)
        good = path.read_bytes()
        for _ in range(60):
            data = bytearray(good)
            for place in chance.integers(0, len(data), 5):
                data[place] = chance.integers(256)
            path.write_bytes(data)
            try:
                read = photo.read(path)
                write(read.luma.convert("RGB"), tmp_path / "out.tif", read)
            except PhotoError as error:
                assert str(error).startswith((path.name, "out.tif"))  # noqa: PT017


def test_first_page_with_a_warning(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cat.save(tmp_path / "pages.tif", save_all=True, append_images=[cat.rotate(90)])
    read = photo.read(tmp_path / "pages.tif")
    assert read.luma.size == cat.size
    assert read.several
    assert (
        "pages.tif: has 2 pages or frames; only the first is used, and the rest is left"
        in caplog.text
    )


@pytest.mark.parametrize("size", [(13_000, 13_000), (60_000, 60_000), (70_000, 1)])
def test_bombs_are_refused_before_decoding(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("L", (1, 1)).save(path)
    data = bytearray(path.read_bytes())  # of which the header claims another size
    data[16:24] = b"".join(side.to_bytes(4, "big") for side in size)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=r"bomb\.png: .*limit of 150 megapixels"):
        photo.read(path)


def test_a_format_or_a_picture_that_cannot_be_written(cat: Image.Image) -> None:
    with pytest.raises(PhotoError, match=r"out\.gif: cannot write this format"):
        photo.encode(cat, "out.gif")
    with pytest.raises(PhotoError, match=r"out\.png: cannot be written"):
        photo.encode(cat.convert("F"), "out.png")


def test_luma_is_kept_where_it_is_transparent(cat: Image.Image, tmp_path: Path) -> None:
    cat = cat.copy()
    cat.putalpha(0)
    for suffix in (".webp", ".png", ".tif"):
        path = tmp_path / f"clear{suffix}"
        clear = photo.Photo(cat.convert("L"), suffix, cat.getchannel("A"))
        write(cat.convert("RGB"), path, clear)
        with Image.open(path) as written:
            pixels = np.asarray(written.convert("RGBA"))
            assert not pixels[..., 3].any()
            assert np.array_equal(pixels[..., :3], np.asarray(cat.convert("RGB")))


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(PhotoError, match=f"{name}: a folder or a device, not a file"):
            photo.read(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:  # as for others than root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    (tmp_path / "private.jpg").touch()
    with pytest.raises(PhotoError, match=r"private\.jpg: you may not read this file"):
        photo.read(tmp_path / "private.jpg")


@pytest.mark.parametrize(("count", "fine"), [(10, True), (80, True), (120, False)])
def test_scans_of_a_jpeg_are_bounded(count: int, fine: bool, tmp_path: Path) -> None:
    path = hostile.scans(tmp_path / "scans.jpg", count)
    if fine:
        assert photo.read(path).luma.size == (256, 256)
    else:
        with pytest.raises(PhotoError, match=r"scans\.jpg: is built of more than 100 scans"):
            photo.read(path)


def test_what_follows_a_jpeg_is_not_counted(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "motion.jpg")
    film = np.random.default_rng(0).bytes(20_000_000)  # as phones add one
    with open(tmp_path / "motion.jpg", "ab") as file:
        file.write(film)
    assert photo.read(tmp_path / "motion.jpg").luma.size == cat.size


@pytest.mark.parametrize("how", ["xmp", "trailer"])
def test_a_film_behind_a_photograph_is_said(
    how: str, cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    packet = b'<x xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"/>'
    cat.save(tmp_path / "motion.jpg", xmp=packet if how == "xmp" else b"")
    with open(tmp_path / "motion.jpg", "ab") as file:
        file.write(b"MotionPhoto_Data" * (how == "trailer") + b"\0\0\0\x18ftypmp42" + bytes(9000))
    assert not photo.read(tmp_path / "motion.jpg").several
    assert "motion.jpg: what follows the photograph in its file" in caplog.text


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".heic"])
def test_frames_are_counted_where_a_head_says_how_many(
    suffix: str, cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small, path = cat.resize((64, 48)), tmp_path / f"album{suffix}"
    small.save(path, save_all=True, append_images=[small.rotate(90), small.rotate(180)])
    assert photo.read(path).several
    assert f"album{suffix}: has 3 pages or frames; only the first" in caplog.text


def test_pages_are_not_counted(tmp_path: Path) -> None:
    assert photo.read(hostile.directories(tmp_path / "pages.tif", 5)).several
    assert not photo.read(hostile.directories(tmp_path / "one.tif", 0)).several


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16"])
def test_large_photographs_of_every_mode(mode: str, cat: Image.Image, tmp_path: Path) -> None:
    large = cat.resize((3200, 2130)).convert(
        "P" if mode == "PA" else "L" if mode == "I;16" else mode
    )
    large.convert(mode).save(tmp_path / "large.tif")
    read = photo.read(tmp_path / "large.tif")
    assert read.luma.size == large.size
