"""Films as folders of numbered frames."""

import os
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin
from typer.testing import CliRunner, Result

from colouriser import FilmError, PhotoError
from colouriser.__main__ import program
from colouriser.film.dpx import read_dpx
from colouriser.film.frames import FrameFolder

from .films import scene

LUMA = np.array([0.299, 0.587, 0.114])


def colour(*arguments: object) -> Result:
    return CliRunner().invoke(program, ["film", *map(str, arguments)])


def greys() -> list[np.ndarray]:
    """15 frames of one scene and 16 of another, uint8."""
    return [p.mean(2).astype(np.uint8) for p in (*scene("astronaut", 15), *scene("coffee", 16))]


def write_dpx(path: Path, values: np.ndarray, pixels: str) -> None:
    frame, buffer = av.VideoFrame.from_ndarray(values, format=pixels), BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("dpx")
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixels
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(buffer.getvalue())


def test_frames_come_back_as_frames_with_their_luma_and_texts(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    said = PngImagePlugin.PngInfo()
    said.add_text("Title", "Reel 3")
    for number, grey in enumerate(greys(), 1001):
        Image.fromarray(grey).save(source / f"reel.{number}.png", pnginfo=said)
    (source / "notes.txt").write_text("of the archive")
    os.utime(source / "reel.1003.png", (1e9, 1e9))
    done = colour(source, target)
    assert done.exit_code == 0, done.output
    assert "2 scenes" in done.output
    names = sorted(file.name for file in target.iterdir())
    assert names == [f"reel.{number}.png" for number in range(1001, 1032)]
    assert (target / "reel.1003.png").stat().st_mtime == 1e9
    for name, grey in zip(names, greys(), strict=True):
        with Image.open(target / name) as result:
            assert result.text["Title"] == "Reel 3"  # type: ignore[attr-defined]
            rgb = np.asarray(result.convert("RGB"), np.float64)
        assert np.abs(rgb @ LUMA - grey).max() <= 1
        assert (rgb.max(2) - rgb.min(2)).mean() > 4
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("pixels", ["gray16be", "gbrp10be", "gbrp10le", "rgb24"])
def test_dpx_keeps_its_depth(tmp_path: Path, pixels: str) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    bits = {"gray16be": 16, "rgb24": 8}.get(pixels, 10)
    for number, grey in enumerate(greys()[:4]):
        values = np.rint(grey * ((2**bits - 1) / 255)).astype(np.uint8 if bits == 8 else np.uint16)
        if not pixels.startswith("gray"):
            values = np.ascontiguousarray(values[..., None].repeat(3, 2))
        write_dpx(source / f"{number:07d}.dpx", values, pixels)
    done = colour(source, target)
    assert done.exit_code == 0, done.output
    for file in sorted(source.iterdir()):
        before, after = read_dpx(file), read_dpx(target / file.name)
        assert before.deep is not None
        assert after.deep is not None
        assert after.own is not None
        step = 65535 / (2**bits - 1)
        assert np.abs(before.deep.astype(int) - after.deep).max() <= step + 1
        assert np.ptp(after.own.astype(int), 2).mean() > 4


def test_damaged_and_huge_dpx_are_refused(tmp_path: Path) -> None:
    write_dpx(tmp_path / "a1.dpx", greys()[0], "gray")
    data = bytearray((tmp_path / "a1.dpx").read_bytes())
    (tmp_path / "cut.dpx").write_bytes(data[:1000])
    data[772:780] = (20_000).to_bytes(4, "little") * 2  # pixels across and down
    (tmp_path / "huge.dpx").write_bytes(data)
    for name in ("cut.dpx", "huge.dpx"):
        with pytest.raises(PhotoError, match=name):
            read_dpx(tmp_path / name)


def test_dpx_keeps_what_its_header_says(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number, grey in enumerate(greys()[:3]):
        path = source / f"a{number}.dpx"
        write_dpx(path, grey, "gray")
        data = bytearray(path.read_bytes())
        data[1664:1664] = bytes(384)  # a header of usual length
        for at in (4, 808):
            data[at : at + 4] = (2048).to_bytes(4, "little")
        data[160:168], data[1556:1563], data[1920:1924] = b"Arrilase", b"Scanity", b"\1\2\3\4"
        path.write_bytes(data)
    assert colour(source, target).exit_code == 0
    made = (target / "a1.dpx").read_bytes()
    assert (made[160:168], made[1556:1563], made[1920:1924]) == (
        b"Arrilase",
        b"Scanity",
        b"\1\2\3\4",
    )


def test_tiff_keeps_16_bits_and_scenes_in_colour_are_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number, grey in enumerate(greys()[:15]):
        tifffile.imwrite(source / f"{number}.tif", grey.astype(np.uint16) * 256 + number)
    for number, picture in enumerate(scene("coffee", 16), 15):
        tifffile.imwrite(source / f"{number}.tif", picture)
    assert colour(source, target).exit_code == 0
    result = tifffile.imread(target / "2.tif")
    assert result.dtype == np.uint16
    assert np.abs(result @ LUMA - (greys()[2] * 256.0 + 2)).max() <= 1
    assert (target / "18.tif").read_bytes() == (source / "18.tif").read_bytes()
    assert colour(source, target, "--overwrite", "--recolour").exit_code == 0
    assert (target / "18.tif").read_bytes() != (source / "18.tif").read_bytes()


def test_key_frames_of_a_folder_are_corrected(tmp_path: Path) -> None:
    source, target, keys = tmp_path / "in", tmp_path / "out", tmp_path / "keys"
    source.mkdir()
    for number, grey in enumerate(greys()):
        Image.fromarray(grey).save(source / f"{number:04d}.png")
    assert colour(source, target, "--keyframes", keys).exit_code == 0
    first, second = (target / "0007.png").read_bytes(), (target / "0022.png").read_bytes()
    painted = keys / "scene-0001-frame-000007-colour.png"
    with Image.open(painted) as picture:
        grey = np.asarray(picture.convert("L"))
    blue = np.dstack([grey * 0.6, grey * 0.9, np.minimum(255, grey * 2.0)]).astype(np.uint8)
    Image.fromarray(blue).save(painted)
    (keys / "scenes" / "00000000" / f".{'0' * 32}.part").touch()  # of a process that was killed
    assert colour(source, target, "--keyframes", keys, "--overwrite").exit_code == 0
    assert (target / "0022.png").read_bytes() == second
    assert len(list(target.iterdir())) == 31
    assert (target / "0007.png").read_bytes() != first
    with Image.open(target / "0005.png") as picture:
        red, _, blue_ = np.asarray(picture.convert("RGB"), np.float64).mean((0, 1))
    assert blue_ > red + 20


def test_folders_that_are_no_film_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match="no numbered frames"):
        FrameFolder.open(tmp_path)
    for name in ("a1.png", "b2.png"):
        Image.new("L", (64, 48)).save(tmp_path / name)
    with pytest.raises(FilmError, match="several films"):
        FrameFolder.open(tmp_path)
    (tmp_path / "b2.png").rename(tmp_path / "a2.png")
    done = colour(tmp_path, tmp_path, "--overwrite")
    assert done.exit_code == 1
    assert "new folder" in done.output
    other = tmp_path / "kept"
    other.mkdir()
    (other / "diary.txt").write_text("do not lose this")
    assert colour(tmp_path, other, "--overwrite").exit_code == 1
    assert (other / "diary.txt").exists()
    Image.new("L", (64, 40)).save(tmp_path / "a3.png")
    assert "changes its size at frame 2" in colour(tmp_path, tmp_path / "out").output
    assert not (tmp_path / "out").exists()
