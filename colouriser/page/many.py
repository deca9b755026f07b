"""The tab for many photographs: files and zip archives in, one zip archive out."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import gradio as gr
from PIL import Image

from ..errors import ColouriserError
from ..photo import fit, show, suffixes
from ..sources import Entry, pack, short_stem
from ..worker import explained
from .parts import LISTED, alert, controls, gallery_of, html_list, options_from, paragraph
from .runs import Run
from .storage import FOREIGN, new_folder, uploaded_file, workspace
from .studio import Studio, busy
from .words import say, texts, to_gradio_error, translate

log = logging.getLogger(__name__)

TYPES = [*sorted(suffixes()), ".zip"]
THUMBNAIL = 512  # longest side
PAUSE = 0.2  # seconds between two looks at a run
WAITING = 20  # runs, one of which is at work
ABANDONED = 120.0  # seconds after which a run that no page follows ends


def many(studio: Studio, viewer: gr.HTML, tabs: gr.Tabs, token: gr.BrowserState) -> None:
    """Build the tab.

    Args:
        studio: colours.
        viewer: of the tab for one photograph, where one of the many is opened.
        tabs: of the page, the first of which is the viewer's.
        token: names the run that the page follows.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            files = gr.File(
                label=say("files"),
                file_count="multiple",
                file_types=TYPES,
                height=200,
                elem_id="files",
            )
            gr.HTML(say("kept"), elem_classes="small")
            start = gr.Button(say("start"), variant="primary", interactive=False)
            cancel = gr.Button(say("cancel"), interactive=False)
            with gr.Accordion(say("settings"), open=False):
                settings = controls()
        with gr.Column(scale=2, min_width=320):
            progress = gr.HTML(elem_id="progress")
            archive = gr.DownloadButton(
                say("zip"), variant="primary", interactive=False, elem_id="zip"
            )
            gallery = gallery_of(say("results"), "gallery")
    coloured = gr.State([])  # entries, in the gallery's order

    # Updates are made anew each time, since gradio changes them.
    def updates(run: Run, files_there: bool) -> list[Any]:
        """The gallery, a line of progress with failures, the archive, the entries, the buttons."""
        ended = run.ended
        file = str(run.packed) if run.packed else None
        return [
            list(run.pictures),
            run.line,
            gr.update(value=file, interactive=bool(file)),
            list(run.entries) if ended else gr.skip(),
            gr.update(interactive=ended and files_there),
            gr.update(interactive=not ended),
        ]

    def begin(request: gr.Request, payloads: Any, *values: Any) -> list[Any]:
        """The buttons, and the name of a run, which goes on without the page."""
        if studio.runs.running >= WAITING:
            raise to_gradio_error(busy(), request)
        name, run = studio.runs.begin()
        work = partial(copy_context().run, _work, studio, run, payloads, values, request)
        Thread(target=work, daemon=True).start()
        return [gr.update(interactive=False), gr.update(interactive=True), name]

    async def follow(name: Any, payloads: Any, request: gr.Request) -> AsyncIterator[list[Any]]:
        """What a page shows of a run until it ends: that which it began, also when it was loaded
        again."""
        run, version = studio.runs.get(name), -1
        if run is None:
            yield [gr.skip()] * 7
            return
        tab = gr.skip() if run.ended else gr.Tabs(selected="many")
        while True:
            run.seen, ended = time.monotonic(), run.ended
            if run.version != version or ended:
                version = run.version
                yield [*updates(run, bool(payloads)), tab]
                tab = gr.skip()
            if ended:
                break
            await asyncio.sleep(PAUSE)
        if run.error and not run.told:
            run.told = True
            raise to_gradio_error(run.error, request) from run.error

    def stop(name: Any) -> Any:
        if run := studio.runs.get(name):
            run.stopping = True
        return gr.update(interactive=False)

    def ready(payloads: Any) -> Any:
        return gr.update(interactive=bool(payloads))

    outputs = [gallery, progress, archive, coloured, start, cancel]
    start.click(
        begin,
        [files, *settings],
        [start, cancel, token],
        preprocess=False,
        concurrency_limit=None,
        api_visibility="private",
    )
    token.change(
        follow,
        [token, files],
        [*outputs, tabs],
        preprocess=False,
        concurrency_limit=None,
        api_visibility="private",
    )
    cancel.click(stop, token, cancel, queue=False, api_visibility="private")
    files.change(ready, files, start, preprocess=False, queue=False, api_visibility="private")
    gallery.select(open_one, coloured, [viewer, tabs], api_visibility="private")


