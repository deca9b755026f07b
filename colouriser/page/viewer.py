"""The viewer (../viewer) in the page: the component, and what answers it.

Its html and css go through gradio; its modules are static files, which answerer.js starts. The
browser asks for what it shows through server functions, which gradio calls outside of its queue;
what they are given comes from outside, and is checked here as it comes in.
"""

import json
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ColouriserError
from ..files import write_bytes
from ..hints import hints_from
from ..options import SHOWN, Options, Wishes, quoted
from ..photo import ONLY_FIRST, suffixes
from ..pipeline import UNLIKE
from ..samples import EXAMPLES, PICTURES
from ..worker import KIND_WARNINGS
from .storage import uploaded_file
from .studio import Slot, Studio, is_unlike
from .words import VIEWER, translate

ANSWERER = Path(__file__).with_name("answerer.js")
STATIC = [VIEWER, ANSWERER]  # what the browser fetches
OWN_SENTENCES = (
    *ONLY_FIRST,
    UNLIKE,
    *(text.removeprefix("%s: ") for text in KIND_WARNINGS.values()),
)
SUGGESTED = 6  # colours at a place: more are hard to choose from
SCRIPT = """
const {root = "", api_prefix = "/gradio_api"} = window.gradio_config;
const escaped = (path) => path.split("/").map(encodeURIComponent).join("/");
const address = (path) => `${root}${api_prefix}/file=${escaped(path)}`;
import(address(props.script))
  .then(({start}) => start({element, props, server, upload, watch, address}))
  .catch((error) => {
    const message = element.querySelector(".message");
    element.querySelector(".studio").dataset.state = "error";
    message.textContent = `The viewer cannot be loaded (${error.message}); reload the page.`;
    message.hidden = false;
  });
"""  # gradio makes a function of it, from which import() cannot find its way by itself

mimetypes.add_type("text/javascript", ".js")  # Windows may say otherwise; modules need it

Answer = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What the browser asks for."""

    slot: Slot
    file: Path
    wishes: Wishes
    options: Options
    data: Answer  # as it was sent

    @property
    def values(self) -> tuple[Slot, Path, Wishes, Options]:
        """All of it but the data."""
        return self.slot, self.file, self.wishes, self.options


def viewer(studio: Studio) -> gr.HTML:
    """The component, which opens on the first example. It shows photographs before and after, and
    takes corrections; its value is the photograph to open, {"path": ..., "name": ...}, or None.

    No subclass of gr.HTML: gradio writes a stub file beside each, wherever it is installed.
    """
    template, style = (
        (VIEWER / f"viewer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    return gr.HTML(
        html_template=template,
        css_template=style,
        js_on_load=SCRIPT,
        apply_default_css=False,
        elem_id="studio",
        server_functions=_functions(studio),
        script=ANSWERER.as_posix(),
        examples=[
            {"name": path.name, "label": f"example_{path.stem}", "file": str(path)}
            for path in PICTURES
        ],
        accept=",".join(["image/*", ".zip", *sorted(suffixes())]),
    )


def _functions(studio: Studio) -> list[Callable]:
    """What the browser may ask for. Each is given an object and answers with one; if something is
    wrong, with {"error": ...} in the browser's language."""

    def colour(asked: Asked) -> Answer:
        picture = studio.preview(*asked.values)
        opening, view = studio.view(asked.slot, asked.file, asked.options)
        said = ["several"] * view.several + _odd(opening.warnings)
        if not opening.stays and is_unlike(asked.wishes, studio.answer(*asked.values)):
            said.append("unlike")
        return {
            "file": str(picture),
            "width": opening.size[0],
            "height": opening.size[1],
            "said": said,
            "kind": opening.kind.value,
            "corrects": studio.follower.colouriser.generator.config.hints,
        }

    def look(asked: Asked) -> Answer:
        return {"file": str(studio.grey(asked.slot, asked.file, asked.options))}

    def vary(asked: Asked) -> Answer:
        return {"files": [str(path) for path in studio.colourings(*asked.values)]}

    def suggest(asked: Asked) -> Answer:
        x, y = asked.data.get("x"), asked.data.get("y")
        found = studio.suggest(*asked.values[:3], x, y, SUGGESTED, asked.options)
        return {"colours": [as_json(suggestion) for suggestion in found]}

    def unsure(asked: Asked) -> Answer:
        return {"file": str(studio.unsure(*asked.values))}

    def save(asked: Asked) -> Answer:
        path, outcome = studio.save(*asked.values)
        return {"file": str(path), "name": path.name, "said": _odd(outcome.warnings)}

    def full(asked: Asked) -> Answer:
        return {"file": str(studio.save(*asked.values, to_look_at=True)[0])}

    def correct(asked: Asked) -> Answer:  # of a film's key frame
        keep_hints(asked.file, [asdict(hint) for hint in asked.wishes.hints])
        return {}

    called = (colour, look, vary, suggest, unsure, save, full, correct)
    return [_served(studio, function) for function in called]


