"""The page: a black-and-white photograph goes in, a coloured one comes out.

    python app.py    # http://127.0.0.1:7860

The environment variable COLOURISER_MODEL names another model than the bundled one: a folder or a
Hub repository "owner/name@revision". If the revision is a branch, the page changes over to new
commits while it runs.
"""

import logging
import os
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio reads it

try:
    import spaces  # on Spaces with ZeroGPU, which wants it before torch
except ImportError:
    spaces = None

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image
from torch import Tensor

from colouriser import Colouriser, ColouriserError
from colouriser.live import SECONDS, Live
from colouriser.photo import Photo, read, write
from colouriser.pipeline import DETAIL

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.jpg"))
SHOWN_BY_BROWSERS = (".jpg", ".png", ".webp")
BUTTONS: list = ["download", "fullscreen"]  # no button that would share it elsewhere
KEEP_SECONDS = 3600  # uploads and results are deleted after an hour
FONT = ("system-ui", "sans-serif")  # the default theme would fetch its fonts from the internet


def build(live: Live) -> gr.Blocks:
    """The page."""

    def predict(luma: Image.Image, detail: int) -> tuple[Tensor, str]:
        colouriser = live.colouriser  # the same one for the whole photograph
        return colouriser.predict(luma, detail), colouriser.name

    if spaces:  # on ZeroGPU a GPU is lent for the time of this call
        predict = spaces.GPU(predict)

    def colourise(
        file: str | None, detail: float, vividness: float
    ) -> tuple[str | None, str | None, tuple[str, str] | None, str | None, str]:
        """Colour a black-and-white photograph.

        Returns the greyscale input, the coloured photograph, both for comparison, the coloured
        photograph in the format of the original, and a line about how it was made.
        """
        if file is None:
            return None, None, None, None, ""
        started = time.perf_counter()
        try:
            photo = read(file)
            chroma, model = predict(photo.luma, int(detail))
            coloured = Colouriser.merge(photo.luma, chroma, vividness)
            with tempfile.TemporaryDirectory() as folder:
                files = _write(photo, coloured, Path(folder), Path(file).stem)
                # Copied into gradio's cache, which it serves and cleans.
                grey_file, shown_file, full_file = (
                    str(download.move_resource_to_block_cache(path)) for path in files
                )
        except ColouriserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        seconds = time.perf_counter() - started
        note = f"{coloured.width} × {coloured.height} pixels in {seconds:.1f} s by {model}."
        return grey_file, shown_file, (grey_file, shown_file), full_file, note

    def state() -> str:
        """Which model is live."""
        notice = f"⚠ {live.notice}\n\n" if live.notice else ""
        return f"{notice}<small>Model: {live.colouriser.name}</small>"

    with gr.Blocks(
        title="Colouriser", analytics_enabled=False, delete_cache=(600, KEEP_SECONDS)
    ) as demo:
        gr.Markdown(
            "# Colouriser\nAdd a black-and-white photograph and see it in colour. "
            "Colours are plausible, not necessarily true."
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                photo = gr.Image(
                    label="Photograph", type="filepath", sources=["upload", "clipboard"], height=280
                )
                detail = gr.Slider(
                    64,
                    512,
                    value=DETAIL,
                    step=32,
                    label="Detail",
                    info="How large the photograph is that the network sees.",
                )
                vividness = gr.Slider(
                    0,
                    2,
                    value=1,
                    step=0.05,
                    label="Vividness",
                    info="How strong the colours are.",
                )
                gr.Examples([[str(path)] for path in EXAMPLES], [photo], examples_per_page=12)
            with gr.Column(scale=2, min_width=320):
                comparison = gr.ImageSlider(label="Compare", height=420, interactive=False)
                with gr.Row():
                    grey = gr.Image(
                        label="Greyscale input", height=240, interactive=False, buttons=BUTTONS
                    )
                    colour = gr.Image(
                        label="Colourised output", height=240, interactive=False, buttons=BUTTONS
                    )
                download = gr.DownloadButton("Download at full size", variant="primary")
                note = gr.Markdown()
        model = gr.Markdown()
        demo.load(state, None, model, api_name="model")
        gr.on(
            [photo.change, detail.release, vividness.release],
            colourise,
            [photo, detail, vividness],
            [grey, colour, comparison, download, note],
            api_name="colourise",
            concurrency_limit=2,  # the generator is thread-safe, and decoding leaves a core idle
        )
    return demo


def _uploaded(_: gr.Image, payload: ImageData | None) -> str | None:
    return payload.path if payload else None


# gr.Image would decode uploads itself and refuse what it does not know with an error of its own;
# reading is colouriser's work. On the class, since a click on an example makes the component anew.
gr.Image.preprocess = _uploaded


def _write(photo: Photo, coloured: Image.Image, folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Write the grey and the coloured photograph as browsers show them, and the one to download."""
    download = folder / f"{name}-colourised{photo.suffix}"
    write(coloured, download, photo)
    suffix = photo.suffix if photo.suffix in SHOWN_BY_BROWSERS else ".png"
    grey = folder / f"{name}-greyscale{suffix}"
    write(photo.luma.convert("RGB"), grey)
    shown = download.with_suffix(suffix)
    if shown != download:
        write(coloured, shown)
    return grey, shown, download


def main() -> None:
    """Load the model and serve the page."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    source = os.environ.get("COLOURISER_MODEL") or None
    try:
        live = Live(source, Image.open(EXAMPLES[0]))
    except ColouriserError as error:
        raise SystemExit(f"error: {error}") from error
    live.follow(float(os.environ.get("COLOURISER_LOOK_SECONDS", SECONDS)))
    demo = build(live)
    theme = gr.themes.Default(font=FONT, font_mono=("monospace",))
    demo.launch(theme=theme, run_history=False)


if __name__ == "__main__":
    main()
