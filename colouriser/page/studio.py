"""The engine behind the page: one network for all visitors, and processes that read, render and
write photographs.

What was read and what the network said of it is kept for a while, so that a change answers at once.
"""

import queue
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import anyio
from cachetools import TTLCache
from PIL import Image

from .. import pool
from ..debris import PassedOver
from ..errors import ColouriserError, PhotoError
from ..follow import ModelFollower
from ..hints import Hint, Suggestion
from ..job import Job, Outcome, too_slow
from ..options import DETAIL, Options, Wishes
from ..photo import View, fit, mark, show
from ..pipeline import UNLIKE, Colouriser, Prediction, ReferenceCopy, WorkingCopy
from ..samples import EXAMPLES
from ..sources import Entry, photographs, short_stem, unused_name
from .runs import Runs
from .storage import KEEP_SECONDS, LEDGER, PREVIEW_SECONDS, WORK, check_room, new_folder

try:
    import spaces  # on Spaces with ZeroGPU
except ImportError:
    spaces = None

T = TypeVar("T")
LITTLE = 1_500_000_000  # bytes of memory
SECONDS = 30.0  # in which a request must be read, rendered and written; or it blocks the others
SLOW = 3  # photographs of one request that may take longer; then the rest is left
REQUEST_SECONDS = 1800.0  # for all photographs of a request: others wait, and uploads are deleted
WAITING = 32  # requests of browsers that wait for their turn; the next is refused at once
COLOURISED = "-colourised"  # at the end of results' names
PAUSE = 0.02  # seconds between two looks whether it is one's turn
# Requests at work: the network is thread-safe, and decoding leaves a core idle; one of them where
# memory is for one process of 0.2 GB beside the page's 0.6 GB, and a photograph (docs/hosting.md).
AT_ONCE = 2 if (pool.memory() or LITTLE) >= LITTLE else 1
KEPT_BYTES = 256_000_000  # of small photographs, 2 MB each, and of answers, 4 MB each
COLOURINGS = 4  # other ones that the page offers
THUMBNAIL = 320  # pixels: longest side of theirs
IN_BROWSERS = (".jpg", ".png", ".webp", ".bmp")  # what can be looked at with its own pixels
CERTAIN, UNSURE = 0.57, 0.68  # doubt (hints.entropy) below which nothing is hatched, and all from


