"""Photographs that are coloured together."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from colouriser import Colouriser, Generator, GeneratorConfig, ModelError, PhotoError, photo
from colouriser import together as rooms
from colouriser.pipeline import Prediction
from colouriser.together import together

SIZES = ((400, 300), (300, 400), (400, 300), (90, 1000), (400, 300), (300, 400), (1, 1))


def lumas(cat: Image.Image) -> list[Image.Image]:
    return [cat.convert("L").rotate(40 * i).resize(size) for i, size in enumerate(SIZES)]


@pytest.mark.parametrize("detail", [224, 512])
def test_the_network_says_the_same_of_several(
    detail: int, colouriser: Colouriser, cat: Image.Image
) -> None:
    photographs = lumas(cat)
    predictions = colouriser.predict_all(photographs, detail)
    assert len(predictions) == len(SIZES)
    for luma, prediction in zip(photographs, predictions, strict=True):
        assert isinstance(prediction, Prediction)
        alone = colouriser.predict(luma, detail)
        assert prediction.size == alone.size == luma.size
        assert (prediction.luma == alone.luma).all()
        for name in ("chroma", "palette", "coefficients"):
            difference = getattr(prediction, name) - getattr(alone, name)
            assert difference.abs().max() < 1 / 255
    assert colouriser.predict_all([]) == []


def test_values_that_are_not_finite_are_said_of_each(cat: Image.Image) -> None:
    generator = Generator(GeneratorConfig(decoder=(16, 16, 8, 8)))
    torch.nn.init.constant_(generator.head.weight, float("nan"))
    found = Colouriser(generator).predict_all(lumas(cat))
    assert [str(error) for error in found if isinstance(error, ModelError)] == [
        "a model returned values that are not finite; use other weights"
    ] * len(SIZES)


@pytest.fixture
def scans(cat: Image.Image, tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{index}.jpg" for index in range(len(SIZES))]
    for luma, file in zip(lumas(cat), files, strict=True):
        luma.save(file)
    return files


@pytest.mark.parametrize("most_pixels", [rooms.MOST_PIXELS, 1])
def test_what_goes_wrong_costs_itself_alone(
    colouriser: Colouriser,
    scans: list[Path],
    most_pixels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "MOST_PIXELS", most_pixels)
    scans[1].write_bytes(scans[1].read_bytes()[:1000])
    at_once: list[int] = []

    def take(file: Path) -> photo.Photo | str:
        return "passed over" if file == scans[2] else photo.read(file)

    def predict(photographs: list[Image.Image]) -> Sequence[Prediction | ModelError]:
        at_once.append(len(photographs))
        return colouriser.predict_all(photographs)

    def finish(file: Path, taken: photo.Photo, prediction: Prediction) -> str:
        if file == scans[4]:
            raise PhotoError("not_written", "no room")
        assert colouriser.merge(taken.luma, prediction).size == SIZES[scans.index(file)]
        return file.name

    def failed(file: Path, error: Exception) -> str:
        return f"{type(error).__name__} of {file.name}"

    assert together(scans, take, predict, finish, failed) == [
        "0.jpg",
        "PhotoError of 1.jpg",
        "passed over",
        "3.jpg",
        "PhotoError of 4.jpg",
        "5.jpg",
        "6.jpg",
    ]
    assert at_once == ([5] if most_pixels > 1 else [1, 1, 1, 1, 1])


@pytest.mark.parametrize("most", [0, 1])
def test_a_network_that_fails_is_asked_about_each_alone(
    most: int, colouriser: Colouriser, scans: list[Path]
) -> None:
    def predict(photographs: list[Image.Image]) -> Sequence[Prediction | ModelError]:
        if len(photographs) > most or photographs[0].size == SIZES[3]:
            raise ModelError("no_memory", "too little memory")
        return colouriser.predict_all(photographs)

    def finish(file: Path, taken: photo.Photo, prediction: Prediction) -> str:
        assert prediction.size == taken.luma.size
        return "coloured"

    def failed(file: Path, error: Exception) -> str:
        assert isinstance(error, ModelError)
        return str(error.of(file.name))

    expected = [
        "coloured" if most and size != SIZES[3] else f"{file.name}: too little memory"
        for file, size in zip(scans, SIZES, strict=True)
    ]
    assert together(scans, photo.read, predict, finish, failed) == expected
