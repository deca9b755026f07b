"""The page: black-and-white photographs go in, coloured ones come out.

`serve` loads a model and serves it. The other rooms: studio (the engine), many, film and about
(a tab each), viewer (our own component, and what answers it), api (for programs), storage (what is
kept, how long), head (what links show), words (texts in each language), quick (gradio's import).
"""

import html
import logging
import os
import warnings
from contextlib import suppress
from threading import Thread
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio reads it
from . import storage  # isort: skip  # before gradio too: it claims the folder for its files
from .quick import no_stubs

with no_stubs():
    import gradio as gr

with suppress(ImportError):
    import spaces  # noqa: F401  # of ZeroGPU, which wants it before torch

from pathlib import Path

import torch
from PIL import Image
from starlette.middleware import Middleware

from ..errors import ColouriserError
from ..follow import SECONDS, ModelFollower
from ..samples import EXAMPLES, PICTURES
from .about import about
from .api import api
from .film import film, film_seconds
from .head import Head
from .many import many
from .studio import AT_ONCE, Studio
from .viewer import STATIC, Revalidate, viewer
from .words import TEXTS, say, texts, translate

QUEUE = 64  # people who may wait
SESSIONS = 200  # people whose page's state is kept, some 140 kB each; the page itself needs none
FONT = ("system-ui", "sans-serif")  # the default theme would fetch its fonts from the internet
HERE = Path(__file__).parent


def build(follower: ModelFollower) -> gr.Blocks:
    """The page, with a model that may change while it runs."""
    studio = Studio(follower)
    studio.pool.start()
    Thread(target=storage.sweep_for_ever, args=[studio.expire], daemon=True).start()

    def notice(request: gr.Request) -> str:
        """Why the model is not the one that was asked for, if it is not."""
        if follower.fallback_reason is None:
            return ""
        text = texts(request)["fallback"].format(
            notice=translate(follower.fallback_reason, request)
        )
        return f"<p role='alert'>{html.escape(text)}</p>"

    gr.set_static_paths([EXAMPLES, *STATIC])  # these are not copied, and so stay
    with gr.Blocks(title=TEXTS["en"]["title"], analytics_enabled=False) as demo:
        gr.Markdown(say("heading"), elem_id="heading")
        warning = gr.HTML(elem_id="notice")
        run = gr.BrowserState("", storage_key="colouriser-many")  # out of tabs, which load late
        with gr.Tabs() as tabs:
            with gr.Tab(say("one"), id="one"):
                shown = viewer(studio)
            with gr.Tab(say("many"), id="many"):
                many(studio, shown, tabs, run)
            films = None
            if film_seconds():
                with gr.Tab(say("film"), id="film") as third:
                    films = film(studio, shown, tabs, third)
            with gr.Tab(say("about"), id="about") as last:
                about(studio, last)
        demo.load(notice, None, warning, show_progress="hidden", api_visibility="private")
        api(studio)
    demo.queue(max_size=QUEUE)
    close = demo.close

    def close_all(verbose: bool = True) -> None:
        close(verbose)
        studio.pool.close()
        if films:
            films.close()

    demo.close = close_all  # gradio tells nobody that it closes
    return demo


def launch(demo: gr.Blocks, **options: Any) -> str:
    """Serve the page; returns its address."""
    theme = gr.themes.Default(
        primary_hue=gr.themes.colors.indigo, font=FONT, font_mono=("monospace",)
    ).set(
        button_primary_background_fill="*primary_600",  # white on it has enough contrast
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        color_accent="*primary_600",
    )
    style, script = ((HERE / name).read_text() for name in ("style.css", "script.js"))
    result = demo.launch(
        theme=theme,
        head=f"<style>{style}</style><script>{script}</script>",  # `css` reaches only a part of it
        i18n=say,
        run_history=False,
        max_file_size=storage.MAX_BYTES,
        footer_links=["api", "settings"],
        mcp_server=True,
        state_session_capacity=SESSIONS,
        app_kwargs={
            "middleware": [
                Middleware(Head),
                Middleware(storage.UploadLimit),
                Middleware(Revalidate),
            ]
        },
        **options,
    )
    return result[1]


def serve(model: str | None = None) -> None:
    """Load a model and serve the page until it is stopped.

    Args:
        model: a folder or a Hub repository "owner/name@revision"; the bundled weights unless given.
            If the revision is a branch, the page changes over to new commits while it runs.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    try:
        with Image.open(PICTURES[0]) as example:
            follower = ModelFollower(model or None, example)
    except ColouriserError as error:
        raise SystemExit(f"error: {error}") from error
    look = os.environ.get("COLOURISER_LOOK_SECONDS", str(SECONDS))
    try:
        follower.follow(float(look))
    except ValueError as error:
        raise SystemExit(f"error: COLOURISER_LOOK_SECONDS is {look!r}; give seconds") from error
    # Those that are coloured at once share the cores: under load it is up to a tenth faster, and
    # no slower for one alone (benchmarks/load.py).
    torch.set_num_threads(max(1, torch.get_num_threads() // AT_ONCE))
    launch(build(follower))


__all__ = ["TEXTS", "build", "launch", "serve"]
