"""The tab for many photographs: files and zip archives in, one zip archive out."""

import html
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..errors import ColouriserError
from ..options import OPTIONS, SHOWN, Choice, Number, Options
from ..photo import fit, show, suffixes
from ..sources import Entry, pack, short_stem
from .storage import FOREIGN, new_folder, uploaded_file, workspace
from .studio import COLOURISED, Studio
from .words import say, texts, to_gradio_error, translate

TYPES = [*sorted(suffixes()), ".zip"]
THUMBNAIL = 512  # longest side
PER_CENT = 100
LISTED = 50  # names in a list; a zip can have tens of thousands


def many(studio: Studio, viewer: gr.HTML, tabs: gr.Tabs) -> None:
    """Build the tab.

    Args:
        studio: colours.
        viewer: of the tab for one photograph, where one of the many is opened.
        tabs: of the page, the first of which is the viewer's.
    """
    working, stopping = set[str](), set[str]()  # sessions; and those whose work is to end early
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
            gallery = gr.Gallery(
                label=say("results"),
                columns=4,  # on a phone 2: style.css
                height="auto",
                object_fit="contain",
                allow_preview=False,
                interactive=False,
                buttons=[],
                elem_id="gallery",
            )
    coloured = gr.State([])  # entries, in the gallery's order

    def colour_many(request: gr.Request, payloads: Any, *values: Any) -> Iterator[list[Any]]:
        """The gallery, a line of progress with failures, the archive, the entries and the buttons,
        as it goes on."""
        session = request.session_hash or ""
        working.add(session)
        try:
            yield from colour_them(payloads, values, request)
        finally:
            working.discard(session)
            stopping.discard(session)

    def colour_them(payloads: Any, values: tuple, request: gr.Request) -> Iterator[list[Any]]:
        words, session = texts(request), request.session_hash or ""
        on, off = gr.update(interactive=True), gr.update(interactive=False)
        yield [[], "", gr.update(value=None, interactive=False), [], off, on]  # not those of before
        pictures, done_entries = list[tuple[str, str]](), list[Entry]()
        failures, in_colour = list[str](), list[str]()
        started = time.monotonic()
        with workspace() as folder, new_folder() as served:
            try:
                entries, passed = studio.entries([uploaded_file(p) for p in payloads or []])
                results = studio.colour_all(entries, options_from(values), folder)
                lines = [translate(report, request) for report in passed.reports()]
                skipped = html_list(words["passed_over"], lines, words)
                # There are fewer results than entries if the photographs take too long.
                for done, (entry, result) in enumerate(zip(entries, results, strict=False), 1):
                    if isinstance(result, ColouriserError):
                        failures.append(translate(result, request))
                    else:
                        with Image.open(result) as image:
                            small = fit(image.convert("RGB"), THUMBNAIL)
                        file = show(small, served / f"{result.stem}-small")
                        pictures.append((str(file), result.name))
                        if not result.stem.endswith(COLOURISED):
                            in_colour.append(entry.name)
                        done_entries.append(entry)
                    rest = (time.monotonic() - started) / done * (len(entries) - done)
                    left = words["left"].format(seconds=round(rest)) if rest >= 1 else ""
                    text = words["progress"].format(done=done, count=len(entries), left=left)
                    lists = html_list(words["failed"], failures, words) + skipped
                    lists += html_list(words["copied"], in_colour, words)
                    line = f"<p>{html.escape(text)}</p>{lists}"
                    yield [pictures, line, gr.skip(), gr.skip(), gr.skip(), gr.skip()]
                    if session in stopping:
                        break
                if not pictures:
                    raise none_coloured(failures)
                packed = served / "colourised.zip"
                pack(folder, packed)
            except ColouriserError as error:
                message = (
                    f"<p role='alert'><strong>{html.escape(translate(error, request))}</strong></p>"
                )
                yield [gr.skip(), message, gr.skip(), gr.skip(), on, off]
                raise to_gradio_error(error, request) from error
        text = words["cancelled" if session in stopping else "finished"]
        text = text.format(done=len(pictures) - len(in_colour), failed=len(failures))
        line = f"<p>{html.escape(text)} {html.escape(words['open_one'])}</p>{lists}"
        finished = gr.update(value=str(packed), interactive=True)
        yield [gr.skip(), line, finished, done_entries, on, off]

    def stop(request: gr.Request) -> Any:
        if request.session_hash in working:  # of others nothing is kept
            stopping.add(request.session_hash)
        return gr.update(interactive=False)

    def ready(payloads: Any) -> Any:
        return gr.update(interactive=bool(payloads))

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

    outputs = [gallery, progress, archive, coloured, start, cancel]
    start.click(
        colour_many,
        [files, *settings],
        outputs,
        preprocess=False,
        concurrency_limit=1,  # people with one photograph do not wait for those with many
        concurrency_id="many",
        api_visibility="private",
    )
    cancel.click(stop, None, cancel, queue=False, api_visibility="private")
    files.change(ready, files, start, preprocess=False, queue=False, api_visibility="private")
    gallery.select(open_one, coloured, [viewer, tabs], api_visibility="private")


def controls() -> list[Any]:
    """A control for each option that the tab shows, whose values `chosen` takes."""
    made = list[Any]()
    for name in SHOWN:
        match setting := OPTIONS[name]:
            case Number():
                bounds = (setting.lowest, setting.highest, setting.default)
                scaled = (value * PER_CENT for value in bounds)
                made.append(gr.Slider(*scaled, step=5, label=say(name)))
            case Choice():
                choices = [(say(f"{name}_{choice}"), choice) for choice in setting.choices]
                made.append(gr.Radio(choices, value=setting.default, label=say(name)))
            case _:
                made.append(gr.Checkbox(setting.default, label=say(name)))
    return made


def options_from(values: tuple) -> Options:
    """The options that the controls' values mean.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """
    named = dict(zip(SHOWN, values, strict=True))
    for name, value in named.items():
        if isinstance(OPTIONS[name], Number) and type(value) in (int, float):
            named[name] = value / PER_CENT
    return Options(**named)


def none_coloured(failures: list[str]) -> ColouriserError:
    """The error when not a single photograph was coloured."""
    if not failures:
        return ColouriserError("nothing", "Add photographs first.")
    reasons = " ".join(["", *failures[:LISTED]])
    return ColouriserError(
        "none_coloured", "No photograph could be coloured.{failures}", failures=reasons
    )


def html_list(title: str, names: list[str], words: dict[str, str]) -> str:
    """A list as HTML; names in it come from outside."""
    if not names:
        return ""
    rows = [html.escape(name) for name in names[:LISTED]]
    if len(names) > LISTED:
        rows.append(words["more"].format(count=len(names) - LISTED))
    return f"<p>{html.escape(title)}</p><ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"
