"""Films in files: what is known of one before it is decoded, and its frames."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

from ..errors import FilmError, reason
from .planes import Layout, layout_of, luma_plane, small_luma, true_chroma

MAX_PIXELS = 4096 * 2304  # of a frame: 4K, of cinema and of television
MIN_SIDE = 24  # pixels, of the longer side: motion cannot be told in less
MAX_RATE = 300  # frames a second; cameras in slow motion give 240
STILLS = ("image2", "gif", "webp", "apng", "svg", "ico")  # containers of photographs
UNSPECIFIED = {"colorspace": 2, "color_range": 0, "color_primaries": 2, "color_trc": 2}
PLAYED_ON = 1.0  # seconds by which a film may end before its declared end

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """A frame of a film, as it was decoded."""

    index: int  # from 0
    pts: int  # when it is shown, in units of the film's time base
    picture: Any  # an av.VideoFrame; a Photo, where frames are files


@dataclass(frozen=True)
class Film:
    """A film in a file. Create it with `Film.open`."""

    path: Path
    layout: Layout  # of the coloured film
    rate: Fraction  # frames a second, on average
    time_base: Fraction  # seconds
    stream: int  # index of the video in the container
    ends: float  # when, in seconds, as far as the container says; 0 is unknown
    shape: Fraction | None  # of a pixel: width by height
    display_matrix: tuple[int, ...] | None  # nine numbers that turn or mirror it
    interlaced: bool
    since: float = 0.0  # seconds from its beginning from which on, …
    until: float = math.inf  # … and before which, its frames are taken

    @classmethod
    def open(
        cls, path: Path, deep: bool = False, since: float = 0.0, until: float = math.inf
    ) -> "Film":
        """Look into a film.

        Args:
            path: of the file.
            deep: see `layout_of`.
            since, until: seconds; the part that is taken.

        Raises:
            FilmError: it cannot be read, holds no film, or is too large.
        """
        with open_container(path) as container:
            stream = _video(container, path)
            width, height = stream.codec_context.width, stream.codec_context.height
            if max(width, height) < MIN_SIDE:
                raise FilmError(
                    "film_small",
                    "has {width} × {height} pixels; that is no film",
                    width=width,
                    height=height,
                ).of(path.name)
            if width * height > MAX_PIXELS:
                raise FilmError(
                    "film_large",
                    "has {width} × {height} pixels; the most are 4096 × 2304",
                    width=width,
                    height=height,
                ).of(path.name)
            rates = [stream.average_rate or Fraction(0), stream.base_rate or Fraction(0)]
            rate = next((rate for rate in rates if 0 < rate <= MAX_RATE), max(rates))
            if not 0 < rate <= MAX_RATE:
                raise FilmError(
                    "film_rate",
                    "says that it has {rate:g} frames a second; the most are {most}",
                    rate=float(rate),
                    most=MAX_RATE,
                ).of(path.name)
            said = {name: int(getattr(stream.codec_context, name)) for name in UNSPECIFIED}
            picture = next(_pictures(container, stream, path, [0]), None)
            if picture is None:
                raise FilmError("film_empty", "has no frame that can be decoded").of(path.name)
            for name, unspecified in UNSPECIFIED.items():  # then the container's own tag counts
                if getattr(picture, name) == unspecified:
                    setattr(picture, name, said[name])
            ends = 0.0  # seconds
            if stream.duration and stream.time_base:
                ends = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
            elif container.duration:
                ends = container.duration / av.time_base  # Matroska's, from zero
            matrix = cast("Buffer | None", picture.side_data.get("DISPLAYMATRIX"))
            return cls(
                path,
                layout_of(picture, deep),
                rate,
                stream.time_base or Fraction(1, 90000),
                stream.index,
                ends,
                stream.sample_aspect_ratio,
                tuple(np.frombuffer(memoryview(matrix), "<i4").tolist()) if matrix else None,
                bool(picture.interlaced_frame),
                since,
                until,
            )

    def identity(self) -> list[object]:
        """Tells the film, or this part of it, from others."""
        stat = self.path.stat()
        return [stat.st_size, stat.st_mtime_ns, self.since, self.until]

    def luma(self, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        """A frame's small luma: uint8 h×w."""
        return small_luma(luma_plane(frame.picture, self.layout), size, self.layout)

    def tint(self, frame: Frame) -> float:
        """How far a frame is from grey, of 1."""
        return float(np.abs(true_chroma(frame.picture, self.layout)).mean())

    def frames(self, report: bool = False) -> Iterator[Frame]:
        """The frames; damaged packets are skipped, and counted.

        Args:
            report: log what is wrong with the film.

        Raises:
            FilmError: timestamps go backwards, or frames change their size.
        """
        damaged, last, shown, index, clear = [0], -(1 << 62), 0, 0, False
        with open_container(self.path) as container:
            stream = container.streams[self.stream]
            assert isinstance(stream, av.VideoStream)
            step = max(1, round(1 / (self.rate * self.time_base)))
            start = (stream.start_time or 0) + self.since / self.time_base
            if self.since:
                container.seek(int(start), stream=stream)
            for picture in _pictures(container, stream, self.path, damaged):
                pts = picture.pts if picture.pts is not None else picture.dts
                if pts is None:
                    pts = 0 if last < 0 else last + step
                if self.since and pts < start:
                    continue
                if (pts - (stream.start_time or 0)) * self.time_base >= self.until:
                    return
                if pts <= last:
                    raise FilmError(
                        "film_backwards",
                        "time goes backwards at frame {frame}; give its frames new timestamps",
                        frame=index,
                    ).of(self.path.name)
                if (picture.width, picture.height) != (self.layout.width, self.layout.height):
                    raise FilmError(
                        "film_size", "changes its size at frame {frame}; cut it there", frame=index
                    ).of(self.path.name)
                last, shown = pts, picture.duration or 0
                clear = any(part.is_alpha for part in picture.format.components)
                yield Frame(index, pts, picture)
                index += 1
        if report:
            if self.interlaced:
                logger.warning("%s: is interlaced; it is coloured as frames", self.path.name)
            if clear:
                logger.warning("%s: has transparency, which is left", self.path.name)
            if damaged[0]:
                logger.warning("%s: %d damaged packets were skipped", self.path.name, damaged[0])
            missing = self.ends - float((last + shown) * self.time_base)
            if index and missing > PLAYED_ON:
                logger.warning(
                    "%s: it ends %.1f seconds before its declared end",
                    self.path.name,
                    missing,
                )


