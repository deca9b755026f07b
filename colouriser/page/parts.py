"""What several tabs are made of: controls, galleries, and lines of text."""

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..options import OPTIONS, SHOWN, Choice, Number, Options
from .words import say

PER_CENT = 100
LISTED = 50  # names in a list; a zip can have tens of thousands


def controls(names: Sequence[str] = SHOWN) -> list[Any]:
    """A control for each of some options, whose values `options_from` takes."""
    made = list[Any]()
    for name in names:
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


def options_from(values: tuple, names: Sequence[str] = SHOWN) -> Options:
    """The options that the controls' values mean.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """
    named = dict(zip(names, values, strict=True))
    for name, value in named.items():
        if isinstance(OPTIONS[name], Number) and type(value) in (int, float):
            named[name] = value / PER_CENT
    return Options(**named)


def gallery_of(label: Any, elem_id: str) -> gr.Gallery:
    """Pictures of which one can be chosen."""
    return gr.Gallery(
        label=label,
        columns=4,  # on a phone 2: style.css
        height="auto",
        object_fit="contain",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=elem_id,
        elem_classes="pictures",
    )


def paragraph(text: str) -> str:
    """A line as HTML; names in it come from outside."""
    return f"<p>{html.escape(text)}</p>"


def alert(text: str) -> str:
    """An error as HTML, which screen readers say at once."""
    return f"<p role='alert'><strong>{html.escape(text)}</strong></p>"


def html_list(title: str, names: list[str], words: dict[str, str]) -> str:
    """A list as HTML; names in it come from outside."""
    if not names:
        return ""
    rows = [html.escape(name) for name in names[:LISTED]]
    if len(names) > LISTED:
        rows.append(words["more"].format(count=len(names) - LISTED))
    return f"<p>{html.escape(title)}</p><ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"
