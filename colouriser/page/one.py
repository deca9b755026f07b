"""The tab for one photograph: the studio."""

import gradio as gr

from .storage import EXAMPLES
from .studio import Studio
from .viewer import viewer

# The first is what the page opens on: people and places before all else, and none with a stain.
SHOWN = ("hopper", "temple", "astronaut", "cameraman", "rocket", "flower", "cat")
PICTURES = [path for name in SHOWN if (path := EXAMPLES / f"{name}.jpg").exists()]


def one(studio: Studio) -> gr.HTML:
    """Build the tab; returns its viewer."""
    examples = [
        {"name": path.name, "label": f"example_{path.stem}", "file": str(path)} for path in PICTURES
    ]
    return viewer(studio, examples)
