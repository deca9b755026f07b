"""The tab for many photographs: files and zip archives in, one zip archive out."""

import html
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from PIL import Image

from ..batch import pack
from ..errors import ColouriserError
from ..photo import suffixes
from .controls import BUTTONS, controls
from .keep import place, uploaded, workspace
from .pictures import fit, show
from .studio import Settings, Studio
from .words import said, say, shown, texts

TYPES = [*sorted(suffixes()), ".zip"]
THUMBNAIL = 512  # longest side
LISTED = 50  # names in a list; a zip can have tens of thousands


def many(studio: Studio) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            files = gr.File(label=say("files"), file_count="multiple", file_types=TYPES, height=200)
            start = gr.Button(say("start"), variant="primary")
            cancel = gr.Button(say("cancel"))
            with gr.Accordion(say("settings"), open=False):
                settings = controls()
        with gr.Column(scale=2, min_width=320):
            gallery = gr.Gallery(
                label=say("results"),
                columns=4,
                height=400,
                object_fit="contain",
                buttons=BUTTONS,
            )
            progress = gr.HTML(elem_id="progress")
            archive = gr.DownloadButton(say("zip"), interactive=False, elem_id="zip")

    def colour_many(
        payloads: Any,
        detail: float,
        vividness: float,
        temperature: float,
        form: str,
        position: bool,
        marked: bool,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """The gallery, a line of progress with failures, and the archive, as it goes on."""
        words = texts(request)
        yield [[], "", gr.update(value=None, interactive=False)]  # not the results of before
        pictures: list[tuple[str, str]] = []
        failures: list[str] = []
        started = time.monotonic()
        with workspace() as folder:
            served = place()
            try:
                entries, passed = studio.entries([uploaded(p) for p in payloads or []])
                chosen = Settings(detail, vividness, temperature, form, position, marked)
                results = studio.colour_all(entries, chosen, folder)
                skipped = listed(words["passed_over"], passed, words)
                for done, result in enumerate(results, 1):
                    if isinstance(result, ColouriserError):
                        failures.append(said(result, request))
                    else:
                        with Image.open(result) as image:
                            small = fit(image.convert("RGB"), THUMBNAIL)
                        file = show(small, f"{result.stem}-small", served)
                        pictures.append((file, result.name))
                    rest = (time.monotonic() - started) / done * (len(entries) - done)
                    left = words["left"].format(seconds=round(rest)) if rest >= 1 else ""
                    text = words["progress"].format(done=done, count=len(entries), left=left)
                    lists = listed(words["failed"], failures, words) + skipped
                    yield [pictures, f"<p>{html.escape(text)}</p>{lists}", gr.skip()]
                if not pictures:
                    raise none_coloured(failures)
                packed = place() / "colourised.zip"
                pack(sorted(folder.iterdir()), packed)
            except ColouriserError as error:
                raise shown(error, request) from error
        finished = gr.update(value=str(packed), interactive=True)
        yield [gr.skip(), gr.skip(), finished]

    def cancelled(request: gr.Request) -> str:
        return texts(request)["cancelled"]

    work = start.click(
        colour_many,
        [files, *settings],
        [gallery, progress, archive],
        preprocess=False,
        concurrency_limit=1,  # people with one photograph do not wait for those with many
        concurrency_id="many",
        api_visibility="private",
    )
    cancel.click(cancelled, None, progress, cancels=[work], api_visibility="private")


def none_coloured(failures: list[str]) -> ColouriserError:
    """The error when not a single photograph was coloured."""
    if not failures:
        return ColouriserError("nothing", "Add photographs first.")
    reasons = " ".join(["", *failures[:LISTED]])
    return ColouriserError(
        "none_coloured", "No photograph could be coloured.{failures}", failures=reasons
    )


def listed(title: str, names: list[str], words: dict[str, str]) -> str:
    """A list as HTML; names in it come from outside."""
    if not names:
        return ""
    rows = [html.escape(name) for name in names[:LISTED]]
    if len(names) > LISTED:
        rows.append(words["more"].format(count=len(names) - LISTED))
    return f"<p>{html.escape(title)}</p><ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"
