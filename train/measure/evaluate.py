"""Colour a split through the public pipeline and measure it: each stage of a run, a model, or what
another tool made of the same photographs.

Each set of photographs (see `prepare`) has its tables. The first row is the grey input itself: what
any metric says of doing nothing. *generator × F* is the first stage's chroma times one factor, as
colourful as the GAN on the same set's validation photographs: what any GAN has to beat. Sets of
which only some photographs show people have a table of those; sets that are asked for have one of
the same photographs degraded as scans are (data/degrade.py), where the truth is the degraded
photograph in its true colours, so that the metrics speak of colour and not of wear.
"""

import hashlib
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from colouriser import Colouriser, colour
from colouriser.files import write_bytes
from colouriser.guide import render_bands
from colouriser.options import DETAIL

from ..data.degrade import degrade
from ..data.photographs import Photograph, Photographs, spaced
from ..data.prints import to_image, to_tensor
from ..errors import TrainingError
from ..recipes import Recipe
from ..run import Run, write_json
from .corrections import correction_reach, hint_psnr, suggested
from .metrics import Metrics, mean_colourfulness
from .prints import print_chroma

log = logging.getLogger(__name__)

Rows = dict[str, dict[str, float]]
MATCHED = 64  # photographs on which a factor is fixed; colourfulness varies little
FACTORS = (0.5, 3.0)  # among which it is looked for
COLUMNS = {  # of the tables for readers: raw metric, and how it is stated
    "psnr": "PSNR over grey, dB",
    "lpips": "LPIPS of grey's",
    "kid": "KID of grey's",
    "recognition": "recognition of grey's",
    "colourfulness": "colourfulness of the truth's",
    "stains": "stains",
}


def squares(photographs: Photographs, rows: Sequence[Photograph], size: int) -> list[Image.Image]:
    """The true photographs: RGB, their central squares, size × size."""
    return [_square(photographs.image(row), size) for row in rows]


def colour_all(
    colouriser: Colouriser,
    photographs: Sequence[Image.Image],
    detail: float = DETAIL.default,
    factor: float = 1.0,
) -> list[Image.Image]:
    """Coloured versions of photographs, from their luma; as people get them unless another detail
    or factor on chroma is given."""
    outputs = []
    for photograph in tqdm(photographs, desc="colour", leave=False, disable=None):
        luma = photograph.convert("L")
        prediction = colouriser.predict(luma, detail)
        outputs.append(render_bands(luma, prediction.coefficients, factor))
    return outputs


def matching_factor(
    generator: Colouriser, other: Colouriser, truths: Sequence[Image.Image]
) -> float:
    """The factor on a generator's chroma with which it is as colourful as another model."""
    lumas = [truth.convert("L") for truth in truths]
    aim = mean_colourfulness(colour_all(other, truths))
    predictions = [generator.predict(luma) for luma in lumas]
    low, high = FACTORS
    for _ in range(7):  # to two decimals
        middle = (low + high) / 2
        pairs = zip(lumas, predictions, strict=True)
        own = mean_colourfulness([render_bands(luma, p.coefficients, middle) for luma, p in pairs])
        low, high = (middle, high) if own < aim else (low, middle)
    return round((low + high) / 2, 2)


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
    degraded: Sequence[str] = (),
    sets: Sequence[str] = (),
) -> Path:
    """Write tables of metrics for each set of photographs, as Markdown and as JSON; return the
    Markdown file.

    Args:
        recipe: decides the size and the metrics.
        run: a prepared run, whose photographs are coloured.
        split: train, valid or test.
        model: what to evaluate instead of the run's stages, see `Colouriser.load`.
        others: further rows: name and folder of images that another tool made of the same
            photographs, NAME.png of each.
        degraded: sets that are also measured degraded.
        sets: those that are measured; all unless given.

    Raises:
        TrainingError: there is no generator or no such set, the model cannot be loaded, or an
            image is missing.
    """
    rows: dict[str, list[Photograph]] = {}
    for row in run.photographs.of(split):
        rows.setdefault(row.set, []).append(row)
    for name in (*degraded, *sets):
        if name not in rows:
            raise TrainingError(f"no set {name!r} in the split {split}; use {', '.join(rows)}")
    models = {"model": Colouriser.load(model)} if model else colourisers(run)
    if not recipe.generator_epochs and "generator" in models:
        models = {"start": models.pop("generator")} | models
    result: dict[str, Any] = {}
    for name in sorted(sets or rows):
        own = rows[name]
        log.info("%s: %d photographs", name, len(own))
        makers = {stage: partial(colour_all, one) for stage, one in models.items()}
        if {"generator", "gan"} <= models.keys():
            factor = _factor(recipe, run, name, models)
            makers |= {f"generator × {factor:g}": partial(makers["generator"], factor=factor)}
            makers["gan"] = makers.pop("gan")  # the last row before the truth
        truths = squares(run.photographs, own, recipe.stored_size)
        made = {
            other: _images_of(f, own, recipe.stored_size) for other, f in (others or {}).items()
        }
        result[name] = _table(recipe, truths, makers, made) | {"split": split}
        result[name] |= _corrections(truths, [row.name for row in own], models)
        people = [truth for truth, row in zip(truths, own, strict=True) if row.people]
        if 0 < len(people) < len(own):
            result[f"{name}, people"] = _table(recipe, people, makers, {}) | {"split": split}
        if name in degraded:
            scans = [degraded_photograph(t, r.name) for t, r in zip(truths, own, strict=True)]
            result[f"{name}, degraded"] = _table(recipe, scans, makers, {}) | {"split": split}
    path = run.evaluation(f"{split}-model" if model else split)
    write_json(path, result)
    text = "\n\n".join(_text(name, of_set) for name, of_set in result.items()) + "\n"
    write_bytes(path.with_suffix(".md"), text.encode())
    return path.with_suffix(".md")


