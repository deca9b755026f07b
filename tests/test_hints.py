"""Hints: colours at places, and what is made of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from colouriser import (
    Colouriser,
    Generator,
    GeneratorConfig,
    Hint,
    HintError,
    ModelError,
    SettingError,
)
from colouriser.encoder import Likeness
from colouriser.hints import (
    MAX_HINTS,
    enforce_hints,
    hints_from,
    limit_hints,
    patches,
    rasterise,
    read_hints,
    suggest,
)


@pytest.fixture(scope="module")
def hinted() -> Colouriser:
    """A colouriser that takes hints, of random weights: what holds for it holds for any."""
    torch.manual_seed(0)
    return Colouriser(Generator(GeneratorConfig(decoder=(16, 16, 16, 8))), "cpu")


def chroma(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("YCbCr"), dtype=float)[..., 1:] - 128


def scene() -> Image.Image:
    """Two objects with an edge between them, neither black nor white."""
    pixels = np.full((200, 300), 90, np.uint8)
    pixels[:, 150:] = 170
    noise = np.random.default_rng(0).integers(-3, 4, pixels.shape)
    return Image.fromarray((pixels + noise).astype(np.uint8))


def test_numpys_numbers_and_colours_are_taken(colouriser: Colouriser) -> None:
    colours: list[Any] = [np.array([192, 48, 48], np.uint8), [192, 48, 48], (np.int64(192), 48, 48)]
    plain = Hint(3, 4.5, (192, 48, 48), 2)
    for colour in colours:
        hint = Hint(np.int64(3), np.float32(4.5), colour, np.float64(2))
        assert hint == plain
        assert hash(hint) == hash(plain)
        assert hint.chroma == plain.chroma
    image, reach = scene(), np.int64(128)
    one = colouriser.colourise(image, hints=[plain], detail=reach, vividness=np.float32(0.5))
    other = colouriser.colourise(image, hints=[hint], detail=128, vividness=0.5)
    assert one.tobytes() == other.tobytes()
    assert colouriser.suggest(image, np.int64(3), np.float32(4), np.int16(2))
    for wrong in (np.bool_(True), np.array([1, 2]), np.float32("nan")):
        with pytest.raises(HintError, match="must be a number"):
            Hint(wrong, 4, "red")  # type: ignore[arg-type]
    for wrong in (np.array([1.5, 2, 3]), np.array([300, 0, 0]), np.array([1, 2])):
        with pytest.raises(HintError, match="is no colour"):
            Hint(3, 4, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("rgb", ["#c03030", "navy", (40, 140, 60)])
@pytest.mark.parametrize("place", [(60, 100), (0, 0), (299, 199), (240.5, 50.25)])
def test_a_hinted_place_comes_out_in_its_hue(
    rgb: Any, place: tuple[float, float], hinted: Colouriser
) -> None:
    hint = Hint(*place, rgb)
    result = chroma(hinted.colourise(scene(), hints=[hint]))
    x, y = (int(p) for p in place)
    wanted, got = np.array(hint.chroma), result[y, x]
    cosine = wanted @ got / np.linalg.norm(wanted) / max(np.linalg.norm(got), 1e-6)
    assert cosine > 0.95
    assert np.linalg.norm(got) > 8


def test_a_hint_follows_edges_and_does_not_reach_far(hinted: Colouriser) -> None:
    plain = chroma(hinted.colourise(scene()))
    change = np.abs(chroma(hinted.colourise(scene(), hints=[Hint(140, 100, "red")])) - plain).sum(2)
    assert change[100, 140] > 30
    assert change[100, 132] > 4 * change[100, 160]  # as near, but another object
    assert change[:, 270:].mean() < change[95:105, 135:145].mean() / 4


def test_a_hint_changes_its_thing_and_what_is_like_it() -> None:
    features = torch.zeros(2, 4, 8)  # of one kind on the left and far right, of another between
    features[0], features[0, :, 3:6], features[1, :, 3:6] = 1.0, 0.0, 1.0
    before, after = torch.zeros(1, 2, 32, 64), torch.ones(1, 2, 32, 64)
    (patch,) = patches([Hint(8, 32, "red")], (128, 64), (128, 64))
    limited = limit_hints(before, after, features, Likeness(0.2, 0.6, 0.8), [patch])[0, 0]
    assert limited[:, :18].min() > 0.99
    assert limited[:, 30:42].max() < 0.1
    assert limited[:, 54:].min() > 0.99


def test_a_correction_leaves_other_things_alone(
    colouriser: Colouriser, astronaut: Image.Image
) -> None:
    plain = chroma(colouriser.colourise(astronaut))
    blue = chroma(colouriser.colourise(astronaut, hints=[Hint(180, 420, "#3050c0")])) - plain
    change = np.hypot(blue[..., 0], blue[..., 1])
    assert change[405:435, 165:195].mean() > 50  # of the suit, all of which follows
    assert change[400:480, 150:330].mean() > 20
    assert change[60:140, 200:260].mean() < 1  # her face
    assert change[100:300, 20:100].mean() < 6  # the flag


def test_many_hints_are_all_obeyed() -> None:
    torch.manual_seed(0)
    luma, chroma = torch.rand(1, 1, 100, 150), torch.rand(1, 2, 100, 150) / 5 - 0.1
    places = [(x, y) for x in range(5, 300, 10) for y in range(5, 200, 10)]
    colours = torch.rand(len(places), 3).mul(255).round().int().tolist()
    hints = [Hint(x, y, tuple(c), 1.0) for (x, y), c in zip(places, colours, strict=True)]
    found = patches(hints, (300, 200), (300, 200))
    moved = enforce_hints(luma, chroma, found)
    assert moved.isfinite().all()
    assert moved.abs().max() <= 0.61  # no colour is bolder than all hints
    for hint, (x, y) in zip(hints, places, strict=True):
        assert torch.allclose(moved[0, :, y // 2, x // 2], torch.tensor(hint.chroma), atol=0.02)


def test_of_two_hints_at_one_place_the_later_counts(hinted: Colouriser) -> None:
    red, blue = Hint(60, 100, "red"), Hint(60, 100, "blue")
    one = chroma(hinted.colourise(scene(), hints=[red, blue]))[100, 60]
    other = chroma(hinted.colourise(scene(), hints=[blue, red]))[100, 60]
    assert one[0] > 10 > one[1]
    assert other[1] > 10 > other[0]


def test_hints_keep_luma(hinted: Colouriser, cat: Image.Image) -> None:
    hints = [Hint(x * 10, x * 6, "#ff0000" if x % 2 else "#0000ff") for x in range(40)]
    result = hinted.colourise(cat, hints=hints)
    error = np.asarray(result.convert("L"), int) - np.asarray(cat.convert("L"), int)
    assert np.abs(error).max() <= 1


@pytest.mark.parametrize("radius", [None, 0.1, 3, 10_000])
def test_patches_lie_inside(radius: float | None) -> None:
    size, small = (3000, 2000), (300, 200)
    for x, y in ((0, 0), (2999, 1999), (1500, 700)):
        (patch,) = patches([Hint(x, y, "red", radius)], size, small)
        assert 0 <= patch.rows.start < patch.rows.stop <= 200
        assert 0 <= patch.columns.start < patch.columns.stop <= 300
        drawn = rasterise([patch], small)
        assert drawn.shape == (1, 3, 200, 300)
        assert 1 <= drawn[0, 2].sum() <= 81


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((float("nan"), 1, "red"), "x must be a number"),
        ((1, "2", "red"), "y must be a number"),
        ((1, True, "red"), "y must be a number"),
        ((1, 2, "no colour"), "is no colour"),
        ((1, 2, (1, 2)), "is no colour"),
        ((1, 2, (1, 2, 256)), "is no colour"),
        ((1, 2, (1, 2, 0.5)), "is no colour"),
        ((1, 2, None), "is no colour"),
        ((1, 2, "red", -1), "radius must be above 0"),
        ((1, 2, "red", float("inf")), "radius must be a number"),
        ((1, 2, "red", 1e308), "radius must be a number"),
        ((1, 2, "red", ""), "radius must be a number"),
        ((1, 2, "red", []), "radius must be a number"),
        ((10**400, 2, "red"), "x must be a number"),
    ],
)
def test_what_is_no_hint(arguments: Any, message: str) -> None:
    with pytest.raises(HintError, match=message):
        Hint(*arguments)


def test_hints_outside_and_too_many(hinted: Colouriser) -> None:
    for x, y in ((-1, 5), (300, 5), (5, 200), (5, 1e5)):
        with pytest.raises(HintError, match="outside of the photograph of 300 × 200 pixels"):
            hinted.colourise(scene(), hints=[Hint(x, y, "red")])
    with pytest.raises(HintError, match=f"{MAX_HINTS + 1} hints are more than {MAX_HINTS}"):
        hinted.colourise(scene(), hints=[Hint(1, 1, "red")] * (MAX_HINTS + 1))


def test_weights_without_hints_say_so() -> None:
    old = Colouriser(
        Generator(GeneratorConfig(decoder=(8, 8, 8, 8), hints=False, palette=0)), "cpu"
    )
    old.colourise(scene())
    with pytest.raises(ModelError, match="take no hints"):
        old.colourise(scene(), hints=[Hint(1, 1, "red")])
    for ask in (lambda: old.suggest(scene(), 1, 1), lambda: old.variants(scene(), 2)):
        with pytest.raises(ModelError, match="know no other colours"):
            ask()


def test_suggestions(hinted: Colouriser) -> None:
    found = hinted.suggest(scene(), 60, 100, 5)
    assert len(found) == 5
    odds = [suggestion.probability for suggestion in found]
    assert odds == sorted(odds, reverse=True)
    assert 0 < sum(odds) <= 1
    colours = np.array([chroma(Image.new("RGB", (1, 1), s.colour))[0, 0] for s in found])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=2) + np.eye(5) * 99
    assert apart.min() > 8
    assert hinted.predict(scene()).suggest(60, 100, 5) == found
    for n in (0, 1000, -1, 2.5, float("nan")):
        with pytest.raises(SettingError, match="n must be"):
            hinted.suggest(scene(), 60, 100, n)  # type: ignore[arg-type]
    with pytest.raises(HintError, match="outside"):
        hinted.suggest(scene(), 300, 100)


def test_the_likeliest_comes_first() -> None:
    cells = Generator(GeneratorConfig(decoder=(8, 8, 8, 8))).cells
    blue = int((cells - torch.tensor([0.25, -0.06])).norm(dim=1).argmin())
    red = int((cells - torch.tensor([-0.06, 0.25])).norm(dim=1).argmin())
    odds = torch.zeros(len(cells))
    odds[blue], odds[red] = 0.7, 0.3
    one, two = suggest(odds, cells, 0.5, 5)
    assert one.colour[2] > one.colour[0]
    assert two.colour[0] > two.colour[2]
    assert (one.probability, two.probability) == (pytest.approx(0.7), pytest.approx(0.3))


def test_uncertainty(hinted: Colouriser, cat: Image.Image) -> None:
    doubt = hinted.uncertainty(cat)
    assert (doubt.mode, doubt.size) == ("L", cat.size)
    assert np.asarray(doubt).max() > 0


def test_variants(hinted: Colouriser, cat: Image.Image) -> None:
    cat = cat.convert("L")
    made = [image.tobytes() for image in hinted.variants(cat, 4, seed=1)]
    assert len(set(made)) == 4
    assert made == [image.tobytes() for image in hinted.variants(cat, 4, seed=1)]
    assert made != [image.tobytes() for image in hinted.variants(cat, 4, seed=2)]
    assert hinted.colourise(cat).tobytes() not in made
    for n in (0, 1000):
        with pytest.raises(SettingError, match="n must be from 1 to 16"):
            hinted.variants(cat, n)


def test_variants_keep_what_was_hinted(hinted: Colouriser, cat: Image.Image) -> None:
    usual = hinted.predict(cat.convert("L"), hints=[Hint(200, 150, "#3050a0", 6)])
    (patch,) = usual.patches
    row, column = (round((s.start + s.stop - 1) / 4) for s in (patch.rows, patch.columns))
    wanted = torch.tensor(Hint(0, 0, "#3050a0").chroma)
    for variant in hinted.predict_variants(usual, 4):
        assert (variant.chroma[0, :, row, column] - wanted).abs().max() < 0.02


def test_a_reference_gives_its_colours(hinted: Colouriser, astronaut: Image.Image) -> None:
    grey = astronaut.convert("L")
    plain = chroma(hinted.colourise(grey))
    true = chroma(astronaut)

    def error(strength: float) -> float:
        result = chroma(hinted.colourise(grey, reference=astronaut, strength=strength))
        return float(np.abs(result - true).mean())

    assert error(1) < error(0.5) < np.abs(plain - true).mean()
    assert error(1) < 0.7 * np.abs(plain - true).mean()
    with pytest.raises(HintError, match="the reference has no colours"):
        hinted.colourise(grey, reference=grey)
    with pytest.raises(SettingError, match="strength"):
        hinted.colourise(grey, reference=astronaut, strength=2)
    tiny = astronaut.resize((3, 2))
    assert hinted.colourise(grey, reference=tiny).size == grey.size


def test_a_reference_is_turned_upright(hinted: Colouriser, astronaut: Image.Image) -> None:
    grey = astronaut.convert("L")
    turned = astronaut.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[ExifTags.Base.Orientation] = 6  # to be turned back by 90 degrees
    upright = hinted.colourise(grey, reference=astronaut)
    assert hinted.colourise(grey, reference=turned).tobytes() == upright.tobytes()


def test_files_of_hints(tmp_path: Path) -> None:
    values = [{"x": 1, "y": 2.5, "colour": "#102030"}, {"x": 3, "y": 4, "colour": [1, 2, 3]}]
    path = tmp_path / "hints.json"
    for value in (values, {"hints": values}):
        path.write_text(json.dumps(value))
        assert read_hints(path) == [Hint(1, 2.5, "#102030"), Hint(3, 4, (1, 2, 3))]
    odd: list[tuple[bytes, str]] = [
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"{}", "must be a list"),
        (b"3", "must be a list"),
        (b"[3]", "a hint has x, y, colour"),
        (b'[{"x": 1, "y": 2}]', "a hint has x, y, colour"),
        (b'[{"x": 1, "y": 2, "colour": "red", "more": 1}]', "a hint has x, y, colour"),
        (b'[{"x": NaN, "y": 2, "colour": "red"}]', "x must be a number"),
    ]
    for data, message in odd:
        path.write_bytes(data)
        with pytest.raises(HintError, match=message) as error:
            read_hints(path)
        assert str(error.value).startswith("hints.json: ")
    with pytest.raises(HintError, match="No such file"):
        read_hints(tmp_path / "none.json")
    with pytest.raises(HintError, match="more than"):
        hints_from([{"x": 1, "y": 1, "colour": "red"}] * (MAX_HINTS + 1))
