"""The tab about the page, for people: what it does and does not, privacy, and who runs it."""

import html
import os
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from huggingface_hub import constants

from ..errors import ColouriserError
from ..hub import ResolvedModel
from ..options import Options, Wishes
from ..samples import EXAMPLES
from .studio import Studio
from .words import TEXTS, texts

HOST = "COLOURISER_HOST"  # environment variable: who runs this copy, and how to reach them
GOOD = ("hopper", "temple", "astronaut", "cat")  # examples that are shown
BAD = ("coffee", "flower")  # and those that often fail


def about(studio: Studio, tab: gr.Tab) -> None:
    """Build the tab, which is filled when it is opened, in the browser's language."""
    text = gr.Markdown(elem_id="about")
    pictures = gr.HTML(elem_id="pictures")

    def fill(request: gr.Request) -> tuple[str, str]:
        words, follower = texts(request), studio.follower
        about = words["about_text"].format(
            model=html.escape(display_name(follower.colouriser.name, words)),
            card=words["card"].format(address=card)
            if (card := _card(follower.model, text))
            else "",
            host=html.escape(os.environ.get(HOST, "").strip() or words["no_host"]),
            version=metadata.version("colouriser"),
        )
        try:
            examples = _row(studio, GOOD, words["works"], words) + _row(
                studio, BAD, words["fails"], words
            )
        except ColouriserError:  # no room for pictures; the text is there
            examples = ""
        return about, examples

    tab.select(fill, None, [text, pictures], show_progress="hidden", api_visibility="private")


def display_name(model: str, words: dict[str, str]) -> str:
    """A model's name as the page shows it: of a folder, its last part alone."""
    if model == TEXTS["en"]["bundled"]:
        return words["bundled"]
    return model if model.endswith(")") else Path(model).name  # a commit in brackets: of the Hub


def _row(studio: Studio, names: tuple[str, ...], title: str, words: dict[str, str]) -> str:
    """Examples as the live model colours them, beside themselves in grey."""
    figures = []
    for file in (EXAMPLES / f"{name}.jpg" for name in names):
        key = ("about", file, studio.follower.colouriser.name)
        kept = studio.kept.get(key)
        if kept is None or not all(path.exists() for path in kept):
            with studio.slot() as slot:
                grey = studio.grey(slot, file)
                kept = (grey, studio.preview(slot, file, Wishes(), Options()))
            studio.kept[key] = kept
        label = words[f"example_{file.stem}"]
        images = "".join(
            f'<img src="gradio_api/file={quote(str(path))}" alt="{label}, {words[word]}">'
            for path, word in zip(kept, ("in_grey", "in_colour"), strict=True)
        )
        figures.append(f"<figure><div>{images}</div><figcaption>{label}</figcaption></figure>")
    return f"<p><strong>{title}</strong></p><div class='figures'>{''.join(figures)}</div>"


def _card(model: ResolvedModel, component: gr.Markdown) -> str:
    """The address of the model's card, where its numbers are, if it has one."""
    if model.commit:
        return f"{constants.ENDPOINT}/{model.name.partition('@')[0]}"
    card = model.folder / "README.md"
    if not card.is_file():
        return ""
    # A model's folder is not served; a copy of the card is.
    copy = component.move_resource_to_block_cache(str(card))
    return f"gradio_api/file={quote(str(copy))}"
