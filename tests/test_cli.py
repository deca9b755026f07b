"""The command line, as a user calls it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from typer.testing import Result

from colouriser import Generator, GeneratorConfig
from colouriser.hub import store

from .conftest import ROOT, in_process

pytestmark = pytest.mark.slow


def colour(*arguments: object) -> subprocess.CompletedProcess[str]:
    """As a user does it; the other tries options, for which it needs no process of its own."""
    command = [sys.executable, "-m", "colouriser", "colour", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def colour_here(*arguments: object) -> Result:
    return in_process("colour", *arguments)


@pytest.fixture
def scans(tmp_path: Path, cat: Image.Image) -> Path:
    """A folder tree with good and bad files."""
    folder = tmp_path / "scans"
    (folder / "1938").mkdir(parents=True)
    cat.convert("L").save(folder / "one.jpg")
    cat.convert("L").save(folder / "1938" / "two.PNG", "PNG")
    cat.convert("P").save(folder / "1938" / "three.gif")
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not a photograph")
    return folder


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        ("raise MemoryError", "could not be read or written in the memory there is"),
        ("time.sleep(600)", "takes too long to read or write"),
    ],
)
def test_one_photograph_that_takes_too_much(
    happens: str, sentence: str, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.jpg")
    code = f"""
import time
import colouriser.__main__, colouriser.worker

def read(*_, **__):
    {happens}

