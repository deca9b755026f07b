"""Colour a split through the public pipeline and measure it: each stage of a run, a model, or what
another tool made of the same photographs.

The first row is the grey input itself: what any metric says of doing nothing. A second table has
the same photographs worn like old ones (train/aging.py). There the truth is the worn photograph in
its true colours, so that the metrics speak of colour and not of wear.
"""

import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from colouriser import Colouriser, ColouriserError, colour
from colouriser.files import write_atomically
from colouriser.hub import WEIGHTS

from .aging import age
from .metrics import Metrics, mean_colourfulness
from .prepare import pairs
from .recipes import Recipe

log = logging.getLogger(__name__)

Rows = dict[str, dict[str, float]]


def photographs(run: Path, split: str, size: int, most: int | None = None) -> list[Image.Image]:
    """The true photographs of a split, or `most` of them, evenly spaced by name: RGB, their central
    squares, size × size."""
    files = [run / "colour" / f"{name}.jpg" for name in pairs(run, split, most)]
    return [_square(Image.open(file), size) for file in files]


def colour_all(
    colouriser: Colouriser, photographs: Sequence[Image.Image], size: int
) -> list[Image.Image]:
    """Coloured versions of photographs, from their luma."""
    progress = tqdm(photographs, desc="colour", leave=False, disable=None)
    return [colouriser.colourise(photograph, detail=size) for photograph in progress]


def colourisers(run: Path) -> dict[str, Colouriser]:
    """A run's stages that have left a generator.

    Raises:
        ColouriserError: none has.
    """
    stages = [s for s in ("generator", "gan") if (run / s / WEIGHTS).exists()]
    if not stages:
        raise ColouriserError(f"{run} has no generator to evaluate; run the generator step first")
    return {stage: Colouriser.load(run / stage) for stage in stages}


def evaluate(
    recipe: Recipe,
    run: Path,
    split: str = "test",
    model: str | None = None,
    others: dict[str, Path] | None = None,
) -> Path:
    """Write tables of metrics, as Markdown and as JSON; return the Markdown file.

    Args:
        recipe: decides the size and the metrics.
        run: a prepared run folder, whose photographs are coloured.
        split: train, valid or test.
        model: what to evaluate instead of the run's stages, see `Colouriser.load`.
        others: further rows: name and folder of images that another tool made of RUN/grey, with
            the same names.

    Raises:
        ColouriserError: there is no generator, the model cannot be loaded, or an image is missing.
    """
    size = recipe.stored_size
    truths = photographs(run, split, size)
    models = {"model": Colouriser.load(model)} if model else colourisers(run)
    names = pairs(run, split)
    made = {name: _images_of(folder, names, size) for name, folder in (others or {}).items()}
    rows = _rows(recipe, truths, models, made)
    worn = [worn_pair(t, name) for t, name in zip(truths, names, strict=True)]
    result = {
        "n": len(truths),
        "size": size,
        "split": split,
        "rows": rows,
        "worn": {"rows": _rows(recipe, worn, models, {})},
    }
    folder = run / "evaluation"
    stem = f"{split}-model" if model else split
    text, data = _text(result), json.dumps(result, indent=2) + "\n"
    write_atomically(folder / f"{stem}.json", lambda file: file.write(data.encode()))
    write_atomically(folder / f"{stem}.md", lambda file: file.write(text.encode()))
    return folder / f"{stem}.md"


def worn_pair(truth: Image.Image, name: str) -> Image.Image:
    """A true photograph, worn in a way that its name decides, in its true colours: RGB."""
    luma = np.array(age(truth.convert("L"), random.Random(name)))
    _, chroma = colour.split(torch.from_numpy(np.array(truth)).permute(2, 0, 1)[None].float() / 255)
    rgb = colour.merge(torch.from_numpy(luma)[None, None].float() / 255, chroma)[0]
    return Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).numpy())


def _rows(
    recipe: Recipe,
    truths: list[Image.Image],
    models: dict[str, Colouriser],
    made: dict[str, list[Image.Image]],
) -> Rows:
    """A row of metrics for grey, each model, and what others made; and the truth's own."""
    metrics = Metrics(truths, recipe.metrics)
    rows = {"grey": metrics([t.convert("L").convert("RGB") for t in truths])}
    for name, colouriser in models.items():
        log.info("%s colours %d photographs", name, len(truths))
        rows[name] = metrics(colour_all(colouriser, truths, recipe.stored_size))
    rows |= {name: metrics(images) for name, images in made.items()}
    return rows | {"truth": {"colourfulness": mean_colourfulness(truths)}}


def _images_of(folder: Path, names: Sequence[str], size: int) -> list[Image.Image]:
    found = {path.stem: path for path in folder.glob("*")}
    missing = [name for name in names if name not in found]
    if missing:
        raise ColouriserError(
            f"{folder} lacks {len(missing)} of {len(names)} photographs, for example {missing[0]}; "
            "give a coloured version of each photograph in the run's grey folder"
        )
    try:
        return [_square(Image.open(found[name]), size) for name in names]
    except OSError as error:
        raise ColouriserError(f"{folder}: {error}; give images alone") from error


def _square(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image.convert("RGB"), (size, size))


def _text(result: dict) -> str:
    head = f"Split {result['split']}, n = {result['n']}, {result['size']} px."
    worn = "The same photographs, worn like old ones:"
    return "\n\n".join([head, table(result["rows"]), worn, table(result["worn"]["rows"])]) + "\n"


def table(rows: Rows, columns: Sequence[str] = ()) -> str:
    """Rows of metrics in Markdown; the columns of the first row unless given."""
    names = columns or list(rows["grey"])
    lines = [f"| | {' | '.join(n.replace('_', ' ') for n in names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for row, scores in rows.items():
        cells = (f"{scores[name]:.4g}" if name in scores else "" for name in names)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)
