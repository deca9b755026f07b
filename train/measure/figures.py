"""Pictures of results: photographs side by side, and curves of losses and accuracy."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from colouriser.files import write_atomically

from ..data.photographs import spaced
from ..errors import TrainingError
from ..recipes import Recipe
from ..run import Run, read_csv
from .evaluate import colour_all, colourisers, squares
from .metrics import psnr

TITLES = ("Greyscale", "Generated", "Truth")
GAP, HEADER = 8, 36  # pixels
SAMPLES = 6  # photographs in the picture of each epoch
ACROSS = 4  # curves side by side
ROWS = 6  # photographs in a figure, and as many failures


def figures(recipe: Recipe, run: Run, split: str = "test", set: str | None = None) -> list[Path]:
    """Write a run's figures into RUN/figures; return their paths.

    For each stage that left a generator: photographs of the split, evenly spaced by name, the same
    for every run; and its failures, the photographs whose colours are farthest from the truth. For
    each stage with a history: its curves.

    Raises:
        TrainingError: no stage has left a generator yet, or there is no such set.
    """
    paths: list[Path] = []
    own = [row for row in run.photographs.of(split) if set in (None, row.set)]
    if not own:
        raise TrainingError(f"{run.folder} has no set {set!r} in the split {split}; check --set")
    names = [row.name for row in own]
    truths = squares(run.photographs, own, recipe.stored_size)
    for stage, colouriser in colourisers(run).items():
        outputs = colour_all(colouriser, truths)
        rows = [(t.convert("L"), o, t) for o, t in zip(outputs, truths, strict=True)]
        worst = np.argsort([psnr(o, t) for o, t in zip(outputs, truths, strict=True)])[:ROWS]
        chosen = {"spaced": spaced(range(len(rows)), ROWS), "failures": [int(i) for i in worst]}
        for kind, indices in chosen.items():
            path = run.figure(f"{split}-{stage}-{kind}.jpg")
            captions = [(names[i], "", "") for i in indices]
            columns([rows[i] for i in indices], path, TITLES, captions)
            paths.append(path)
    for stage in ("generator", "critic", "gan"):
        if run.history(stage).exists():
            paths.append(curves(run.history(stage), run.figure(f"{stage}-curves.png")))
    return paths


def columns(
    rows: Sequence[tuple[Image.Image, ...]],
    path: Path,
    titles: tuple[str, ...] = TITLES,
    captions: Sequence[tuple[str, ...]] = (),
) -> None:
    """Write a JPEG with a row for each photograph and a titled column for each version of it.

    Args:
        rows: images of one size.
        path: where to.
        titles: one a column.
        captions: for each row, a text to write on each image.
    """
    width, height = rows[0][0].size
    size = (GAP + (width + GAP) * len(titles), HEADER + (height + GAP) * len(rows))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(20), ImageFont.load_default(14)
    for column, title in enumerate(titles):
        left = GAP + column * (width + GAP)
        draw.text((left + width / 2, HEADER / 2), title, "black", font, anchor="mm")
        for row, images in enumerate(rows):
            top = HEADER + row * (height + GAP)
            sheet.paste(images[column].convert("RGB"), (left, top))
            if captions:
                at = (left + GAP, top + height - GAP)
                text = captions[row][column]
                draw.text(at, text, "white", small, "lb", stroke_width=2, stroke_fill="black")
    write_atomically(path, lambda file: sheet.save(file, "JPEG", quality=90))


def curves(history: Path, path: Path) -> Path:
    """Write a PNG with a curve over epochs for each column of a history.csv, losses together."""
    rows = read_csv(history, "epoch")
    try:
        values = {k: [float(row[k] or "nan") for row in rows] for k in rows[0]}
        epochs = values.pop("epoch")
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{history} is damaged ({error}); delete it") from error
    losses = [k for k in values if k.endswith("loss")]
    panels = [losses, *([k] for k in values if k not in losses and k != "seconds")]
    down = -(-len(panels) // ACROSS)
    figure = Figure(figsize=(4 * ACROSS, 3 * down), layout="constrained")
    places = figure.subplots(down, ACROSS, squeeze=False).flat
    for panel, axes in zip(panels, places, strict=False):  # the panel first, not to lose axes
        for name in panel:
            axes.plot(epochs, values[name], "o-", label=name.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    for axes in places:  # the rest
        axes.axis("off")
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=80))
    return path
