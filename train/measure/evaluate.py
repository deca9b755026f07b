"""Colour a split through the public pipeline and measure it: each stage of a run, a model, or what
another tool made of the same photographs.

Each set of photographs (see `prepare`) has its tables. The first row is the grey input itself: what
any metric says of doing nothing. A second table has the same photographs worn like old ones
(data/aging.py). There the truth is the worn photograph in
its true colours, so that the metrics speak of colour and not of wear.
"""

import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from colouriser import Colouriser, colour
from colouriser.files import write_atomically
from colouriser.options import DETAIL

from ..data.aging import age
from ..recipes import Recipe
from ..run import Run, TrainingError, write_json
from .corrections import hint_psnr, suggested
from .metrics import Metrics, mean_colourfulness

log = logging.getLogger(__name__)

Rows = dict[str, dict[str, float]]


def photographs(run: Run, names: Sequence[str], size: int) -> list[Image.Image]:
    """The true photographs of these names: RGB, their central squares, size × size."""
    return [_square(Image.open(run.colour(name)), size) for name in names]


def colour_all(
    colouriser: Colouriser, photographs: Sequence[Image.Image], detail: float = DETAIL.default
) -> list[Image.Image]:
    """Coloured versions of photographs, from their luma; as people get them unless another detail
    is given."""
    progress = tqdm(photographs, desc="colour", leave=False, disable=None)
    return [colouriser.colourise(photograph, detail=detail) for photograph in progress]


def colourisers(run: Run) -> dict[str, Colouriser]:
    """A run's stages that have left a generator.

    Raises:
        TrainingError: none has.
    """
    stages = [stage for stage in ("generator", "gan") if run.has_model(stage)]
    if not stages:
        raise TrainingError(
            f"{run.folder} has no generator to evaluate; run the generator step first"
        )
    return {stage: Colouriser.load(run.stage(stage)) for stage in stages}


def evaluate(
    recipe: Recipe,
    run: Run,
    split: str = "test",
    model: str | None = None,
    others: dict[str, Path] | None = None,
) -> Path:
    """Write tables of metrics for each set of photographs, as Markdown and as JSON; return the
    Markdown file.

    Args:
        recipe: decides the size and the metrics.
        run: a prepared run, whose photographs are coloured.
        split: train, valid or test.
        model: what to evaluate instead of the run's stages, see `Colouriser.load`.
        others: further rows: name and folder of images that another tool made of RUN/grey, with
            the same names.

    Raises:
        TrainingError: there is no generator, the model cannot be loaded, or an image is missing.
    """
    sets: dict[str, list[str]] = {}
    for pair in run.pairs(split):
        sets.setdefault(pair.set, []).append(pair.name)
    models = {"model": Colouriser.load(model)} if model else colourisers(run)
    result = {}
    for name, names in sorted(sets.items()):
        log.info("%s: %d photographs", name, len(names))
        result[name] = _evaluate_set(recipe, run, names, models, others or {}) | {"split": split}
    path = run.evaluation(f"{split}-model" if model else split)
    write_json(path, result)
    text = "\n\n".join(_text(name, of_set) for name, of_set in result.items()) + "\n"
    write_atomically(path.with_suffix(".md"), lambda file: file.write(text.encode()))
    return path.with_suffix(".md")


def _evaluate_set(
    recipe: Recipe,
    run: Run,
    names: list[str],
    models: dict[str, Colouriser],
    others: dict[str, Path],
) -> dict[str, Any]:
    size = recipe.stored_size
    truths = photographs(run, names, size)
    worn = [worn_pair(t, name) for t, name in zip(truths, names, strict=True)]
    made = {name: _images_of(folder, names, size) for name, folder in others.items()}
    taking = {n: c for n, c in models.items() if c.generator.config.hints}
    knowing = {n: c for n, c in models.items() if c.generator.config.palette}
    return {
        "n": len(truths),
        "size": size,
        "rows": _rows(recipe, truths, models, made),
        "worn": {"rows": _rows(recipe, worn, models, {})},
        "hints": {n: hint_psnr(c, truths, names) for n, c in taking.items()},
        "suggested": {n: suggested(c, truths, names) for n, c in knowing.items()},
    }


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
        rows[name] = metrics(colour_all(colouriser, truths))
    rows |= {name: metrics(images) for name, images in made.items()}
    return rows | {"truth": {"colourfulness": mean_colourfulness(truths)}}


def _images_of(folder: Path, names: Sequence[str], size: int) -> list[Image.Image]:
    found = {path.stem: path for path in folder.glob("*")}
    missing = [name for name in names if name not in found]
    if missing:
        raise TrainingError(
            f"{folder} lacks {len(missing)} of {len(names)} photographs, for example {missing[0]}; "
            "give a coloured version of each photograph in the run's grey folder"
        )
    try:
        return [_square(Image.open(found[name]), size) for name in names]
    except OSError as error:
        raise TrainingError(f"{folder}: {error}; give images alone") from error


def _square(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image.convert("RGB"), (size, size))


def _text(name: str, result: dict[str, Any]) -> str:
    head = f"{name}, split {result['split']}, n = {result['n']}, {result['size']} px."
    worn = "The same photographs, worn like old ones:"
    parts = [head, table(result["rows"]), worn, table(result["worn"]["rows"])]
    for model, values in result["hints"].items():
        gains = ", ".join(f"{count}: {value:.2f} dB" for count, value in values.items())
        parts.append(f"{model}, PSNR with so many true points: {gains}.")
    for model, share in result["suggested"].items():
        parts.append(f"{model}: the truth is among its first five suggestions in {share:.0%}.")
    return "\n\n".join(parts)


def table(rows: Rows, columns: Sequence[str] = ()) -> str:
    """Rows of metrics in Markdown; the columns of the first row unless given."""
    names = columns or list(rows["grey"])
    lines = [f"| | {' | '.join(n.replace('_', ' ') for n in names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for row, scores in rows.items():
        cells = (f"{scores[name]:.4g}" if name in scores else "" for name in names)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)
