"""Endpoints for programs: /colourise, /suggest and /colourise_many. The first two are also tools
for language models (MCP)."""

from typing import Any

import gradio as gr

from ..batch import Entry, pack, short_stem
from ..errors import ColouriserError
from ..hints import hints_from
from ..settings import DETAIL, STRENGTH, SUGGESTIONS, TEMPERATURE, VARIANTS, VIVIDNESS
from .keep import place, uploaded, workspace
from .many import none_coloured
from .studio import AT_ONCE, Settings, Studio, Wish
from .viewer import as_json
from .words import told

HINTS = {"type": "array", "items": {"type": "object"}, "description": "[{x, y, colour}, ...]"}


def api(studio: Studio) -> None:
    """Add the endpoints to the page."""

    def colourise(
        photo: str,
        detail: float = DETAIL.usual,
        vividness: float = VIVIDNESS.usual,
        temperature: float = TEMPERATURE.usual,
        format: str = "original",
        keep_position: bool = False,
        mark: bool = False,
        hints: list[dict[str, Any]] | None = None,
        reference: str | None = None,
        strength: float = STRENGTH.usual,
        variants: int = 0,
    ) -> Any:
        """Add plausible colours to a black-and-white photograph and return it at full size.

        Args:
            photo: the photograph: JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF.
            detail: size of the copy that the network sees, from 64 to 1024; 224 suits most.
            vividness: strength of the colours, from 0 (grey) to 2; 1 is what the network says.
            temperature: from -1 (bluish) to 1 (yellowish); 0 changes nothing.
            format: "original" for the format of the photograph, or "png".
            keep_position: keep the position (GPS) in the metadata.
            mark: write into a corner that the colour was added by an algorithm.
            hints: colours at places, a list of {"x": 120, "y": 80, "colour": "#2040a0"}, in pixels
                of the upright photograph.
            reference: another photograph, whose colours are borrowed where it shows the same.
            strength: how much of the reference's colours is taken, from 0 to 1.
            variants: 0 for one result; or how many other colourings to return, 1 to 16, as a list.

        Returns:
            The coloured photograph as a file, or the other colourings as a list of files.
        """
        try:
            settings = Settings(detail, vividness, temperature, format, keep_position, mark)
            if not photo:
                raise ColouriserError("nothing", "no photograph was given; give one as photo")
            file = uploaded(photo)
            other = None if reference is None else uploaded(reference)
            if variants != 0:
                VARIANTS.check("variants", variants)
            wish = Wish(tuple(hints_from(hints or [])), reference=other, strength=strength)
            entry, stem = Entry(file.name, file), short_stem(file.name)
            with studio.turn():
                if not variants:
                    return str(
                        studio.save(studio.colourise(entry, settings, wish), settings, place())
                    )
                results = studio.variants(entry, settings, wish, int(variants))
                return [
                    str(studio.save(result, settings, place(), f"{stem}-{number}"))
                    for number, result in enumerate(results, 1)
                ]
        except ColouriserError as error:
            raise told(error) from error

    def suggest(
        photo: str,
        x: float,
        y: float,
        n: int = int(SUGGESTIONS.usual),
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
        try:
            if not photo:
                raise ColouriserError("nothing", "no photograph was given; give one as photo")
            SUGGESTIONS.check("n", n)
            wish = Wish(tuple(hints_from(hints or [])))
            file = uploaded(photo)
            with studio.turn():
                return [as_json(s) for s in studio.suggest(file, wish, x, y, int(n))]
        except ColouriserError as error:
            raise told(error) from error

    def colourise_many(
        photos: list[str],
        detail: float = DETAIL.usual,
        vividness: float = VIVIDNESS.usual,
        temperature: float = TEMPERATURE.usual,
        format: str = "original",
        keep_position: bool = False,
        mark: bool = False,
    ) -> tuple[str, list[str]]:
        """Add plausible colours to many black-and-white photographs.

        Args:
            photos: photographs, and zip archives of photographs.
            detail: size of the copy that the network sees, from 64 to 1024; 224 suits most.
            vividness: strength of the colours, from 0 (grey) to 2; 1 is what the network says.
            temperature: from -1 (bluish) to 1 (yellowish); 0 changes nothing.
            format: "original" for the format of each photograph, or "png".
            keep_position: keep the position (GPS) in the metadata.
            mark: write into a corner that the colour was added by an algorithm.

        Returns:
            A zip archive with the coloured photographs, and for each that is not in it, its name
            and why.
        """
        try:
            settings = Settings(detail, vividness, temperature, format, keep_position, mark)
            entries, passed = studio.entries([uploaded(photo) for photo in photos or []])
            with workspace() as folder:
                results = list(studio.colour_all(entries, settings, folder))
                failures = [str(r) for r in results if isinstance(r, ColouriserError)]
                if len(failures) == len(results):
                    raise none_coloured(failures)
                archive = place() / "colourised.zip"
                pack(sorted(folder.iterdir()), archive)
                over = [f"{name}: no photograph, passed over" for name in passed]
                return str(archive), failures + over
        except ColouriserError as error:
            raise told(error) from error

    def model() -> str:
        """Which model is live, and why it is not the one that was asked for, if it is not."""
        live = studio.live
        return f"{live.colouriser.name}. {live.notice or ''}".strip()

    # Gradio's MCP cannot pass lists of files: one tool call colours one photograph.
    colourise_many._mcp_type = "none"  # type: ignore[attr-defined]

    def settings() -> list[Any]:
        return [
            gr.Number(DETAIL.usual, visible=False, label="detail"),
            gr.Number(VIVIDNESS.usual, visible=False, label="vividness"),
            gr.Number(TEMPERATURE.usual, visible=False, label="temperature"),
            gr.Textbox("original", visible=False, label="format"),
            gr.Checkbox(False, visible=False, label="keep_position"),
            gr.Checkbox(False, visible=False, label="mark"),
        ]

    def file(several: bool = False) -> gr.File:
        return gr.File(visible=False, file_count="multiple" if several else "single")

    def hints() -> gr.JSON:
        made = gr.JSON(visible=False, label="hints")
        made.api_info = lambda: HINTS  # gradio's own is no schema
        return made

    wished = [hints(), file(), gr.Number(STRENGTH.usual, visible=False, label="strength")]
    wished.append(gr.Number(0, visible=False, label="variants"))
    _endpoint(colourise, "colour", AT_ONCE, [file(), *settings(), *wished], [file()])
    spot = [gr.Number(visible=False, label="x"), gr.Number(visible=False, label="y")]
    count = gr.Number(SUGGESTIONS.usual, visible=False, label="n")
    answer = [gr.JSON(visible=False)]
    _endpoint(suggest, "colour", AT_ONCE, [file(), *spot, count, hints()], answer)
    # For those who look after a page; it is not listed.
    gr.Button(visible=False).click(
        model, None, gr.Textbox(visible=False), api_name="model", api_visibility="undocumented"
    )
    outputs = [file(), gr.JSON(visible=False)]
    _endpoint(colourise_many, "many", 1, [file(several=True), *settings()], outputs)


def _endpoint(function: Any, line: str, at_once: int, inputs: list, outputs: list) -> None:
    """An endpoint for programs, with the function's name, arguments and documentation."""
    gr.Button(visible=False).click(
        function,
        inputs,
        outputs,
        preprocess=False,  # types and files are checked here, with one answer for all that is wrong
        api_name=function.__name__,
        concurrency_limit=at_once,
        concurrency_id=line,
    )
