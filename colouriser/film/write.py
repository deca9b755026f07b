"""Films in files: coloured scenes in, one film out, with all that is not its picture copied.

Scenes are encoded one by one, with the frames' numbers for times; so a film that was stopped goes
on with the next. `join` puts them together without encoding again, with the times of the film.
"""

import heapq
import logging
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import av

from ..errors import FilmError, reason
from ..files import write_atomically
from .planes import copy_tags
from .read import Film

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
QUALITY = 18  # x264's constant rate factor: hardly to be told from what was encoded
PRESET = "faster"  # a third of the time of x264's usual one, and files a tenth larger
NOTE = "Colour was added by an algorithm (Colouriser)"
OF_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # and not of a film

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoding:
    """How a coloured film is encoded: H.264, or FFV1 if it is to lose nothing."""

    lossless: bool = False
    quality: int = QUALITY

    def codec(self) -> tuple[str, dict[str, str]]:
        if self.lossless:
            return "ffv1", {"level": "3", "slicecrc": "1", "g": "1"}
        return "libx264", {"crf": str(self.quality), "preset": PRESET}


def check_target(film: Film, target: Path, encoding: Encoding) -> None:
    """Check that a container can hold what is in the film, before it is coloured.

    Raises:
        FilmError: it cannot.
    """
    kind = CONTAINERS.get(target.suffix.lower())
    if kind is None or (encoding.lossless and kind != "matroska"):
        raise FilmError(
            "film_container",
            "cannot be written; give a name that ends with {endings}",
            endings=".mkv" if encoding.lossless else ", ".join(CONTAINERS),
        ).of(target.name)
    with av.open(str(film.path), metadata_errors="replace") as source:
        for stream in source.streams:
            if stream.index == film.stream or _held(stream, kind):
                continue
            if stream.type in ("audio", "subtitle"):
                raise FilmError(
                    "film_stream",
                    "{kind} {number} ({codec}) does not fit into {ending}; give a name that ends "
                    "with .mkv",
                    kind=stream.type,
                    number=stream.index,
                    codec=_codec(stream) or "unknown",
                    ending=target.suffix,
                ).of(film.path.name)
            if _codec(stream) == "bin_data" and source.chapters():
                continue  # chapters once more, as players of QuickTime want them
            logger.warning(
                "%s: stream %d (%s) does not fit into %s and is left out",
                film.path.name,
                stream.index,
                _codec(stream) or stream.type,
                target.suffix,
            )


def encode(path: Path, film: Film, pictures: Iterable[av.VideoFrame], encoding: Encoding) -> None:
    """Encode frames into a Matroska file, whose times are their numbers.

    Raises:
        FilmError: the encoder refuses them.
        OSError: the disk is full, say.
    """

    def write(file: BinaryIO) -> None:
        codec, options = encoding.codec()
        with av.open(file, "w", format="matroska") as container:
            rate = film.rate.limit_denominator(60_000)
            stream = container.add_stream(codec, rate, options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = film.layout.width, film.layout.height
            stream.pix_fmt = film.layout.format
            stream.codec_context.time_base = 1 / rate
            if film.shape:
                stream.codec_context.sample_aspect_ratio = film.shape
            copy_tags(film.layout, stream.codec_context)
            if film.interlaced and not encoding.lossless:
                stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct
            for number, picture in enumerate(pictures):
                picture.pts, picture.time_base = number, 1 / rate
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))

    try:
        write_atomically(path, write)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            raise OSError(error.errno, error.strerror) from error
        raise FilmError("film_encoder", "cannot be encoded ({reason})", reason=reason(error)).of(
            film.path.name
        ) from error


def join(film: Film, scenes: Sequence[Path], times: Sequence[int], target: Path) -> None:
    """Put encoded scenes together, with the sound, subtitles, chapters and metadata of the film.

    Args:
        film: where they are from.
        scenes: see `encode`; in order.
        times: pts of all their frames, in the film's time base.
        target: appears when it is complete.

    Raises:
        OSError: the disk is full, say.
        FilmError: the container refuses what is in the film.
    """
    kind = CONTAINERS[target.suffix.lower()]
    whole = not film.since and film.until == math.inf

    def write(file: BinaryIO) -> None:
        with (
            av.open(str(film.path), metadata_errors="replace") as source,
            av.open(str(scenes[0])) as first,
            av.open(file, "w", format=kind) as out,
        ):
            original = source.streams[film.stream]
            video = out.add_stream_from_template(first.streams.video[0])
            video.time_base = film.time_base
            video.codec_context.framerate = film.rate.limit_denominator(60_000)
            if film.display_matrix:
                video.set_display_matrix(film.display_matrix)
            video.metadata.update(original.metadata)
            video.disposition = original.disposition
            others = {}
            for stream in source.streams:
                if stream.index == film.stream or not _held(stream, kind):
                    continue
                if isinstance(stream, av.stream.AttachmentStream):
                    name = stream.metadata.get("filename", "attachment")
                    mime = stream.mimetype or "application/octet-stream"
                    out.add_attachment(name, mime, stream.data)
                    continue
                text = _converted(stream, kind)
                copy = out.add_mux_stream(text) if text else out.add_stream_from_template(stream)
                copy.time_base = stream.time_base
                copy.metadata.update(stream.metadata)
                copy.disposition = stream.disposition
                others[stream.index] = copy
            out.metadata.update(
                {k: v for k, v in source.metadata.items() if k.lower() not in OF_CONTAINER}
            )
            key = next((k for k in source.metadata if k.lower() == "comment"), "comment")
            comment = source.metadata.get(key)
            out.metadata[key] = f"{comment}; {NOTE}" if comment and NOTE not in comment else NOTE
            if whole:
                out.set_chapters(source.chapters())
            out.start_encoding()
            shown = times if whole else [time - times[0] for time in times]
            pictures = _pictures(scenes, shown, film, negative=kind != "matroska")
            queues = [_timed(((packet, video) for packet in pictures), 0)]
            if others:
                streams = [source.streams[index] for index in others]
                if not whole:
                    source.seek(times[0], stream=original)
                packets = source.demux(streams)
                if not whole:
                    span = [float(times[n] * film.time_base) for n in (0, -1)]
                    packets = _within(packets, span[0], span[1])
                queues.append(_timed(_copied(packets, others, kind), 1))
            for _, _, packet in heapq.merge(*queues, key=lambda item: item[:2]):
                out.mux_one(packet)

    try:
        write_atomically(target, write)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            raise OSError(error.errno, error.strerror) from error
        raise FilmError(
            "film_container_failed",
            "cannot hold what is in the film ({reason}); give a name that ends with .mkv",
            reason=reason(error),
        ).of(target.name) from error


