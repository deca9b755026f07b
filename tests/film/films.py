"""Films made of photographs that a package brings along: a window moves over each."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from skimage import data

WIDTH, HEIGHT = 320, 240
RATE = 25
TICK = Fraction(1, 12800)  # seconds, of MP4
SCENES = ("astronaut", "coffee", "chelsea", "rocket")


@cache
def photograph(name: str) -> np.ndarray:
    return getattr(data, name)()


def scene(name: str, frames: int, speed: float = 2.0) -> list[np.ndarray]:
    """RGB frames of a window that moves over a photograph, to and fro."""
    whole = photograph(name)
    room = whole.shape[1] - WIDTH, whole.shape[0] - HEIGHT
    pictures = []
    for index in range(frames):
        x, y = (
            int(abs((index * step + side) % (2 * side) - side))
            for step, side in zip((speed, speed / 2), room, strict=True)
        )
        pictures.append(whole[y : y + HEIGHT, x : x + WIDTH])
    return pictures


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
    sound: str | None = None,
    subtitles: Sequence[tuple[int, str]] = (),
    degrees: int = 0,
    options: dict[str, str] | None = None,
    **attributes: Any,
) -> Path:
    """Write a film, with a title, a comment and a chapter.

    Args:
        times: of frames, in `TICK`s.
        sound: codec of a tone of one second.
        subtitles: milliseconds and text of each.
        degrees: of rotation.
        attributes: of the encoder.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, RATE, options)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.codec_context.time_base = pixels, TICK
        for name, value in attributes.items():
            setattr(video.codec_context, name, value)
        if degrees:
            video.set_display_rotation(degrees)
        container.metadata.update({"title": "A film", "comment": "From the attic"})
        chapter: Any = {
            "id": 1,
            "start": 0,
            "end": 500,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "First"},
        }
        container.set_chapters([chapter])
        audio = container.add_stream(sound, 48_000) if sound else None
        text = container.add_mux_stream("subrip") if subtitles else None
        container.start_encoding()
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = times[index] if times else index * 512, TICK
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            tone = (np.sin(np.arange(48_000) / 20) * 8000).astype(np.int16)[None]
            wave = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            wave.sample_rate, wave.pts, wave.time_base = 48_000, 0, Fraction(1, 48_000)
            wave = av.AudioResampler(audio.format, audio.layout, 48_000).resample(wave)[0]
            container.mux(audio.encode(wave))
            container.mux(audio.encode(None))
        for start, line in subtitles:
            assert text
            packet = av.Packet(line.encode())
            packet.pts = packet.dts = start
            packet.duration, packet.time_base = 400, Fraction(1, 1000)
            packet.stream = text
            container.mux(packet)
    return path


def copied(path: Path, kind: str) -> list[bytes]:
    """The packets of a stream that is no video: "audio" or "subtitle"."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [bytes(packet) for packet in container.demux(streams) if packet.size]