def _served(studio: Studio, function: Callable[..., Answer]) -> Callable:
    """The function as gradio may call it: with whatever was sent, and the request."""

    async def serve(data: Any, request: gr.Request) -> Answer:
        try:
            if not isinstance(data, dict):
                raise ColouriserError("no_wish", "send an object, not {value}", value=quoted(data))
            file, wishes, options = _file(data), _wishes(data), _options(data)
            async with studio.slot_later() as slot:
                asked = Asked(slot, file, wishes, options, data)
                return await to_thread.run_sync(function, asked)
        except ColouriserError as error:
            return {"error": translate(error, request)}

    serve.__name__ = function.__name__  # by which the browser calls it
    return serve


def _odd(warnings: Sequence[str]) -> list[str]:
    """What is odd about a file, but for what the viewer has sentences of its own for: its pages,
    its colours, a reference that shows nothing alike."""
    return [warning for warning in warnings if not warning.endswith(OWN_SENTENCES)]


def _file(data: Answer) -> Path:
    if isinstance(name := data.get("example"), str):
        return uploaded_file(str(EXAMPLES / Path(name).name))
    return uploaded_file(data.get("path"))


def _wishes(data: Answer) -> Wishes:
    reference = data.get("reference")
    return Wishes(
        tuple(hints_from(data.get("hints", []))),
        data.get("variant", 0),
        None if reference is None else uploaded_file(reference),
        data.get("strength", 1.0),
    )


def _options(data: Answer) -> Options:
    return Options(**{name: data[name] for name in SHOWN if name in data})


def keep_hints(grey: Path, hints: list[dict[str, object]]) -> None:
    """Keep the corrections of a key frame, which its scene follows.

    Args:
        grey: the key frame's file, which this page made.
        hints: in its pixels, as the viewer has them; none take them back.

    Raises:
        ColouriserError: it is no key frame.
    """
    if not grey.name.endswith("-grey.png") or not (grey.parent / "scenes").is_dir():
        raise ColouriserError("foreign", "this is no key frame of a film; open it again")
    path = grey.with_name(grey.name.replace("-grey.png", "-hints.json"))
    if hints:
        write_bytes(path, json.dumps(hints).encode())
    else:
        path.unlink(missing_ok=True)


def as_json(suggestion: Any) -> Answer:
    """A suggestion as programs and the browser are told it."""
    red, green, blue = suggestion.colour
    return {
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "probability": round(suggestion.probability, 3),
    }


class Revalidate:
    """Has browsers ask for the viewer's modules each time: without being told they keep them for
    days, and would mix those of two versions. ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["cache-control"] = "no-cache"
            await send(message)

        static = "/file=" in scope.get("path", "") and scope["path"].endswith((".js", ".json"))
        await self.app(scope, receive, marked if static else send)
