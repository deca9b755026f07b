"""Colouriser, on real photographs of every awkward kind."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colouriser import (
    Colouriser,
    ColouriserError,
    Generator,
    GeneratorConfig,
    ModelError,
    hub,
    photo,
)
from colouriser.generator import STRIDE
from colouriser.options import DETAIL
from colouriser.pipeline import small_size

KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "1": lambda cat: cat.convert("1"),
    "L": lambda cat: cat.convert("L"),
    "LA": lambda cat: cat.convert("LA"),
    "P": lambda cat: cat.convert("P"),
    "P with transparency": lambda cat: _transparent(cat.convert("P")),
    "RGB": lambda cat: cat,
    "RGBA": lambda cat: cat.convert("RGBA"),
    "CMYK": lambda cat: cat.convert("CMYK"),
    "YCbCr": lambda cat: cat.convert("YCbCr"),
    "1 × 1": lambda cat: cat.resize((1, 1)),
    "3 × 5000": lambda cat: cat.resize((3, 5000)),
    "5000 × 3": lambda cat: cat.resize((5000, 3)),
    "odd": lambda cat: cat.resize((333, 201)),
    "tiny": lambda cat: cat.resize((7, 5)),
    "large": lambda cat: cat.resize((3001, 2001)),
    "black": lambda cat: Image.new("RGB", (64, 64), "black"),
    "white": lambda cat: Image.new("RGB", (64, 64), "white"),
}


def _transparent(image: Image.Image) -> Image.Image:
    image.info["transparency"] = 0
    return image


def luma_error(coloured: Image.Image, luma: Image.Image) -> int:
    return int(np.abs(np.asarray(coloured.convert("L"), int) - np.asarray(luma, int)).max())


@pytest.mark.parametrize("kind", KINDS)
def test_keeps_size_and_luma(kind: str, colouriser: Colouriser, cat: Image.Image) -> None:
    image = KINDS[kind](cat)
    coloured = colouriser.colourise(image)
    assert coloured.mode == "RGB"
    assert coloured.size == image.size
    assert luma_error(coloured, image.convert("L")) <= 1


@pytest.mark.parametrize("vividness", [0.5, 2.0])
@pytest.mark.parametrize("detail", [64, 200, 512])
def test_keeps_luma_at_all_settings(
    detail: int, vividness: float, colouriser: Colouriser, cat: Image.Image
) -> None:
    coloured = colouriser.colourise(cat, detail=detail, vividness=vividness)
    assert luma_error(coloured, cat.convert("L")) <= 1


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_images_are_scaled(mode: str, colouriser: Colouriser, cat: Image.Image) -> None:
    luma = cat.convert("L")
    values = np.asarray(luma)
    if mode == "F":
        image = Image.fromarray(values.astype(np.float32) / 255)
    else:
        image = Image.fromarray(values.astype(np.uint16) * 257)
        image = image if mode == "I;16" else image.convert("I")
    assert image.mode == mode
    assert luma_error(colouriser.colourise(image), luma) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(
    orientation: int, colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    cat.save(tmp_path / "cat.png", exif=exif)
    coloured = colouriser.colourise(Image.open(tmp_path / "cat.png"))
    assert coloured.size == (cat.size if orientation < 5 else cat.size[::-1])
    assert luma_error(coloured, photo.read(tmp_path / "cat.png").luma) <= 1


def test_it_colours(colouriser: Colouriser, cat: Image.Image) -> None:
    """The bundled weights say something: a cat is warmer than grey, and vividness scales it."""
    chroma = [
        np.asarray(colouriser.colourise(cat, vividness=v).convert("YCbCr"), float)[..., 1:] - 128
        for v in (0, 1, 2)
    ]
    saturation = [np.abs(c).mean() for c in chroma]
    assert saturation[0] <= 0.5
    assert saturation[1] > 3
    assert saturation[2] == pytest.approx(2 * saturation[1], rel=0.2)
    assert chroma[1][..., 1].mean() > 0 > chroma[1][..., 0].mean()  # toward red, away from blue


@pytest.mark.parametrize("tone", [0, 64, 128, 200, 255])
def test_an_even_tone_stays_about_grey(tone: int, colouriser: Colouriser) -> None:
    coloured = colouriser.colourise(Image.new("L", (160, 120), tone)).convert("YCbCr")
    chroma = np.asarray(coloured, float)[..., 1:] - 128
    assert np.hypot(*chroma.transpose(2, 0, 1)).mean() < (1 if tone in (0, 255) else 10)


def test_two_threads_give_what_each_alone_gives(
    colouriser: Colouriser, cat: Image.Image, astronaut: Image.Image
) -> None:
    photographs = [cat, astronaut, cat.resize((640, 480)), astronaut.resize((300, 500))]
    alone = [colouriser.colourise(p).tobytes() for p in photographs]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            together = list(pool.map(lambda p: colouriser.colourise(p).tobytes(), photographs))
            assert together == alone


def test_stored_weights_give_the_same_bits(
    colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    hub.store(hub.load(hub.resolve(None)), tmp_path)
    again = Colouriser.load(tmp_path, device="cpu")
    assert again.colourise(cat).tobytes() == colouriser.colourise(cat).tobytes()


def test_what_is_folded_and_rounded_for_speed_keeps_its_colours(
    colouriser: Colouriser, cat: Image.Image, astronaut: Image.Image
) -> None:
    generator = hub.load(hub.resolve(None)).eval()
    for photograph in (cat, astronaut):
        prediction = colouriser.predict(photograph.convert("L"))
        with torch.inference_mode():
            chroma, palette = generator(prediction.luma)
            likely = palette[0].softmax(0)
        assert (prediction.chroma - chroma).abs().mean() <= 1 / 255
        assert (prediction.palette - likely).abs().sum(0).mean() <= 0.05  # of probability


@pytest.mark.parametrize("options", [{"detail": 32}, {"detail": 2000}, {"vividness": -1}])
def test_options_are_checked(options: dict, colouriser: Colouriser, cat: Image.Image) -> None:
    with pytest.raises(ColouriserError, match="must be from"):
        colouriser.colourise(cat, **options)


def test_values_that_are_not_finite_are_no_result(cat: Image.Image) -> None:
    generator = Generator(GeneratorConfig(decoder=(16, 16, 8, 8)))
    torch.nn.init.constant_(generator.head.weight, float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        Colouriser(generator, "cpu").colourise(cat)


def test_import_is_light() -> None:
    code = "import sys, colouriser; sys.exit(any(m in sys.modules for m in ('fastai', 'gradio')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("detail", [64, 224, 500])
@pytest.mark.parametrize("size", [(400, 400), (4000, 3000), (3000, 2000), (1080, 1920), (999, 801)])
def test_the_small_copy_is_about_as_large_as_asked(size: tuple[int, int], detail: int) -> None:
    width, height = small_size(*size, detail)
    assert width % 2 == height % 2 == 0
    assert width * height == pytest.approx(detail**2, rel=0.15)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.05)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (3000, 2000), (5000, 5000)])
def test_cameras_photographs_need_no_padding(size: tuple[int, int]) -> None:
    assert all(side % STRIDE == 0 for side in small_size(*size, int(DETAIL.default)))


def test_narrow_photographs_do_not_depend_on_what_was_in_memory(colouriser: Colouriser) -> None:
    luma = Image.linear_gradient("L").resize((2, 700))
    expected = colouriser.predict(luma).coefficients
    for _ in range(10):
        left = [torch.full((10**power,), torch.nan) for power in range(1, 7) for _ in range(8)]
        del left
        assert torch.equal(colouriser.predict(luma).coefficients, expected)
