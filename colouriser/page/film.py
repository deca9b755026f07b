"""The tab for a film: its scenes are shown as key frames, which can be corrected in the viewer;
then it is coloured as a whole, or its first seconds to try."""

import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from pebble import ProcessFuture

from ..errors import ColouriserError, SettingError
from ..options import OPTIONS, quoted
from .api import component, endpoint
from .film_work import FilmProcess, Progress, result_of, watched
from .parts import alert, controls, gallery_of, options_from, paragraph
from .storage import MAX_BYTES, kept_busy, new_folder, uploaded_file
from .studio import Studio
from .words import say, texts, to_gradio_error, translate

if TYPE_CHECKING:
    from ..film.preview import KeyPicture

SECONDS = "COLOURISER_FILM_SECONDS"  # environment variable: the longest film; 0 for none at all
USUAL_SECONDS = 60  # a machine of two cores colours a second of film in about two
TRIED = 10.0  # seconds of a try
ENDINGS = [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ts", ".ogv"]
LOOK = ("vividness", "temperature", "recolour")
Updates = dict[Any, Any]  # of components


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


@dataclass
class Opened:
    """A person's film."""

    file: Path | None = None
    folder: Path | None = None
    pictures: "list[KeyPicture]" = field(default_factory=list)
    corrected: dict[str, int] = field(default_factory=dict)  # files of hints that were seen


def film(studio: Studio, viewer: gr.HTML, tabs: gr.Tabs, tab: gr.Tab) -> FilmProcess:
    """Build the tab; returns its process.

    Args:
        studio: with the page's model.
        viewer: of the tab for one photograph, where a key frame is opened.
        tabs: of the page, the first of which is the viewer's.
        tab: this one.
    """
    process = FilmProcess(film_seconds())
    parts = FilmTab(studio, process)
    outputs, asked = parts.outputs, [parts.opened, *parts.settings]
    queued = {"concurrency_limit": 1, "concurrency_id": "film", "api_visibility": "private"}
    parts.source.change(parts.open_film, parts.source, outputs, preprocess=False, **queued)
    parts.whole.click(parts.colour, asked, outputs, **queued)
    parts.part.click(parts.try_part, asked, outputs, **queued)
    tab.select(parts.refresh, asked, outputs, **queued)
    parts.cancel.click(parts.stop, None, parts.cancel, queue=False, api_visibility="private")
    parts.scenes.select(open_scene, parts.opened, [viewer, tabs], api_visibility="private")
    parts.after.change(
        lambda path: gr.update(value=path, interactive=bool(path)),
        parts.after,
        parts.result,
        queue=False,
        api_visibility="private",
    )
    _for_programs(studio, process)
    return process


class FilmTab:
    """The tab's components, and what its buttons do.

    Updates are made anew each time, since gradio changes them.
    """

    def __init__(self, studio: Studio, process: FilmProcess) -> None:
        self.studio, self.process = studio, process
        self.running = dict[str, ProcessFuture]()  # by session
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                self.source = gr.File(
                    label=say("film_file"), file_types=ENDINGS, height=120, elem_id="film-file"
                )
                limits = f"≤ {process.most:g} s, ≤ {MAX_BYTES // 1_000_000} MB"
                gr.HTML(limits, elem_classes="small", elem_id="film-limits")
                self.whole = gr.Button(say("film_start"), variant="primary", interactive=False)
                self.part = gr.Button(say("film_try"), interactive=False)
                self.cancel = gr.Button(say("cancel"), interactive=False)
                with gr.Accordion(say("settings"), open=False):
                    self.settings = controls(LOOK)
            with gr.Column(scale=2, min_width=320):
                self.line = gr.HTML(elem_id="film-progress")
                self.scenes = gallery_of(say("film_scenes"), "film-scenes")
                video = partial(gr.Video, interactive=False)
                with gr.Row():
                    self.before = video(label=say("in_grey"), elem_id="film-before")
                    self.after = video(label=say("in_colour"), elem_id="film-after")
                self.result = gr.DownloadButton(
                    say("film_get"), variant="primary", interactive=False, elem_id="film-get"
                )
        self.opened = gr.State(Opened())
        self.outputs = [
            *(self.opened, self.scenes, self.line, self.before, self.after),
            *(self.whole, self.part, self.cancel),
        ]

    def open_film(self, payload: Any, request: gr.Request) -> Iterator[Updates]:
        """Show a film that was dropped."""
        empty = {self.opened: Opened(), self.scenes: [], self.line: ""}
        yield empty | self._videos(None, None) | self._buttons(start=False)
        if not payload:
            return
        try:
            file = uploaded_file(payload)
            with new_folder() as folder:
                found = Opened(file, folder)
            yield from self._show(found, {}, request)
        except ColouriserError as error:
            yield {self.line: alert(translate(error, request))}
            raise to_gradio_error(error, request) from error

    def refresh(self, request: gr.Request, found: Opened, *values: Any) -> Iterator[Updates]:
        """Show the film anew, if a key frame was corrected meanwhile."""
        yield {self.line: gr.skip()}  # without any, gradio empties all
        if found.folder and found.pictures and _corrected(found.folder) != found.corrected:
            yield from self._show(found, _look_from(values), request)

    def _show(self, found: Opened, look: dict, request: gr.Request) -> Iterator[Updates]:
        file, folder = found.file, found.folder
        if not file or not folder:
            return
        found.corrected = _corrected(folder)
        yield self._buttons(start=False, cancel=True)
        try:
            with kept_busy(folder):
                future = self.process.show(file, folder, self.studio.follower.model.folder, look)
                yield from self._watched(future, folder, request)
                found.pictures = result_of(future, file.name)
        except CancelledError:
            yield {self.opened: found, self.line: "", **self._buttons(start=False)}
            return
        words = texts(request)
        strip = [
            (str(p.shown), words["film_scene"].format(number=p.scene, starts=p.starts, ends=p.ends))
            for p in found.pictures
        ]
        yield {
            self.opened: found,
            self.scenes: strip,
            self.line: _shown_line(found, request),
            **self._buttons(start=True),
        }

    def colour(self, request: gr.Request, found: Opened, *values: Any) -> Iterator[Updates]:
        """Colour the film."""
        yield from self._colour(math.inf, found, values, request)

    def try_part(self, request: gr.Request, found: Opened, *values: Any) -> Iterator[Updates]:
        """Colour its first seconds."""
        yield from self._colour(TRIED, found, values, request)

    def _colour(
        self, until: float, found: Opened, values: tuple, request: gr.Request
    ) -> Iterator[Updates]:
        file, folder = found.file, found.folder
        if not file or not folder or not folder.is_dir():
            raise gr.Error(texts(request)["film_gone"], print_exception=False)
        yield self._buttons(start=False, cancel=True) | self._videos(None, None)
        target = folder / f"{file.stem[:80]}-{'try' if until < math.inf else 'coloured'}.mp4"
        target.unlink(missing_ok=True)
        model = self.studio.follower.model.folder
        try:
            look = _look_from(values)
            with kept_busy(folder):
                future = self.process.colour(file, folder, target, model, look, until)
                yield from self._watched(future, folder, request)
                result_of(future, file.name)
        except CancelledError:
            line = paragraph(texts(request)["film_cancelled"])
            yield {self.line: line, **self._buttons(start=True)}
        except ColouriserError as error:
            yield {self.line: alert(translate(error, request)), **self._buttons(start=True)}
            raise to_gradio_error(error, request) from error
        else:
            line = _shown_line(found, request)
            videos = self._videos(str(file), str(target))
            yield {self.line: line, **self._buttons(start=True), **videos}

    def _watched(
        self, future: ProcessFuture, folder: Path, request: gr.Request
    ) -> Iterator[Updates]:
        """How far a task is, until it ends."""
        session, since = request.session_hash or "", time.monotonic()
        self.running[session] = future
        try:
            for progress in watched(future, folder):
                yield {self.line: _progress_line(progress, since, request)}
        finally:
            self.running.pop(session, None)

    def stop(self, request: gr.Request) -> Any:
        """End what the person has begun."""
        if future := self.running.get(request.session_hash or ""):
            future.cancel()
        return gr.update(interactive=False)

    def _buttons(self, start: bool, cancel: bool = False) -> Updates:
        """Which can be pressed."""
        usable = {self.whole: start, self.part: start, self.cancel: cancel}
        return {button: gr.update(interactive=value) for button, value in usable.items()}

    def _videos(self, before: str | None, after: str | None) -> Updates:
        return {self.before: before, self.after: after}


def open_scene(found: Opened, event: gr.SelectData, request: gr.Request) -> list[Any]:
    """Open a key frame in the viewer, to be corrected."""
    if type(event.index) is not int or not 0 <= event.index < len(found.pictures):
        raise gr.Error(texts(request)["film_gone"], print_exception=False)
    grey = found.pictures[event.index].grey
    value = {"path": str(grey), "name": grey.name, "film": True, "opened": time.time()}
    return [value, gr.Tabs(selected="one")]


def _corrected(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*-hints.json")}


def _look_from(values: tuple) -> dict[str, object]:
    options = options_from(values, LOOK)
    return {name: getattr(options, name) for name in LOOK}


def _shown_line(found: Opened, request: gr.Request) -> str:
    text = texts(request)["film_shown"].format(count=len(found.pictures))
    return paragraph(text)


def _progress_line(progress: Progress, since: float, request: gr.Request) -> str:
    what, done, total = progress
    words, rate = texts(request), done / max(1e-6, time.monotonic() - since)
    left = (total - done) / rate if total > done and rate else 0
    text = words["film_progress"].format(
        what=words["film_" + what.replace(" ", "_")],
        share=round(100 * done / total) if total else 0,
        left=words["left"].format(seconds=round(left)) if left >= 1 else "",
    )
    return paragraph(text)


def _for_programs(studio: Studio, process: FilmProcess) -> None:
    """The endpoint `/film`."""

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
        file, model = uploaded_file(film), studio.follower.model.folder
        with new_folder() as folder:
            target = folder / f"{file.stem[:80]}-coloured.mp4"
            result_of(process.colour(file, folder, target, model, look), file.name)
        return str(target)

    film._mcp_type = "none"  # type: ignore[attr-defined]  # it takes minutes
    inputs = [gr.File(visible=False), *(component(name, OPTIONS[name]) for name in LOOK)]
    endpoint(film, "film", 1, inputs, [gr.File(visible=False)])
