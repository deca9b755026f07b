"""Endpoints for programs: /colourise, /suggest and /colourise_many. The first two are also tools
for language models (MCP)."""

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr

from ..errors import ColouriserError
from ..hints import hints_from
from ..options import (
    OPTIONS,
    STRENGTH,
    SUGGESTIONS,
    VARIANTS,
    Number,
    Options,
    Setting,
    Switch,
    Wishes,
    spread,
)
from ..sources import Entry, pack
from .many import none_coloured
from .storage import new_folder, uploaded_file, workspace
from .studio import AT_ONCE, Studio
from .viewer import as_json
from .words import to_api_error

ODD = "About this file"
HINTS = {"type": "array", "items": {"type": "object"}, "description": "[{x, y, colour}, ...]"}


def api(studio: Studio) -> None:
    """Add the endpoints to the page."""

    def colourise(
        photo: str,
        options: Options = Options(),
        hints: list[dict[str, Any]] | None = None,
        reference: str | None = None,
        strength: float = STRENGTH.default,
        variants: int = 0,
    ) -> Any:
        """Add plausible colours to a black-and-white photograph and return it at full size.

        Args:
            photo: the photograph: JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF.
            options: see `Options`.
            hints: colours at places, a list of {"x": 120, "y": 80, "colour": "#2040a0"}, in pixels
                of the upright photograph.
            reference: another photograph, whose colours are borrowed where it shows the same.
            strength: how much of the reference's colours is taken, from 0 to 1.
            variants: 0 for one result; or how many other colourings to return, 1 to 16, as a list.

        Returns:
            The coloured photograph as a file, or the other colourings as a list of files. What is
            odd about the photograph's file comes as a message of Gradio's on the way.
        """
        if not photo:
            raise ColouriserError("nothing", "no photograph was given; give one as photo")
        file = uploaded_file(photo)
        other = None if reference is None else uploaded_file(reference)
        if variants != 0:
            VARIANTS.check("variants", variants)
        wishes = Wishes(tuple(hints_from(hints or [])), reference=other, strength=strength)
        entry = Entry(file.name, file)
        count = int(variants)
        with studio.slot() as slot, new_folder() as folder:
            found, outcome = studio.colourise(slot, entry, options, folder, wishes, variants=count)
        for warning in outcome.warnings:
            gr.Warning(warning, title=ODD)
        return [str(path) for path in found] if variants else str(found[0])

    def suggest(
        photo: str,
        x: float,
        y: float,
        n: int = int(SUGGESTIONS.default),
        hints: list[dict[str, Any]] | None = None,
    ) -> list[dict[str, Any]]:
        """Say which colours a place of a black-and-white photograph might have.

        Args:
            photo: the photograph.
            x: pixels of the place from the left of the upright photograph.
            y: pixels from its top.
            n: how many colours at most, from 1 to 20.
            hints: colours at other places that are known, as for colourise.

        Returns:
            The likeliest first: {"colour": "#rrggbb", "probability": 0 to 1}.
        """
        if not photo:
            raise ColouriserError("nothing", "no photograph was given; give one as photo")
        SUGGESTIONS.check("n", n)
        wishes = Wishes(tuple(hints_from(hints or [])))
        file = uploaded_file(photo)
        with studio.slot() as slot:
            return [as_json(s) for s in studio.suggest(slot, file, wishes, x, y, int(n))]

    def colourise_many(
        photos: list[str],
        options: Options = Options(),
    ) -> tuple[str, list[str]]:
        """Add plausible colours to many black-and-white photographs.

        Args:
            photos: photographs, and zip archives of photographs.
            options: see `Options`.

        Returns:
            A zip archive with the coloured photographs, in the folders that they came in; and a
            line for each that is not in it, that is a copy, being in colour already, or of whose
            file something is odd; other files are counted by kind.
        """
        entries, passed = studio.entries([uploaded_file(photo) for photo in photos or []])
        with workspace() as folder:
            results = list(studio.colour_all(entries, options, folder))
            failures = [str(r) for r in results if isinstance(r, ColouriserError)]
            if len(failures) == len(results):
                raise none_coloured(failures)
            with new_folder() as served:
                archive = served / "colourised.zip"
                pack(folder, archive)
            lines = list[str]()
            for entry, result in zip(entries, results, strict=False):
                if isinstance(result, ColouriserError):
                    lines.append(str(result))
                elif result[1].in_colour:
                    lines.append(f"{entry.name}: in colour already, copied as it is")
                else:
                    lines += result[1].warnings
            return str(archive), lines + passed.lines()

    def model() -> str:
        """Which model is live, and why it is not the one that was asked for, if it is not."""
        follower = studio.follower
        return f"{follower.colouriser.name}. {follower.fallback_reason or ''}".strip()

    # Gradio's MCP cannot pass lists of files: one tool call colours one photograph.
    colourise_many._mcp_type = "none"  # type: ignore[attr-defined]

    def options() -> list[Any]:
        return [component(name, setting) for name, setting in OPTIONS.items()]

    def file(several: bool = False) -> gr.File:
        return gr.File(visible=False, file_count="multiple" if several else "single")

    def hints() -> gr.JSON:
        made = gr.JSON(visible=False, label="hints")
        made.api_info = lambda: HINTS  # gradio's own is no schema
        return made

    wished = [hints(), file(), gr.Number(STRENGTH.default, visible=False, label="strength")]
    wished.append(gr.Number(0, visible=False, label="variants"))
    endpoint(_with_options(colourise), "colour", AT_ONCE, [file(), *options(), *wished], [file()])
    spot = [gr.Number(visible=False, label="x"), gr.Number(visible=False, label="y")]
    count = gr.Number(SUGGESTIONS.default, visible=False, label="n")
    answer = [gr.JSON(visible=False)]
    endpoint(suggest, "colour", AT_ONCE, [file(), *spot, count, hints()], answer)
    # For those who look after a page; it is not listed.
    gr.Button(visible=False).click(
        model, None, gr.Textbox(visible=False), api_name="model", api_visibility="undocumented"
    )
    outputs = [file(), gr.JSON(visible=False)]
    endpoint(_with_options(colourise_many), "many", 1, [file(several=True), *options()], outputs)


def _with_options(function: Callable) -> Callable:
    return spread(function, lambda name, setting: type(setting.default))


def component(name: str, setting: Setting) -> Any:
    """What takes an option from a program."""
    kind = {Number: gr.Number, Switch: gr.Checkbox}.get(type(setting), gr.Textbox)
    return kind(setting.default, visible=False, label=name)


def endpoint(function: Any, line: str, at_once: int, inputs: list, outputs: list) -> None:
    """An endpoint for programs, with the function's name, arguments and documentation."""

    @functools.wraps(function)
    def answer(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ColouriserError as error:
            raise to_api_error(error) from error

    gr.Button(visible=False).click(
        answer,
        inputs,
        outputs,
        preprocess=False,  # types and files are checked here, with one answer for all that is wrong
        api_name=function.__name__,
        concurrency_limit=at_once,
        concurrency_id=line,
    )
