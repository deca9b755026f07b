"""The tab for one photograph."""

import html
from typing import Any

import gradio as gr

from ..batch import Entry, short_stem
from ..compare import colourfulness, difference, psnr
from ..errors import ColouriserError
from .controls import BUTTONS, called, controls, picture
from .keep import EXAMPLES, place, uploaded
from .pictures import fit, show
from .studio import Settings, Studio
from .words import say, shown, texts

PICTURES = sorted(EXAMPLES.glob("*.jpg"))


def one(studio: Studio, at_once: int) -> None:
    """Build the tab.

    Args:
        studio: colours.
        at_once: photographs that are coloured at the same time.
    """
    with gr.Row(elem_id="studio"):
        with gr.Column(elem_id="upload"):
            photo = gr.Image(
                label=say("photograph"),
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                height=230,
                elem_id="photo",
            )
        with gr.Column(elem_id="result"):
            with gr.Tabs():
                with gr.Tab(say("compare")):
                    comparison = gr.ImageSlider(
                        label=say("compare_label"),
                        max_height=430,
                        interactive=False,
                        buttons=BUTTONS,
                        elem_id="comparison",
                    )
                with gr.Tab(say("side")), gr.Row():
                    grey = picture("grey", 400)
                    colour = picture("colour", 400)
                with gr.Tab(say("original"), visible=False) as original:
                    with gr.Row():
                        true = picture("true", 350)
                        again = picture("colour", 350)
                        differing = picture("difference", 350)
                    numbers = gr.Markdown()
            download = gr.DownloadButton(
                say("download"), variant="primary", interactive=False, elem_id="download"
            )
            note = gr.HTML(elem_id="note")
        with gr.Column(elem_id="more"):
            examples = gr.Gallery(
                [str(path) for path in PICTURES],
                label=say("examples"),
                columns=4,
                height="auto",
                allow_preview=False,
                interactive=False,
                buttons=[],
                elem_id="examples",
            )
            with gr.Accordion(say("settings"), open=False, elem_id="settings"):
                settings = controls()

    def nothing() -> list[Any]:
        """The tab before there is a result."""
        no_file = gr.update(value=None, interactive=False)
        return [None, None, None, gr.update(visible=False), None, None, None, "", no_file, ""]

    def colour_one(  # gradio finds where the request goes by name: each has its own
        payload: Any,
        detail: float,
        vividness: float,
        temperature: float,
        form: str,
        position: bool,
        marked: bool,
        request: gr.Request,
    ) -> list[Any]:
        """Everything that the tab shows of a photograph."""
        if payload is None:
            return nothing()
        words = texts(request)
        try:
            file = uploaded(payload)
            chosen = Settings(detail, vividness, temperature, form, position, marked)
            result = studio.colourise(Entry(file.name, file), chosen, key=str(file))
            saved = str(studio.save(result, chosen, place()))
            small, folder, stem = fit(result.colour), place(), short_stem(file.name)
            grey_file = show(result.photo.luma, f"{stem}-greyscale", folder)
            colour_file = show(small, f"{stem}-colourised", folder)
            own_files, said = tuple[str, ...](), ""
            if true := result.photo.original:
                small = small.resize(true.size)
                own_files = (
                    show(true, f"{stem}-original", folder),
                    show(difference(small, true), f"{stem}-difference", folder),
                )
                said = words["numbers"].format(
                    psnr=psnr(small, true), own=colourfulness(small), true=colourfulness(true)
                )
        except ColouriserError as error:
            raise shown(error, request) from error
        text = words["note"].format(
            width=result.colour.width,
            height=result.colour.height,
            seconds=result.seconds,
            model=called(result.model, words),
        )
        if result.photo.several:
            text = f"{text} {words['several']}"
        return [
            (grey_file, colour_file),
            grey_file,
            colour_file,
            gr.update(visible=bool(own_files)),
            *(own_files or (None, None)),
            colour_file if own_files else None,
            said,
            gr.update(value=saved, interactive=True),
            f"<small>{html.escape(text)}</small>",
        ]

    def example(chosen: gr.SelectData) -> str:
        return str(PICTURES[chosen.index])

    examples.select(example, None, photo, api_visibility="private")
    *sliders, form, position, marked = settings
    results = [comparison, grey, colour, original, true, differing, again, numbers]
    results += [download, note]
    coloured = gr.on(
        [photo.change, *(slider.change for slider in sliders)]
        + [box.input for box in (form, position, marked)],
        colour_one,
        [photo, *settings],
        results,
        preprocess=False,  # gr.Image would decode uploads itself, with errors of its own
        concurrency_limit=at_once,
        concurrency_id="colour",
        trigger_mode="always_last",
        api_visibility="private",
    )
    coloured.failure(nothing, None, results, api_visibility="private")  # not what was before
