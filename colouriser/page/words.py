"""What the page says, in the browser's language: texts/en.json, texts/de.json, and the viewer's."""

import html
import json
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import ColouriserError

VIEWER = Path(__file__).parents[1] / "viewer"
TEXTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads((VIEWER / "texts" / path.name).read_text(encoding="utf-8"))
    | json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "texts").glob("*.json"))
}
# The library's errors carry a code; English is what they say of themselves.
ERRORS: dict[str, dict[str, str]] = {k: texts.pop("errors", {}) for k, texts in TEXTS.items()}
say = gr.I18n(**TEXTS)


def language(request: gr.Request | None) -> str:
    """The browser's first language, as in gradio, if the page knows it."""
    wanted = request.headers.get("accept-language", "") if request else ""
    return wanted[:2].lower() if wanted[:2].lower() in TEXTS else "en"


def texts(request: gr.Request | None) -> dict[str, str]:
    """What the page says in the browser's language."""
    return TEXTS[language(request)]


def translate(error: ColouriserError, request: gr.Request | None) -> str:
    """What an error says in the browser's language."""
    sentence = ERRORS[language(request)].get(error.code, error.sentence)
    inner = {k: v for k, v in error.values.items() if isinstance(v, ColouriserError)}
    return error.translate(sentence, **{k: translate(v, request) for k, v in inner.items()})


def to_gradio_error(error: ColouriserError, request: gr.Request | None) -> gr.Error:
    """An error as the page shows it. Names in it come from outside, and messages are HTML."""
    return gr.Error(html.escape(translate(error, request)), print_exception=False)


def to_api_error(error: ColouriserError) -> gr.Error:
    """An error as a program is told it."""
    return gr.Error(str(error), print_exception=False)
