"""A film in, the same film in colour out, scene by scene."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
import torch

from .. import guide
from ..errors import FilmError
from ..files import write_atomically
from ..options import DETAIL, TEMPERATURE, VIVIDNESS
from ..pipeline import Colouriser
from .cuts import LOOKAHEAD, CutFinder
from .planes import chroma_luma, coloured_frame, luma_plane, small_luma, true_chroma
from .read import Film, Frame
from .scene import SceneColouriser, at_size, seen_size
from .write import Encoding, check_target, encode, join

LONGEST = 500  # frames of a part of a scene: half a gigabyte of motion
LOOK = 50  # frames after which cuts are looked for again
IN_COLOUR = (
    4 / 255
)  # mean distance of chroma from grey, from which on a scene is coloured or tinted
SAMPLED = 4  # frames between those whose colour is looked at

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
        DETAIL.check("detail", self.detail)
        VIVIDNESS.check("vividness", self.vividness)
        TEMPERATURE.check("temperature", self.temperature)


@dataclass
class Scene:
    """A scene of a film, or a part of a long one."""

    first: int
    lumas: list[np.ndarray] = field(repr=False)  # uint8, see `scene.seen_size`
    in_colour: bool
    goes_on: bool  # from the part before it
    chroma: list[np.ndarray] = field(default_factory=list, repr=False)


def find_scenes(film: Film, first: int = 0) -> Iterator[Scene]:
    """The scenes of a film, from a frame on that begins one."""
    size, finder, goes_on = seen_size(film.layout), CutFinder(first), False
    lumas, colour = list[np.ndarray](), list[float]()

    def scene(count: int) -> Scene:
        nonlocal first, goes_on
        in_colour = float(np.median(colour[:count])) > IN_COLOUR
        found = Scene(first, lumas[:count], in_colour, goes_on)
        finder.forget(first + count)
        del lumas[:count], colour[:count]
        first += count
        return found

    def ready(ended: bool) -> Iterator[Scene]:
        nonlocal goes_on
        for cut in finder.cuts():
            if ended or cut - first + LOOKAHEAD <= len(lumas):
                yield scene(cut - first)
                goes_on = False
        while len(lumas) >= LONGEST + LOOKAHEAD:
            yield scene(LONGEST)
            goes_on = True
        if ended and lumas:
            yield scene(len(lumas))

    for frame in film.frames(first):
        lumas.append(small_luma(luma_plane(frame.picture, film.layout), size, film.layout))
        if not colour or frame.index % SAMPLED == 0:
            tint = float(np.abs(true_chroma(frame.picture, film.layout)).mean())
        colour.append(tint)
        finder.add(lumas[-1])
        if len(lumas) % LOOK == 0 and len(lumas) > LOOKAHEAD:
            yield from ready(ended=False)
    yield from ready(ended=True)


def coloured_scenes(
    film: Film, colouriser: Colouriser, look: Look, first: int = 0
) -> Iterator[Scene]:
    """The same scenes with their chroma."""
    scene_colouriser = SceneColouriser(colouriser, film.layout, look.detail)
    last: np.ndarray | None = None
    for scene in find_scenes(film, first):
        if look.recolour or not scene.in_colour:
            before = last if scene.goes_on else None
            scene.chroma = scene_colouriser.colour(scene.lumas, before=before)
            last = scene.chroma[-1]
        yield scene


def colour_frame(
    frame: Frame, film: Film, chroma: np.ndarray | None, small: np.ndarray, look: Look
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
        grey = cv2.resize(small, values.shape[1::-1], interpolation=cv2.INTER_AREA) / np.float32(
            255
        )
        with torch.inference_mode():
            coefficients = guide.guided_upsampling(
                torch.from_numpy(grey)[None, None],
                torch.from_numpy(values).permute(2, 0, 1)[None],
            )[0]
        values = at_size(coefficients, luma, layout.chroma_size)
    values = values * look.vividness + np.array(guide.WARM, np.float32) * look.temperature
    return coloured_frame(plane, values, luma, layout)


def colour_film(
    source: Path,
    target: Path,
    colouriser: Colouriser,
    look: Look = Look(),
    encoding: Encoding = Encoding(),
    progress: Callable[[int, int], object] = lambda done, all: None,
) -> list[int]:
    """Colour a film.

    Scenes are kept in a folder beside the target until it is complete; started again with the same
    settings it goes on with the next one.

    Args:
        source: a film, of anything that PyAV reads.
        target: .mkv, .mp4, .mov; it appears when it is complete.
        progress: is called with frames that are done, and about how many there are; 0 is unknown.

    Returns:
        The first frames of its scenes.

    Raises:
        FilmError: it cannot be read or written.
        OSError: the disk is full, say.
    """
    film = Film.open(source, encoding.lossless)
    check_target(film, target, encoding)
    folder = target.with_name(f".{target.name}.scenes")
    digest = _digest(source, colouriser, look, encoding)
    scenes, times, starts = list[Path](), list[int](), list[int]()
    while (record := _stored(folder, len(times), digest)) is not None:
        scenes.append(folder / f"{len(times):08d}.mkv")
        starts += [len(times)] if not record["goes_on"] else []
        times += record["times"]
    total = round(film.ends * film.rate)
    progress(len(times), total)
    frames = film.frames(len(times))
    with ThreadPoolExecutor(1) as ahead:  # the next scene is coloured while one is encoded
        found = coloured_scenes(film, colouriser, look, len(times))
        future = ahead.submit(next, found, None)
        while (scene := future.result()) is not None:
            future = ahead.submit(next, found, None)
            path, own = folder / f"{scene.first:08d}.mkv", list[int]()

            def pictures(scene: Scene = scene, own: list[int] = own) -> Iterator[av.VideoFrame]:
                for number, small in enumerate(scene.lumas):
                    frame = next(frames)
                    own.append(frame.pts)
                    chroma = scene.chroma[number] if scene.chroma else None
                    yield colour_frame(frame, film, chroma, small, look)
                    progress(frame.index + 1, total)

            encode(path, film, pictures(), encoding)
            record = {"digest": digest, "goes_on": scene.goes_on, "times": own}
            data = json.dumps(record).encode()
            write_atomically(path.with_suffix(".json"), partial(_write, data))
            scenes.append(path)
            starts += [len(times)] if not scene.goes_on else []
            times += own
    if len(times) < 2:
        shutil.rmtree(folder, ignore_errors=True)
        raise FilmError("film_one_frame", "has one frame; colour it as a photograph").of(
            source.name
        )
    join(film, scenes, times, target)
    shutil.rmtree(folder)
    return starts


def _digest(source: Path, colouriser: Colouriser, look: Look, encoding: Encoding) -> str:
    """Names what the colours of a film depend on."""
    stat = source.stat()
    weights = colouriser.generator.state_dict().values()
    sums = [float(values.double().sum()) for values in weights]
    what = [stat.st_size, stat.st_mtime_ns, asdict(look), asdict(encoding), sums]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _stored(folder: Path, first: int, digest: str) -> dict | None:
    """What is known of a scene that was encoded before."""
    try:
        record = json.loads((folder / f"{first:08d}.json").read_bytes())
    except (OSError, ValueError):
        return None
    complete = isinstance(record, dict) and record.get("digest") == digest and record.get("times")
    return record if complete and (folder / f"{first:08d}.mkv").exists() else None
