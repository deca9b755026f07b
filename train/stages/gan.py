"""Stage 3: the generator and the critic train against each other.

One fastai callback takes explicit steps with two optimisers: each batch is coloured once, the eyes
look once at the output and once at the truth, and both networks learn from what they saw. With a
recipe's `critic_threshold` they take turns instead, as in fastai's examples.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback, CancelBatchException
from fastai.callback.schedule import ParamScheduler, SchedCos, SchedNo, combine_scheds
from fastai.learner import Learner
from fastai.torch_core import default_device, set_seed
from torch import Tensor, nn
from torch.nn import functional as F

from colouriser import colour
from colouriser.generator import Painting, has_bfloat16
from colouriser.hub import load, resolve, store

from ..errors import TrainingError
from ..recipes import Recipe
from ..run import Run
from .checkpoint import load_network
from .critic import Critic, CriticLoss, new_critic, new_eyes
from .eyes import Eyes, Look, perceptual_distance, recognition_distance
from .generator import between, painting_loss
from .loop import (
    Averaged,
    EpochRecord,
    Scores,
    adam,
    new_loaders,
    paint,
    parameter_groups,
    train,
)
from .losses import PaintingLoss, colourfulness
from .validator import Validator

STEEPEST = 5.0  # norm of the generator's gradient: a batch that the critic dislikes is one of many
MOMENTUM = 0.5  # of both optimisers: opponents that remember run past each other


class GanLosses:
    """What the generator is told."""

    def __init__(self, recipe: Recipe, painting: PaintingLoss) -> None:
        self.recipe, self.painting = recipe, painting

    def __call__(
        self,
        output: Tensor,
        palette: Tensor,
        truth: Tensor,
        logits: Tensor,
        looks: tuple[Look, Look] | None,
    ) -> tuple[Tensor, Scores]:
        """Be taken for real, be as colourful as the truth, and stay near it: in chroma and palette,
        and in what a network sees.

        Args:
            output: RGB N×3×H×W.
            palette: logits N×K×H/4×W/4.
            truth: RGB N×3×H×W.
            logits: the critic's of the output.
            looks: the eyes' at output and truth, if the recipe needs them.

        Returns:
            A scalar, and what it consists of.
        """
        recipe = self.recipe
        _, chroma = colour.split(F.avg_pool2d(output, 2))
        parts = {
            # Binary cross-entropy with the label "real".
            "adversarial": (recipe.critic_weight, F.softplus(-logits).mean()),
            "pixel": (recipe.pixel_weight, self.painting(Painting(chroma, palette), truth)),
            # A statistic of the batch to match, as in Salimans et al. 2016: errors make pale.
            "vividness": (
                recipe.vividness_weight,
                (colourfulness(output) / colourfulness(truth) - 1).abs(),
            ),
        }
        if looks is not None:
            parts["perceptual"] = (recipe.perceptual_weight, perceptual_distance(*looks))
            parts["recognition"] = (recipe.recognition_weight, recognition_distance(*looks))
        total = torch.stack([weight * value for weight, value in parts.values()]).sum()
        return total, {name: value.item() for name, (_, value) in parts.items()}


class GanSteps(Callback):
    """Takes the steps of both networks; fastai's own step is left out.

    Args:
        critic: is on the learner's device.
        eyes: likewise; None if the recipe needs none.
    """

    def __init__(
        self, recipe: Recipe, critic: Critic, eyes: Eyes | None, painting: PaintingLoss
    ) -> None:
        self.recipe, self.critic, self.eyes = recipe, critic, eyes
        self.losses, self.critic_loss = GanLosses(recipe, painting), CriticLoss(recipe.real_label)
        self.optimiser = torch.optim.AdamW(
            critic.parameters(), recipe.gan_critic_rate, (MOMENTUM, 0.99), weight_decay=0.0
        )
        self.generators_turn = True
        self.sums: Scores = {}
        self.counts: dict[str, int] = {}

    def before_epoch(self) -> None:
        self.sums, self.counts = {}, {}

    def before_batch(self) -> None:
        if not self.training:
            return
        both = self.recipe.critic_threshold is None
        luma = self.xb[0]
        device = luma.device.type
        bfloat16 = self.recipe.bfloat16 and has_bfloat16(device)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            painting = self.model.network(*self.xb)
            output = paint(painting, luma)
            with torch.no_grad():
                true_look = None if self.eyes is None else self.eyes.look(self.y)
            look = None if self.eyes is None else self.eyes.look(output)
        looks = None if look is None or true_look is None else (look, true_look)
        generators_turn = self.generators_turn
        if both or not generators_turn:
            loss = self._step_critic(output.detach(), looks, device, bfloat16)
            self.generators_turn = loss < (self.recipe.critic_threshold or 0)
        if both or generators_turn:
            loss = self._step_generator(painting, output, looks, device, bfloat16)
            self.generators_turn = False
        self.learn.loss = self.learn.loss_grad = torch.tensor(loss)
        raise CancelBatchException

    def _step_critic(
        self, output: Tensor, looks: tuple[Look, Look] | None, device: str, bfloat16: bool
    ) -> float:
        """Call real photographs real and generated ones generated; returns the loss."""
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            real = self.critic.judge(self.y, looks and looks[1])
            fake = self.critic.judge(output, looks and _detached(looks[0]))
        count = len(output)
        loss = self.critic_loss(real, real.new_ones(count))
        loss = (loss + self.critic_loss(fake, fake.new_zeros(count))) / 2
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        fall = self.opt.hypers[-1]["lr"] / self.recipe.gan_rate
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.gan_critic_rate * fall  # as the generator's rate falls
        self.optimiser.step()
        accuracy = ((real > 0).float().mean() + (fake <= 0).float().mean()) / 2
        self._count({"critic_loss": loss.item(), "critic_accuracy": accuracy.item()})
        return loss.item()

    def _step_generator(
        self,
        painting: Painting,
        output: Tensor,
        looks: tuple[Look, Look] | None,
        device: str,
        bfloat16: bool,
    ) -> float:
        self.critic.requires_grad_(False)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            logits = self.critic.judge(output, looks and looks[0])
        loss, parts = self.losses(output.float(), painting.palette, self.y, logits, looks)
        self.opt.zero_grad()
        loss.backward()
        self.critic.requires_grad_(True)
        nn.utils.clip_grad_norm_(self.model.network.parameters(), STEEPEST)
        self.opt.step()
        self.model.move(self.recipe.gan_average)
        self._count(parts)
        return loss.item()

    def _count(self, values: Scores) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def averages(self) -> Scores:
        """Mean of each value over the epoch's steps in which it was computed, and their numbers."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        steps = {"critic_steps": "critic_loss", "generator_steps": "pixel"}
        return means | {name: self.counts.get(of, 0) for name, of in steps.items()}