class Slot:
    """A request at work: a process for itself, and a deadline."""

    def __init__(self, process: pool.Process) -> None:
        self.process, self.ends = process, time.monotonic() + SECONDS

    def call(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the process; what goes wrong is said of the photograph of this name.

        Raises:
            ColouriserError: the time is over, or whatever the function raised.
        """
        try:
            left = self.ends - time.monotonic()
            if left <= 0:
                raise too_slow()
            return self.process.call(left, function, *arguments)
        except ColouriserError as error:
            raise error if error.about else error.of(name) from error


class Studio:
    """Colours uploads with the model of the moment."""

    def __init__(self, follower: ModelFollower, clock: Callable[[], float] = time.time) -> None:
        self.follower, self.lock = follower, Lock()
        self.pool = pool.Pool(
            AT_ONCE, max(1, pool.cores() // AT_ONCE), network=False, temporary=WORK
        )
        self.kept: TTLCache[Hashable, Any] = TTLCache(
            KEPT_BYTES, KEEP_SECONDS, timer=clock, getsizeof=_size
        )

        self.runs = Runs()
        self.waiting = 0  # requests
        # By upload: the folder of what is shown with all its pixels.
        self.in_full: TTLCache[Path, Path] = TTLCache(1000, KEEP_SECONDS, timer=clock)

        def predict(copy: WorkingCopy, *values: Any) -> tuple[str, Prediction]:
            colouriser = follower.colouriser
            return colouriser.name, colouriser.predict_copy(copy, *values)

        def vary(prediction: Prediction, count: int) -> list[Prediction]:
            return list(follower.colouriser.predict_variants(prediction, count))

        # On ZeroGPU a GPU is lent for the time of these calls.
        self.predict = spaces.GPU(predict) if spaces else predict
        self.vary = spaces.GPU(vary) if spaces else vary

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait until a process is free.

        Raises:
            ColouriserError: too many want to.
        """
        try:
            process = self.pool.free.get(timeout=SECONDS)
        except queue.Empty as error:
            raise busy() from error
        try:
            yield Slot(process)
        finally:
            self.pool.free.put(process)

    @asynccontextmanager
    async def slot_later(self) -> AsyncIterator[Slot]:
        """The same for a coroutine, which waits without a thread.

        Raises:
            ColouriserError: too many wait, or it waited too long.
        """
        process, ends = None, time.monotonic() + SECONDS
        if self.waiting >= WAITING:
            raise busy()
        self.waiting += 1
        try:
            while process is None and time.monotonic() < ends:
                try:
                    process = self.pool.free.get_nowait()
                except queue.Empty:
                    await anyio.sleep(PAUSE)
        finally:
            self.waiting -= 1
        if process is None:
            raise busy()
        try:
            yield Slot(process)
        finally:
            self.pool.free.put(process)

    def expire(self) -> None:
        """Forget what was kept for an hour. A cache by itself forgets only when it is used."""
        with self.lock:
            self.kept.expire()
            self.in_full.expire()
        self.runs.expire(time.time())

    def _keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under a key, or else made and kept."""
        with self.lock:
            if (found := self.kept.get(key)) is not None:
                return found
        made = make()
        with self.lock:
            if _size(made) <= KEPT_BYTES:
                self.kept[key] = made
        return made

    # What a person looks at: small, and kept.

    def view(
        self, slot: Slot, file: Path, options: Options = Options()
    ) -> tuple[pool.Opening, View]:
        """What the network sees of a photograph, and what a person does.

        Raises:
            ColouriserError: it cannot be read.
        """
        options = _in_reading(options)
        job = Job(file, file.name, options)
        return self._keep(("view", file, options), lambda: slot.call(file.name, pool.view_one, job))

    def answer(
        self, slot: Slot, file: Path, wishes: Wishes, options: Options = Options()
    ) -> Prediction:
        """What the network says of a photograph.

        Raises:
            ColouriserError: it cannot be read, or a wish cannot be granted.
        """
        options = _in_reading(options)
        opening, _ = self.view(slot, file, options)

        def ask() -> Prediction:
            hints: Sequence[Hint] = wishes.hints
            if wishes.variant:
                usual = self.answer(slot, file, replace(wishes, hints=(), variant=0), options)
                hints = usual.variant_hints(wishes.variant, hints)
            return self._ask(slot, opening.copy, wishes, [*opening.hints, *hints])

        key = ("answer", file, wishes, options, self.follower.colouriser.name)
        return self._keep(key, ask)

    def _ask(
        self,
        slot: Slot,
        copy: WorkingCopy,
        wishes: Wishes,
        hints: Sequence[Hint],
        detail: int = int(DETAIL.default),
    ) -> Prediction:
        other = self.reference(slot, wishes.reference, detail) if wishes.reference else None
        started = time.monotonic()
        _, prediction = self.predict(copy, hints, other, wishes.strength)
        slot.ends += time.monotonic() - started  # others may have had the GPU before
        return prediction

    def reference(self, slot: Slot, file: Path, detail: int) -> ReferenceCopy:
        """What the network sees of a reference.

        Raises:
            ColouriserError: it cannot be read.
        """
        return self._keep(
            ("reference", file, detail),
            lambda: slot.call(file.name, pool.open_reference, file, detail),
        )

    def preview(self, slot: Slot, file: Path, wishes: Wishes, options: Options) -> Path:
        """Colour a photograph at the size of a screen; returns the picture's file."""
        _, view = self.view(slot, file, options)
        if view.picture:
            colour = view.picture
        else:
            answer = self.answer(slot, file, wishes, options)
            colour = Colouriser.render(view.luma, answer, options.vividness, options.temperature)
            colour = mark(colour) if options.mark else colour
        with new_folder(PREVIEW_SECONDS) as folder:
            return show(colour, folder / "preview", view.alpha)

    def grey(self, slot: Slot, file: Path, options: Options = Options()) -> Path:
        """A photograph in grey at the size of a screen; returns the picture's file."""
        _, view = self.view(slot, file, options)
        with new_folder(PREVIEW_SECONDS) as folder:
            return show(view.luma, folder / "grey", view.alpha)

    def colourings(self, slot: Slot, file: Path, wishes: Wishes, options: Options) -> list[Path]:
        """Small pictures of the network's own colouring and of other ones."""
        _, view = self.view(slot, file, options)
        luma, files = fit(view.luma, THUMBNAIL), list[Path]()
        with new_folder(PREVIEW_SECONDS) as folder:
            for variant in range(1 + COLOURINGS):
                answer = self.answer(slot, file, replace(wishes, variant=variant), options)
                colour = Colouriser.render(luma, answer, options.vividness, options.temperature)
                files.append(show(colour, folder / f"colouring-{variant}"))
        return files

    def suggest(
        self,
        slot: Slot,
        file: Path,
        wishes: Wishes,
        x: Any,
        y: Any,
        n: int,
        options: Options = Options(),
    ) -> list[Suggestion]:
        """Likely colours at a place of a photograph, in its pixels.

        Raises:
            ColouriserError: there is no such place, or the photograph cannot be read.
        """
        return self.answer(slot, file, wishes, options).suggest(x, y, n)

    def unsure(self, slot: Slot, file: Path, wishes: Wishes, options: Options) -> Path:
        """Where the palette is wide: a mask, as a picture whose alpha says how much."""
        _, view = self.view(slot, file, options)
        doubt = self.answer(slot, file, wishes, options).uncertainty(view.luma.size)
        low, high = CERTAIN * 255, UNSURE * 255
        mask = doubt.point(lambda value: round(255 * min(max((value - low) / (high - low), 0), 1)))
        with new_folder(PREVIEW_SECONDS) as folder:
            return show(Image.new("L", mask.size), folder / "unsure", mask)

    # What a person takes home: at full size.

    def colourise(
        self,
        slot: Slot,
        entry: Entry,
        options: Options,
        folder: Path,
        wishes: Wishes = Wishes(),
        stem: str = "",
        variants: int = 0,
        copies: bool = False,
    ) -> tuple[list[Path], Outcome]:
        """Colour a photograph at full size into a folder, in which room has been looked for.

        Args:
            stem: of the result's name, before -colourised; the photograph's unless given.
            variants: 0, or how many other colourings are wanted instead.
            copies: whether one that is in colour already is copied, under its own name.

        Returns:
            The result's file, or those of the variants; and what became of the photograph.

        Raises:
            ColouriserError: it cannot be read or written, or a wish cannot be granted.
        """

        def answers(opening: pool.Opening) -> list[Prediction]:
            if opening.stays:
                raise PhotoError(
                    "in_colour", "is in colour already; ask for recolour to colour it anew"
                ).of(entry.name)
            copy, hints = opening.copy, [*opening.hints, *wishes.hints]
            usual = self._ask(slot, copy, wishes, hints, options.detail)
            if not variants:
                return [usual]
            started = time.monotonic()
            found = self.vary(usual, variants)
            slot.ends += time.monotonic() - started
            return found

        stem = stem or short_stem(entry.name)
        return self._write(
            slot, entry, options, wishes, answers, folder, stem, variants > 0, copies
        )

    def save(
        self, slot: Slot, file: Path, wishes: Wishes, options: Options, to_look_at: bool = False
    ) -> tuple[Path, Outcome]:
        """Colour a photograph at full size as its preview is; returns the file, and what became of
        the photograph.

        Args:
            to_look_at: in a format that browsers show, and in place of the one that was shown
                before.
        """
        answer, entry = self.answer(slot, file, wishes, options), Entry(file.name, file)
        stem, answers = short_stem(file.name), [answer]
        replaced = to_look_at and not file.is_relative_to(EXAMPLES)  # which all people look at
        with self.lock:
            shown = self.in_full.pop(file, None) if replaced else None
        if shown:
            LEDGER.delete(shown)
        with new_folder() as folder:
            (path,), outcome = self._write(
                slot,
                entry,
                options,
                wishes,
                lambda _: answers,
                folder,
                stem,
                False,
                True,
                to_look_at,
            )
        if replaced:
            with self.lock:
                self.in_full[file] = folder
        return path, outcome

    def _write(
        self,
        slot: Slot,
        entry: Entry,
        options: Options,
        wishes: Wishes,
        answers: Callable[[pool.Opening], list[Prediction]],
        folder: Path,
        stem: str,
        several: bool = False,
        copies: bool = False,
        to_look_at: bool = False,
    ) -> tuple[list[Path], Outcome]:
        job = Job(entry.source, entry.name, options, sidecars=entry.sidecars)
        opening = slot.call(entry.name, pool.open_one, job)
        try:
            found: list[Prediction | None] = [None]
            if not (opening.stays and copies):
                found = [*answers(opening)]
            suffix = opening.suffix
            if options.format == "png" or (to_look_at and suffix not in IN_BROWSERS):
                suffix = ".png"
            numbers = [f"-{number}" for number in range(1, len(found) + 1)] if several else [""]
            end = "" if found == [None] else COLOURISED
            paths = [folder / f"{stem}{number}{end}{suffix}" for number in numbers]
            results = [
                (path, one and one.coefficients.numpy())
                for path, one in zip(paths, found, strict=True)
            ]
        except BaseException:
            slot.process.forget()
            raise
        outcome = slot.call(entry.name, pool.finish, job, results)
        if is_unlike(wishes, found[0]):
            outcome = replace(outcome, warnings=(*outcome.warnings, UNLIKE))
        return paths, outcome

    # Many photographs.

    def entries(self, files: list[Path]) -> tuple[list[Entry], PassedOver]:
        """The photographs in files and zip archives, and what was passed over.

        Raises:
            ColouriserError: see `sources.photographs`.
        """
        with self.slot() as slot:
            return slot.process.call(SECONDS, photographs, files)

    def colour_all(
        self, entries: list[Entry], options: Options, folder: Path
    ) -> Iterator[tuple[Path, Outcome] | ColouriserError]:
        """Colour photographs one after the other into a folder, those of an archive into theirs
        below it: each file, and what became of its photograph; or why there is none."""
        used, slow, started = dict[str, int](), 0, time.monotonic()
        for entry in entries:
            try:
                if slow == SLOW or time.monotonic() > started + REQUEST_SECONDS:
                    raise ColouriserError(
                        "stopped",
                        "The photographs took too long, so the rest was not coloured; give them "
                        "in parts.",
                    )
                check_room()
                name = Path(entry.name).with_name(f"{short_stem(entry.name)}.x")
                free = folder / unused_name(name.as_posix(), used)
                with self.slot() as slot:
                    stem = free.stem
                    (path,), outcome = self.colourise(
                        slot, entry, options, free.parent, stem=stem, copies=True
                    )
                yield path, outcome
            except ColouriserError as error:
                yield error
                slow += error.code == "too_slow"
                if error.code == "stopped":
                    return


def busy() -> ColouriserError:
    """The error of a request for which others leave no time."""
    return ColouriserError("busy", "Many people are here at the moment; try again soon.")


def is_unlike(wishes: Wishes, answer: Prediction | None) -> bool:
    """Whether a reference was given of which the network took nothing."""
    return wishes.reference is not None and answer is not None and not answer.borrowed


def _in_reading(options: Options) -> Options:
    """Those of some options that say how a photograph is read, and the usual ones."""
    return Options(recolour=options.recolour, keep_tints=options.keep_tints, invert=options.invert)


def _size(value: Any) -> int:
    """Bytes of what is kept."""
    match value:
        case (pool.Opening() as opening, View() as view):
            return opening.copy.luma.nbytes + view.nbytes
        case Prediction():
            return value.nbytes
        case ReferenceCopy():
            return value.luma.nbytes + value.rgb.nbytes
        case _:
            return 0