def open_container(path: Path) -> av.container.InputContainer:
    """A film's container. A relative name with a colon would be taken for a protocol.

    Raises:
        FilmError: it cannot be read.
    """
    try:
        return av.open(str(path.absolute()), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FilmError(
            "film_unreadable", "cannot be read as a film ({reason})", reason=reason(error)
        ).of(path.name) from error


def _video(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream to colour: the first video that is no cover.

    Raises:
        FilmError: there is none, or it is a photograph, or no decoder for it is here.
    """
    if container.format.name.endswith("_pipe") or container.format.name in STILLS:
        raise FilmError("film_still", "is a photograph; `colouriser colour` is for these").of(
            path.name
        )
    pictures = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & pictures]
    if not streams:
        raise FilmError("film_none", "has no video in it").of(path.name)
    stream = streams[0]
    if stream.codec_context is None:
        raise FilmError("film_codec", "is in a codec that cannot be decoded here").of(path.name)
    stream.thread_type = "AUTO"
    return stream


def _pictures(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    path: Path,
    damaged: list[int],
) -> Iterator[av.VideoFrame]:
    """Decoded frames; damaged packets are skipped and counted."""
    try:
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.InvalidDataError:
                damaged[0] += 1
                continue
            for picture in pictures:
                assert isinstance(picture, av.VideoFrame)
                damaged[0] += picture.is_corrupt
                yield picture
    except av.InvalidDataError:
        damaged[0] += 1  # the container itself ends here
    except (av.FFmpegError, OSError) as error:
        raise FilmError(
            "film_unreadable", "cannot be read as a film ({reason})", reason=reason(error)
        ).of(path.name) from error
