"""Photographs that have colours already: none, a tone, tints by hand, a negative's, their own."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colouriser import Colouriser, Options
from colouriser.job import Job, Outcome
from colouriser.photo import Kind, kind_of, read
from colouriser.worker import Worker


def toned(image: Image.Image) -> np.ndarray:
    luma = np.asarray(image.convert("L"), float)[..., None] / 255
    return 255 * (luma * [1, 0.86, 0.66] + (1 - luma) * [0.06, 0.03, 0])


def tinted(image: Image.Image) -> np.ndarray:
    luma = np.repeat(np.asarray(image.convert("L"), float)[..., None], 3, 2)
    height, width = luma.shape[:2]
    luma[height // 4 : height // 2, width // 3 : width // 2] *= [0.7, 0.9, 1.4]
    return luma


def negative(image: Image.Image) -> np.ndarray:
    dark = 0.75 * (1 - np.asarray(image, float) / 255)
    return 255 * (dark * [0.95, 0.62, 0.38] + np.array([0.12, 0.05, 0.02]))


MADE: dict[Kind, Callable[[Image.Image], np.ndarray]] = {
    Kind.GREY: lambda image: np.asarray(image.convert("L").convert("RGB")),
    Kind.TONED: toned,
    Kind.TINTED: tinted,
    Kind.NEGATIVE: negative,
    Kind.COLOUR: np.asarray,
}


def picture(kind: Kind, image: Image.Image) -> Image.Image:
    return Image.fromarray(MADE[kind](image).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", "-grey.jpg"])
@pytest.mark.parametrize("kind", Kind)
def test_kinds(kind: Kind, suffix: str, astronaut: Image.Image, tmp_path: Path) -> None:
    image = picture(kind, astronaut)
    if suffix == "-grey.jpg":
        image, kind = image.convert("L"), Kind.GREY
    image.save(tmp_path / f"photo{suffix}")
    assert kind_of(read(tmp_path / f"photo{suffix}").own) is kind


@pytest.mark.parametrize("kind", Kind)
def test_kinds_of_sixteen_bits(kind: Kind, astronaut: Image.Image, tmp_path: Path) -> None:

    deep = np.asarray(picture(kind, astronaut)).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "scan.tif", deep, photometric="rgb")
    assert kind_of(read(tmp_path / "scan.tif").own) is kind


def coloured(
    colouriser: Colouriser, image: Image.Image, target: Path, options: Options = Options()
) -> Outcome:
    source = target.with_name(f"source{target.suffix}")
    image.save(source)
    (outcome,) = Worker(colouriser).run([Job(source, source.name, options, target=target)])
    assert not outcome.error
    return outcome


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_one_in_colour_is_copied(
    suffix: str, colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    target = tmp_path / f"out{suffix}"
    outcome = coloured(colouriser, astronaut, target)
    assert outcome.in_colour
    assert [w.partition(", and")[0] for w in outcome.warnings] == [
        f"source{suffix}: is in colour already"
    ]
    assert target.read_bytes() == (tmp_path / f"source{suffix}").read_bytes()
    outcome = coloured(colouriser, astronaut, target, Options(recolour=True))
    assert not outcome.in_colour
    assert not [w for w in outcome.warnings if "in colour" in w]
    assert target.read_bytes() != (tmp_path / f"source{suffix}").read_bytes()


@pytest.mark.parametrize("suffixes", [(".jpeg", ".jpg"), (".tiff", ".tif")])
def test_a_copy_under_another_ending_of_its_format(
    suffixes: tuple[str, str], colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    source, target = (tmp_path / f"photo{suffix}" for suffix in suffixes)
    astronaut.save(source)
    (outcome,) = Worker(colouriser).run([Job(source, source.name, target=target)])
    assert outcome.in_colour
    assert target.read_bytes() == source.read_bytes()


def test_a_copy_is_of_the_photograph_not_of_its_thumbnail(
    colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    source, target = tmp_path / "photo.tif", tmp_path / "photo.png"
    pixels = np.asarray(astronaut)
    with tifffile.TiffWriter(source) as file:
        file.write(pixels[::8, ::8], photometric="rgb", subfiletype=1)
        file.write(pixels.astype(np.float32) / 255, photometric="rgb")
    (outcome,) = Worker(colouriser).run([Job(source, source.name, target=target)])
    assert outcome.in_colour
    with Image.open(target) as copy:
        assert np.array_equal(np.asarray(copy), pixels)


def test_a_copy_in_another_format(
    colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    source, target = tmp_path / "photo.heic", tmp_path / "photo.heic.png"
    astronaut.save(source, quality=90)
    (outcome,) = Worker(colouriser).run([Job(source, source.name, target=target)])
    assert outcome.in_colour
    assert b"AlgorithmicMedia" not in target.read_bytes()
    with Image.open(target) as copy:
        assert np.abs(np.asarray(copy, float) - np.asarray(astronaut, float)).mean() < 3


def test_tints_are_said_or_kept(
    colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    image, target = picture(Kind.TINTED, astronaut), tmp_path / "out.png"
    (warning,) = coloured(colouriser, image, target).warnings
    assert "painted on" in warning
    inside = np.s_[150:240, 180:245]

    def error() -> float:
        """How far Cb of the painted part is from what was painted."""
        chroma = [
            np.asarray(i.convert("YCbCr"), float)[..., 1] for i in (Image.open(target), image)
        ]
        return float(np.abs(chroma[0] - chroma[1])[inside].mean())

    lost = error()
    assert not coloured(colouriser, image, target, Options(keep_tints=True)).warnings
    assert error() < 0.6 * lost


def test_a_negative_is_said_or_turned(
    colouriser: Colouriser, astronaut: Image.Image, tmp_path: Path
) -> None:
    image, target = picture(Kind.NEGATIVE, astronaut), tmp_path / "out.png"
    (warning,) = coloured(colouriser, image, target).warnings
    assert "negative" in warning
    true = np.asarray(astronaut.convert("L"), float)

    def alike() -> float:
        with Image.open(target) as result:
            return float(np.corrcoef(np.asarray(result.convert("L")).ravel(), true.ravel())[0, 1])

    assert alike() < -0.9
    assert not coloured(colouriser, image, target, Options(invert=True)).warnings
    assert alike() > 0.98


def test_a_grey_negative_of_sixteen_bits(astronaut: Image.Image, tmp_path: Path) -> None:
    from colouriser.photo import inverted

    deep = 60_000 - np.asarray(astronaut.convert("L")).astype(np.uint16) * 200
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    photo = inverted(read(io.BytesIO(buffer.getvalue())))
    assert photo.deep is not None
    assert np.corrcoef(photo.deep.ravel(), deep.ravel())[0, 1] < -0.999
    assert photo.deep.min() == 0
    assert photo.deep.max() == 65535