def _factor(recipe: Recipe, run: Run, name: str, models: dict[str, Colouriser]) -> float:
    """Of the set's validation photographs; of all where the set has none."""
    valid = run.photographs.of("valid")
    own = [row for row in valid if row.set == name] or valid
    truths = squares(run.photographs, spaced(own, MATCHED), recipe.stored_size)
    return matching_factor(models["generator"], models["gan"], truths)


def _table(
    recipe: Recipe,
    truths: list[Image.Image],
    makers: dict[str, partial[list[Image.Image]]],
    made: dict[str, list[Image.Image]],
) -> dict[str, Any]:
    """A row of metrics for grey, each model, and what others made; and the truth's own."""
    metrics = Metrics(truths, recipe.metrics)
    rows = {"grey": metrics([t.convert("L").convert("RGB") for t in truths])}
    for name, maker in makers.items():
        log.info("%s colours %d photographs", name, len(truths))
        rows[name] = metrics(maker(truths))
    rows |= {name: metrics(images) for name, images in made.items()}
    rows |= {"truth": {"colourfulness": mean_colourfulness(truths)}}
    return {"n": len(truths), "size": recipe.stored_size, "rows": rows}


def _corrections(
    truths: list[Image.Image], names: list[str], models: dict[str, Colouriser]
) -> dict[str, Any]:
    taking = {n: c for n, c in models.items() if c.generator.config.hints}
    knowing = {n: c for n, c in models.items() if c.generator.config.palette}
    both = {n: c for n, c in taking.items() if n in knowing}
    return {
        "hints": {n: hint_psnr(c, truths, names) for n, c in taking.items()},
        "suggested": {n: suggested(c, truths, names) for n, c in knowing.items()},
        "reach": {n: correction_reach(c, truths, names) for n, c in both.items()},
        "prints": {n: print_chroma(c, truths, names) for n, c in models.items()},
    }


def degraded_photograph(truth: Image.Image, name: str) -> Image.Image:
    """A true photograph, degraded in a way that its name decides, in its true colours: RGB."""
    seed = int(hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:15], 16)
    luma, chroma = colour.split(to_tensor(truth)[None])
    old = degrade(luma, torch.Generator().manual_seed(seed))
    return to_image(colour.to_rgb(old, chroma)[0])


def _images_of(folder: Path, rows: Sequence[Photograph], size: int) -> list[Image.Image]:
    found = {path.stem: path for path in folder.glob("*")}
    missing = [row.name for row in rows if row.name not in found]
    if missing:
        raise TrainingError(
            f"{folder} lacks {len(missing)} of {len(rows)} photographs, for example {missing[0]}; "
            "give a coloured version of each photograph"
        )
    try:
        return [_square(Image.open(found[row.name]), size) for row in rows]
    except OSError as error:
        raise TrainingError(f"{folder}: {error}; give images alone") from error


def _square(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image.convert("RGB"), (size, size))


def _text(name: str, result: dict[str, Any]) -> str:
    head = f"{name}, split {result['split']}, n = {result['n']}, {result['size']} px."
    parts = [head, relative_table(result["rows"]), table(result["rows"])]
    for model, values in result.get("hints", {}).items():
        gains = ", ".join(f"{count}: {value:.2f} dB" for count, value in values.items())
        parts.append(f"{model}, PSNR with so many true points: {gains}.")
    for model, share in result.get("suggested", {}).items():
        parts.append(f"{model}: the truth is among its first five suggestions in {share:.0%}.")
    for model, values in result.get("reach", {}).items():
        parts.append(
            f"{model}: one correction changes chroma by {values['near']:.1f}/255 near it, and by "
            f"{values['far'] / max(values['near'], 1e-6):.2f} of that in other things far away."
        )
    for model, values in result.get("prints", {}).items():
        parts.append(
            f"{model}, set into prints: chroma of paper {values['paper']:.1f}/255; of the pictures "
            f"{values['picture'] / max(values['alone'], 1e-6):.2f} of the same alone."
        )
    return "\n\n".join(parts)


def relative_table(rows: Rows) -> str:
    """Rows for readers, in Markdown: metrics against grey's and the truth's."""
    grey, truth = rows["grey"], rows["truth"]
    names = [name for name in COLUMNS if name in grey]
    lines = [f"| | {' | '.join(COLUMNS[name] for name in names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for row, scores in rows.items():
        cells = []
        for name in names:
            if name not in scores:
                cells.append("")
            elif name == "psnr":
                cells.append(f"{scores[name] - grey[name]:+.2f}")
            elif name == "stains":
                cells.append(f"{scores[name]:.1%}")
            else:
                base = truth[name] if name == "colourfulness" else grey[name]
                cells.append(f"{scores[name] / base:.3f}" if base else "")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table(rows: Rows, columns: Sequence[str] = ()) -> str:
    """Rows of metrics in Markdown; the columns of the first row unless given."""
    names = columns or list(rows["grey"])
    lines = [f"| | {' | '.join(n.replace('_', ' ') for n in names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for row, scores in rows.items():
        cells = (f"{scores[name]:.4g}" if name in scores else "" for name in names)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)
