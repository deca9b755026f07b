"""How bold the generator is: the factors on its head and on its palette's mean.

The head, which the critic teaches to be bold, has the detail; the palette's mean errs less
(colouriser/generator.py). The GAN begins with a recipe's factors, and at its end validation
photographs decide with which ones it is kept.
"""

import copy
import logging
from dataclasses import replace

import torch

from colouriser import Colouriser, Generator
from colouriser.hub import find, load, store

from ..measure.evaluate import colour_all, photographs
from ..measure.metrics import Metrics
from ..recipes import Recipe
from ..run import Run, write_csv
from .loop import Scores

log = logging.getLogger(__name__)


def blend(generator: Generator, head: float, mean: float) -> Generator:
    """A generator that paints with other factors.

    Args:
        generator: stays as it is.
        head: factor on the chroma of its head, but for large values, which the generator's tanh
            bounds.
        mean: factor on its palette's mean, in place of its own.
    """
    result = copy.deepcopy(generator)
    result.config = replace(result.config, mean=mean)
    with torch.no_grad():
        for parameter in result.head.parameters():
            parameter.mul_(head)
    return result


def choose_blend(recipe: Recipe, run: Run) -> None:
    """Measure the recipe's blends on validation photographs and leave the best in RUN/gan.

    Of those whose PSNR is `recipe.psnr_floor` decibels above that of the grey photographs, and
    which stain at most `recipe.most_stains` of the things of one colour, it is the one that leaves
    least of grey's LPIPS and of its lack of colour; if there are none, the one with the highest
    PSNR. RUN/gan/blends.csv has the figures.
    """
    left = load(find(run.unblended))
    if len(recipe.blends) == 1:
        store(blend(left, *recipe.blends[0]), run.stage("gan"))
        return
    truths = photographs(run, run.names("valid"), recipe.stored_size)
    names = ("psnr", "colourfulness", "stains", "lpips")
    metrics = Metrics(truths, tuple(name for name in names if name in recipe.metrics))
    start = metrics([truth.convert("L").convert("RGB") for truth in truths])
    judged = [name for name in ("lpips", "colourfulness_gap") if name in start]
    tried: list[tuple[tuple[bool, float], int]] = []
    rows: list[Scores] = []
    for head, mean in recipe.blends:
        colouriser = Colouriser(blend(left, head, mean))
        scores = metrics(colour_all(colouriser, truths, recipe.stored_size))
        good = scores["psnr"] >= start["psnr"] + recipe.psnr_floor
        good = good and scores.get("stains", 0.0) <= recipe.most_stains
        score = -sum(scores[name] / start[name] for name in judged) if good else scores["psnr"]
        tried.append(((good, score), len(rows)))
        rows.append({"head": head, "mean": mean, **scores})
        log.info("blend: %s", ", ".join(f"{k} {v:.4g}" for k, v in rows[-1].items()))
    _, best = max(tried)
    store(blend(left, *recipe.blends[best]), run.stage("gan"))
    chosen = ({**row, "chosen": row is rows[best]} for row in rows)
    write_csv(run.blends, [*rows[best], "chosen"], chosen)
