"""The tab for a film: its scenes are shown as key frames, which can be corrected in the viewer;
then it is coloured as a whole, or its first seconds to try.

All of it is done in a process of its own, one film at a time, since a film is as hostile as a
photograph and takes longer. What is done of a film stays when it is cancelled.
"""

import html
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, TimeoutError
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from .. import hub
from ..errors import ColouriserError, FilmError, SettingError
from ..files import write_bytes
from ..options import OPTIONS, quoted
from ..pipeline import Colouriser
from ..pool import die_first
from ..worker import explained
from .api import endpoint
from .many import PER_CENT
from .storage import MAX_BYTES, kept_busy, new_folder, uploaded_file
from .studio import Studio
from .words import say, texts, to_gradio_error, translate

if TYPE_CHECKING:
    from ..film.preview import KeyPicture

SECONDS = "COLOURISER_FILM_SECONDS"  # environment variable: the longest film; 0 for none at all
USUAL_SECONDS = 60  # a machine of two cores colours a second of film in about two
TRIED = 10.0  # seconds of a try
START, A_SECOND = 60.0, 30.0  # the deadline, and what each second of film adds to it
PAUSE = 0.5  # seconds between two looks how far it is
ENDINGS = [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ts", ".ogv"]
LOOK = ("vividness", "temperature", "recolour")


def film_seconds() -> float:
    """How long a film may be; 0 if there is no tab for it, also where PyAV is not installed.

    Raises:
        SettingError: the environment variable is no number of seconds.
    """
    wanted = os.environ.get(SECONDS, str(USUAL_SECONDS))
    try:
        seconds = float(wanted)
        if not 0 <= seconds < math.inf:
            raise ValueError
    except ValueError as error:
        raise SettingError(
            "no_number",
            "{setting} must be a number of seconds, not {value}",
            setting=SECONDS,
            value=quoted(wanted),
        ) from error
    return seconds if find_spec("av") and find_spec("cv2") else 0.0


# In the process.


@lru_cache(maxsize=1)
def _network(model: Path) -> Colouriser:
    return Colouriser(hub.load(hub.resolve(model)), name="the page's model")


def _tell(folder: Path) -> Callable[[str, int, int], None]:
    """Notes how far it is, where the page looks."""
    last = 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() > last + PAUSE / 2:
            last = time.monotonic()
            write_bytes(folder / "progress.json", json.dumps([what, done, total]).encode())

    return progress


def _show(film: Path, folder: Path, model: Path, most: float, look: dict) -> "list[KeyPicture]":
    from ..film.preview import check_length, key_pictures
    from ..film.read import Film
    from ..film.run import Look, index_of

    opened = Film.open(film)
    check_length(opened, most)
    times, _ = index_of(opened, folder / "scenes", _tell(folder))
    check_length(opened, most, times)
    return key_pictures(opened, folder, _network(model), Look(**look), _tell(folder))


def _colour(
    film: Path, folder: Path, target: Path, model: Path, most: float, look: dict, until: float
) -> None:
    from ..film.preview import check_length
    from ..film.read import Film
    from ..film.run import Look, colour_film, index_of

    tries = until < math.inf
    check_length(Film.open(film), most)
    opened = Film.open(film, until=until)
    keyframes = None if tries else folder  # numbers of frames are those of the whole film
    if keyframes:
        times, _ = index_of(opened, folder / "scenes", _tell(folder))
        check_length(opened, most, times)
    look_ = Look(**look)
    colour_film(opened, target, _network(model), look_, progress=_tell(folder), keyframes=keyframes)


# On the page.


class Process:
    """The process that works on films, one at a time."""

    def __init__(self) -> None:
        self.pool: ProcessPool | None = None

    def begin(self, seconds: float, function: Callable, *arguments: Any) -> ProcessFuture:
        """Start a function of this module, which is killed after so many seconds."""
        if self.pool is None or not self.pool.active:
            self.close()
            self.pool = ProcessPool(
                max_workers=1, initializer=die_first, context=get_context("spawn")
            )
        return self.pool.schedule(function, arguments, timeout=seconds)

    def close(self) -> None:
        if self.pool is not None:
            self.pool.stop()
            self.pool.join()
            self.pool = None


def result_of(future: ProcessFuture, name: str) -> Any:
    """What a function of the process returned.

    Raises:
        FilmError: it took too long, or the process died.
        ColouriserError: whatever went wrong in it.
    """
    try:
        return future.result()
    except TimeoutError as error:
        raise FilmError("film_slow", "took too long; cut it, or use the command line").of(
            name
        ) from error
    except ProcessExpired as error:
        raise FilmError(
            "film_died", "needs more memory than there is, or is damaged; cut it or make it smaller"
        ).of(name) from error
    except Exception as error:
        raise explained(error, name) from None


@dataclass
class Opened:
    """A person's film."""

    file: Path | None = None
    folder: Path | None = None
    pictures: "list[KeyPicture]" = field(default_factory=list)
    corrected: dict[str, int] = field(default_factory=dict)  # files of hints that were seen


def _corrected(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*-hints.json")}


def film(studio: Studio, viewer: gr.HTML, tabs: gr.Tabs, tab: gr.Tab) -> Process:
    """Build the tab; returns its process.

    Args:
        studio: with the page's model.
        viewer: of the tab for one photograph, where a key frame is opened.
        tabs: of the page, the first of which is the viewer's.
        tab: this one.
    """
    most, process = film_seconds(), Process()
    running = dict[str, ProcessFuture]()  # by session
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            source = gr.File(
                label=say("film_file"), file_types=ENDINGS, height=120, elem_id="film-file"
            )
            limits = f"≤ {most:g} s, ≤ {MAX_BYTES // 1_000_000} MB"
            gr.HTML(limits, elem_classes="small", elem_id="film-limits")
            whole = gr.Button(say("film_start"), variant="primary", interactive=False)
            part = gr.Button(say("film_try"), interactive=False)
            cancel = gr.Button(say("cancel"), interactive=False)
            with gr.Accordion(say("settings"), open=False):
                settings = [
                    gr.Slider(0, 200, 100, step=5, label=say("vividness")),
                    gr.Slider(-100, 100, 0, step=5, label=say("temperature")),
                    gr.Checkbox(False, label=say("recolour")),
                ]
        with gr.Column(scale=2, min_width=320):
            line = gr.HTML(elem_id="film-progress")
            scenes = gr.Gallery(
                label=say("film_scenes"),
                columns=4,
                height="auto",
                object_fit="contain",
                allow_preview=False,
                interactive=False,
                buttons=[],
                elem_id="film-scenes",
            )
            with gr.Row():
                before = gr.Video(label=say("in_grey"), interactive=False, elem_id="film-before")
                after = gr.Video(label=say("in_colour"), interactive=False, elem_id="film-after")
            result = gr.DownloadButton(
                say("film_get"), variant="primary", interactive=False, elem_id="film-get"
            )
    opened = gr.State(Opened())

    # Updates are made anew each time, since gradio changes them.
    def enabled(*values: bool) -> list[Any]:
        return [gr.update(interactive=value) for value in values]

    def same(count: int) -> list[Any]:
        return [gr.skip() for _ in range(count)]

    def watched(
        future: ProcessFuture, folder: Path, request: gr.Request
    ) -> Iterator[tuple[str, int, int]]:
        """How far a task is, until it ends."""
        session = request.session_hash or ""
        running[session] = future
        try:
            while not future.done():
                time.sleep(PAUSE)
                try:
                    what, done, total = json.loads((folder / "progress.json").read_bytes())
                    yield what, done, total
                except (OSError, ValueError):  # it has not begun
                    continue
        finally:
            running.pop(session, None)
            future.cancel()  # the person has gone

    def progress(what: str, done: int, total: int, since: float, request: gr.Request) -> str:
        words, rate = texts(request), done / max(1e-6, time.monotonic() - since)
        left = (total - done) / rate if total > done and rate else 0
        text = words["film_progress"].format(
            what=words["film_" + what.replace(" ", "_")],
            share=round(100 * done / total) if total else 0,
            left=words["left"].format(seconds=round(left)) if left >= 1 else "",
        )
        return f"<p>{html.escape(text)}</p>"

    def open_film(payload: Any, request: gr.Request) -> Iterator[list[Any]]:
        """The strip, a line, the film, the buttons, both videos."""
        yield [[], "", Opened(), *enabled(False, False, False), None, None]
        if not payload:
            return
        try:
            file = uploaded_file(payload)
            with new_folder() as folder:
                found = Opened(file, folder)
            yield from show(found, {}, request)
        except ColouriserError as error:
            yield [*same(1), failed(error, request), *same(6)]
            raise to_gradio_error(error, request) from error

    def show(found: Opened, look: dict, request: gr.Request) -> Iterator[list[Any]]:
        file, folder = found.file, found.folder
        if not file or not folder:
            return
        found.corrected, since = _corrected(folder), time.monotonic()
        model = studio.follower.model.folder
        seconds = START + A_SECOND * most
        with kept_busy(folder):
            future = process.begin(seconds, _show, file, folder, model, most, look)
            yield [*same(3), *enabled(False, False, True), *same(2)]
            for so_far in watched(future, folder, request):
                yield [*same(1), progress(*so_far, since, request), *same(6)]
            try:
                found.pictures = result_of(future, file.name)
            except CancelledError:
                yield [*same(1), "", found, *enabled(False, False, False), *same(2)]
                return
        words = texts(request)
        strip = [
            (str(p.shown), words["film_scene"].format(number=p.scene, starts=p.starts, ends=p.ends))
            for p in found.pictures
        ]
        yield [strip, shown_line(found, request), found, *enabled(True, True, False), *same(2)]

    def shown_line(found: Opened, request: gr.Request) -> str:
        text = texts(request)["film_shown"].format(count=len(found.pictures))
        return f"<p>{html.escape(text)}</p>"

    def refresh(request: gr.Request, found: Opened, *values: Any) -> Iterator[list[Any]]:
        """The strip anew, if a key frame was corrected meanwhile."""
        yield same(8)  # without any, gradio empties all
        if found.folder and found.pictures and _corrected(found.folder) != found.corrected:
            yield from show(found, look_from(values), request)

    def colour(tries: bool) -> Callable[..., Iterator[list[Any]]]:
        def run(request: gr.Request, found: Opened, *values: Any) -> Iterator[list[Any]]:
            file, folder = found.file, found.folder
            if not file or not folder or not folder.is_dir():
                raise gr.Error(texts(request)["film_gone"], print_exception=False)
            since = time.monotonic()
            yield [*same(3), *enabled(False, False, True), None, None]
            kind = "try" if tries else "coloured"
            target = folder / f"{file.stem[:80]}-{kind}.mp4"
            target.unlink(missing_ok=True)
            try:
                with kept_busy(folder):
                    future = process.begin(
                        START + A_SECOND * most,
                        _colour,
                        file,
                        folder,
                        target,
                        studio.follower.model.folder,
                        most,
                        look_from(values),
                        TRIED if tries else math.inf,
                    )
                    for so_far in watched(future, folder, request):
                        yield [*same(1), progress(*so_far, since, request), *same(6)]
                    result_of(future, file.name)
            except CancelledError:
                text = html.escape(texts(request)["film_cancelled"])
                yield [*same(1), f"<p>{text}</p>", *same(1), *enabled(True, True, False), *same(2)]
                return
            except ColouriserError as error:
                yield [
                    *same(1),
                    failed(error, request),
                    *same(1),
                    *enabled(True, True, False),
                    *same(2),
                ]
                raise to_gradio_error(error, request) from error
            told = shown_line(found, request)
            yield [*same(1), told, *same(1), *enabled(True, True, False), str(file), str(target)]

        return run

    def look_from(values: tuple) -> dict[str, object]:
        numbers = [v / PER_CENT if type(v) in (int, float) else v for v in values[:2]]
        named = dict(zip(LOOK, [*numbers, *values[2:]], strict=True))
        return {name: OPTIONS[name].check(name, value) for name, value in named.items()}

    def stop(request: gr.Request) -> Any:
        if future := running.get(request.session_hash or ""):
            future.cancel()
        return gr.update(interactive=False)

    def open_scene(found: Opened, event: gr.SelectData, request: gr.Request) -> list[Any]:
        """Open a key frame in the viewer, to be corrected."""
        if type(event.index) is not int or not 0 <= event.index < len(found.pictures):
            raise gr.Error(texts(request)["film_gone"], print_exception=False)
        grey = found.pictures[event.index].grey
        value = {"path": str(grey), "name": grey.name, "film": True, "opened": time.time()}
        return [value, gr.Tabs(selected="one")]

    outputs = [scenes, line, opened, whole, part, cancel, before, after]
    queued = {"concurrency_limit": 1, "concurrency_id": "film", "api_visibility": "private"}
    source.change(open_film, source, outputs, preprocess=False, **queued)
    whole.click(colour(False), [opened, *settings], outputs, **queued)
    part.click(colour(True), [opened, *settings], outputs, **queued)
    tab.select(refresh, [opened, *settings], outputs, **queued)
    cancel.click(stop, None, cancel, queue=False, api_visibility="private")
    scenes.select(open_scene, opened, [viewer, tabs], api_visibility="private")
    after.change(
        lambda path: gr.update(value=path, interactive=bool(path)),
        after,
        result,
        queue=False,
        api_visibility="private",
    )

    def film(
        film: str, vividness: float = 1.0, temperature: float = 0.0, recolour: bool = False
    ) -> str:
        """Add plausible colours to a black-and-white film; sound is copied.

        Args:
            film: MP4, Matroska, QuickTime, WebM, AVI or MPEG, as long as the page allows.
            vividness: strength of the colours.
            temperature: cooler or warmer colours.
            recolour: colour anew what is in colour already.

        Returns:
            The coloured film, an MP4.
        """
        look = {
            name: OPTIONS[name].check(name, value)
            for name, value in zip(LOOK, (vividness, temperature, recolour), strict=True)
        }
        file = uploaded_file(film)
        with new_folder() as folder, kept_busy(folder):
            target = folder / f"{file.stem[:80]}-coloured.mp4"
            model, seconds = studio.follower.model.folder, START + A_SECOND * most
            arguments = (file, folder, target, model, most, look, math.inf)
            result_of(process.begin(seconds, _colour, *arguments), file.name)
        return str(target)

    numbers = [gr.Number(OPTIONS[n].default, visible=False, label=n) for n in LOOK[:2]]
    switch = gr.Checkbox(False, visible=False, label="recolour")
    file = gr.File(visible=False)
    film._mcp_type = "none"  # type: ignore[attr-defined]  # it takes minutes
    endpoint(film, "film", 1, [file, *numbers, switch], [gr.File(visible=False)])
    return process


def failed(error: ColouriserError, request: gr.Request) -> str:
    """An error as the tab shows it."""
    return f"<p role='alert'><strong>{html.escape(translate(error, request))}</strong></p>"
