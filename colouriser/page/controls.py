"""Controls and pictures that several tabs have."""

from pathlib import Path
from typing import Any

import gradio as gr

from ..settings import DETAIL, TEMPERATURE, VIVIDNESS, Range
from .words import TEXTS, say

BUTTONS: list = ["fullscreen"]  # none that would share it elsewhere; the download has its own


def controls() -> list[Any]:
    """Controls for `Settings`, in its order."""
    return [
        _slider("detail", DETAIL, 32),
        _slider("vividness", VIVIDNESS, 0.05),
        _slider("temperature", TEMPERATURE, 0.05),
        gr.Radio(
            [(say("format_original"), "original"), ("PNG", "png")],
            value="original",
            label=say("format"),
            info=say("format_info"),
        ),
        gr.Checkbox(label=say("position"), info=say("position_info")),
        gr.Checkbox(label=say("mark"), info=say("mark_info")),
    ]


def _slider(name: str, range: Range, step: float) -> gr.Slider:
    return gr.Slider(
        range.lowest,
        range.highest,
        range.usual,
        step=step,
        label=say(name),
        info=say(f"{name}_info"),
    )


def picture(label: str, height: int) -> gr.Image:
    """A picture that can only be looked at."""
    return gr.Image(
        label=say(label), height=height, interactive=False, buttons=BUTTONS, min_width=200
    )


def called(model: str, words: dict[str, str]) -> str:
    """What the page calls a model: of a folder, its name alone."""
    if model == TEXTS["en"]["bundled"]:
        return words["bundled"]
    return model if model.endswith(")") else Path(model).name  # a commit in brackets: of the Hub
