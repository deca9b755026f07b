"""Stage 3: the generator and the critic train against each other.

fastai's GANTrainer runs it. What can go wrong with it in fastai 2.8, and what is done here:

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
- The adaptive switcher can keep the critic on for ever: `Switcher` bounds both turns.
- Mixed precision is our own autocast; the losses are computed in float32.
- The loss reaches both networks without the wrapper that several processes put around the model.
"""

from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler, SchedCos, SchedNo, combine_scheds
from fastai.learner import Learner
from fastai.torch_core import set_seed
from fastai.vision.gan import GANLoss, GANModule, GANTrainer
from torch import Tensor, nn
from torch.nn import functional as F

from colouriser import Generator, colour
from colouriser.generator import Painting
from colouriser.hub import find, load

from ..data.hints import Hints
from ..data.pairs import SameLuma, pair_loaders
from ..recipes import Recipe
from ..run import Run, TrainingError
from .blend import blend, learn_evenness
from .checkpoint import load_model
from .critic import CriticError, new_critic
from .distributed import is_first
from .features import Features, perceptual_distance
from .generator import Watch, halves, imagenet, painting_error
from .loop import Autocast, Averaged, EpochRecord, Scores, adam, move_average, train
from .losses import PaintingError, colourfulness


class Painter(nn.Module):
    """The generator with the output the critic judges: photographs."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Luma N×1×H×W and hints to RGB N×3×H×W, where a colour that does not exist at its luma
        looks to the critic as it looks to people; and the palette."""
        chroma, palette = self.generator(luma, hints)
        large = F.interpolate(chroma, luma.shape[-2:], mode="bilinear")
        return colour.merge(luma, large), palette


class Gan(GANModule):
    """Both networks, and the generator as it was on average over its last steps: opponents circle
    around each other, and the average is steadier (Yazıcı et al. 2018, arXiv:1806.04498)."""

    def __init__(self, generator: Generator, critic: nn.Module) -> None:
        super().__init__(Painter(generator), critic, gen_mode=True)
        self.average = Averaged(generator).average


