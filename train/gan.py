"""Stage 3: the generator and the critic train against each other.

fastai's GANLearner runs it. What can go wrong with it in fastai 2.8, and what is done here:

- One optimiser steps both networks, so a frozen one would drift by momentum and weight decay.
  `OneAtATime` drops the frozen network's gradients before each step; fastai's optimiser then
  leaves those parameters and their state alone.
- `fit_one_cycle` would set momentum to 0.95, too much for two opponents: `fit` keeps it at 0.5.
  (`fit_flat_cos`, which would fit, forgets where to start when a stage is resumed.)
- `GANDiscriminativeLR` compounds: the two networks are parameter groups with rates of their own.
- Validation puts the generator into training mode, where the validation photographs would move
  its batch statistics: `OneAtATime` sets eval mode. It also leaves generator mode on, so each epoch
  begins with a step of the generator; and fastai then puts both networks into training mode, with
  dropout in the critic: `OneAtATime` sets the modes again.
- A switcher must be an instance, and the adaptive one can keep the critic on for ever:
  `Switcher` bounds its patience.
- Mixed precision is our own autocast; the losses are computed in float32.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler, SchedCos, SchedNo, combine_scheds
from fastai.optimizer import Adam
from fastai.torch_core import set_seed
from fastai.vision.gan import AdaptiveGANSwitcher, GANLearner, GANTrainer
from torch import Tensor, nn
from torch.nn import functional as F

from colouriser import ColouriserError, Generator, colour
from colouriser.hub import WEIGHTS, load

from .checkpoint import load_model
from .critic import Critic, CriticError
from .data import ToLumaAndChroma, pair_loaders
from .generator import Watch, halves
from .recipes import Recipe
from .stage import Autocast, EpochRecord, Scores, train


class Painter(nn.Module):
    """The generator with the output the critic judges: luma and chroma at chroma's size."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, luma: Tensor) -> Tensor:
        """Luma N×1×H×W to luma and chroma N×3×H/2×W/2, through RGB: colours that do not exist at a
        luma look to the critic as they look to people."""
        chroma = self.generator(luma)
        small = F.avg_pool2d(luma, 2)
        return torch.cat(colour.split(colour.merge(small, chroma)), 1)


class Game:
    """Both sides' losses, and what they were on average since `reset`."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.critic_error = CriticError(recipe.real_label)
        self.reset()

    def reset(self) -> None:
        self.sums: Scores = {}
        self.steps = {"generator": 0, "critic": 0}

    def generator(self, logits: Tensor, output: Tensor, truth: Tensor) -> Tensor:
        """Be taken for real, and stay near the truth: in L1, which allows one bold colour."""
        fooled = F.softplus(-logits).mean()  # binary cross-entropy with the label "real"
        pixel = F.l1_loss(output[:, 1:].float(), truth[:, 1:])
        self._count("generator", adversarial=fooled, pixel=pixel)
        return self.recipe.critic_weight * fooled + self.recipe.pixel_weight * pixel

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Call real photographs real and generated ones generated."""
        error = self.critic_error(real, real.new_ones(len(real)))
        error = (error + self.critic_error(fake, fake.new_zeros(len(fake)))) / 2
        accuracy = ((real > 0).float().mean() + (fake <= 0).float().mean()) / 2
        self._count("critic", critic_loss=error, critic_accuracy=accuracy)
        return error

    def averages(self) -> Scores:
        """Mean of each value over the steps it was computed in, and the number of steps."""
        of = {"adversarial": "generator", "pixel": "generator"}
        means = {k: v / max(1, self.steps[of.get(k, "critic")]) for k, v in self.sums.items()}
        return means | {f"{side}_steps": count for side, count in self.steps.items()}

    def _count(self, side: str, **values: Tensor) -> None:
        if torch.is_grad_enabled():  # not in validation
            self.steps[side] += 1
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value.item()


class OneAtATime(Callback):
    """Keeps the network whose turn it is not exactly as it is. See the module's docstring."""

    run_after = GANTrainer

    def before_step(self) -> None:
        frozen = self.model.critic if self.gan_trainer.gen_mode else self.model.generator
        for parameter in frozen.parameters():
            parameter.grad = None

    def before_train(self) -> None:
        self.gan_trainer.switch(self.gan_trainer.gen_mode)

    def before_validate(self) -> None:
        self.model.eval()


class Switcher(AdaptiveGANSwitcher):
    """fastai's adaptive switcher, with an end to the critic's turn after `patience` steps."""

    def __init__(self, critic_threshold: float, patience: int) -> None:
        super().__init__(critic_thresh=critic_threshold)
        self.patience, self.turn = patience, 0

    def after_batch(self) -> None:
        if not self.training:
            return
        self.turn = 0 if self.gan_trainer.gen_mode else self.turn + 1
        if self.turn >= self.patience:
            self.turn = 0
            self.gan_trainer.switch()
        else:
            super().after_batch()


def gan_learner(recipe: Recipe, run: Path) -> tuple[GANLearner, Game]:
    """The learner of the stage, from what the generator's and the critic's stages left.

    Raises:
        ColouriserError: one of them is not done.
    """
    if not (run / "generator" / WEIGHTS).exists():
        raise ColouriserError(f"{run} has no generator; run the generator step first")
    game = Game(recipe)
    learner = GANLearner(
        pair_loaders(recipe, run, recipe.gan_size),
        Painter(load(run / "generator")).to(memory_format=torch.channels_last),
        _trained_critic(run).to(memory_format=torch.channels_last),
        game.generator,
        game.critic,
        switcher=Switcher(recipe.critic_threshold, recipe.critic_patience),
        gen_first=True,
        splitter=lambda gan: [*halves(gan.generator.generator), list(gan.critic.parameters())],
        opt_func=partial(Adam, mom=0.5, sqr_mom=0.999, eps=1e-8),
        wd=0.0,
        cbs=[OneAtATime(), ToLumaAndChroma(), *([Autocast()] if recipe.bfloat16 else [])],
    )
    return learner, game


def train_gan(recipe: Recipe, run: Path) -> None:
    """Train both networks against each other; leaves the best epoch's generator in RUN/gan.

    Raises:
        ColouriserError: the generator's or the critic's stage is not done.
    """
    set_seed(recipe.seed)
    learner, game = gan_learner(recipe, run)
    watch = Watch(recipe, run, learner.model.generator.generator, "gan")

    def after(epoch: int, row: Scores, best: float | None) -> float:
        for name in ("train_loss", "gen_loss", "crit_loss"):  # both sides' mixed, or of one batch
            row.pop(name)
        row.update(game.averages())
        game.reset()
        return watch(epoch, row, best)

    rates = np.array(
        [recipe.gan_rate * recipe.encoder_share, recipe.gan_rate, recipe.gan_critic_rate]
    )
    # Steady for half the time, then down: at a steady rate colours change from epoch to epoch.
    schedule = combine_scheds([0.5, 0.5], [SchedNo(rates, rates), SchedCos(rates, rates / 100)])
    train(
        learner,
        EpochRecord(run / "gan", recipe, after),
        recipe.gan_epochs,
        lambda first: learner.fit(
            recipe.gan_epochs, cbs=ParamScheduler({"lr": schedule}), start_epoch=first
        ),
    )


def _trained_critic(run: Path) -> Critic:
    path = run / "critic" / "checkpoint.safetensors"
    if not path.exists():
        raise ColouriserError(f"{run} has no critic; run the critic step first")
    critic = Critic()
    critic.load_state_dict(load_model(path))
    return critic
