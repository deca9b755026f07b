"""The engine behind the page: reads, colours and saves photographs, and keeps the network's
answers, so that a change of a setting need not ask it again."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from PIL import Image

from ..batch import Entry, photographs, read_entry, short_stem, unused
from ..errors import ColouriserError
from ..live import Live
from ..photo import Photo, mark, write
from ..photo.guard import Guard
from ..pipeline import Colouriser, Prediction
from ..settings import DETAIL, TEMPERATURE, VIVIDNESS, check_choice, check_switch
from .keep import check_room

try:
    import spaces  # on Spaces with ZeroGPU
except ImportError:
    spaces = None

SECONDS = 30.0  # in which a photograph must be read, coloured and written; or it blocks the others
SLOW = 3  # photographs of one request that may take longer; then the rest is left
REQUEST_SECONDS = 1800.0  # for all photographs of a request: others wait, and uploads are deleted
KEPT_BYTES = 256_000_000  # of the network's answers, of 4 MB at the usual detail
FORMATS = ("original", "png")


@dataclass(frozen=True)
class Settings:
    """What a person can choose.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """

    detail: float = DETAIL.usual  # size of the copy that the network sees
    vividness: float = VIVIDNESS.usual  # strength of the colours
    temperature: float = TEMPERATURE.usual  # from bluish to yellowish
    format: str = "original"  # or "png"
    position: bool = False  # keep where it was taken (GPS)
    mark: bool = False  # write into a corner that the colour was added

    def __post_init__(self) -> None:
        DETAIL.check("detail", self.detail)
        VIVIDNESS.check("vividness", self.vividness)
        TEMPERATURE.check("temperature", self.temperature)
        check_choice("format", self.format, FORMATS)
        check_switch("keep_position", self.position)
        check_switch("mark", self.mark)


@dataclass(frozen=True)
class Result:
    """A coloured photograph."""

    name: str  # of the photograph
    photo: Photo
    colour: Image.Image
    model: str
    started: float  # of time.monotonic
    seconds: float  # until it was coloured


class Studio:
    """Colours uploads with the model of the moment."""

    def __init__(self, live: Live) -> None:
        self.live, self.answers, self.lock = live, OrderedDict[tuple, Prediction](), Lock()
        self.guard = Guard()

        def predict(luma: Image.Image, detail: float) -> tuple[str, Prediction]:
            colouriser = live.colouriser
            return colouriser.name, colouriser.predict(luma, detail)

        # On ZeroGPU a GPU is lent for the time of this call.
        self.predict = spaces.GPU(predict) if spaces else predict

    def colourise(self, entry: Entry, settings: Settings, key: str = "") -> Result:
        """Colour a photograph.

        Args:
            entry: which one.
            settings: see there.
            key: the network's answer is kept under it, unless it is empty.

        Raises:
            ColouriserError: it cannot be read.
        """
        started = time.monotonic()
        try:
            photo = self.guard(started + SECONDS, read_entry, entry)
        except ColouriserError as error:
            error.of(entry.name)
            raise
        model = self.live.colouriser.name
        with self.lock:
            prediction = self.answers.get((key, settings.detail, model))
        if prediction is None:
            model, prediction = self.predict(photo.luma, settings.detail)
        if key:
            with self.lock:
                self.answers[key, settings.detail, model] = prediction
                self.answers.move_to_end((key, settings.detail, model))
                while sum(answer.nbytes for answer in self.answers.values()) > KEPT_BYTES:
                    self.answers.popitem(last=False)
        colour = Colouriser.merge(photo.luma, prediction, settings.vividness, settings.temperature)
        colour = mark(colour) if settings.mark else colour
        seconds = time.monotonic() - started
        return Result(entry.name, photo, colour, model, started, seconds)

    def save(self, result: Result, settings: Settings, folder: Path, stem: str = "") -> Path:
        """Write a result at full size as NAME-colourised; returns the file.

        Raises:
            ColouriserError: it cannot be written, or there is no room.
        """
        check_room()
        suffix = ".png" if settings.format == "png" else result.photo.suffix
        path = folder / f"{stem or short_stem(result.name)}-colourised{suffix}"
        deadline = result.started + SECONDS
        try:
            self.guard(deadline, write, result.colour, path, result.photo, settings.position)
        except ColouriserError as error:
            error.of(result.name)
            raise
        return path

    def entries(self, files: list[Path]) -> tuple[list[Entry], list[str]]:
        """The photographs in files and zip archives, and the names of what was passed over.

        Raises:
            ColouriserError: see `batch.photographs`.
        """
        return self.guard(time.monotonic() + SECONDS, photographs, files)

    def colour_all(
        self, entries: list[Entry], settings: Settings, folder: Path
    ) -> Iterator[Path | ColouriserError]:
        """Colour photographs one after the other into a folder: each file, or why there is none."""
        used, slow, started = set[str](), 0, time.monotonic()
        for entry in entries:
            try:
                if slow == SLOW or time.monotonic() > started + REQUEST_SECONDS:
                    raise ColouriserError(
                        "stopped",
                        "The photographs took too long, so the rest was not coloured; give them "
                        "in parts.",
                    )
                result = self.colourise(entry, settings)
                stem = Path(unused(f"{short_stem(entry.name)}.x", used)).stem
                yield self.save(result, settings, folder, stem)
            except ColouriserError as error:
                yield error
                slow += error.code == "too_slow"
                if error.code == "stopped":
                    return
