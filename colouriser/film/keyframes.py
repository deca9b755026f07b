"""Key frames in a folder: written for each scene, and read back where a person changed them."""

import hashlib
import json
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from PIL import Image

from .. import colour
from ..errors import FilmError
from ..files import write_bytes
from ..hints import Hint, check, read_hints
from ..photo import read_picture
from .frames import FrameFolder
from .read import Film

if TYPE_CHECKING:
    from .scene import SceneColouriser

NAME = re.compile(r"(?:scene-\d+-)?frame-(\d+)-(?:colour\.\w+|hints\.json)", re.IGNORECASE)
WRITTEN = "written.json"  # which files were written here, and their digests


class KeyFrames:
    """Key frames of a film in a folder.

    `scene-0012-frame-004711-grey.png` is a frame as it was, `…-colour.png` in colour. One that was
    changed since, or added, decides the colours of its scene; so does `…-hints.json`, a list of
    hints in pixels of the frame, as the page saves them.
    """

    def __init__(self, folder: Path, film: Film | FrameFolder, count: int) -> None:
        """`count` is how many frames the film has.

        Raises:
            FilmError: a key frame is of none of them.
        """
        self.folder, self.film = folder, film
        try:
            self.written = dict(json.loads((folder / WRITTEN).read_bytes()))
        except (OSError, ValueError, TypeError):
            self.written = {}
        self.given = dict[int, Path]()
        for path in sorted(folder.glob("*")):  # of both, hints are the later
            match = NAME.fullmatch(path.name)
            if match and self.written.get(path.name) != _digest(path):
                self.given[int(match[1])] = path
                if int(match[1]) >= count:
                    raise no_frame(int(match[1]), count).of(path.name)

    def within(self, first: int, end: int) -> list[int]:
        """The given frames among those from `first` on and before `end`."""
        return sorted(frame for frame in self.given if first <= frame < end)

    def digests(self, first: int, end: int) -> list[tuple[int, str]]:
        """The same with what names their content."""
        return [(frame, _digest(self.given[frame])) for frame in self.within(first, end)]

    def chroma(self, frame: int, luma: np.ndarray, scenes: "SceneColouriser") -> np.ndarray:
        """The colours of a given frame: float32 h×w×2, see `scene.working_size`.

        Args:
            luma: its own, see `scene.seen_size`.

        Raises:
            FilmError: it is of another size.
            HintError, PhotoError: it cannot be read.
        """
        path, layout = self.given[frame], self.film.layout
        if path.suffix.lower() == ".json":
            hints = read_hints(path)
            check(hints, layout.width, layout.height)
            across, down = luma.shape[1] / layout.width, luma.shape[0] / layout.height
            return scenes.predict(
                luma,
                [
                    Hint(h.x * across, h.y * down, h.colour, h.radius and h.radius * across)
                    for h in hints
                ],
            )
        picture = read_picture(path).convert("RGB")
        if picture.size != (layout.width, layout.height):
            raise FilmError(
                "film_keyframe",
                "must have {width} × {height} pixels, as the film has",
                width=layout.width,
                height=layout.height,
            ).of(path.name)
        small = cv2.resize(np.array(picture), scenes.size, interpolation=cv2.INTER_AREA)
        _, chroma = colour.split(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)
        return chroma[0].permute(1, 2, 0).numpy()

    def write(self, scene: int, frame: int, grey: Image.Image, picture: Image.Image) -> None:
        """Write a frame in grey, and in colour; what a person gave stays.

        Raises:
            OSError: the disk is full, say.
        """
        if frame in self.given:
            return
        name = stem(scene, frame)
        files = {f"{name}-grey.png": _png(grey), f"{name}-colour.png": _png(picture)}
        self.written |= {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        # The record first: a file that is not in it would count as given.
        for name, data in {WRITTEN: json.dumps(self.written).encode(), **files}.items():
            write_bytes(self.folder / name, data)


def stem(scene: int, frame: int) -> str:
    """How the names of a key frame's files begin."""
    return f"scene-{scene:04d}-frame-{frame:06d}"


def no_frame(frame: int, count: int) -> FilmError:
    """The error of a frame that the film has not."""
    return FilmError(
        "film_no_frame",
        "names frame {frame}, and the film has {count} frames, from 0 on",
        frame=frame,
        count=count,
    )


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
