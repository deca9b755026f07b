"""Whole films: cuts, colours that hold still, key frames, parts, and going on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from colouriser import Colouriser, FilmError, SettingError
from colouriser.__main__ import program
from colouriser.film.carry import find_steps
from colouriser.film.cutlist import read_scenes, seconds
from colouriser.film.cuts import find_cuts
from colouriser.film.planes import luma_plane, true_chroma
from colouriser.film.read import Film
from colouriser.film.run import LONGEST, Look, colour_film, coloured_frames, split
from colouriser.film.write import Encoding

from .films import copied, scene, write_film

LOSSLESS = Encoding(lossless=True)


def colour(*arguments: object) -> Result:
    return CliRunner().invoke(program, ["film", *map(str, arguments)])


def chroma_of(path: Path) -> np.ndarray:
    """Frames × h × w × 2."""
    film = Film.open(path)
    return np.array([true_chroma(frame.picture, film.layout) for frame in film.frames()])


def grey(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [picture.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2) for picture in pictures]


@pytest.fixture(scope="module")
def two_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 frames of one scene, of which three are the same, and 16 of another, with sound."""
    pictures = [*scene("astronaut", 15), *scene("coffee", 16)]
    pictures[5] = pictures[6] = pictures[4]
    path = tmp_path_factory.mktemp("film") / "a.mkv"
    return write_film(path, grey(pictures), "ffv1", sound="flac")


def test_hard_cuts_are_found_and_flashes_are_none() -> None:
    lumas = [
        picture.mean(2).astype(np.uint8)
        for name in ("astronaut", "coffee", "chelsea")
        for picture in scene(name, 30)
    ]
    assert list(find_cuts(lumas)) == [30, 60]
    lumas[40] = np.full_like(lumas[40], 250)
    lumas[70:] = [(luma * 0.6).astype(np.uint8) for luma in lumas[70:]]
    assert list(find_cuts(lumas)) == [30, 60]


def test_neither_a_swinging_camera_nor_a_flash_in_it_is_a_cut() -> None:
    swung = [picture.mean(2) for picture in [*scene("chelsea", 20), *scene("chelsea", 40, 36)]]
    assert list(find_cuts(luma.astype(np.uint8) for luma in swung)) == []
    moved = [picture.mean(2) for picture in scene("chelsea", 60, 22)]
    moved[25:29] = [luma * 0.2 + 188 for luma in moved[25:29]]
    assert list(find_cuts(luma.astype(np.uint8) for luma in moved)) == []


def test_a_fade_through_black_is_one_cut() -> None:
    one, other = (
        [picture.mean(2) for picture in scene(name, 40)] for name in ("astronaut", "coffee")
    )
    for step in range(8):
        one[32 + step] *= 1 - (step + 1) / 8
        other[step] *= step / 8
    (cut,) = find_cuts([luma.astype(np.uint8) for luma in [*one, *other]])
    assert 32 <= cut <= 48


def test_a_cross_fade_is_one_cut() -> None:
    one, other = (
        [picture.mean(2) for picture in scene(name, 40)] for name in ("astronaut", "coffee")
    )
    share = [(step + 1) / 11 for step in range(10)]
    fade = [a * (1 - s) + b * s for a, b, s in zip(one[30:], other, share, strict=False)]
    (cut,) = find_cuts([luma.astype(np.uint8) for luma in [*one[:30], *fade, *other[10:]]])
    assert 28 <= cut <= 42


def test_ways_between_frames_lead_where_things_went() -> None:
    lumas = [picture.mean(2).astype(np.uint8) for picture in scene("coffee", 6)]
    steps = find_steps(lumas)
    assert {one - other for one, other in steps} == {-4, -1, 1, 4}
    for (one, other), step in steps.items():
        moved = np.median(step.flow.astype(np.float32), axis=(0, 1)) / (one - other)
        assert moved == pytest.approx((2, 1), abs=0.1)
        assert np.median(step.trust) > 0.9


