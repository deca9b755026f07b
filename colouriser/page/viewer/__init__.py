"""The viewer: our own component, which compares, zooms, and sets pins.

Its html, css and js lie beside it. The browser asks for what it shows through server functions,
which gradio calls outside of its queue; what they are given comes from outside, and is checked here
as it comes in.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import ColouriserError
from ...hints import hints_from
from ...options import OPTIONS, Options, Wishes, shown
from ...photo import suffixes
from ..keep import EXAMPLES, place, uploaded
from ..studio import Studio
from ..words import VIEWER, said

HERE = Path(__file__).parent
SUGGESTED = 6  # colours at a place: more are hard to choose from
IN_BROWSERS = (".jpg", ".png", ".webp", ".bmp")  # what can be looked at with its own pixels

Answer = dict[str, Any]


def viewer(studio: Studio, examples: list[Answer]) -> gr.HTML:
    """The component. It shows photographs before and after, and takes corrections; its value is the
    photograph to open, {"path": ..., "name": ...}, or None.

    No subclass of gr.HTML: gradio writes a stub file beside each, wherever it is installed.

    Args:
        studio: colours.
        examples: {"name": ..., "label": of texts, "file": ...}; it opens on the first.
    """
    template, style, script = (
        (HERE / f"viewer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return gr.HTML(
        html_template=template,
        css_template=style,
        js_on_load=script,
        apply_default_css=False,
        elem_id="studio",
        server_functions=_functions(studio),
        texts=VIEWER,
        examples=examples,
        accept=",".join(["image/*", ".zip", *sorted(suffixes())]),
    )


def _functions(studio: Studio) -> list[Callable]:
    """What the browser may ask for. Each is given an object and answers with one; if something is
    wrong, with {"error": ...} in the browser's language."""

    def colour(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        picture, view = studio.preview(file, wishes, options), studio.view(file)
        return {
            "file": str(picture),
            "width": view.size[0],
            "height": view.size[1],
            "several": view.several,
            "corrects": studio.live.colouriser.generator.config.hints,
        }

    def look(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        return {"file": str(studio.grey(file))}

    def vary(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        return {"files": [str(path) for path in studio.colourings(file, wishes, options)]}

    def suggest(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        found = studio.suggest(file, wishes, data.get("x"), data.get("y"), SUGGESTED)
        return {"colours": [as_json(suggestion) for suggestion in found]}

    def unsure(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        return {"file": str(studio.unsure(file, wishes))}

    def save(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        path = studio.save(studio.finish(file, wishes, options), options, place())
        return {"file": str(path), "name": path.name}

    def full(file: Path, wishes: Wishes, options: Options, data: Answer) -> Answer:
        result = studio.finish(file, wishes, options)
        if result.photo.suffix not in IN_BROWSERS:
            options = Options(format="png")
        return {"file": str(studio.save(result, options, place()))}

    return [_served(studio, f) for f in (colour, look, vary, suggest, unsure, save, full)]


def _served(studio: Studio, function: Callable[..., Answer]) -> Callable:
    """The function as gradio may call it: with whatever was sent, and the request."""

    def serve(data: Any, request: gr.Request) -> Answer:
        try:
            if not isinstance(data, dict):
                raise ColouriserError("no_wish", "send an object, not {value}", value=shown(data))
            values = _file(data), _wishes(data), _options(data)
            with studio.turn():
                return function(*values, data)
        except ColouriserError as error:
            return {"error": said(error, request)}

    serve.__name__ = function.__name__  # by which the browser calls it
    return serve


def _file(data: Answer) -> Path:
    if isinstance(name := data.get("example"), str):
        return uploaded(str(EXAMPLES / Path(name).name))
    return uploaded(data.get("path"))


def _wishes(data: Answer) -> Wishes:
    reference = data.get("reference")
    return Wishes(
        tuple(hints_from(data.get("hints", []))),
        data.get("variant", 0),
        None if reference is None else uploaded(reference),
        data.get("strength", 1.0),
    )


def _options(data: Answer) -> Options:
    return Options(**{name: data[name] for name in OPTIONS if name in data})


def as_json(suggestion: Any) -> Answer:
    """A suggestion as programs and the browser are told it."""
    red, green, blue = suggestion.colour
    return {
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "probability": round(suggestion.probability, 3),
    }
