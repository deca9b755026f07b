"""How much of the generator's head and of its palette's mean is painted, in which photograph.

The head, which the critic teaches to be bold, has the detail; the palette's mean errs less
(colouriser/generator.py). The GAN begins with a recipe's factors. At its end two mixtures are
compared on validation photographs, a detailed and an even one. For a single photograph
chance decides which is better; so each set of photographs is judged as a whole, and the evenness
learns to tell whether a photograph looks like those of the sets that are to be even.
"""

import copy
import logging
import random
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor

from colouriser import Colouriser, Generator
from colouriser.generator import STRIDE
from colouriser.hub import find, load, store
from colouriser.options import DETAIL

from ..measure.evaluate import colour_all, photographs
from ..measure.metrics import Metrics
from ..recipes import Recipe
from ..run import Run, write_csv

log = logging.getLogger(__name__)

CLEARLY_BETTER = 0.01  # share of LPIPS, or PSNR, that detail has to gain: it also stains


def blend(generator: Generator, head: float, mean: float) -> Generator:
    """A generator that paints with other factors, the same everywhere.

    Args:
        generator: stays as it is.
        head: factor on the chroma of its head, but for large values, which the generator's tanh
            bounds.
        mean: factor on its palette's mean, in place of its own.
    """
    result = Generator(replace(generator.config, mean=mean, even=None))
    state = generator.state_dict()
    result.load_state_dict({name: copy.deepcopy(state[name]) for name in result.state_dict()})
    with torch.no_grad():
        for parameter in result.head.parameters():
            parameter.mul_(head)
    return result.train(generator.training)


def learn_evenness(recipe: Recipe, run: Run) -> None:
    """Give what the GAN left an evenness, and leave it in RUN/gan.

    Without `recipe.even` the detailed mixture is everywhere.
    """
    left = load(find(run.unblended))
    detailed = blend(left, *recipe.detailed)
    if recipe.even is None:
        store(detailed, run.stage("gan"))
        return
    even_ones = even_sets(recipe, run, left)
    even = recipe.even[0] / recipe.detailed[0], recipe.even[1]  # of the head that `detailed` has
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = Generator(replace(detailed.config, even=even))
    for parameter in generator.evenness.parameters():
        nn.init.zeros_(parameter)
    generator.load_state_dict(generator.state_dict() | detailed.state_dict())
    generator.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    generator.evenness.requires_grad_(True)
    optimiser = torch.optim.AdamW(generator.evenness.parameters(), recipe.even_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.even_steps)
    pairs = run.pairs("train")
    for _ in range(recipe.even_steps):
        batch = draw.sample(pairs, min(recipe.batch, len(pairs)))
        squares = photographs(run, [pair.name for pair in batch], int(DETAIL.default))
        luma = torch.stack([pil_to_tensor(square.convert("L")) for square in squares])
        seen = generator.features(luma.to(device) / 255, STRIDE).mean((2, 3))
        wanted = torch.tensor([[float(pair.set in even_ones)] for pair in batch], device=device)
        loss = F.binary_cross_entropy_with_logits(generator.evenness(seen), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    log.info("evenness: cross-entropy %.3f in the last step", loss.item())
    store(generator, run.stage("gan"))


def even_sets(recipe: Recipe, run: Run, left: Generator) -> set[str]:
    """The sets whose validation photographs do not look clearly more like the truth in the detailed
    mixture than in the even one: by LPIPS, or by PSNR if the recipe does not measure that.
    RUN/gan/evenness.csv has the figures."""
    judge, sign = ("lpips", 1) if "lpips" in recipe.metrics else ("psnr", -1)
    names: dict[str, list[str]] = {}
    for pair in run.pairs("valid"):
        names.setdefault(pair.set, []).append(pair.name)
    mixtures = {name: blend(left, *getattr(recipe, name)) for name in ("detailed", "even")}
    rows = []
    for name, own in names.items():
        truths = photographs(run, own, recipe.stored_size)
        metrics = Metrics(truths, [judge])
        row: dict[str, Any] = {"set": name, "n": len(own), "judge": judge}
        for mixture, generator in mixtures.items():
            outputs = colour_all(Colouriser(generator), truths)
            row[mixture] = metrics(outputs)[judge]
        log.info("evenness: %s", ", ".join(f"{k} {v}" for k, v in row.items()))
        rows.append(row)
    write_csv(run.evenness, list(rows[0]), rows)
    return {
        row["set"] for row in rows if sign * (row["even"] / row["detailed"] - 1) < CLEARLY_BETTER
    }
