"""A film in, the same film in colour out, scene by scene.

A film is decoded three times: to find its cuts, to colour small copies of its frames a scene at a
time, and to render them. So memory does not grow with its length.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from .. import guide
from ..errors import FilmError
from ..files import write_bytes
from ..options import DETAIL, OPTIONS, TEMPERATURE, VIVIDNESS
from ..pipeline import Colouriser
from .cuts import SIZE, find_cuts
from .frames import FrameFolder, FrameWriter, coloured_photo
from .keyframes import KeyFrames, no_frame
from .planes import (
    Fields,
    chroma_luma,
    coloured_frame,
    layout_of,
    luma_plane,
    small_luma,
    true_chroma,
)
from .read import Film, Frame
from .scene import SceneColouriser, at_size, coefficients_of, seen_size
from .write import Encoding, check_target, encode, join

LONGEST = 500  # frames of a part of a scene: a third of a gigabyte of motion
IN_COLOUR = 4 / 255  # mean distance from grey from which on a scene is in colour, or tinted
SAMPLED = 4  # frames between those whose colour is looked at

Progress = Callable[[str, int, int], object]  # what is done; frames done, and of how many or 0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """How a film is to look.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """

    detail: float = DETAIL.default
    vividness: float = VIVIDNESS.default
    temperature: float = TEMPERATURE.default
    recolour: bool = False  # scenes that are in colour or tinted, too

    def __post_init__(self) -> None:
        for field in fields(self):
            value = OPTIONS[field.name].check(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True)
class Part:
    """A scene of a film, or a part of a long one."""

    scene: int  # its number, from 1
    first: int
    end: int  # the first frame after it
    goes_on: bool  # from the part before it

    @property
    def key(self) -> int:
        """The frame that stands for it."""
        return self.first + (self.end - self.first) // 2


@dataclass
class Coloured:
    """A part with the colours of its frames."""

    part: Part
    lumas: list[np.ndarray]  # uint8, see `scene.seen_size`
    chroma: list[np.ndarray]  # see `SceneColouriser.colour`; none if it keeps its own


def look_through(film: Film | FrameFolder, progress: Progress) -> tuple[list[int], list[int]]:
    """The times of a film's frames, in its time base, and the first frames of its scenes."""
    times, about = list[int](), round(film.ends * film.rate)

    def lumas() -> Iterator[np.ndarray]:
        for frame in film.frames(report=True):
            times.append(frame.pts)
            progress("find scenes", len(times), about)
            yield film.luma(frame, SIZE)

    cuts = list(find_cuts(lumas()))
    if len(times) < 2:
        raise FilmError("film_one_frame", "has one frame; colour it as a photograph").of(
            film.path.name
        )
    return times, [0, *cuts]


def index_of(
    film: Film | FrameFolder, folder: Path, progress: Progress
) -> tuple[list[int], list[int]]:
    """What `look_through` says, which is kept in a folder.

    Raises:
        FilmError: the film cannot be read.
    """
    path, source = folder / "index.json", _sha(film.identity())
    if index := _stored(path, source):
        return index["times"], index["scenes"]
    times, scenes = look_through(film, progress)
    _store(path, source, times=times, scenes=scenes)
    return times, scenes


def split(scenes: Sequence[int], count: int) -> list[Part]:
    """Scenes, and parts of long ones.

    Args:
        scenes: their first frames.
        count: of all frames.
    """
    return [
        Part(number, start, min(start + LONGEST, end), start > first)
        for number, (first, end) in enumerate(pairwise([*scenes, count]), 1)
        for start in range(first, end, LONGEST)
    ]


def colour_parts(
    film: Film | FrameFolder,
    parts: Iterable[Part],
    colouriser: Colouriser,
    look: Look,
    keyframes: KeyFrames | None = None,
    before: Callable[[Part], np.ndarray | None] = lambda part: None,
) -> Iterator[Coloured]:
    """Colour parts of a film, in order.

    Args:
        keyframes: what a person gave.
        before: the last chroma of the part before one, if that is not among `parts`.
    """
    scene_colouriser = SceneColouriser(colouriser, film.layout, look.detail)
    size, frames = seen_size(film.layout), film.frames()
    last: tuple[int, np.ndarray] | None = None
    for part in parts:
        lumas, tints = list[np.ndarray](), list[float]()
        for frame in _taken(frames, part):
            lumas.append(film.luma(frame, size))
            if (frame.index - part.first) % SAMPLED == 0:
                tints.append(film.tint(frame))
        chroma = list[np.ndarray]()
        wanted = keyframes.within(part.first, part.end) if keyframes else []
        if look.recolour or wanted or np.median(tints) <= IN_COLOUR:
            given = dict[int, np.ndarray]()
            known = last[1] if last and last[0] == part.first else before(part)
            for frame_number in wanted:
                assert keyframes
                number = frame_number - part.first
                given[number] = keyframes.chroma(frame_number, lumas[number], scene_colouriser)
            chroma = scene_colouriser.colour(lumas, given, known if part.goes_on else None)
            last = part.end, chroma[-1]
        yield Coloured(part, lumas, chroma)