colouriser.worker.read = read
colouriser.__main__.deadline = lambda *_: 5
colouriser.__main__.program()
"""
    command = [sys.executable, "-c", code, "colour", str(tmp_path / "cat.jpg")]
    command += ["-o", str(tmp_path / "out")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert f"cat.jpg: {sentence}" in result.stderr
    assert result.stderr.splitlines()[-1] == "0 coloured, 0 skipped, 1 failed"
    assert not files(tmp_path / "out")


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_folder(scans: Path, tmp_path: Path, cat: Image.Image) -> None:
    out = tmp_path / "coloured"
    first = colour(scans, "-o", out)
    assert first.returncode == 1  # one is broken
    assert "broken.jpg: not an image" in first.stderr
    assert "Traceback" not in first.stderr
    assert first.stderr.splitlines()[-1] == "3 coloured, 0 skipped, 1 failed"
    assert files(out) == {"one.jpg", "1938/two.PNG", "1938/three.gif.png"}
    with Image.open(out / "one.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", cat.size)

    (scans / "broken.jpg").unlink()
    before = (out / "one.jpg").stat().st_ctime_ns
    again = colour_here(scans, "-o", out)
    assert again.exit_code == 0
    assert again.stderr.splitlines()[-1] == "0 coloured, 3 skipped, 0 failed"
    assert (out / "one.jpg").stat().st_ctime_ns == before

    forced = colour_here(
        scans / "one.jpg", "-o", out, "--overwrite", "--vividness", 0, "--detail", 64
    )
    assert forced.exit_code == 0
    assert forced.stderr.splitlines()[-1] == "1 coloured, 0 skipped, 0 failed"
    with Image.open(out / "one.jpg") as image:
        channels = image.convert("RGB").split()
        assert channels[0].tobytes() == channels[1].tobytes() == channels[2].tobytes()


def test_output_around_and_inside_the_input(scans: Path) -> None:
    (scans / "broken.jpg").unlink()
    around = colour_here(scans, "-o", scans.parent)
    assert around.stderr.splitlines()[-1] == "3 coloured, 0 skipped, 0 failed"
    inside = colour_here(scans, "-o", scans / "coloured")
    assert inside.stderr.splitlines()[-1] == "3 coloured, 0 skipped, 0 failed"
    again = colour_here(scans, "-o", scans / "coloured")  # does not take its own results for input
    assert again.stderr.splitlines()[-1] == "0 coloured, 3 skipped, 0 failed"


def test_a_zip_archive_is_searched_like_a_folder(
    scans: Path, cat: Image.Image, tmp_path: Path
) -> None:
    (scans / "one.jpg.json").write_text('{"description": "a cat"}')
    (scans / "._one.jpg").write_bytes(b"\0\5\x16\7")
    (scans / "scan.psd").write_bytes(b"8BPS\0\1")
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        for file in files(scans):
            archive.write(scans / file, file)
    outputs = dict[str, set[str]]()
    for given in (scans, tmp_path / "album.zip"):
        result = colour_here(given, "-o", tmp_path / f"of-{given.name}", "--format", "png")
        lines = result.stderr.splitlines()
        assert "passed over: hidden files: 1; other files: 1" in lines
        assert any(line.startswith(f"passed over: {given}/scan.psd: a document") for line in lines)
        assert lines[-1].endswith("0 skipped, 1 failed")
        outputs[given.name] = files(tmp_path / f"of-{given.name}")
    expected = {"one.jpg.png", "one.jpg.png.json", "1938/two.PNG", "1938/three.gif.png"}
    assert outputs == {"scans": expected, "album.zip": expected}


def test_odd_files_do_not_stop_the_rest(scans: Path, cat: Image.Image, tmp_path: Path) -> None:
    (scans / "loop.jpg").symlink_to("loop.jpg")
    (scans / "folder.jpg").mkdir()
    cat.save(scans / "one.gif")
    result = colour_here(scans, scans / "one.jpg", "-o", tmp_path / "out")  # one.jpg is given twice
    assert "Traceback" not in result.stderr
    assert "loop.jpg: damaged or incomplete" in result.stderr
    assert result.stderr.splitlines()[-1] == "4 coloured, 0 skipped, 2 failed"


def test_originals_are_never_overwritten(scans: Path) -> None:
    original = (scans / "one.jpg").read_bytes()
    result = colour_here(scans / "one.jpg", "-o", scans, "--overwrite")
    assert result.exit_code == 1
    assert "would be overwritten" in result.stderr
    assert (scans / "one.jpg").read_bytes() == original


def test_wrong_use(tmp_path: Path, scans: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[list, int, str]] = [
        ([tmp_path / "empty", "-o", tmp_path / "out"], 1, "no photographs in this folder"),
        ([tmp_path / "none.jpg", "-o", tmp_path / "out"], 1, "no such file"),
        ([scans, "-o", tmp_path / "out", "--model", tmp_path / "empty"], 1, "has no config.json"),
        ([scans], 2, "-o"),
        ([scans, "-o", scans / "one.jpg"], 2, "must be a folder"),
        ([scans, "-o", tmp_path / "out", "--detail", "9"], 2, "--detail"),
    ]
    for arguments, code, message in cases:
        result = colour_here(*arguments)
        assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert not (tmp_path / "out").exists()


def test_settings(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    cat.save(tmp_path / "cat.heic", exif=exif.tobytes())

    def coloured(name: str, *settings: object) -> tuple[np.ndarray, dict]:
        result = colour_here(tmp_path / "cat.heic", "-o", tmp_path / name, *settings)
        assert result.exit_code == 0, result.stderr
        with Image.open(tmp_path / name / "cat.heic.png") as image:
            position = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
            return np.asarray(image.convert("RGB"), float), dict(position)

    plain, position = coloured("plain")
    assert not position
    warm, position = coloured("warm", "--temperature", 1, "--keep-position")
    assert position
    assert (warm - plain)[..., 0].mean() > 1 > -1 > (warm - plain)[..., 2].mean()
    marked, _ = coloured("marked", "--mark")
    assert 0 < (marked != plain).mean() < 0.1


def test_hints_references_and_variants(cat: Image.Image, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(decoder=(16, 16, 16, 8)))  # takes hints
    store(generator, tmp_path / "model")
    cat.convert("L").save(tmp_path / "one.png")
    cat.save(tmp_path / "reference.jpg")
    (tmp_path / "hints.json").write_text('[{"x": 100, "y": 100, "colour": "#c02020"}]')
    plain = [tmp_path / "one.png", "--model", tmp_path / "model", "-o"]
    assert colour_here(*plain, tmp_path / "plain").exit_code == 0
    runs = {
        "hints": ["--hints", tmp_path / "hints.json"],
        "reference": ["--reference", tmp_path / "reference.jpg", "--strength", 0.8],
        "variants": ["--variants", 2],
    }
    for name, options in runs.items():
        result = colour_here(*plain, tmp_path / name, *options)
        assert result.exit_code == 0, result.stderr
    made = {str(p.relative_to(tmp_path)): p for name in runs for p in (tmp_path / name).iterdir()}
    assert set(made) == {
        "hints/one.png",
        "reference/one.png",
        *(f"variants/one{number}.png" for number in ("", "-2", "-3")),
    }
    pictures = {name: path.read_bytes() for name, path in made.items()}
    assert pictures.pop("variants/one.png") == (tmp_path / "plain" / "one.png").read_bytes()
    assert len(set(pictures.values())) == 4
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "one-2.png").write_bytes(b"another's")
    assert colour_here(*plain, tmp_path / "there", "--variants", 2).exit_code == 0
    assert (tmp_path / "there" / "one-2.png").read_bytes() == b"another's"
    (tmp_path / "one-2.png").write_bytes((tmp_path / "one.png").read_bytes())
    both = colour_here(tmp_path / "one-2.png", *plain, tmp_path / "both", "--variants", 1)
    assert both.exit_code == 1
    assert "one-2.png is the result of another photograph" in both.stderr
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"one-2.png", "one-2-2.png"}
    (tmp_path / "hints.json").write_text("{}")
    (tmp_path / "two.png").write_bytes((tmp_path / "one.png").read_bytes())
    bad: list[tuple[list, int, str]] = [
        (["--hints", tmp_path / "hints.json"], 1, "hints.json: hints must be a list"),
        (["--hints", tmp_path / "none.json"], 1, "none.json: cannot be read"),
        (["--reference", tmp_path / "none.jpg"], 1, "none.jpg: no such file"),
        (["--reference", tmp_path / "one.png"], 1, "the reference has no colours"),
        (["--variants", 1000], 2, "--variants"),
        ([tmp_path / "two.png", "--hints", tmp_path / "hints.json"], 2, "one photograph"),
    ]
    for options, code, message in bad:
        refused = colour_here(*plain, tmp_path / "bad", *options)
        assert (refused.exit_code, message in refused.stderr) == (code, True), refused.stderr
