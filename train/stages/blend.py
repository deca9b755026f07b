"""The end of stage 3: how bold the generator is.

The generator before the GAN is the safest and pale, the one after it is vivid and errs more.
Networks of which one descends from the other can be averaged weight by weight, and the average
behaves like something between the two (network interpolation, Wang et al. 2018, arXiv:1809.00219).
And what it paints is a mixture of its head, which the GAN taught to be bold, and of its palette's
mean, which errs less (generator.py). Which average and which mixture are kept, validation
photographs decide.
"""

import copy
import itertools
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


def blend(
    before: Generator, after: Generator, share: float, head: float, mean: float = 0.0
) -> Generator:
    """The average of two generators of one architecture.

    Args:
        before: the generator before the GAN.
        after: the generator after it.
        share: weight of `after`, 0 to 1.
        head: factor on the chroma of its head, but for large values, which the generator's tanh
            bounds.
        mean: factor on its palette's mean.
    """
    result, own = copy.deepcopy(before), after.state_dict()
    result.config = replace(result.config, mean=mean)
    with torch.no_grad():
        for name, value in result.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], share)
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
    before, after = (load(find(f)) for f in (run.stage("generator"), run.unblended))
    blends = [
        (share, *mix) for share, mix in itertools.product(recipe.blend_shares, recipe.blend_mixes)
    ]
    if len(blends) == 1:
        store(blend(before, after, *blends[0]), run.stage("gan"))
        return
    truths = photographs(run, run.names("valid"), recipe.stored_size)
    names = ("psnr", "colourfulness", "stains", "lpips")
    metrics = Metrics(truths, tuple(name for name in names if name in recipe.metrics))
    start = metrics([truth.convert("L").convert("RGB") for truth in truths])
    judged = [name for name in ("lpips", "colourfulness_gap") if name in start]
    tried: list[tuple[tuple[bool, float], int]] = []
    rows: list[Scores] = []
    for share, head, mean in blends:
        colouriser = Colouriser(blend(before, after, share, head, mean))
        scores = metrics(colour_all(colouriser, truths, recipe.stored_size))
        good = scores["psnr"] >= start["psnr"] + recipe.psnr_floor
        good = good and scores.get("stains", 0.0) <= recipe.most_stains
        score = -sum(scores[name] / start[name] for name in judged) if good else scores["psnr"]
        tried.append(((good, score), len(rows)))
        rows.append({"share": share, "head": head, "mean": mean, **scores})
        log.info("blend: %s", ", ".join(f"{k} {v:.4g}" for k, v in rows[-1].items()))
    _, best = max(tried)
    store(blend(before, after, *blends[best]), run.stage("gan"))
    chosen = ({**row, "chosen": row is rows[best]} for row in rows)
    write_csv(run.blends, [*rows[best], "chosen"], chosen)
