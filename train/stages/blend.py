"""How much of the generator's head and of its palette's mean is painted, and where.

The head, which the critic teaches to be bold, has the detail; the palette's mean errs less
(colouriser/generator.py). The GAN begins with a recipe's factors. At its end the evenness learns on
validation photographs, which the network has not seen, where its detail does more harm than good.
"""

import copy
import logging
from dataclasses import replace

import torch
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

from colouriser import Generator, colour
from colouriser.generator import has_bfloat16
from colouriser.hub import find, load, store

from ..measure.evaluate import photographs
from ..recipes import Recipe
from ..run import Run
from .losses import ChromaError

log = logging.getLogger(__name__)

TOLD = 50  # steps between two lines of the log


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

    The evenness alone learns, by the error in decibels of validation photographs' central squares.
    Without `recipe.even` what the GAN left stays as it is.
    """
    left = load(find(run.unblended))
    if recipe.even is None:
        store(left, run.stage("gan"))
        return
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = Generator(replace(left.config, even=recipe.even))
    for parameter in generator.evenness.parameters():
        nn.init.zeros_(parameter)
    generator.load_state_dict(generator.state_dict() | left.state_dict())
    generator.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    generator.evenness.requires_grad_(True)
    squares = photographs(run, run.names("valid"), recipe.stored_size)
    truths = torch.stack([pil_to_tensor(square) for square in squares])
    optimiser = torch.optim.AdamW(generator.evenness.parameters(), recipe.even_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.even_steps)
    fast = torch.autocast(
        device.type, torch.bfloat16, enabled=recipe.bfloat16 and has_bfloat16(device.type)
    )
    error, total = ChromaError("psnr"), 0.0
    for step in range(1, recipe.even_steps + 1):
        truth = truths[torch.randint(len(truths), (recipe.batch,))].to(device) / 255
        luma, _ = colour.split(truth)
        with fast:
            loss = error(generator(luma).chroma, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % TOLD == 0:
            log.info("evenness: step %d, error %.2f dB", step, total / TOLD)
            total = 0.0
    store(generator, run.stage("gan"))
