"""Films in and out of containers: luma, times, and all that is copied."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colouriser import FilmError
from colouriser.film.planes import chroma_luma, coloured_frame, luma_plane, true_chroma
from colouriser.film.read import Film
from colouriser.film.write import NOTE, Encoding, check_target, encode, join

from .films import copied, scene, write_film

LOSSLESS = Encoding(lossless=True)
FRAMES = 24


def rewrite(source: Path, target: Path, encoding: Encoding, cuts: Sequence[int] = (9,)) -> Film:
    """Write a film anew in the colours that it has, in scenes; return it."""
    film = Film.open(source, encoding.lossless)
    check_target(film, target, encoding)
    frames = list(film.frames())

    def pictures(first: int, last: int) -> list[av.VideoFrame]:
        found = []
        for frame in frames[first:last]:
            plane = luma_plane(frame.picture, film.layout)
            chroma = true_chroma(frame.picture, film.layout)
            luma = chroma_luma(plane, film.layout)
            found.append(coloured_frame(plane, chroma, luma, film.layout))
        return found

    scenes = []
    for number, first in enumerate((0, *cuts)):
        scenes.append(target.with_name(f"scene-{number}.mkv"))
        encode(scenes[-1], film, pictures(first, [*cuts, len(frames)][number]), encoding)
    join(film, scenes, [frame.pts for frame in frames], target)
    return Film.open(target, encoding.lossless)


def lumas(film: Film) -> list[np.ndarray]:
    return [luma_plane(frame.picture, film.layout).copy() for frame in film.frames()]


def seconds(film: Film) -> list[float]:
    return [float(frame.pts * film.time_base) for frame in film.frames()]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mkv", "libx264", "yuv420p"),
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray12le"),
        ("a.mkv", "mpeg4", "yuv420p"),
    ],
)
def test_lossless_keeps_the_luma_plane(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    source = write_film(tmp_path / name, scene("astronaut", FRAMES), codec, pixels)
    before = Film.open(source, deep=True)
    after = rewrite(source, tmp_path / "out.mkv", LOSSLESS)
    for one, other in zip(lumas(before), lumas(after), strict=True):
        np.testing.assert_array_equal(one, other)
    assert seconds(after) == pytest.approx(seconds(before), abs=0.0011)
    assert after.layout.depth == before.layout.depth


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [False, True])
def test_chroma_is_of_the_films_matrix_and_range(tmp_path: Path, matrix: int, full: bool) -> None:
    pictures = scene("coffee", 3)
    source = write_film(
        tmp_path / "a.mkv", pictures, "ffv1", colorspace=matrix, color_range=1 + full
    )
    before = next(Film.open(source).frames()).picture
    after = next(rewrite(source, tmp_path / "out.mkv", LOSSLESS, (1,)).frames()).picture
    assert (after.colorspace, after.color_range) == (matrix, 1 + full)
    one, other = (frame.to_ndarray().astype(int) for frame in (before, after))
    # Where chroma fits into RGB it comes back as it was.
    assert np.quantile(abs(one - other), 0.99) <= 1


def test_times_rotation_sound_and_the_rest_are_copied(tmp_path: Path) -> None:
    times = np.random.default_rng(0).integers(200, 1500, FRAMES).cumsum().tolist()
    source = write_film(
        tmp_path / "a.mp4",
        scene("coffee", FRAMES),
        times=times,
        sound="aac",
        degrees=90,
        sample_aspect_ratio=Fraction(16, 15),
    )
    before, after = Film.open(source), rewrite(source, tmp_path / "out.mp4", Encoding())
    assert seconds(after) == seconds(before)
    assert after.layout == before.layout
    assert after.display_matrix == before.display_matrix is not None
    assert after.shape == before.shape == Fraction(16, 15)
    assert copied(tmp_path / "out.mp4", "audio") == copied(source, "audio") != []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["title"] == "A film"
        assert container.metadata["comment"] == f"From the attic; {NOTE}"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["First"]


def test_h264_stays_near(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mp4", scene("astronaut", FRAMES))
    after = rewrite(source, tmp_path / "out.mp4", Encoding())
    for one, other in zip(lumas(Film.open(source)), lumas(after), strict=True):
        assert (one.astype(int) - other).std() < 2


def test_subtitles_are_converted_there_and_back(tmp_path: Path) -> None:
    lines = [(100, "Good evening"), (600, "Schöne Grüße")]
    source = write_film(tmp_path / "a.mkv", scene("coffee", FRAMES), subtitles=lines)
    rewrite(source, tmp_path / "out.mp4", Encoding())
    rewrite(tmp_path / "out.mp4", tmp_path / "back.mkv", Encoding())
    texts = [text.encode() for _, text in lines]
    assert [line for line in copied(tmp_path / "back.mkv", "subtitle") if line] == texts


def test_what_a_container_cannot_hold_is_named(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mkv", scene("coffee", 3), sound="pcm_s16le")
    film = Film.open(source)
    check_target(film, tmp_path / "out.mov", Encoding())
    source = write_film(tmp_path / "b.mkv", scene("coffee", 3), sound="wavpack")
    with pytest.raises(FilmError, match=r"audio 1 \(wavpack\) does not fit into \.mp4.*\.mkv"):
        check_target(Film.open(source), tmp_path / "out.mp4", Encoding())
    with pytest.raises(FilmError, match=r"\.mkv, \.mp4"):
        check_target(film, tmp_path / "out.webm", Encoding())
    with pytest.raises(FilmError, match=r"ends with \.mkv"):
        check_target(film, tmp_path / "out.mp4", LOSSLESS)


def test_odd_sides_and_rgb(tmp_path: Path) -> None:
    pictures = [picture[:101, :151] for picture in scene("chelsea", 5)]
    source = write_film(tmp_path / "a.mkv", pictures, "ffv1", "bgr0")
    after = rewrite(source, tmp_path / "out.mkv", LOSSLESS, (2,))
    assert (after.layout.width, after.layout.height) == (151, 101)
    for frame, picture in zip(after.frames(), pictures, strict=True):
        difference = frame.picture.to_ndarray(format="rgb24").astype(int) - picture
        assert abs(difference).mean() < 2


def test_black_stays_black(tmp_path: Path) -> None:
    film = Film.open(write_film(tmp_path / "a.mkv", scene("coffee", 3), "ffv1"))
    plane = np.full((240, 320), film.layout.black, np.uint8)
    chroma = np.full((120, 160, 2), 0.3, np.float32)
    frame = coloured_frame(plane, chroma, chroma_luma(plane, film.layout), film.layout)
    assert (frame.to_ndarray()[240:] == 128).all()


def test_bad_films(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = write_film(tmp_path / "good.mkv", scene("coffee", FRAMES), sound="flac")
    data = good.read_bytes()
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", 48_000, layout="mono")
        wave = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), layout="mono")
        wave.sample_rate = 48_000
        container.mux(stream.encode(wave))
    picture = av.VideoFrame.from_ndarray(scene("coffee", 1)[0]).to_image()
    picture.save(tmp_path / "still.png")
    picture.save(tmp_path / "still.gif")
    for name, words in {
        "text.mp4": "cannot be read as a film",
        "empty.mp4": "cannot be read as a film",
        "missing.mp4": "cannot be read as a film",
        "sound.wav": "no video",
        "still.png": "is a photograph",
        "still.gif": "is a photograph",
    }.items():
        with pytest.raises(FilmError, match=words) as caught:
            Film.open(tmp_path / name)
        assert str(caught.value).startswith(name)
        assert "\n" not in str(caught.value)
    fast = write_film(tmp_path / "fast.mp4", scene("coffee", 30), times=list(range(0, 300, 10)))
    with pytest.raises(FilmError, match="frames a second"):
        Film.open(fast)
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        assert 0 < len(list(Film.open(tmp_path / "cut.mkv").frames())) < FRAMES


def test_damaged_packets_are_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_film(tmp_path / "a.mkv", scene("coffee", FRAMES), "mjpeg", "yuvj420p")
    data = bytearray(source.read_bytes())
    packets = [i for i in range(len(data) - 3) if data[i : i + 3] == b"\xff\xd8\xff"]
    for start in packets[5:8]:
        data[start : start + 600] = bytes(600)
    source.write_bytes(data)
    frames = list(Film.open(source).frames(report=True))
    assert FRAMES - 3 <= len(frames) < FRAMES
    assert "damaged packets were skipped" in caplog.text


def test_time_that_goes_backwards(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", 25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(scene("coffee", 1)[0]).reformat(format="yuvj420p")
        for index, pts in enumerate((10, 50, 30, 70)):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in stream.encode(frame):
                packet.pts, packet.dts, packet.time_base = pts, index, Fraction(1, 1000)
                container.mux(packet)
    with pytest.raises(FilmError, match=r"a\.mkv: time goes backwards at frame 2"):
        list(Film.open(path).frames())


def test_too_many_pixels(tmp_path: Path) -> None:
    picture = np.zeros((4320, 7680, 3), np.uint8)
    source = write_film(tmp_path / "8k.mkv", [picture], "mjpeg", "yuvj420p")
    with pytest.raises(FilmError, match="has 7680 × 4320 pixels"):
        Film.open(source)
