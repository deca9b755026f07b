"""Films in and out of containers: luma, times, and all that is copied."""

import io
import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from colouriser import FilmError
from colouriser.film.planes import Fields, chroma_luma, coloured_frame, luma_plane, true_chroma
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


def test_transparency_is_said_and_a_late_start_is_no_loss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = [12_800 * 10 + 512 * index for index in range(FRAMES)]  # from 10 seconds on
    source = write_film(tmp_path / "a.mkv", scene("coffee", FRAMES), "ffv1", "yuva444p", times)
    frames = list(Film.open(source).frames(report=True))
    assert frames[0].pts == 10_000  # milliseconds
    assert "transparency, which is left" in caplog.text
    assert "declared end" not in caplog.text


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


def remux(source: Path, target: Path, change: Callable[[list[av.Packet]], None]) -> Path:
    """The first stream of a film in another file, its packets changed."""
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(film.streams[0])
        packets = [packet for packet in film.demux(film.streams[0]) if packet.size]
        change(packets)
        for packet in packets:
            packet.stream = stream
            out.mux_one(packet)
    return target


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_the_last_frame_is_shown_as_long(tmp_path: Path, ending: str) -> None:
    plain = write_film(
        tmp_path / "a.mp4", scene("coffee", FRAMES), options={"bf": "0"}, pixels="yuv420p"
    )

    def longer(packets: list[av.Packet]) -> None:
        packets[-1].duration = round(3 / packets[-1].time_base)

    source = remux(plain, tmp_path / "long.mp4", longer)
    target = tmp_path / f"out.{ending}"
    rewrite(source, target, Encoding())
    assert length(target) == pytest.approx(length(source), abs=0.01)
    rewrite(plain, target, Encoding())
    assert length(target) == pytest.approx(length(plain), abs=0.01)


def length(path: Path) -> float:
    """Seconds."""
    with av.open(str(path)) as container:
        return (container.duration or 0) / av.time_base


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_covers_are_kept(tmp_path: Path, ending: str) -> None:
    film, cover = write_film(tmp_path / "a.mp4", scene("coffee", FRAMES)), io.BytesIO()
    Image.fromarray(scene("rocket", 1)[0]).save(cover, "JPEG")
    source = tmp_path / "with-cover.mp4"
    with av.open(str(film)) as plain, av.open(str(source), "w") as out:
        copy = out.add_stream_from_template(plain.streams.video[0])
        picture = out.add_stream("mjpeg", 1)
        picture.height, picture.width, picture.pix_fmt = (
            *scene("rocket", 1)[0].shape[:2],
            "yuvj420p",
        )
        picture.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover.getvalue())
        packet.pts = packet.dts = 0
        packet.stream = picture
        out.mux_one(packet)
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux_one(packet)
    target = tmp_path / f"out.{ending}"
    rewrite(source, target, Encoding())
    with av.open(str(target)) as container:
        pictures = [s for s in container.streams.video if s.disposition]
        covers = [s for s in pictures if s.disposition & av.stream.Disposition.attached_pic]
        assert [bytes(p) for p in container.demux(covers) if p.size] == [cover.getvalue()]


def test_another_video_of_reordered_frames_is_copied(tmp_path: Path) -> None:
    one, other = (write_film(tmp_path / f"{n}.mp4", scene(n, FRAMES)) for n in ("coffee", "rocket"))
    source, target = tmp_path / "two.mkv", tmp_path / "out.mkv"
    with av.open(str(one)) as a, av.open(str(other)) as b, av.open(str(source), "w") as out:
        copies = [out.add_stream_from_template(film.streams.video[0]) for film in (a, b)]
        for film, copy in zip((a, b), copies, strict=True):
            for packet in film.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    out.mux_one(packet)
    rewrite(source, target, Encoding())
    with av.open(str(target)) as container:
        assert len(list(container.decode(container.streams.video[1]))) == FRAMES


def test_sound_that_no_container_takes_is_said_before(tmp_path: Path) -> None:
    source = write_film(tmp_path / "a.mp4", scene("coffee", 3), sound="libopus")
    with pytest.raises(FilmError, match=r"audio 1 \(opus\) does not fit into \.mov.*\.mkv"):
        check_target(Film.open(source), tmp_path / "out.mov", Encoding())
    source = write_film(tmp_path / "a.mov", scene("coffee", 3), sound="adpcm_ima_qt")
    with pytest.raises(FilmError, match=r"audio 1 \(adpcm_ima_qt\) cannot be copied"):
        check_target(Film.open(source), tmp_path / "out.mkv", Encoding())


@pytest.mark.parametrize("pixels", ["gray10le", "gray12le", "gray16le"])
def test_deep_grey_keeps_its_range(tmp_path: Path, pixels: str) -> None:
    film = Film.open(write_film(tmp_path / "a.mkv", scene("coffee", 3), "ffv1", pixels))
    frame = next(film.frames())
    bits = frame.picture.format.components[0].bits
    plane = luma_plane(frame.picture, film.layout)
    stored = np.frombuffer(memoryview(frame.picture.planes[0]), "<u2")
    stored = stored.reshape(frame.picture.height, -1)[:, : frame.picture.width]
    assert np.abs(plane.astype(int) - (stored >> (bits - film.layout.depth))).max() <= 1


def test_small_frames_are_no_film(tmp_path: Path) -> None:
    pictures = [picture[:16, :16] for picture in scene("coffee", 3)]
    with pytest.raises(FilmError, match="16 × 16 pixels"):
        Film.open(write_film(tmp_path / "a.mkv", pictures, "ffv1"))


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_stay_in_their_order(tmp_path: Path, order: str) -> None:
    film = Film.open(write_film(tmp_path / "a.mkv", scene("coffee", 3), "ffv1"))
    kinds = {"tff": "TOPFIRST", "bff": "BOTTOMFIRST"}
    fields = Fields(film.layout)
    for source in through(film, "setfield", order):
        plane = luma_plane(source, film.layout)
        luma, chroma = chroma_luma(plane, film.layout), true_chroma(source, film.layout)
        made = coloured_frame(plane, chroma, luma, film.layout)
        given = fields(source, made)
        np.testing.assert_array_equal(luma_plane(given, film.layout), plane)
        (kept,) = through(film, "select", f"eq(interlace_type,{kinds[order]})", [given])
        assert kept.interlaced_frame


def through(
    film: Film, name: str, argument: str, frames: list[av.VideoFrame] | None = None
) -> list[av.VideoFrame]:
    """What a filter gives of frames, or of a film's."""
    graph = av.filter.Graph()
    buffer = graph.add_buffer(
        width=film.layout.width,
        height=film.layout.height,
        format=av.VideoFormat(film.layout.format),
        time_base=film.time_base,
    )
    graph.link_nodes(buffer, graph.add(name, argument), graph.add("buffersink")).configure()
    given, found = frames or [frame.picture for frame in film.frames()], list[av.VideoFrame]()
    for frame in given:
        graph.push(frame)
        try:
            pulled = graph.pull()
        except (av.BlockingIOError, EOFError):
            continue
        assert isinstance(pulled, av.VideoFrame)
        found.append(pulled)
    return found
