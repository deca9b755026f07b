"""The tab about the page: how it works, what it cannot do, and how good the live model is."""

from pathlib import Path
from typing import Any

import gradio as gr

from .. import hub
from ..live import Live
from .controls import BUTTONS, called
from .words import say, texts

COLUMNS = {  # of the evaluation, and what the page calls them
    "psnr": "PSNR dB ↑",
    "ssim": "SSIM ↑",
    "lpips": "LPIPS ↓",
    "fid": "FID ↓",
    "kid": "KID ↓",
    "colourfulness": "colourfulness",
}
DIAGRAM = (Path(__file__).parent / "diagram.svg").read_text(encoding="utf-8")


def about(demo: gr.Blocks, live: Live) -> None:
    """Build the tab, which is filled when the page is loaded."""
    diagram = gr.HTML()
    explanation = gr.Markdown()
    figure = gr.Image(
        label=say("figure"),
        interactive=False,
        buttons=BUTTONS,
        elem_id="figure",
    )

    def fill(request: gr.Request) -> tuple[str, str, Any]:
        words, (sets, picture) = texts(request), hub.evaluation(live.found)
        tables = "\n\n".join(_table(name, rows, words) for name, rows in sets.items())
        name = called(live.colouriser.name, words)
        text = words["about_text"].format(model=name, table=tables or words["no_table"])
        # The package's own folders are not served; one copy is, for all who look.
        shown = figure.move_resource_to_block_cache(picture) if picture else None
        return DIAGRAM.format(**words), text, gr.Image(shown, alt_text=words["figure"])

    demo.load(fill, None, [diagram, explanation, figure], api_visibility="private")


def _table(name: str, rows: hub.Scores, words: dict[str, str]) -> str:
    columns = (words.get(column, title) for column, title in COLUMNS.items())
    title = "".join(c for c in name if c.isalnum() or c in " -")  # it comes with the model
    lines = [f"| {title} | {' | '.join(columns)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in ("grey", "generator", "gan", "truth"):
        if row in rows:
            cells = (f"{rows[row][c]:.3g}" if c in rows[row] else "" for c in COLUMNS)
            lines.append(f"| {words['row_' + row]} | {' | '.join(cells)} |")
    return "\n".join(lines)