def render(
    frames: Iterator[Frame], coloured: Coloured, film: Film | FrameFolder, look: Look
) -> Iterator[tuple[Frame, Any]]:
    """The frames of a part, as they were and in colour: an `av.VideoFrame`; of a folder a PIL
    image, or None of a frame that keeps its own colours."""
    for number, frame in enumerate(_taken(frames, coloured.part)):
        chroma = coloured.chroma[number] if coloured.chroma else None
        luma = coloured.lumas[number]
        if isinstance(film, Film):
            yield frame, colour_frame(frame, film, chroma, luma, look)
        elif chroma is None:
            yield frame, None
        else:
            picture = coloured_photo(frame.picture, chroma, luma, look.vividness, look.temperature)
            yield frame, picture


def coloured_frames(
    film: Film, colouriser: Colouriser, look: Look = Look()
) -> Iterator[tuple[float, av.VideoFrame]]:
    """The frames of a film in colour, with their times in seconds, to be written anywhere.

    Raises:
        FilmError: it cannot be read.
    """
    times, scenes = look_through(film, lambda *_: None)
    frames = film.frames()
    for coloured in colour_parts(film, split(scenes, len(times)), colouriser, look):
        for frame, picture in render(frames, coloured, film, look):
            yield float(frame.pts * film.time_base), picture


def colour_frame(
    frame: Frame,
    film: Film,
    chroma: np.ndarray | None,
    small: np.ndarray,
    look: Look,
) -> av.VideoFrame:
    """One frame in colour.

    Args:
        chroma: see `SceneColouriser.colour`; nothing if it keeps its own.
        small: its luma, see `scene.seen_size`.
    """
    layout = film.layout
    plane = luma_plane(frame.picture, layout)
    luma = chroma_luma(plane, layout)
    if chroma is None:
        return coloured_frame(plane, true_chroma(frame.picture, layout), luma, layout)
    values = chroma.astype(np.float32)
    if values.shape[1::-1] != layout.chroma_size:
        values = at_size(coefficients_of(chroma, small), luma, layout.chroma_size)
    values = values * look.vividness + np.array(guide.WARM, np.float32) * look.temperature
    return coloured_frame(plane, values, luma, layout)


def colour_film(
    film: Film | FrameFolder,
    target: Path,
    colouriser: Colouriser,
    look: Look = Look(),
    encoding: Encoding = Encoding(),
    progress: Progress = lambda what, done, total: None,
    scenes: Sequence[int] | None = None,
    keyframes: Path | None = None,
) -> int:
    """Colour a film.

    What is done is kept in a folder beside the target until that is complete, or with the key
    frames; started again with the same settings it goes on with the next scene.

    Args:
        film: of anything that PyAV reads.
        target: .mkv, .mp4, .mov, or a new folder for a folder of frames; it appears when it is
            complete.
        encoding: not of a folder's frames, which stay what they are.
        scenes: their first frames, if they are known.
        keyframes: a folder, see `KeyFrames`.

    Returns:
        How many scenes there were.

    Raises:
        FilmError: it cannot be read or written, another run is at it, or a key frame does not fit.
        OSError: the disk is full, say.
    """
    if isinstance(film, Film):
        check_target(film, target, encoding)
    folder = keyframes / "scenes" if keyframes else target.with_name(f".{target.name}.scenes")
    with _alone(folder, target):
        count = _colour_film(
            film, target, folder, colouriser, look, encoding, progress, scenes, keyframes
        )
    if not keyframes:
        shutil.rmtree(folder)
    return count


