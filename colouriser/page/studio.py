"""The engine behind the page: reads, colours and saves photographs, and keeps what it read and what
the network said of it, so that a change answers at once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

from PIL import Image

from ..batch import Entry, photographs, read_entry, short_stem, unused, view_entry
from ..errors import ColouriserError
from ..hints import Hint, Suggestion, check, check_place
from ..live import Live
from ..options import DETAIL, Options, Wishes
from ..photo import Photo, View, fit, mark, read_picture, show, to_colour, write
from ..photo.guard import Guard
from ..pipeline import Colouriser, Prediction
from .keep import WORK, check_room, place

try:
    import spaces  # on Spaces with ZeroGPU
except ImportError:
    spaces = None

SECONDS = 30.0  # in which a photograph must be read, coloured and written; or it blocks the others
SLOW = 3  # photographs of one request that may take longer; then the rest is left
REQUEST_SECONDS = 1800.0  # for all photographs of a request: others wait, and uploads are deleted
AT_ONCE = 2  # photographs: the generator is thread-safe, and decoding leaves a core idle
KEPT_BYTES = 256_000_000  # of small photographs, 2 MB each, and of answers, 4 MB each
COLOURINGS = 4  # other ones that the page offers
THUMBNAIL = 320  # pixels: longest side of theirs
REFERENCE = 1024  # pixels: longest side of a reference that is kept
CERTAIN, UNSURE = 0.57, 0.68  # doubt (hints.doubt) below which nothing is hatched, and all from


@dataclass(frozen=True)
class Result:
    """A coloured photograph."""

    name: str  # of the photograph
    photo: Photo
    colour: Image.Image  # of the size of photo.to_colour
    model: str
    started: float  # of time.monotonic
    seconds: float  # until it was coloured


class Kept:
    """What was made lately, up to a number of bytes. May be used from any thread."""

    def __init__(self, most: int) -> None:
        self.most, self.values, self.lock = most, OrderedDict[Hashable, tuple[Any, int]](), Lock()

    def get(self, key: Hashable) -> Any:
        """What is kept under a key, or None."""
        with self.lock:
            if key not in self.values:
                return None
            self.values.move_to_end(key)
            return self.values[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of so many bytes, in place of those that were used the longest ago."""
        with self.lock:
            self.values[key] = (value, size)
            self.values.move_to_end(key)
            while sum(size for _, size in self.values.values()) > self.most:
                self.values.popitem(last=False)


