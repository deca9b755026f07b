"""Whole films, coloured by the command: cuts, colours that hold still, and going on."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from colouriser.film.cuts import find_cuts
from colouriser.film.planes import luma_plane, true_chroma
from colouriser.film.read import Film

from ..conftest import ROOT
from .films import scene, write_film


def colour(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "colouriser", "film", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_hard_cuts_are_found_and_flashes_are_none() -> None:
    lumas = [
        picture.mean(2).astype(np.uint8)
        for name in ("astronaut", "coffee", "chelsea")
        for picture in scene(name, 30)
    ]
    assert find_cuts(lumas) == [30, 60]
    lumas[40] = np.full_like(lumas[40], 250)
    lumas[70:] = [(luma * 0.6).astype(np.uint8) for luma in lumas[70:]]
    assert find_cuts(lumas) == [30, 60]


def test_a_fade_through_black_is_one_cut() -> None:
    one, other = (
        [picture.mean(2) for picture in scene(name, 40)] for name in ("astronaut", "coffee")
    )
    for step in range(8):
        one[32 + step] *= 1 - (step + 1) / 8
        other[step] *= step / 8
    (cut,) = find_cuts([luma.astype(np.uint8) for luma in [*one, *other]])
    assert 32 <= cut <= 48


def test_a_film(tmp_path: Path) -> None:
    pictures = [*scene("astronaut", 15), *scene("coffee", 16)]
    pictures[5] = pictures[6] = pictures[4]
    grey = [picture.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2) for picture in pictures]
    source = write_film(tmp_path / "a.mkv", grey, "ffv1", sound="flac")
    target = tmp_path / "out" / "b.mkv"
    result = colour(source, target, "--lossless")
    assert result.returncode == 0, result.stderr
    assert "coloured, 2 scenes" in result.stderr
    assert [path.name for path in target.parent.iterdir()] == ["b.mkv"]
    before, after = Film.open(source), Film.open(target)
    ones, others = list(before.frames()), list(after.frames())
    for one, other in zip(ones, others, strict=True):
        planes = (luma_plane(one.picture, before.layout), luma_plane(other.picture, after.layout))
        np.testing.assert_array_equal(*planes)
    chroma = np.array([true_chroma(frame.picture, after.layout) for frame in others])
    assert np.abs(chroma).mean() > 0.01
    np.testing.assert_array_equal(chroma[4], chroma[6])  # repeated
    means = chroma.mean((1, 2))
    assert np.abs(np.diff(means[:15], axis=0)).max() < 0.01
    assert "there already" in colour(source, target, "--lossless").stderr


def test_what_is_in_colour_is_kept(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mkv", scene("coffee", 6), "ffv1")
    result = colour(source, tmp_path / "b.mkv", "--lossless")
    assert result.returncode == 0, result.stderr
    frames = zip(Film.open(source).frames(), Film.open(tmp_path / "b.mkv").frames(), strict=True)
    for one, other in frames:
        difference = one.picture.to_ndarray().astype(int) - other.picture.to_ndarray()
        assert np.quantile(abs(difference), 0.99) <= 1


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    one = write_film(tmp_path / "one.mkv", scene("coffee", 1), "ffv1")
    for source, words in ((tmp_path / "a.mp4", "cannot be read as a film"), (one, "one frame")):
        result = colour(source, tmp_path / "out.mkv")
        assert result.returncode == 1
        assert words in result.stderr.splitlines()[-1]
        assert not list(tmp_path.glob("*out*"))