def _pictures(
    scenes: Sequence[Path], times: Sequence[int], film: Film, negative: bool
) -> Iterator[av.Packet]:
    """The packets of all scenes, with the film's times.

    Packets come in the order of decoding, which is `delay` frames behind that of showing at most.
    So the time of decoding is that of the frame shown `delay` frames before; before the first one
    it is less than zero where a container takes that.
    """
    ranks = list[int]()
    for scene in scenes:
        numbers = [packet.pts or 0 for packet in _stored(scene)]
        order = sorted(numbers)
        ranks += [len(ranks) + bisect_left(order, number) for number in numbers]
    if len(ranks) != len(times):
        raise FilmError("film_scene", "a stored scene is damaged; start it anew").of(film.path.name)
    step = max(1, round(1 / (film.rate * film.time_base)))
    delay = max(index - rank for index, rank in enumerate(ranks))
    early = [times[0] - (step * (delay - n) if negative else 0) for n in range(delay)]
    shown, ends = [*early, *times], [*times[1:], times[-1] + step]
    packets = (packet for scene in scenes for packet in _stored(scene))
    for index, (rank, packet) in enumerate(zip(ranks, packets, strict=True)):
        packet.pts, packet.dts = times[rank], shown[index]
        packet.duration = ends[rank] - times[rank]
        packet.time_base = film.time_base
        yield packet


def _stored(scene: Path) -> Iterator[av.Packet]:
    with av.open(str(scene)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def _timed(
    packets: Iterable[tuple[av.Packet, av.stream.Stream]], order: int
) -> Iterator[tuple[float, int, av.Packet]]:
    """Packets of an output's streams, with when they are decoded, in seconds."""
    for packet, stream in packets:
        assert packet.dts is not None
        when = float(packet.dts * packet.time_base)
        packet.stream = stream
        yield when, order, packet


def _within(packets: Iterable[av.Packet], first: float, last: float) -> Iterator[av.Packet]:
    """Packets of a part of a film, in seconds, with times from its beginning."""
    for packet in packets:
        if packet.pts is None or packet.dts is None or packet.time_base is None:
            continue
        if first <= packet.pts * packet.time_base <= last:
            shift = round(first / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet


def _copied(
    packets: Iterable[av.Packet], streams: dict[int, av.stream.Stream], kind: str
) -> Iterator[tuple[av.Packet, av.stream.Stream]]:
    """The packets of all that is not the picture."""
    for packet in packets:
        if packet.dts is None or not packet.size:
            continue
        text = _converted(packet.stream, kind)
        if text:
            data = bytes(packet)
            other = _to_mov_text(data) if text == "mov_text" else _from_mov_text(data)
            copy = av.Packet(other)
            copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
            copy.time_base = packet.time_base
            yield copy, streams[packet.stream.index]
        else:
            yield packet, streams[packet.stream.index]


def _to_mov_text(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _from_mov_text(data: bytes) -> bytes:
    return data[2 : 2 + int.from_bytes(data[:2], "big")]


def _codec(stream: av.stream.Stream) -> str:
    """FFmpeg's name of a stream's codec; empty if it has none."""
    if isinstance(stream, av.stream.DataStream):
        return stream.name or ""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else ""


def _converted(stream: av.stream.Stream, kind: str) -> str | None:
    """The codec of text into which a stream of text is to be converted for a container."""
    if kind == "matroska":
        return "subrip" if _codec(stream) == "mov_text" else None
    return "mov_text" if _codec(stream) in ("subrip", "text") else None


def _held(stream: av.stream.Stream, kind: str) -> bool:
    """Whether a container takes a stream, as it is or converted."""
    if stream.type in ("data", "unknown") or (stream.type == "attachment" and kind != "matroska"):
        return False
    if stream.type == "attachment" or _converted(stream, kind):
        return True
    with av.open(BytesIO(), "w", format=kind) as probe:
        return _codec(stream) in probe.supported_codecs
