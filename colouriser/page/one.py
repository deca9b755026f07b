"""The tab for one photograph: the studio."""

import gradio as gr

from ..samples import PICTURES
from .studio import Studio
from .viewer import viewer


def one(studio: Studio) -> gr.HTML:
    """Build the tab; returns its viewer."""
    examples = [
        {"name": path.name, "label": f"example_{path.stem}", "file": str(path)} for path in PICTURES
    ]
    return viewer(studio, examples)
