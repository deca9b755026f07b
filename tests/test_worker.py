"""The worker: from a file to a file, and what goes wrong on the way."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colouriser import Colouriser, Generator, GeneratorConfig, Hint, ModelError, Options, worker
from colouriser.job import Job, Outcome
from colouriser.options import Wishes
from colouriser.pipeline import Prediction, WorkingCopy, working_copy
from colouriser.worker import Worker

from .odd_files import Odd

SIZES = ((400, 300), (300, 400), (400, 300), (90, 1000), (400, 300), (300, 400), (1, 1))


def lumas(cat: Image.Image) -> list[Image.Image]:
    return [cat.convert("L").rotate(40 * i).resize(size) for i, size in enumerate(SIZES)]


@pytest.mark.parametrize("detail", [224, 512])
def test_the_network_says_the_same_of_several(
    detail: int, colouriser: Colouriser, cat: Image.Image
) -> None:
    photographs = lumas(cat)
    predictions = colouriser.predict_copies([working_copy(luma, detail) for luma in photographs])
    assert len(predictions) == len(SIZES)
    for luma, prediction in zip(photographs, predictions, strict=True):
        assert isinstance(prediction, Prediction)
        alone = colouriser.predict(luma, detail)
        assert prediction.size == alone.size == luma.size
        assert (prediction.luma == alone.luma).all()
        for name in ("chroma", "palette", "coefficients"):
            difference = getattr(prediction, name) - getattr(alone, name)
            assert difference.abs().max() < 1 / 255
    assert colouriser.predict_copies([]) == []


def test_values_that_are_not_finite_are_said_of_each(cat: Image.Image) -> None:
    generator = Generator(GeneratorConfig(decoder=(16, 16, 8, 8)))
    torch.nn.init.constant_(generator.head.weight, float("nan"))
    found = Colouriser(generator).predict_copies([working_copy(luma) for luma in lumas(cat)])
    assert [str(error) for error in found if isinstance(error, ModelError)] == [
        "a model returned values that are not finite; use other weights"
    ] * len(SIZES)


@pytest.fixture
def scans(cat: Image.Image, tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{index}.jpg" for index in range(len(SIZES))]
    for luma, file in zip(lumas(cat), files, strict=True):
        luma.save(file)
    return files


def jobs(scans: list[Path]) -> list[Job]:
    out = scans[0].parent / "out"
    return [Job(file, file.name, target=out / file.name) for file in scans]


def test_a_job_becomes_a_file(colouriser: Colouriser, scans: list[Path]) -> None:
    (outcome,) = Worker(colouriser).run(jobs(scans)[:1])
    target = scans[0].parent / "out" / "0.jpg"
    assert (outcome.files, outcome.error, outcome.warnings) == (("0.jpg",), None, ())
    assert (outcome.size, outcome.nbytes) == (SIZES[0], target.stat().st_size)
    assert 0 < outcome.seconds < 60
    with Image.open(target) as image:
        assert (image.mode, image.size) == ("RGB", SIZES[0])


def test_it_is_what_the_library_makes(
    colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    options, hint = Options(vividness=1.3, temperature=0.2, detail=256), Hint(60, 200, "#3050a0")
    job = Job(tmp_path / "cat.png", "cat", options, Wishes((hint,)), tmp_path / "out.png")
    assert not Worker(colouriser).run([job])[0].error
    expected = colouriser.colourise(cat, hints=[hint], detail=256, vividness=1.3, temperature=0.2)
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image), np.asarray(expected))


@pytest.mark.parametrize("pixels", [worker.GROUP_PIXELS, 1])
def test_what_goes_wrong_costs_itself_alone(
    pixels: int, colouriser: Colouriser, scans: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "GROUP_PIXELS", pixels)
    scans[1].write_bytes(scans[1].read_bytes()[:300])
    all_jobs, at_once = jobs(scans), list[int]()
    all_jobs[2] = Job(Odd(scans[2], "memory"), "2.jpg", target=scans[2].with_name("two.jpg"))
    all_jobs[3] = Job(scans[3], "3.jpg", target=Odd(scans[3].with_name("three.jpg"), "memory"))
    all_jobs[4] = Job(Odd(scans[4], "bug"), "4.jpg", target=scans[4].with_name("four.jpg"))
    ask = colouriser.predict_copies

    def counted(copies: list[WorkingCopy]) -> list:
        at_once.append(len(copies))
        return ask(copies)

    monkeypatch.setattr(colouriser, "predict_copies", counted)
    outcomes = Worker(colouriser).run(all_jobs)
    errors = [str(outcome.error or "") for outcome in outcomes]
    assert errors[1].startswith("1.jpg: damaged or incomplete")
    memory = "could not be read or written in the memory there is; make it smaller"
    assert errors[2] == f"2.jpg: {memory}"
    assert errors[3] == f"3.jpg: {memory}"
    assert errors[4] == "4.jpg: cannot be used (a bug)"
    good = ["0.jpg", "5.jpg", "6.jpg"]
    assert [file for outcome in outcomes for file in outcome.files] == good
    assert sorted(path.name for path in (scans[0].parent / "out").iterdir()) == good
    assert sum(at_once) == 4
    assert max(at_once) == (2 if pixels > 1 else 1)


@pytest.mark.parametrize("most", [0, 1])
def test_a_network_that_fails_is_asked_about_each_alone(
    most: int, colouriser: Colouriser, scans: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = colouriser.predict_copy

    def fails(copies: list[WorkingCopy]) -> list:
        raise ModelError("no_memory", "too little memory")

    def alone(copy: WorkingCopy, *values: object) -> Prediction:
        if not most or copy.size == SIZES[3]:
            raise torch.OutOfMemoryError("too little memory")
        return ask(copy, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(colouriser, "predict_copies", fails)
    monkeypatch.setattr(colouriser, "predict_copy", alone)
    outcomes = Worker(colouriser).run(jobs(scans))
    assert [bool(outcome.error) for outcome in outcomes] == [
        not most or size == SIZES[3] for size in SIZES
    ]
    assert {o.error.code for o in outcomes if o.error} == {"too_much"}


def test_warnings_belong_to_their_photograph(
    colouriser: Colouriser,
    cat: Image.Image,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cat.convert("CMYK").save(tmp_path / "cmyk.jpg")
    cat.save(tmp_path / "plain.jpg")
    both = [
        Job(tmp_path / name, name, target=tmp_path / f"out-{name}")
        for name in ("cmyk.jpg", "plain.jpg")
    ]
    with caplog.at_level(logging.WARNING):
        first, second = Worker(colouriser).run(both)
    assert ["its colours are CMYK" in warning for warning in first.warnings] == [True]
    assert second.warnings == ()
    assert not caplog.records


def test_variants_are_written_first_and_only_where_wanted(
    colouriser: Colouriser, scans: list[Path], tmp_path: Path
) -> None:
    written = list[str]()

    class Noted(io.BytesIO):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name, self.nbytes = name, 0

        def with_name(self, name: str) -> "Noted":
            return Noted(name)

        def write(self, data: bytes | memoryview) -> None:  # type: ignore[override]
            written.append(self.name)

    targets = (Noted("b.png"), None, Noted("c.png"))
    job = Job(scans[0], "0.jpg", target=Noted("a.png"), variants=targets)
    (outcome,) = Worker(colouriser).run([job])
    assert outcome == Outcome(
        ("a.png", "b.png", "c.png"), SIZES[0], outcome.nbytes, outcome.seconds
    )
    assert written == ["c.png", "b.png", "a.png"]


def test_a_reference_that_matches_nowhere_is_said(
    colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    Image.new("RGB", (200, 200), (200, 40, 40)).save(tmp_path / "red.png")
    wishes = Wishes(reference=tmp_path / "red.png")
    job = Job(tmp_path / "cat.png", "cat.png", wishes=wishes, target=tmp_path / "out.png")
    (outcome,) = Worker(colouriser).run([job])
    assert not outcome.error
    assert any("nothing that looks alike" in warning for warning in outcome.warnings)
