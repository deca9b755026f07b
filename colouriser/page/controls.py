"""Controls of the tab for many photographs, and what the page calls a model."""

from pathlib import Path
from typing import Any

import gradio as gr

from ..settings import TEMPERATURE, VIVIDNESS, Range
from .studio import Settings
from .words import TEXTS, say

BUTTONS: list = ["fullscreen"]  # none that would share it elsewhere; the download has its own
PER_CENT = 100


def controls() -> list[Any]:
    """Controls whose values `chosen` takes."""
    return [
        _slider("strength", VIVIDNESS),
        _slider("warmth", TEMPERATURE),
        gr.Radio(
            [(say("format_original"), "original"), ("PNG", "png")],
            value="original",
            label=say("format"),
        ),
        gr.Checkbox(label=say("position")),
        gr.Checkbox(label=say("mark")),
    ]


def chosen(strength: Any, warmth: Any, form: Any, position: Any, mark: Any) -> Settings:
    """The settings that the controls' values mean.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """
    numbers = (v / PER_CENT if type(v) in (int, float) else v for v in (strength, warmth))
    vividness, temperature = numbers
    return Settings(
        vividness=vividness, temperature=temperature, format=form, position=position, mark=mark
    )


def _slider(name: str, range: Range) -> gr.Slider:
    return gr.Slider(
        range.lowest * PER_CENT,
        range.highest * PER_CENT,
        range.usual * PER_CENT,
        step=5,
        label=say(name),
    )


def called(model: str, words: dict[str, str]) -> str:
    """What the page calls a model: of a folder, its name alone."""
    if model == TEXTS["en"]["bundled"]:
        return words["bundled"]
    return model if model.endswith(")") else Path(model).name  # a commit in brackets: of the Hub