class Studio:
    """Colours uploads with the model of the moment."""

    def __init__(self, live: Live) -> None:
        self.live, self.guard, self.kept = live, Guard(WORK), Kept(KEPT_BYTES)
        self.places = BoundedSemaphore(AT_ONCE)

        def predict(luma: Image.Image, *values: Any) -> tuple[str, Prediction]:
            colouriser = live.colouriser
            return colouriser.name, colouriser.predict(luma, *values)

        # On ZeroGPU a GPU is lent for the time of this call.
        self.predict = spaces.GPU(predict) if spaces else predict

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer than two others are at work.

        Raises:
            ColouriserError: too many want to.
        """
        if not self.places.acquire(timeout=SECONDS):
            raise ColouriserError("busy", "Many people are here at the moment; try again soon.")
        try:
            yield
        finally:
            self.places.release()

    # What a person looks at: small, and kept.

    def view(self, file: Path) -> View:
        """A photograph at the size of a screen.

        Raises:
            ColouriserError: it cannot be read.
        """
        key = ("view", file)
        if (kept := self.kept.get(key)) is None:
            entry = Entry(file.name, file)
            kept = self._within(time.monotonic(), file.name, view_entry, entry)
            self.kept.put(key, kept, kept.nbytes)
        return kept

    def answer(self, file: Path, wishes: Wishes) -> Prediction:
        """What the network says of a photograph, in pixels of its view.

        Raises:
            ColouriserError: it cannot be read, or a wish cannot be granted.
        """
        view, model = self.view(file), self.live.colouriser.name
        check(wishes.hints, *view.size)
        key = ("answer", file, wishes, model)
        if (kept := self.kept.get(key)) is None:
            scale = view.luma.width / view.size[0]
            hints = [_scaled(hint, scale, view.luma.size) for hint in wishes.hints]
            if wishes.variant:
                usual = self.answer(
                    file, Wishes(reference=wishes.reference, strength=wishes.strength)
                )
                hints = usual.variants(int(wishes.variant))[-1] + hints
            other = self.reference(wishes.reference) if wishes.reference else None
            _, kept = self.predict(view.luma, DETAIL.default, hints, other, wishes.strength)
            self.kept.put(key, kept, kept.nbytes)
        return kept

    def reference(self, file: Path) -> Image.Image:
        """A photograph in its own colours, small.

        Raises:
            ColouriserError: it cannot be read.
        """
        key = ("reference", file)
        if (kept := self.kept.get(key)) is None:
            kept = fit(self._within(time.monotonic(), file.name, read_picture, file), REFERENCE)
            self.kept.put(key, kept, 3 * kept.width * kept.height)
        return kept

    def preview(self, file: Path, wishes: Wishes, options: Options) -> Path:
        """Colour a photograph at the size of a screen; returns the picture's file."""
        view, answer = self.view(file), self.answer(file, wishes)
        colour = Colouriser.merge(view.luma, answer, options.vividness, options.temperature)
        colour = mark(colour) if options.mark else colour
        return show(colour, place() / "preview", view.alpha)

    def grey(self, file: Path) -> Path:
        """A photograph in grey at the size of a screen; returns the picture's file."""
        view = self.view(file)
        return show(view.luma, place() / "grey", view.alpha)

    def colourings(self, file: Path, wishes: Wishes, options: Options) -> list[Path]:
        """Small pictures of the network's own colouring and of other ones."""
        luma, folder, files = fit(self.view(file).luma, THUMBNAIL), place(), []
        for variant in range(1 + COLOURINGS):
            answer = self.answer(file, replace(wishes, variant=variant))
            colour = Colouriser.merge(luma, answer, options.vividness, options.temperature)
            files.append(show(colour, folder / f"colouring-{variant}"))
        return files

    def suggest(self, file: Path, wishes: Wishes, x: Any, y: Any, n: int) -> list[Suggestion]:
        """Likely colours at a place of a photograph, in its pixels.

        Raises:
            ColouriserError: there is no such place, or the photograph cannot be read.
        """
        view = self.view(file)
        check_place(x, y, *view.size)
        across, down = (s / full for s, full in zip(view.luma.size, view.size, strict=True))
        return self.answer(file, wishes).suggest(x * across, y * down, n)

    def unsure(self, file: Path, wishes: Wishes) -> Path:
        """Where the palette is wide: a mask, as a picture whose alpha says how much."""
        doubt = self.answer(file, wishes).uncertainty()
        low, high = CERTAIN * 255, UNSURE * 255
        mask = doubt.point(lambda value: round(255 * min(max((value - low) / (high - low), 0), 1)))
        return show(Image.new("L", mask.size), place() / "unsure", mask)

    # What a person takes home: at full size.

    def colourise(self, entry: Entry, options: Options, wishes: Wishes = Wishes()) -> Result:
        """Colour a photograph at full size.

        Raises:
            ColouriserError: it cannot be read, or a wish cannot be granted.
        """
        started = time.monotonic()
        photo = self._within(started, entry.name, read_entry, entry)
        model, prediction = self._predicted(photo, options, wishes)
        return self._result(entry.name, photo, prediction, options, model, started)

    def variants(self, entry: Entry, options: Options, wishes: Wishes, n: int) -> Iterator[Result]:
        """Colour a photograph at full size in n other ways, one at a time as they are asked for.

        Raises:
            ColouriserError: it cannot be read, or a wish cannot be granted.
        """
        photo = self._within(time.monotonic(), entry.name, read_entry, entry)
        _, usual = self._predicted(photo, options, wishes)
        for hints in usual.variants(n):
            started, more = time.monotonic(), replace(wishes, hints=(*hints, *wishes.hints))
            model, prediction = self._predicted(photo, options, more)
            yield self._result(entry.name, photo, prediction, options, model, started)

    def _predicted(self, photo: Photo, options: Options, wishes: Wishes) -> tuple[str, Prediction]:
        other = self.reference(wishes.reference) if wishes.reference else None
        return self.predict(photo.luma, options.detail, wishes.hints, other, wishes.strength)

    def finish(self, file: Path, wishes: Wishes, options: Options) -> Result:
        """Colour a photograph at full size as its preview is."""
        started, answer = time.monotonic(), self.answer(file, wishes)
        photo = self._within(started, file.name, read_entry, Entry(file.name, file))
        model = self.live.colouriser.name
        return self._result(file.name, photo, answer, options, model, started)

    def _result(
        self,
        name: str,
        photo: Photo,
        prediction: Prediction,
        options: Options,
        model: str,
        started: float,
    ) -> Result:
        if options.mark:
            photo = replace(photo, jpeg=None)  # its luma will no longer be the same
        luma = to_colour(photo, f"{name}{_suffix(photo, options)}")
        colour = Colouriser.merge(luma, prediction, options.vividness, options.temperature)
        if options.mark:
            colour = mark(colour)
        return Result(name, photo, colour, model, started, time.monotonic() - started)

    def save(self, result: Result, options: Options, folder: Path, stem: str = "") -> Path:
        """Write a result at full size as NAME-colourised into a folder, a new `place` for example,
        where room has been looked for; returns the file.

        Raises:
            ColouriserError: it cannot be written.
        """
        suffix = _suffix(result.photo, options)
        path = folder / f"{stem or short_stem(result.name)}-colourised{suffix}"
        values = (result.colour, path, result.photo, options.keep_position)
        self._within(result.started, result.name, write, *values)
        return path

    def _within(self, started: float, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function in another process, which has 30 seconds since `started`; what goes wrong
        is said of the photograph of this name."""
        try:
            return self.guard(started + SECONDS, function, *values)
        except ColouriserError as error:
            error.of(name)
            raise

    # Many photographs.

    def entries(self, files: list[Path]) -> tuple[list[Entry], list[str]]:
        """The photographs in files and zip archives, and the names of what was passed over.

        Raises:
            ColouriserError: see `batch.photographs`.
        """
        return self.guard(time.monotonic() + SECONDS, photographs, files)

    def colour_all(
        self, entries: list[Entry], options: Options, folder: Path
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
                result = self.colourise(entry, options)
                check_room()
                stem = Path(unused(f"{short_stem(entry.name)}.x", used)).stem
                yield self.save(result, options, folder, stem)
            except ColouriserError as error:
                yield error
                slow += error.code == "too_slow"
                if error.code == "stopped":
                    return


def _suffix(photo: Photo, options: Options) -> str:
    return ".png" if options.format == "png" else photo.suffix


def _scaled(hint: Hint, scale: float, size: tuple[int, int]) -> Hint:
    """A hint in pixels of a copy of a photograph that is `scale` times as large."""
    radius = None if hint.radius is None else hint.radius * scale
    x, y = (
        min(place * scale, side - 1) for place, side in zip((hint.x, hint.y), size, strict=True)
    )
    return replace(hint, x=x, y=y, radius=radius)