class Game(GANLoss):
    """Both sides' losses, and what they were on average since `reset_averages`."""

    def __init__(
        self, recipe: Recipe, gan: Gan, painting_error: PaintingError, features: Features | None
    ) -> None:
        super().__init__(None, None, gan)
        self.recipe, self.features = recipe, features
        self.critic_error = CriticError(recipe.real_label)
        self.painting_error = painting_error
        self.reset_averages()

    def reset_averages(self) -> None:
        self.sums: dict[str, Tensor] = {}  # a GPU would be waited for at each number
        self.steps = {"generator": 0, "critic": 0}

    def generator(self, output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        """Be taken for real, be as colourful as the truth, and stay near it: in chroma and palette,
        and in what a network sees."""
        rgb, palette = output
        _, chroma = colour.split(F.avg_pool2d(rgb, 2))
        values = {
            # Binary cross-entropy with the label "real".
            "adversarial": F.softplus(-self.gan_model.critic(rgb)).mean(),
            "pixel": self.painting_error(Painting(chroma, palette), target),
            # A statistic of the batch to match, as in Salimans et al. 2016: errors make pale.
            "vividness": (colourfulness(rgb) / colourfulness(target) - 1).abs(),
        }
        recipe = self.recipe
        loss = recipe.critic_weight * values["adversarial"] + recipe.pixel_weight * values["pixel"]
        loss = loss + recipe.vividness_weight * values["vividness"]
        if self.features is not None:
            values["perceptual"] = perceptual_distance(self.features, rgb, target)
            loss = loss + recipe.perceptual_weight * values["perceptual"]
        self._count("generator", values)
        return loss

    def critic(self, real: Tensor, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Call real photographs (whose logits are given) real and generated ones generated."""
        with torch.no_grad():
            painted, _ = self.gan_model.generator(luma, hints)
        fake = self.gan_model.critic(painted)
        error = self.critic_error(real, real.new_ones(len(real)))
        error = (error + self.critic_error(fake, fake.new_zeros(len(fake)))) / 2
        accuracy = ((real > 0).float().mean() + (fake <= 0).float().mean()) / 2
        self._count("critic", {"critic_loss": error, "critic_accuracy": accuracy})
        return error

    def averages(self) -> Scores:
        """Mean of each value over the steps it was computed in, and the number of steps."""
        sides = {"critic_loss": "critic", "critic_accuracy": "critic"}
        means = {k: v.item() / self.steps[sides.get(k, "generator")] for k, v in self.sums.items()}
        return means | {f"{side}_steps": count for side, count in self.steps.items()}

    def _count(self, side: str, values: dict[str, Tensor]) -> None:
        if torch.is_grad_enabled():  # not in validation
            self.steps[side] += 1
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value.detach()


class OneAtATime(Callback):
    """Keeps the network whose turn it is not exactly as it is. See the module's docstring."""

    run_after = GANTrainer

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def before_step(self) -> None:
        trainer = self.gan_trainer
        frozen = trainer.critic if trainer.gen_mode else trainer.generator
        for parameter in frozen.parameters():
            parameter.grad = None

    def after_step(self) -> None:
        if self.gan_trainer.gen_mode:
            gan = self.loss_func.gan_model
            move_average(gan.average, gan.generator.generator, self.decay)

    def before_train(self) -> None:
        self.gan_trainer.switch(self.gan_trainer.gen_mode)

    def before_validate(self) -> None:
        self.model.eval()


class Switcher(Callback):
    """Ends a turn after so many steps, and the critic's before if its loss is below a threshold."""

    run_after = GANTrainer

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.turn = recipe, 0

    def after_batch(self) -> None:
        if not self.training:
            return
        self.turn += 1
        if self.gan_trainer.gen_mode:
            over = self.turn >= self.recipe.generator_turn
        else:
            good = self.loss.item() < self.recipe.critic_threshold
            over = good or self.turn >= self.recipe.critic_turn
        if over:
            self.turn = 0
            self.gan_trainer.switch()


def gan_learner(recipe: Recipe, run: Run, encoder_weights: Path | None = None) -> Learner:
    """The learner of the stage, from what the generator's and the critic's stages left.

    Raises:
        TrainingError: one of them is not done.
    """
    if not run.has_model("generator"):
        raise TrainingError(f"{run.folder} has no generator; run the generator step first")
    generator = blend(load(find(run.stage("generator"))), *recipe.gan_mix)
    gan = Gan(generator, trained_critic(recipe, run, encoder_weights))
    loaders = pair_loaders(recipe, run, recipe.gan_size, recipe.gan_batch)
    features = None
    if recipe.perceptual_weight:
        features = Features(imagenet(recipe.model.encoder, encoder_weights))
        features.to(loaders.device).to(memory_format=torch.channels_last)
    return Learner(
        loaders,
        gan.to(memory_format=torch.channels_last),
        loss_func=Game(recipe, gan, painting_error(recipe, run, generator), features),
        splitter=lambda gan: [*halves(gan.generator.generator), list(gan.critic.parameters())],
        opt_func=adam(mom=0.5),
        wd=0.0,
        cbs=[
            GANTrainer(gen_first=True, switch_eval=True),  # the idle network in eval mode
            Switcher(recipe),
            OneAtATime(recipe.gan_average),
            SameLuma(),
            *([Hints(recipe.hints)] if recipe.model.hints else []),
            *([Autocast()] if recipe.bfloat16 else []),
        ],
    )


def train_gan(recipe: Recipe, run: Run, encoder_weights: Path | None = None) -> None:
    """Train both networks against each other; leaves the best epoch's generator in
    RUN/gan/unblended, and with an evenness in RUN/gan.

    Args:
        recipe: decides losses and schedule.
        run: a run with a generator and a critic.
        encoder_weights: a file with torchvision's ImageNet weights, for the perceptual distance;
            downloaded unless given.

    Raises:
        TrainingError: the generator's or the critic's stage is not done.
    """
    set_seed(recipe.seed)
    learner = gan_learner(recipe, run, encoder_weights)
    game = learner.loss_func
    watch = Watch(recipe, run, learner.model.average, "gan", run.unblended)

    def after(epoch: int, row: Scores, best: float | None) -> float:
        row.pop("train_loss")  # both sides' mixed
        row.update(game.averages())
        game.reset_averages()
        return watch(epoch, row, best)

    rates = np.array(
        [recipe.gan_rate * recipe.encoder_share, recipe.gan_rate, recipe.gan_critic_rate]
    )
    # Steady for half the time, then down: at a steady rate colours change from epoch to epoch.
    schedule = combine_scheds([0.5, 0.5], [SchedNo(rates, rates), SchedCos(rates, rates / 100)])
    train(
        learner,
        EpochRecord(run, "gan", recipe, after),
        recipe.gan_epochs,
        lambda first: learner.fit(
            recipe.gan_epochs, cbs=ParamScheduler({"lr": schedule}), start_epoch=first
        ),
    )
    if is_first() and not run.has_model("gan"):
        learn_evenness(recipe, run)


def trained_critic(recipe: Recipe, run: Run, encoder_weights: Path | None = None) -> nn.Module:
    """The critic that stage 2 left.

    Raises:
        TrainingError: the stage is not done.
    """
    path = run.checkpoint("critic")
    if not path.exists():
        raise TrainingError(f"{run.folder} has no critic; run the critic step first")
    critic = new_critic(recipe, encoder_weights)
    load_model(path, critic)
    return critic
