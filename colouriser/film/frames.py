"""Films as folders of numbered frames, as archives have them: each is a photograph, and so is read
and written as one, with its depth and all that it says of itself."""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from .. import guide
from ..errors import FilmError
from ..files import is_part, write_atomically
from ..job import source_time
from ..photo import Photo, encode, kind_of, read
from ..photo.own import Kind
from ..photo.write import deepened
from .dpx import encode_dpx, read_dpx
from .planes import Layout
from .read import Frame
from .scene import coefficients_of

NUMBERED = re.compile(r"(.*?)(\d+)\.(?:png|tiff?|dpx)", re.IGNORECASE)
RATE = Fraction(24)  # frames a second, for what counts in seconds: such folders do not say it

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameFolder:
    """A film in a folder. Create it with `FrameFolder.open`."""

    path: Path
    files: tuple[Path, ...]  # in the order of their numbers
    layout: Layout  # of which only the size counts
    rate: Fraction = RATE
    time_base: Fraction = 1 / RATE

    @classmethod
    def open(cls, path: Path) -> "FrameFolder":
        """Look into a folder.

        Raises:
            FilmError: it holds no numbered frames, or those of several films.
            PhotoError: the first cannot be read.
        """
        found = dict[int, Path]()
        stems = set[str]()
        for file in sorted(path.iterdir()):
            match = NUMBERED.fullmatch(file.name)
            if not match or file.name.startswith(".") or not file.is_file():
                continue
            number = int(match[2])
            if number in found or stems - {match[1]}:
                raise FilmError(
                    "film_two",
                    "holds the frames of several films, such as {one}; give each a folder",
                    one=file.name,
                ).of(path.name)
            stems.add(match[1])
            found[number] = file
        if not found:
            raise FilmError("film_no_frames", "has no numbered frames in it (PNG, TIFF or DPX)").of(
                path.name
            )
        numbers = sorted(found)
        gaps = sum(b - a - 1 for a, b in pairwise(numbers))
        if gaps:
            logger.warning("%s: %d frames are missing among the numbers", path.name, gaps)
        files = tuple(found[number] for number in numbers)
        width, height = _photo(files[0]).luma.size
        layout = Layout(width, height, "", 8, (1, 1), True, (0.299, 0.114), (0, 0, 0, 0))
        return cls(path, files, layout)

    @property
    def ends(self) -> float:
        return float(len(self.files) / self.rate)

    def identity(self) -> list[object]:
        """Tells the folder as it is from what it was, and from others."""
        stats = [file.stat() for file in self.files]
        return [(f.name, s.st_size, s.st_mtime_ns) for f, s in zip(self.files, stats, strict=True)]

    def frames(self, report: bool = False) -> Iterator[Frame]:
        """The frames, in order.

        Args:
            report: is of no use here.

        Raises:
            FilmError: frames change their size.
            PhotoError: one cannot be read.
        """
        for index, file in enumerate(self.files):
            photo = _photo(file)
            if photo.luma.size != (self.layout.width, self.layout.height):
                raise FilmError(
                    "film_size", "changes its size at frame {frame}; cut it there", frame=index
                ).of(self.path.name)
            yield Frame(index, index, photo)

    def luma(self, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        """A frame's small luma: uint8 h×w."""
        luma = np.asarray(frame.picture.luma)
        return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)

    def tint(self, frame: Frame) -> float:
        """How far a frame is from grey, of 1; a tone counts for nothing."""
        own = frame.picture.own
        if own is None or kind_of(own) not in (Kind.COLOUR, Kind.TINTED):
            return 0.0
        values = own.astype(np.float32) / 255
        return float(values.max(2).mean() - values.min(2).mean())


def coloured_photo(
    photo: Photo, chroma: np.ndarray, small: np.ndarray, vividness: float, temperature: float
) -> Image.Image:
    """A frame in colour, mode "RGB".

    Args:
        chroma: see `SceneColouriser.colour`.
        small: its luma, see `scene.seen_size`.
    """
    coefficients = coefficients_of(chroma, small)
    return guide.render_bands(photo.luma, coefficients, vividness, temperature)


class FrameWriter:
    """Writes parts of a film as folders of frames, and puts them together."""

    def __init__(self, source: FrameFolder, target: Path) -> None:
        """
        Raises:
            FilmError: the target cannot be a folder of its frames.
        """
        names = {file.name for file in source.files}
        if target.exists() and (
            not target.is_dir()
            or target.samefile(source.path)
            or any(file.name not in names for file in target.iterdir())
        ):
            raise FilmError(
                "film_folder", "must be a new folder for the frames, or an earlier result of them"
            ).of(target.name)
        self.source, self.target = source, target

    def write(self, folder: Path, frames: Iterator[tuple[Frame, Image.Image | None]]) -> None:
        """Write the frames of a part; a frame without a picture is copied as it is.

        Raises:
            OSError: the disk is full, say.
        """
        for frame, picture in frames:
            file = self.source.files[frame.index]
            write = partial(_write, frame.picture, picture, file)
            write_atomically(folder / file.name, write, source_time(file))

    def join(self, parts: Sequence[Path]) -> None:
        """Put the frames of all parts into the target, which appears when it is complete.

        Raises:
            OSError: it cannot be written.
        """
        whole = self.target.with_name(f".{self.target.name}.whole")
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir(parents=True)
        for part in parts:
            for file in part.iterdir():
                if is_part(file.name):  # of a process that was killed
                    continue
                try:
                    os.link(file, whole / file.name)  # parts stay, for corrected key frames
                except OSError:  # another disk, or one that knows no links
                    shutil.copy2(file, whole / file.name)
        if self.target.exists():
            shutil.rmtree(self.target)
        os.replace(whole, self.target)


def _photo(file: Path) -> Photo:
    return read_dpx(file) if file.suffix.lower() == ".dpx" else read(file, file.name)


def _write(photo: Photo, picture: Image.Image | None, file: Path, out: BinaryIO) -> None:
    if picture is None:
        out.write(file.read_bytes())
    elif photo.suffix == ".dpx":
        assert photo.deep is not None
        out.write(encode_dpx(deepened(picture, photo.luma, photo.deep), file))
    else:
        out.write(encode(picture, file.name, photo))