@contextmanager
def _alone(folder: Path, target: Path) -> Iterator[None]:
    """Keep other runs away from a folder of scenes.

    Raises:
        FilmError: one is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FilmError(
            "film_busy", "is being coloured by another run; wait for it, or give another name"
        ).of(target.name) from error
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
        with suppress(OSError):  # there are scenes in it
            folder.rmdir()


def _colour_film(
    film: Film | FrameFolder,
    target: Path,
    folder: Path,
    colouriser: Colouriser,
    look: Look,
    encoding: Encoding,
    progress: Progress,
    scenes: Sequence[int] | None,
    keyframes: Path | None,
) -> int:
    writer = FrameWriter(film, target) if isinstance(film, FrameFolder) else None
    base = _sha([film.identity(), asdict(look), asdict(encoding), _fingerprint(colouriser)])
    times, found = index_of(film, folder, progress)
    scenes = scenes or found
    if scenes[-1] >= len(times):
        raise no_frame(scenes[-1], len(times)).of("the list of scenes")
    parts = split(scenes, len(times))
    given = KeyFrames(keyframes, film, len(times)) if keyframes else None
    ending = "" if writer else ".mkv"
    paths = {part: folder / f"{part.first:08d}{ending}" for part in parts}
    digests, todo, last = dict[Part, str](), list[Part](), ""
    for part in parts:
        own = given.digests(part.first, part.end) if given else []
        last = _sha([base, part.first, part.end, own, last if part.goes_on else ""])
        digests[part] = last
        if _stored(paths[part].with_suffix(".json"), last) is None or not paths[part].exists():
            todo.append(part)

    def before(part: Part) -> np.ndarray | None:
        previous = next((other for other in parts if other.end == part.first), part)
        ends = paths[previous].with_suffix(".npy")
        return np.load(ends) if ends.exists() else None

    fields = Fields(film.layout) if isinstance(film, Film) and film.interlaced else None
    frames, done = film.frames(), len(times) - sum(part.end - part.first for part in todo)
    progress("colour", done, len(times))
    coloured_parts = colour_parts(film, todo, colouriser, look, given, before)
    ahead = ThreadPoolExecutor(1)  # the next scene is coloured while one is encoded
    try:
        future = ahead.submit(next, coloured_parts, None)
        while (coloured := future.result()) is not None:
            future = ahead.submit(next, coloured_parts, None)
            part, path = coloured.part, paths[coloured.part]

            def pictures(coloured: Coloured = coloured) -> Iterator[tuple[Frame, Any]]:
                nonlocal done
                key = coloured.part.key
                for frame, picture in render(frames, coloured, film, look):
                    if fields:
                        picture = fields(frame.picture, picture)
                    done += 1
                    progress("colour", done, len(times))
                    if given and coloured.chroma and frame.index == key:
                        given.write(coloured.part.scene, key, *key_pair(picture))
                    yield frame, picture

            if writer:
                writer.write(path, pictures())
            elif isinstance(film, Film):
                encode(path, film, (picture for _, picture in pictures()), encoding)
            if coloured.chroma:
                buffer = BytesIO()  # numpy does not say that a disk is full
                np.save(buffer, coloured.chroma[-1])
                write_bytes(path.with_suffix(".npy"), buffer.getvalue())
            _store(path.with_suffix(".json"), digests[part])
    finally:
        ahead.shutdown(wait=False, cancel_futures=True)
    made = [paths[part] for part in parts]
    if writer:
        writer.join(made)
    elif isinstance(film, Film):
        join(film, made, times, target)
    return parts[-1].scene


def key_pair(picture: av.VideoFrame | Image.Image) -> tuple[Image.Image, Image.Image]:
    """A frame in colour as PIL images: in grey, and as it is."""
    if isinstance(picture, Image.Image):
        return picture.convert("L"), picture
    size, layout = (picture.width, picture.height), layout_of(picture, deep=True)
    grey = small_luma(luma_plane(picture, layout), size, layout)
    return Image.fromarray(grey), picture.to_image()


def _taken(frames: Iterator[Frame], part: Part) -> Iterator[Frame]:
    """The frames of a part, from frames that begin before it; no more are decoded."""
    for frame in frames:
        if frame.index >= part.first:
            yield frame
        if frame.index == part.end - 1:
            return


def _fingerprint(colouriser: Colouriser) -> list[float]:
    """Tells weights from others."""
    return [float(values.double().sum()) for values in colouriser.generator.state_dict().values()]


def _sha(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _store(path: Path, digest: str, **values: Any) -> None:
    write_bytes(path, json.dumps({"digest": digest, **values}).encode())


def _stored(path: Path, digest: str) -> dict[str, Any] | None:
    """What was stored before, if it is of this digest."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("digest") == digest else None