def _work(studio: Studio, run: Run, payloads: Any, values: tuple, request: gr.Request) -> None:
    """Wait for one's turn, and colour; what goes wrong is shown."""
    try:
        if studio.runs.slot.locked():
            run.show(paragraph(texts(request)["waits"]))
        with studio.runs.slot:
            _colour_all(studio, run, payloads, values, request)
    except Exception as error:  # nobody else would hear of it
        if not isinstance(error, ColouriserError):
            log.exception("many photographs")
        run.error = explained(error, "")
        run.show(alert(translate(run.error, request)))
    finally:
        run.ended = True


def _colour_all(
    studio: Studio, run: Run, payloads: Any, values: tuple, request: gr.Request
) -> None:
    """Colour what was uploaded, and pack it."""
    words = texts(request)
    failures, in_colour, warnings = list[str](), list[str](), list[str]()
    started, lists = time.monotonic(), ""
    with workspace() as folder, new_folder() as served:
        entries, passed = studio.entries([uploaded_file(p) for p in payloads or []])
        results = studio.colour_all(entries, options_from(values), folder)
        lines = [translate(report, request) for report in passed.reports()]
        skipped = html_list(words["passed_over"], lines, words)
        # There are fewer results than entries if the photographs take too long.
        for done, (entry, result) in enumerate(zip(entries, results, strict=False), 1):
            if isinstance(result, ColouriserError):
                failures.append(translate(result, request))
            else:
                path, outcome = result
                with Image.open(path) as image:
                    small = fit(image.convert("RGB"), THUMBNAIL)
                file = show(small, served / f"{path.stem}-{done}")
                run.pictures.append((str(file), path.relative_to(folder).as_posix()))
                if outcome.in_colour:
                    in_colour.append(entry.name)
                else:
                    warnings += outcome.warnings
                run.entries.append(entry)
            rest = (time.monotonic() - started) / done * (len(entries) - done)
            left = words["left"].format(seconds=round(rest)) if rest >= 1 else ""
            text = words["progress"].format(done=done, count=len(entries), left=left)
            lists = html_list(words["failed"], failures, words) + skipped
            lists += html_list(words["copied"], in_colour, words)
            lists += html_list(words["worth_knowing"], warnings, words)
            run.show(paragraph(text) + lists)
            if run.stopping or time.monotonic() > run.seen + ABANDONED:
                break
        if not run.pictures:
            raise none_coloured(failures)
        packed = served / "colourised.zip"
        pack(folder, packed)
    text = words["cancelled" if run.stopping else "finished"]
    text = text.format(done=len(run.pictures) - len(in_colour), failed=len(failures))
    run.packed = packed
    run.show(paragraph(f"{text} {words['open_one']}") + lists)


def open_one(entries: list[Entry], event: gr.SelectData, request: gr.Request) -> list[Any]:
    """Open one of the photographs in the viewer: before and after, and to be corrected."""
    try:
        if type(event.index) is not int or not 0 <= event.index < len(entries):
            raise ColouriserError("foreign", FOREIGN)
        entry = entries[event.index]
        file = entry.file
        if entry.member is not None:
            with new_folder() as folder:
                file = folder / f"{short_stem(entry.name)}{Path(entry.name).suffix[:9]}"
                with entry.open() as source, file.open("wb") as target:
                    shutil.copyfileobj(source, target)
    except ColouriserError as error:
        raise to_gradio_error(error, request) from error
    value = {"path": str(file), "name": entry.name, "opened": time.time()}
    return [value, gr.Tabs(selected="one")]


def none_coloured(failures: list[str]) -> ColouriserError:
    """The error when not a single photograph was coloured."""
    if not failures:
        return ColouriserError("nothing", "Add photographs first.")
    reasons = " ".join(["", *failures[:LISTED]])
    return ColouriserError(
        "none_coloured", "No photograph could be coloured.{failures}", failures=reasons
    )
