"""The browser edition colours as the library does, and writes files as it does."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, PngImagePlugin
from playwright.sync_api import Browser, Page

from colouriser import Colouriser, Hint
from colouriser.photo import read
from colouriser.pipeline import small_size

from ..browser import ROOT, visit
from ..photographs import stored_luma

pytestmark = pytest.mark.slow

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
ASK = """async ([data, name, type, wish]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const usual = {hints: [], variant: 0, reference: null, strength: 1, vividness: 1, temperature: 0,
    format: "original", keep_position: false, mark: false};
  const photo = new File([bytes], name, {type});
  const call = {signal: new AbortController().signal, status() {}};
  const answer = await window.colouriser.ask("save", {photo, ...usual, ...wish}, call);
  const saved = new Uint8Array(await answer.blob.arrayBuffer());
  let text = "";
  for (const byte of saved) text += String.fromCharCode(byte);
  return [answer.name, btoa(text)];
}"""


@pytest.fixture(scope="module")
def studio(browser: Browser, web_url: str) -> Iterator[Page]:
    opened = visit(browser, web_url)
    yield opened
    opened.context.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Colouriser]:
    """The bundled model in float32, as browsers compute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLOURISER_BFLOAT16", "0")
        yield Colouriser.load(device="cpu")


def save(studio: Page, path: Path, **wish: Any) -> tuple[str, bytes]:
    """Name and bytes of the file that the browser edition makes of one."""
    kind = Image.MIME[str(Image.open(path).format)]
    data = base64.b64encode(path.read_bytes()).decode()
    name, saved = studio.evaluate(ASK, [data, path.name, kind, wish])
    return name, base64.b64decode(saved)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("corrected", [False, True])
