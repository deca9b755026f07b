"""The end of stage 3: a generator between the one before the GAN and the one after it.

The one before is the safest and pale, the one after is vivid and errs more. Networks of which one
descends from the other can be averaged weight by weight, and the average behaves like something
between the two (network interpolation, Wang et al. 2018, arXiv:1809.00219). Its head is scaled to
make up for the colour that averaging loses. Which average is kept, validation photographs decide.
"""

import copy
import itertools
import logging

import torch

from colouriser import Colouriser, Generator
from colouriser.hub import find, load, store

from ..measure.evaluate import colour_all, photographs
from ..measure.metrics import Metrics
from ..recipes import Recipe
from ..run import Run, write_csv
from .loop import Scores

log = logging.getLogger(__name__)


def blend(before: Generator, after: Generator, share: float, gain: float) -> Generator:
    """The average of two generators of one architecture.

    Args:
        before: the generator before the GAN.
        after: the generator after it.
        share: weight of `after`, 0 to 1.
        gain: factor on the chroma that the average predicts, but for large values, which the
            generator's tanh bounds.
    """
    result, own = copy.deepcopy(before), after.state_dict()
    with torch.no_grad():
        for name, value in result.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], share)
        for parameter in result.head.parameters():
            parameter.mul_(gain)
    return result


def choose_blend(recipe: Recipe, run: Run) -> None:
    """Measure the recipe's blends on validation photographs and leave the best in RUN/gan.

    Of those whose PSNR is `recipe.psnr_floor` decibels above that of the grey photographs, it is
    the one that leaves least of grey's KID and of its lack of colour; if there are none, the one
    with the highest PSNR. RUN/gan/blends.csv has the figures.
    """
    before, after = (load(find(f)) for f in (run.stage("generator"), run.unblended))
    blends = list(itertools.product(recipe.blend_shares, recipe.blend_gains))
    if len(blends) == 1:
        store(blend(before, after, *blends[0]), run.stage("gan"))
        return
    truths = photographs(run, run.names("valid"), recipe.stored_size)
    kid = tuple(name for name in recipe.metrics if name == "kid")
    quick, slow = Metrics(truths, ("psnr", "colourfulness")), Metrics(truths, kid)
    grey = [truth.convert("L").convert("RGB") for truth in truths]
    start = quick(grey) | slow(grey)
    judged = [name for name in ("kid", "colourfulness_gap") if name in start]
    tried: list[tuple[tuple[bool, float], int]] = []
    rows: list[Scores] = []
    for share, gain in blends:
        colouriser = Colouriser(blend(before, after, share, gain))
        outputs = colour_all(colouriser, truths, recipe.stored_size)
        scores = quick(outputs)
        good = scores["psnr"] >= start["psnr"] + recipe.psnr_floor
        if good:  # the others need no slow metrics
            scores |= slow(outputs)
        score = -sum(scores[name] / start[name] for name in judged) if good else scores["psnr"]
        tried.append(((good, score), len(rows)))
        rows.append({"share": share, "gain": gain, **scores})
        log.info("blend: %s", ", ".join(f"{k} {v:.4g}" for k, v in rows[-1].items()))
    _, best = max(tried)
    store(blend(before, after, *blends[best]), run.stage("gan"))
    chosen = ({**row, "chosen": row is rows[best]} for row in rows)
    write_csv(run.blends, [*rows[best], "chosen"], chosen)