def _detached(look: Look) -> Look:
    return Look([x.detach() for x in look.features], look.logits.detach())


def train_gan(
    recipe: Recipe, run: Run, eyes_weights: Path | None = None, track: str | None = None
) -> None:
    """Train both networks against each other; leaves the last epoch's generator in RUN/gan,
    or one between it and the model that it went on from.

    Args:
        recipe: decides losses and schedule.
        run: a run with a generator and a critic.
        eyes_weights: a safetensors file of the eyes; downloaded unless given.
        track: see `track_epoch`.

    Raises:
        TrainingError: the generator's or the critic's stage is not done.
    """
    if not run.has_model("generator"):
        raise TrainingError(f"{run.folder} has no generator; run the generator step first")
    set_seed(recipe.seed)
    recipe = replace(recipe, hints=replace(recipe.hints, share=recipe.gan_hinted))
    generator = load(resolve(run.stage("generator")))
    loaders = new_loaders(recipe, run)
    eyes = new_eyes(recipe, eyes_weights)
    painting = painting_loss(recipe, run, generator)
    steps = GanSteps(recipe, trained_critic(recipe, run, eyes), eyes, painting)
    learner = Learner(
        loaders,
        Averaged(generator.to(memory_format=torch.channels_last)),
        loss_func=painting,  # of validation
        splitter=lambda model: parameter_groups(model.network),
        opt_func=adam(mom=MOMENTUM),
        wd=0.01,
        cbs=[steps],
    )
    validator = Validator(recipe, run, learner.model.average, "gan")

    def after(epoch: int, row: Scores, best: float | None) -> float:
        row.pop("train_loss")  # both sides' mixed
        row.update(steps.averages())
        return validator(epoch, row, best)

    rates = np.array([recipe.gan_rate * recipe.encoder_share, recipe.gan_rate])
    # Steady for half the time, then down: at a steady rate colours change from epoch to epoch.
    schedule = combine_scheds([0.5, 0.5], [SchedNo(rates, rates), SchedCos(rates, rates / 100)])
    small, epochs = recipe.gan_small_epochs, recipe.gan_epochs
    record = EpochRecord(
        run,
        "gan",
        recipe,
        lambda epoch: recipe.gan_small_size if epoch < small else recipe.gan_size,
        after,
        {"critic": (steps.critic, steps.optimiser)},
        track,
    )
    train(
        learner,
        record,
        epochs,
        lambda first: learner.fit(epochs, cbs=ParamScheduler({"lr": schedule}), start_epoch=first),
    )
    if recipe.start_share:
        start = load(resolve(run.stage("generator")))
        store(between(learner.model.average, start, recipe.start_share), run.stage("gan"))


def trained_critic(recipe: Recipe, run: Run, eyes: Eyes | None) -> Critic:
    """The critic that stage 2 left, on fastai's device.

    Raises:
        TrainingError: the stage is not done.
    """
    path = run.checkpoint("critic")
    if not path.exists():
        raise TrainingError(f"{run.folder} has no critic; run the critic step first")
    critic = new_critic(recipe, eyes)
    load_network(path, "model", critic)
    return critic.to(default_device()).to(memory_format=torch.channels_last)