def test_colours_are_the_librarys(
    corrected: bool, path: Path, studio: Page, plain: Colouriser
) -> None:
    photo = Image.open(path)
    width, height = photo.size
    places = [(width // 3, height // 3, "#c04030"), (width * 2 // 3, height // 2, "#3060c0")]
    hints = [Hint(*place) for place in places] if corrected else []
    _, data = save(
        studio,
        path,
        hints=[{"x": h.x, "y": h.y, "colour": h.colour} for h in hints],
        format="png",
        recolour=True,
    )
    difference = np.abs(pixels(data) - np.asarray(plain.colourise(photo, hints=hints), int))
    assert difference.mean() <= 0.2
    assert np.percentile(difference, 99) <= 1
    luma = np.asarray(Image.fromarray(pixels(data).astype(np.uint8)).convert("L"), int)
    assert np.abs(luma - np.asarray(photo.convert("L"), int)).max() <= 1


def test_sizes_of_the_working_copy_are_the_librarys(studio: Page) -> None:
    draw = np.random.default_rng(0)
    sizes = [(1, 1), (225, 225), (30_000, 40), (4000, 3000), *draw.integers(1, 6000, (300, 2))]
    pairs = [[int(side) for side in size] for size in sizes]
    found = studio.evaluate(
        "async (sizes) => { const {smallSize} = await import('/web/app/luma.js');"
        "return sizes.map(([width, height]) => smallSize(width, height)); }",
        pairs,
    )
    assert found == [list(small_size(width, height, 224)) for width, height in pairs]


def jpegs(cat: Image.Image, colour_cat: Image.Image, folder: Path) -> Iterator[Path]:
    """JPEGs as cameras and programs write them."""
    grey = cat.convert("L")
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "grey": (grey, {}),
        "grey-progressive": (grey, {"progressive": True}),
        "coarse": (grey, {"quality": 5}),
        "best": (grey, {"quality": 100}),
        "420": (colour_cat, {"subsampling": 2}),
        "422-progressive": (colour_cat, {"subsampling": 1, "progressive": True}),
        "444": (colour_cat, {"subsampling": 0}),
        "restarts": (colour_cat, {"restart_marker_blocks": 7}),
        "progressive-restarts": (colour_cat, {"restart_marker_blocks": 7, "progressive": True}),
        "odd": (colour_cat.crop((0, 0, 131, 97)), {"subsampling": 2}),
        "tiny": (grey.resize((9, 30)), {}),
    }
    for name, (image, options) in kinds.items():
        path = folder / f"{name}.jpg"
        image.save(path, **options)
        yield path
    for turned in range(2, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = turned
        path = folder / f"turned-{turned}.jpg"
        grey.crop((0, 0, 201, 123)).save(path, exif=exif)
        yield path


def test_a_jpegs_luma_stays_coefficient_by_coefficient(
    studio: Page, cat: Image.Image, colour_cat: Image.Image, plain: Colouriser, tmp_path: Path
) -> None:
    for path in jpegs(cat, colour_cat, tmp_path):
        name, data = save(studio, path, recolour=True)
        assert name == f"{path.stem}-colourised.jpg"
        result = tmp_path / name
        result.write_bytes(data)
        assert np.array_equal(stored_luma(result), stored_luma(path)), path.stem
        upright = ImageOps.exif_transpose(Image.open(path))
        shown = ImageOps.exif_transpose(Image.open(result))
        assert shown.size == upright.size
        if path.stem not in ("coarse", "tiny"):  # whose blocks are seen in all
            wanted = np.asarray(plain.colourise(upright), int)
            assert np.abs(np.asarray(shown, int) - wanted).mean() < 2, path.stem


def test_what_is_written_about_a_photograph_stays(
    studio: Page, cat: Image.Image, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Miller"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1931:04:05 06:07:08"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 7.0)
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        'syntax-ns#"><rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'exif:GPSLatitude="52,31N" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Æther"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    path = tmp_path / "photo.jpg"
    cat.save(path, exif=exif, xmp=packet.encode(), comment="Großmutter", dpi=(300, 300))
    iptc = b"\x1c\2\x78\0\5Pragu"
    thumbnail = b"8BIM\4\x0c\0\0\0\0\0\5small\0"
    resource = b"Photoshop 3.0\0" + thumbnail + b"8BIM\4\4\0\0\0\0\0\x0a" + iptc
    segment = b"\xff\xed" + (len(resource) + 2).to_bytes(2, "big") + resource
    path.write_bytes(path.read_bytes()[:2] + segment + path.read_bytes()[2:])
    for kept in (False, True):
        for wanted in ("original", "png"):
            name, data = save(studio, path, keep_position=kept, format=wanted)
            result = Image.open(io.BytesIO(data))
            assert name.endswith("jpg" if wanted == "original" else "png")
            own = result.getexif()
            assert own[ExifTags.Base.Artist] == exif[ExifTags.Base.Artist]
            assert own.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal][:4] == "1931"
            assert bool(own.get_ifd(ExifTags.IFD.GPSInfo)) == kept
            written = read(io.BytesIO(data), name).metadata
            text = written.xmp.decode()
            assert "Æther" in text
            assert "compositeWithTrainedAlgorithmicMedia" in text
            assert ("GPSLatitude" in text) == kept
            assert "Großmutter".encode() in data
            assert written.iptc == iptc
            assert b"small" not in data
            assert b"small".hex().encode() not in data.replace(b"\n", b"")
            assert [round(side) for side in result.info["dpi"]] == [300, 300]


def test_texts_of_a_png_stay(studio: Page, cat: Image.Image, tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Description", "a cat")
    texts.add_itxt("Title", "Die Katze „Mieze“")
    cat.save(tmp_path / "photo.png", pnginfo=texts)
    _, data = save(studio, tmp_path / "photo.png")
    found = Image.open(io.BytesIO(data)).info
    assert found["Description"] == "a cat"
    assert found["Title"] == "Die Katze „Mieze“"


def test_translucent_pixels_keep_their_luma_and_alpha(
    studio: Page, cat: Image.Image, tmp_path: Path
) -> None:
    alpha = Image.linear_gradient("L").resize(cat.size)
    cut = cat.convert("RGBA")
    cut.putalpha(alpha)
    cut.save(tmp_path / "cut.png")
    _, data = save(studio, tmp_path / "cut.png")
    result = Image.open(io.BytesIO(data))
    assert np.array_equal(np.asarray(result.getchannel("A")), np.asarray(alpha))
    luma = np.asarray(result.convert("RGB").convert("L"), int)
    assert np.abs(luma - np.asarray(cat.convert("L"), int)).max() <= 1


def test_a_mark_is_seen(studio: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "photo.jpg")
    for wanted in ("original", "png"):
        without, marked = (
            pixels(save(studio, tmp_path / "photo.jpg", format=wanted, mark=mark)[1])
            for mark in (False, True)
        )
        changed = np.abs(without - marked).max(2) > 60
        rows, columns = changed.nonzero()
        assert rows.min() > 250
        assert columns.min() > 200


def test_a_negative_is_turned_as_the_library_turns_it(
    studio: Page, cat: Image.Image, tmp_path: Path
) -> None:
    negative = Image.eval(cat.convert("L"), lambda value: 255 - value)
    negative.save(tmp_path / "negative.png")
    _, data = save(studio, tmp_path / "negative.png", invert=True)
    luma = np.asarray(Image.open(io.BytesIO(data)).convert("L"), float)
    assert np.corrcoef(luma.ravel(), np.asarray(cat.convert("L"), float).ravel())[0, 1] > 0.999
