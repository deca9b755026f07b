"""Colour a split with each stage's generator, through the public pipeline, and measure it."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps
from tqdm import tqdm

from colouriser import Colouriser, ColouriserError
from colouriser.files import write_atomically
from colouriser.hub import WEIGHTS

from .figures import columns
from .metrics import colourfulness, measure
from .prepare import pairs
from .recipes import Recipe

log = logging.getLogger(__name__)

FIGURE_ROWS = 8
T = TypeVar("T")


def photographs(run: Path, split: str, size: int, most: int | None = None) -> list[Image.Image]:
    """The true photographs of a split, or `most` of them, evenly spaced by name: RGB, their central
    squares, size × size."""
    names = pairs(run, split)
    return [
        ImageOps.fit(Image.open(run / "colour" / f"{name}.jpg").convert("RGB"), (size, size))
        for name in spaced(names, most or len(names))
    ]


def colour_all(colouriser: Colouriser, truths: list[Image.Image], size: int) -> list[Image.Image]:
    """Coloured versions of photographs, from their luma."""
    return [colouriser.colourise(t, detail=size) for t in tqdm(truths, desc="colour", leave=False)]


def evaluate(recipe: Recipe, run: Path, split: str) -> Path:
    """Write a table of metrics (Markdown, JSON) and three-column figures; return the table.

    The first row is the grey input itself: what any metric says of doing nothing.

    Raises:
        ColouriserError: no stage of the run has left a generator yet.
    """
    stages = [s for s in ("generator", "gan") if (run / s / WEIGHTS).exists()]
    if not stages:
        raise ColouriserError(f"{run} has no generator to evaluate; run the generator step first")
    size = recipe.stored_size
    truths = photographs(run, split, size)
    outputs = {"grey": [t.convert("L").convert("RGB") for t in truths]}
    for stage in stages:
        outputs[stage] = colour_all(Colouriser.load(run / stage), truths, size)
    rows = {}
    for name, images in outputs.items():
        log.info("measuring %s on %d photographs", name, len(images))
        rows[name] = measure(images, truths, recipe.metrics)
    truth = sum(map(colourfulness, truths)) / len(truths)
    result = {
        "n": len(truths),
        "size": size,
        "split": split,
        "rows": {**rows, "truth": {"colourfulness": truth}},
    }
    folder = run / "evaluation"
    text, data = _table(result), json.dumps(result, indent=2) + "\n"
    write_atomically(folder / f"{split}.json", lambda file: file.write(data.encode()))
    write_atomically(folder / f"{split}.md", lambda file: file.write(text.encode()))
    for stage in stages:
        sheet = [*zip(outputs["grey"], outputs[stage], truths, strict=True)]
        columns(spaced(sheet, FIGURE_ROWS), folder / f"{split}-{stage}.jpg")
    return folder / f"{split}.md"


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, evenly spaced."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _table(result: dict) -> str:
    rows = result["rows"]
    names = list(rows["grey"])
    lines = [
        f"Split {result['split']}, n = {result['n']}, {result['size']} px.",
        "",
        f"| | {' | '.join(n.replace('_', ' ') for n in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row, scores in rows.items():
        cells = (f"{scores[name]:.4g}" if name in scores else "" for name in names)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