def test_long_scenes_are_split() -> None:
    parts = split([0, 10], 10 + 2 * LONGEST + 1)
    assert [part.first for part in parts] == [0, 10, 10 + LONGEST, 10 + 2 * LONGEST]
    assert [part.goes_on for part in parts] == [False, False, True, True]
    assert [part.scene for part in parts] == [1, 2, 2, 2]
    assert parts[-1].end == 10 + 2 * LONGEST + 1


def test_a_film(two_scenes: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "b.mkv"
    result = colour(two_scenes, target, "--lossless")
    assert result.exit_code == 0, result.output
    assert "coloured, 2 scenes" in result.stderr
    assert [path.name for path in target.parent.iterdir()] == ["b.mkv"]
    assert copied(target, "audio") == copied(two_scenes, "audio") != []
    before, after = Film.open(two_scenes), Film.open(target)
    for one, other in zip(before.frames(), after.frames(), strict=True):
        assert one.pts * before.time_base == other.pts * after.time_base
        planes = (luma_plane(one.picture, before.layout), luma_plane(other.picture, after.layout))
        np.testing.assert_array_equal(*planes)
    chroma = chroma_of(target)
    assert np.abs(chroma).mean() > 0.01
    np.testing.assert_array_equal(chroma[4], chroma[6])  # repeated
    assert np.abs(np.diff(chroma.mean((1, 2))[:15], axis=0)).max() < 0.01
    assert "there already" in colour(two_scenes, target, "--lossless").stderr


def test_a_stopped_film_goes_on(two_scenes: Path, tmp_path: Path, colouriser: Colouriser) -> None:
    film, target, seen = Film.open(two_scenes, deep=True), tmp_path / "b.mkv", list[int]()

    def stop(what: str, done: int, total: int) -> None:
        if done == 20 and what == "colour":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colour_film(film, target, colouriser, encoding=LOSSLESS, progress=stop)
    assert not target.exists()
    colour_film(film, target, colouriser, Look(), LOSSLESS, lambda _, n, all: seen.append(n))
    assert seen == list(range(15, 32))  # nothing was looked for again, and one scene was kept
    whole = tmp_path / "whole.mkv"
    colour_film(film, whole, colouriser, encoding=LOSSLESS)
    np.testing.assert_array_equal(chroma_of(target), chroma_of(whole))


def test_a_changed_key_frame_colours_its_scene_alone(
    two_scenes: Path, tmp_path: Path, colouriser: Colouriser
) -> None:
    film, keys, target = Film.open(two_scenes, deep=True), tmp_path / "keys", tmp_path / "b.mkv"

    def again() -> tuple[int, np.ndarray]:
        """How many frames were kept from before, and the film's colours."""
        seen = list[int]()

        def show(what: str, done: int, total: int) -> None:
            seen.extend([done] if what == "colour" else [])

        colour_film(film, target, colouriser, Look(), LOSSLESS, show, keyframes=keys)
        return seen[0], chroma_of(target)

    kept, before = again()
    names = sorted(path.name for path in keys.glob("*.png"))
    stems = ["scene-0001-frame-000007", "scene-0002-frame-000023"]
    assert names == [f"{stem}-{kind}.png" for stem in stems for kind in ("colour", "grey")]
    assert kept == 0
    assert again()[0] == 31
    # A person paints the second scene's key frame blue.
    Image.new("RGB", (320, 240), (60, 60, 200)).save(keys / "scene-0002-frame-000023-colour.png")
    kept, after = again()
    assert kept == 15
    np.testing.assert_array_equal(before[:15], after[:15])
    assert (after[15:, ..., 0].mean((1, 2)) > before[15:, ..., 0].mean((1, 2)) + 0.02).all()
    # And gives a hint for a frame of the first.
    hint = {"x": 160, "y": 120, "colour": "#a02020", "radius": 20}
    (keys / "frame-3-hints.json").write_text(json.dumps([hint]))
    kept, last = again()
    assert kept == 16
    np.testing.assert_array_equal(last[15:], after[15:])
    assert last[3, 55:65, 75:85, 1].mean() > after[3, 55:65, 75:85, 1].mean()
    (keys / "frame-31-hints.json").write_text("[]")
    with pytest.raises(FilmError, match=r"frame-31-hints\.json: names frame 31"):
        again()


def test_scenes_are_listed_and_corrected(two_scenes: Path, tmp_path: Path) -> None:
    listed, target = tmp_path / "scenes.txt", tmp_path / "b.mkv"
    result = colour(two_scenes, "--scenes", listed)
    assert result.exit_code == 0, result.output
    assert listed.read_text().splitlines()[1:] == ["0\t0:00:00.000", "15\t0:00:00.600"]
    listed.write_text("0\n10 anything\n\n15\n")
    result = colour(two_scenes, target, "--scenes", listed)
    assert "coloured, 3 scenes" in result.stderr, result.output
    for text in ("", "5", "0\n9\n9", "0\nx"):
        listed.write_text(text)
        with pytest.raises(FilmError, match=r"scenes\.txt: "):
            read_scenes(listed)
    listed.write_text("0\n31\n")
    result = colour(two_scenes, target, "--scenes", listed, "--overwrite")
    assert result.exit_code == 1
    assert "31 frames" in result.stderr


def test_a_part_of_a_film(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mkv", scene("coffee", 50), sound="flac")
    result = colour(source, tmp_path / "b.mkv", "--from", "0:00.5", "--to", "0.9", "--recolour")
    assert result.exit_code == 0, result.output
    times = [
        float(frame.pts * film.time_base)
        for film in (Film.open(tmp_path / "b.mkv"),)
        for frame in film.frames()
    ]
    assert times == pytest.approx([index / 25 for index in range(10)], abs=0.002)
    sound = copied(tmp_path / "b.mkv", "audio")
    assert 0 < len(sound) < len(copied(source, "audio"))
    assert seconds("--from", "1:02:03.5") == 3723.5
    for text in ("", "x", "1:2:3:4", "-1", "nan", "inf"):
        with pytest.raises(SettingError, match="--from must be a time"):
            seconds("--from", text)


@pytest.mark.parametrize(
    ("name", "value"), [("recolour", "false"), ("vividness", 9), ("detail", "large")]
)
def test_how_a_film_looks_is_checked(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"{name} must be"):
        Look(**{name: value})  # type: ignore[arg-type]


def test_frames_for_programs(two_scenes: Path, colouriser: Colouriser) -> None:
    found = list(coloured_frames(Film.open(two_scenes), colouriser))
    assert [when for when, _ in found] == pytest.approx([n / 25 for n in range(31)], abs=0.001)
    assert found[0][1].to_ndarray(format="rgb24").std(2).mean() > 1


def test_what_is_in_colour_is_kept(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mkv", scene("coffee", 6), "ffv1")
    result = colour(source, tmp_path / "b.mkv", "--lossless")
    assert result.exit_code == 0, result.output
    frames = zip(Film.open(source).frames(), Film.open(tmp_path / "b.mkv").frames(), strict=True)
    for one, other in frames:
        difference = one.picture.to_ndarray().astype(int) - other.picture.to_ndarray()
        assert np.quantile(abs(difference), 0.99) <= 1


def test_two_runs_do_not_write_to_one_place(
    two_scenes: Path, colouriser: Colouriser, tmp_path: Path
) -> None:
    film, target = Film.open(two_scenes), tmp_path / "out.mkv"

    def another(*_: object) -> None:
        with pytest.raises(FilmError, match="by another run"):
            colour_film(film, target, colouriser)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colour_film(film, target, colouriser, progress=another)
    colour_film(film, target, colouriser)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    one = write_film(tmp_path / "one.mkv", scene("coffee", 1), "ffv1")
    for source, words in ((tmp_path / "a.mp4", "cannot be read as a film"), (one, "one frame")):
        result = colour(source, tmp_path / "out.mkv")
        assert result.exit_code == 1
        assert words in result.stderr.splitlines()[-1]
        assert not list(tmp_path.glob("*out*"))
