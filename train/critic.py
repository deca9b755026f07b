"""Stage 2: the critic learns to tell the generator's photographs from real ones.

A PatchGAN (Isola et al. 2017): a small convolutional network that judges overlapping patches, with
spectral normalisation (Miyato et al. 2018), which keeps it from becoming so sure that its gradient
says nothing.
"""

from pathlib import Path

import numpy as np
import torch
from fastai.callback.schedule import Learner  # with fit_one_cycle
from fastai.torch_core import set_seed
from fastai.vision.gan import accuracy_thresh_expand
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colouriser import ColouriserError

from .data import ToLumaAndChroma, critic_loaders, luma_and_chroma
from .evaluate import spaced
from .figures import SAMPLES, columns
from .prepare import pairs
from .recipes import Recipe
from .stage import Autocast, EpochRecord, Scores, train


class Critic(nn.Module):
    """Judges photographs, patch by patch."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 4 * width]
        strides = [2, 2, 2, 1]
        layers: list[nn.Module] = []
        for before, after, stride in zip(channels[:-1], channels[1:], strides, strict=True):
            convolution = nn.Conv2d(before, after, 4, stride, padding=1)
            layers += [spectral_norm(convolution), nn.LeakyReLU(0.2), nn.Dropout2d(0.1)]
        self.layers = nn.Sequential(
            *layers, spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1))
        )

    def forward(self, photograph: Tensor) -> Tensor:
        """Judge.

        Args:
            photograph: float N×3×H×W, luma in [0, 1] and chroma in [-0.5, 0.5], H and W from 24.

        Returns:
            Logits N×P, one a patch: positive means real.
        """
        centred = (photograph - photograph.new_tensor([0.5, 0, 0]).view(1, 3, 1, 1)) * 4
        return self.layers(centred).flatten(1).float()


class CriticError:
    """Binary cross-entropy of each patch's logit, with one-sided label smoothing."""

    def __init__(self, real_label: float) -> None:
        self.real_label = real_label

    def __call__(self, logits: Tensor, is_real: Tensor) -> Tensor:
        labels = is_real.float()[:, None].expand_as(logits) * self.real_label
        return F.binary_cross_entropy_with_logits(logits, labels)


def belief(critic: nn.Module, photograph: Image.Image) -> float:
    """The critic's mean belief, 0 to 1, that an RGB photograph is real."""
    rgb = torch.from_numpy(np.array(photograph)).permute(2, 0, 1)[None].float() / 255
    rgb = rgb.to(next(critic.parameters()).device)
    with torch.inference_mode():
        return critic.eval()(luma_and_chroma(rgb)).sigmoid().mean().item()


def train_critic(recipe: Recipe, run: Path) -> None:
    """Train the critic on the saved outputs against the real photographs.

    Leaves RUN/critic/checkpoint.safetensors.

    Raises:
        ColouriserError: the generator has not left its outputs yet.
    """
    if not (run / "fakes").exists():
        raise ColouriserError(f"{run} has no generated photographs; run the generator step first")
    set_seed(recipe.seed)
    loaders = critic_loaders(recipe, run, run / "fakes", recipe.critic_size)
    learner = Learner(
        loaders,
        Critic().to(memory_format=torch.channels_last),
        loss_func=CriticError(recipe.real_label),
        metrics=accuracy_thresh_expand,
        cbs=[ToLumaAndChroma(), *([Autocast()] if recipe.bfloat16 else [])],
    )
    shown = spaced(pairs(run, "valid"), SAMPLES)
    files = [(run / "colour" / f"{n}.jpg", run / "fakes" / f"{n}.png") for n in shown]
    size = (recipe.stored_size, recipe.stored_size)
    samples = [[ImageOps.fit(Image.open(f).convert("RGB"), size) for f in row] for row in files]

    def judge(epoch: int, row: Scores, best: float | None) -> float:
        """Write the picture of the epoch, with the critic's belief that a photograph is real."""
        beliefs = [[f"real: {belief(learner.model, i):.0%}" for i in row] for row in samples]
        path = run / "critic" / "samples" / f"epoch-{epoch:02}.jpg"
        columns([*map(tuple, samples)], path, ("Real", "Generated"), [*map(tuple, beliefs)])
        return row["valid_loss"]

    train(
        learner,
        EpochRecord(run / "critic", recipe, judge),
        recipe.critic_epochs,
        lambda first: learner.fit_one_cycle(
            recipe.critic_epochs, recipe.critic_rate, start_epoch=first
        ),
    )
