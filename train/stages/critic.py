"""Stage 2: the critic learns to tell the generator's photographs from real ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fastai.callback.schedule import Learner  # with fit_one_cycle
from fastai.data.core import DataLoaders
from fastai.torch_core import default_device, set_seed
from fastai.vision.gan import accuracy_thresh_expand
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colouriser import colour

from ..data.loader import CriticLoader
from ..data.photographs import Photographs, spaced
from ..errors import TrainingError
from ..measure.evaluate import squares
from ..measure.figures import SAMPLES, columns
from ..recipes import Recipe
from ..run import Run
from .eyes import Eyes, Look
from .loop import Autocast, EpochRecord, Scores, adam, train


class PixelHeads(nn.Module):
    """Judges whole photographs from their pixels, as the original project's critic does: a small
    convolutional network, the mean of whose patches (Isola et al. 2017) is the answer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in ((3, 64, 2), (64, 128, 2), (128, 256, 2), (256, 256, 1)):
            convolution = nn.Conv2d(before, after, 4, stride, padding=1)
            layers += [convolution, nn.LeakyReLU(0.2), nn.Dropout2d(0.1)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(256, 1, 3, padding=1))

    def forward(self, photograph: Tensor) -> Tensor:
        """RGB, float N×3×H×W in [0, 1], H and W from 48, to logits N×1. Judged at half size,
        chroma's own: what the generator cannot paint the critic should not miss."""
        x = torch.cat(colour.split(F.avg_pool2d(photograph, 2)), 1)
        x = (x - x.new_tensor([0.5, 0, 0]).view(1, 3, 1, 1)) * 4
        return self.layers(x).flatten(1).float().mean(1, keepdim=True)


class FeatureHeads(nn.Module):
    """Judges photographs from what the eyes see, patch by patch.

    After Projected GANs (Sauer et al. 2021, arXiv:2111.01007): a critic that need not learn first
    what things are can ask at once whether their colours are right, and learns from few
    photographs. Small heads judge the features at strides 4, 8, 16 and 32, each down to stride 32.
    Spectral normalisation (Miyato et al. 2018) keeps them from becoming so sure that their gradient
    says nothing.

    Args:
        channels: of the features at these strides.
    """

    WIDTH = 96  # channels of the heads

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList()
        for index, count in enumerate(channels):
            layers: list[nn.Module] = []
            for _ in channels[index + 1 :]:  # as often as it takes to stride 32
                convolution = nn.Conv2d(count, self.WIDTH, 4, 2, padding=1)
                layers += [spectral_norm(convolution), nn.LeakyReLU(0.2)]
                count = self.WIDTH
            last = [nn.Conv2d(count, self.WIDTH, 3, padding=1), nn.Conv2d(self.WIDTH, 1, 1)]
            layers += [spectral_norm(last[0]), nn.LeakyReLU(0.2), spectral_norm(last[1])]
            self.heads.append(nn.Sequential(*layers))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features at strides 2 to 32 to logits N×P, one a patch and depth."""
        levels = zip(self.heads, features[1:], strict=True)
        return torch.cat([head(x).flatten(1) for head, x in levels], 1).float()


class Critic(nn.Module):
    """Tells real photographs from generated ones: by their pixels, or by what the eyes see.

    Args:
        eyes: which are no part of the critic's weights; None for one of pixels.
    """

    def __init__(self, eyes: Eyes | None) -> None:
        super().__init__()
        self.see = None if eyes is None else eyes.look
        self.heads = PixelHeads() if eyes is None else FeatureHeads(eyes.widths[1:])

    def forward(self, photograph: Tensor) -> Tensor:
        """RGB, float N×3×H×W in [0, 1], to logits N×P: positive means real."""
        return self.judge(photograph, None if self.see is None else self.see(photograph))

    def judge(self, photograph: Tensor, look: Look | None) -> Tensor:
        """The same of photographs that have been looked at."""
        return self.heads(photograph if look is None else look.features)


def new_eyes(recipe: Recipe, path: Path | None = None) -> Eyes | None:
    """The eyes that a recipe's stages 2 and 3 share, on fastai's device; None if it needs none."""
    weights = (recipe.perceptual_weight, recipe.recognition_weight)
    if recipe.critic == "pixels" and not any(weights):
        return None
    return Eyes(path).to(default_device())


def new_critic(recipe: Recipe, eyes: Eyes | None) -> Critic:
    """A recipe's critic, untrained."""
    return Critic(None if recipe.critic == "pixels" else eyes)


class CriticLoss:
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
        return critic.eval()(rgb).sigmoid().mean().item()


def train_critic(recipe: Recipe, run: Run, eyes_weights: Path | None = None) -> None:
    """Train the critic on the saved outputs against the real photographs.

    Leaves RUN/critic/checkpoint.safetensors.

    Args:
        recipe: decides critic and schedule.
        run: a run with a generator.
        eyes_weights: a safetensors file of the eyes; downloaded unless given.

    Raises:
        TrainingError: the generator has not left its outputs yet.
    """
    if not (run.fakes / "photographs.csv").exists():
        raise TrainingError(
            f"{run.folder} has no generated photographs; run the generator step first"
        )
    set_seed(recipe.seed)
    device, fakes = default_device(), Photographs(run.fakes)
    loaders = [
        CriticLoader(recipe, run.photographs, fakes, split, device) for split in ("train", "valid")
    ]
    learner = Learner(
        DataLoaders(*loaders, device=device),
        new_critic(recipe, new_eyes(recipe, eyes_weights)).to(memory_format=torch.channels_last),
        loss_func=CriticLoss(recipe.real_label),
        opt_func=adam(),
        metrics=accuracy_thresh_expand,
        cbs=[Autocast()] if recipe.bfloat16 else [],
    )
    size = recipe.stored_size
    pairs = [
        squares(photographs, spaced(photographs.of("valid", recipe.fakes), SAMPLES), size)
        for photographs in (run.photographs, fakes)
    ]
    samples = list(zip(*pairs, strict=True))

    def judge(epoch: int, row: Scores, best: float | None) -> float:
        """Write the picture of the epoch, with the critic's belief that a photograph is real."""
        beliefs = [[f"real: {belief(learner.model, i):.0%}" for i in row] for row in samples]
        path = run.sample("critic", epoch)
        columns(samples, path, ("Real", "Generated"), [*map(tuple, beliefs)])
        return row["valid_loss"]

    train(
        learner,
        EpochRecord(run, "critic", recipe, lambda epoch: recipe.critic_size, judge),
        recipe.critic_epochs,
        lambda first: learner.fit_one_cycle(
            recipe.critic_epochs, recipe.critic_rate, start_epoch=first
        ),
    )
