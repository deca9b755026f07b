"""Endpoints for programs, /colourise and /colourise_many; the first is also a tool for language
models (MCP)."""

from typing import Any

import gradio as gr

from ..batch import Entry, pack
from ..errors import ColouriserError
from ..settings import DETAIL, TEMPERATURE, VIVIDNESS
from .keep import place, uploaded, workspace
from .many import none_coloured
from .studio import Settings, Studio
from .words import told


def api(studio: Studio, at_once: int) -> None:
    """Add the endpoints to the page.

    Args:
        studio: colours.
        at_once: photographs that are coloured at the same time.
    """

    def colourise(
        photo: str,
        detail: float = DETAIL.usual,
        vividness: float = VIVIDNESS.usual,
        temperature: float = TEMPERATURE.usual,
        format: str = "original",
        keep_position: bool = False,
        mark: bool = False,
    ) -> str:
        """Add plausible colours to a black-and-white photograph and return it at full size.

        Args:
            photo: the photograph: JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF.
            detail: size of the copy that the network sees, from 64 to 1024; 256 suits most.
            vividness: strength of the colours, from 0 (grey) to 4; 1 is what the network says.
            temperature: from -1 (bluish) to 1 (yellowish); 0 changes nothing.
            format: "original" for the format of the photograph, or "png".
            keep_position: keep the position (GPS) in the metadata.
            mark: write into a corner that the colour was added by an algorithm.

        Returns:
            The coloured photograph as a file.
        """
        try:
            settings = Settings(detail, vividness, temperature, format, keep_position, mark)
            if not photo:
                raise ColouriserError("nothing", "no photograph was given; give one as photo")
            file = uploaded(photo)
            result = studio.colourise(Entry(file.name, file), settings)
            return str(studio.save(result, settings, place()))
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
            detail: size of the copy that the network sees, from 64 to 1024; 256 suits most.
            vividness: strength of the colours, from 0 (grey) to 4; 1 is what the network says.
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

    # Gradio's MCP cannot pass lists of files: one tool call colours one photograph.
    colourise_many._mcp_type = "none"  # type: ignore[attr-defined]
    _endpoint(colourise, "colour", at_once, gr.File(visible=False), [gr.File(visible=False)])
    many = gr.File(visible=False, file_count="multiple")
    archive = gr.File(visible=False)
    _endpoint(colourise_many, "many", 1, many, [archive, gr.JSON(visible=False)])


def _endpoint(function: Any, line: str, at_once: int, source: gr.File, outputs: list[Any]) -> None:
    """An endpoint for programs, with the function's name, arguments and documentation."""
    inputs = [
        source,
        gr.Number(DETAIL.usual, visible=False, label="detail"),
        gr.Number(VIVIDNESS.usual, visible=False, label="vividness"),
        gr.Number(TEMPERATURE.usual, visible=False, label="temperature"),
        gr.Textbox("original", visible=False, label="format"),
        gr.Checkbox(False, visible=False, label="keep_position"),
        gr.Checkbox(False, visible=False, label="mark"),
    ]
    gr.Button(visible=False).click(
        function,
        inputs,
        outputs,
        preprocess=False,  # types and files are checked here, with one answer for all that is wrong
        api_name=function.__name__,
        concurrency_limit=at_once,
        concurrency_id=line,
    )
