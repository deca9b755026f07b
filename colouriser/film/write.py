"""Films in files: coloured scenes in, one film out, with all that is not its picture copied.

Scenes are encoded one by one, with the frames' numbers for times; so a film that was stopped goes
on with the next. `join` puts them together without encoding again, with the times of the film.
"""

import heapq
import logging
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import av

from ..errors import FilmError, reason
from ..files import write_atomically
from .planes import copy_tags
from .read import Film, open_container

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
QUALITY = 18  # x264's constant rate factor: hardly to be told from what was encoded
PRESET = "faster"  # a third of the time of x264's usual one, and files a tenth larger
NOTE = "Colour was added by an algorithm (Colouriser)"
COVERS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}  # by codec
BLANK = b"\0\0"  # a subtitle of MP4 that says nothing
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
    with open_container(film.path) as source:
        for stream in source.streams:
            if stream.index == film.stream or _held(stream, kind):
                continue
            if stream.type in ("audio", "subtitle"):
                codec = _codec(stream) or "unknown"
                if not _held(stream, "matroska"):
                    raise FilmError(
                        "film_stream_nowhere",
                        "{kind} {number} ({codec}) cannot be copied; encode it as FLAC first",
                        kind=stream.type,
                        number=stream.index,
                        codec=codec,
                    ).of(film.path.name)
                raise FilmError(
                    "film_stream",
                    "{kind} {number} ({codec}) does not fit into {ending}; give a name that ends "
                    "with .mkv",
                    kind=stream.type,
                    number=stream.index,
                    codec=codec,
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
            open_container(film.path) as source,
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
                if kind == "matroska" and _is_cover(stream):
                    ending, mime = COVERS.get(_codec(stream), ("jpg", "image/jpeg"))
                    out.add_attachment(f"cover.{ending}", mime, _first_packet(film, stream.index))
                    continue
                text = _converted(stream, kind)
                copy = out.add_mux_stream(text) if text else out.add_stream_from_template(stream)
                copy.time_base = stream.time_base
                named = dict(stream.metadata)
                if "name" in named:  # as MP4 calls a track's title
                    named.setdefault("title", named.pop("name"))
                copy.metadata.update(named)
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
            pictures = _pictures(scenes, shown, film, whole, negative=kind != "matroska")
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
        _say_lost(film, target)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            raise OSError(error.errno, error.strerror) from error
        raise FilmError(
            "film_container_failed",
            "cannot hold what is in the film ({reason}); give a name that ends with .mkv",
            reason=reason(error),
        ).of(target.name) from error


def _say_lost(film: Film, target: Path) -> None:
    """Warn of what the film said and its result does not."""
    with open_container(film.path) as source, open_container(target) as result:
        kept = {key.lower() for key in result.metadata} | OF_CONTAINER
        lost = sorted(key for key in source.metadata if key.lower() not in kept)
    if lost:
        logger.warning(
            "%s: its details %s do not fit into %s and are lost",
            film.path.name,
            ", ".join(lost),
            target.suffix,
        )


def _is_cover(stream: av.stream.Stream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _first_packet(film: Film, index: int) -> bytes:
    """The data of a stream's first packet; of a cover it is all."""
    with open_container(film.path) as source:
        return next((bytes(p) for p in source.demux(source.streams[index]) if p.size), b"")


def _last_duration(film: Film, last: int) -> int:
    """How long the last frame is shown, in the film's time base; 0 if that is not said."""
    with open_container(film.path) as source, suppress(av.FFmpegError):  # some cannot be sought in
        stream = source.streams[film.stream]
        source.seek(last, stream=stream)
        return next((p.duration or 0 for p in source.demux(stream) if p.pts == last), 0)
    return 0


def _pictures(
    scenes: Sequence[Path], times: Sequence[int], film: Film, whole: bool, negative: bool
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
    last = times[-1] + ((whole and _last_duration(film, times[-1])) or step)
    shown, ends = [*early, *times], [*times[1:], last]
    packets = (packet for scene in scenes for packet in _stored(scene))
    for index, (rank, packet) in enumerate(zip(ranks, packets, strict=True)):
        packet.pts, packet.dts = times[rank], shown[index]
        packet.duration = ends[rank] - times[rank]
        if negative and index == len(ranks) - 1:
            # From which MP4 has the end; of uneven times it may come out less than nothing.
            packet.duration = max(1, last - shown[index] - delay * step)
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
    for packet in _with_times(packets):
        data = bytes(packet) if packet.stream.type == "subtitle" else b""
        if data == BLANK and kind != "matroska":  # MP4's muxer makes its own between subtitles
            continue
        text = _converted(packet.stream, kind)
        if text:
            other = _to_mov_text(data) if text == "mov_text" else _from_mov_text(data)
            copy = av.Packet(other)
            copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
            copy.time_base = packet.time_base
            yield copy, streams[packet.stream.index]
        else:
            yield packet, streams[packet.stream.index]


def _with_times(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """Packets that all say when they are decoded. Matroska does not say it of the first ones of a
    stream whose frames are shown in another order, nor is it said of a cover."""
    early = dict[int, list[av.Packet]]()
    for packet in packets:
        if not packet.size:
            continue
        if packet.dts is not None:
            held = early.pop(packet.stream.index, [])
            for before, one in zip(range(len(held), 0, -1), held, strict=True):
                one.dts = packet.dts - before * (packet.duration or 1)
                yield one
            yield packet
        elif _is_cover(packet.stream):
            packet.pts = packet.dts = 0
            yield packet
        elif packet.pts is not None:
            early.setdefault(packet.stream.index, []).append(packet)
    for one in (one for held in early.values() for one in held):
        one.dts = one.pts
        yield one


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
    if kind == "matroska" and _is_cover(stream):
        return True
    try:
        with av.open(BytesIO(), "w", format=kind) as probe:
            probe.add_stream_from_template(stream)
            probe.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
