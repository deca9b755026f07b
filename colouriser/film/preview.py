"""A film before it is coloured as a whole: its scenes, and a key frame of each to look at and to
correct."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FilmError
from ..photo import fit
from ..pipeline import Colouriser
from .keyframes import KeyFrames, stem
from .read import Film
from .run import IN_COLOUR, Look, colour_frame, index_of, key_pair, split
from .scene import SceneColouriser, seen_size

SHOWN = 640  # pixels: longest side of a key frame that is only looked at


@dataclass(frozen=True)
class KeyPicture:
    """The key frame of a scene, or of a part of a long one."""

    scene: int  # from 1
    starts: float  # seconds
    ends: float
    grey: Path  # at full size, to be corrected
    shown: Path  # in colour, small


def key_pictures(
    film: Film,
    folder: Path,
    colouriser: Colouriser,
    look: Look = Look(),
    progress: Callable[[str, int, int], object] = lambda what, done, total: None,
) -> list[KeyPicture]:
    """Write a film's key frames into a folder, see `KeyFrames`, with hints that lie there already.

    Raises:
        FilmError: the film cannot be read.
        HintError: hints cannot be.
    """
    times, scenes = index_of(film, folder / "scenes", progress)
    parts = {part.key: part for part in split(scenes, len(times))}
    given = KeyFrames(folder, film, len(times))
    network, size = SceneColouriser(colouriser, film.layout, look.detail), seen_size(film.layout)
    found = list[KeyPicture]()
    for frame in film.frames():
        part = parts.get(frame.index)
        if part is None:
            continue
        luma = film.luma(frame, size)
        own = film.tint(frame) > IN_COLOUR
        chroma: np.ndarray | None
        if frame.index in given.given:
            chroma = given.chroma(frame.index, luma, network)
        else:
            chroma = None if own and not look.recolour else network.predict(luma)
        picture = colour_frame(frame, film, chroma, luma, look)
        given.write(part.scene, frame.index, *key_pair(picture))
        # Under a new name each time, since browsers keep what they have seen.
        shown = folder / "shown" / f"{frame.index:06d}-{time.time_ns()}.jpg"
        shown.parent.mkdir(exist_ok=True)
        fit(picture.to_image(), SHOWN).save(shown, quality=85)
        starts, ends = (
            float((times[index] - times[0]) * film.time_base)
            for index in (part.first, part.end - 1)
        )
        grey = folder / f"{stem(part.scene, frame.index)}-grey.png"
        found.append(KeyPicture(part.scene, starts, ends, grey, shown))
        progress("colour", len(found), len(parts))
        if len(found) == len(parts):
            break
    return found


def check_length(film: Film, seconds: float, times: Sequence[int] = ()) -> None:
    """Refuse a film that is longer than so many seconds: as it says, or by its frames' times, since
    not every film says it.

    Raises:
        FilmError: it is.
    """
    length = float((times[-1] - times[0]) * film.time_base) if times else film.ends
    if length > seconds:
        raise FilmError(
            "film_long",
            "is {length:.0f} seconds long, and here {most:.0f} are the most; cut it, or use the "
            "command line",
            length=length,
            most=seconds,
        ).of(film.path.name)
