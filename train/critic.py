"""Stage 2: the critic learns to tell the generator's photographs from real ones.

Spectral normalisation (Miyato et al. 2018) keeps it from becoming so sure that its gradient says
nothing.
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

from colouriser import ColouriserError, colour
from colouriser.generator import channels

from .data import SameLuma, critic_loaders
from .figures import SAMPLES, columns
from .generator import imagenet
from .perceptual import Features
from .prepare import pairs, spaced
from .recipes import Recipe
from .stage import Autocast, EpochRecord, Scores, train


class PatchCritic(nn.Module):
    """Judges photographs from their pixels, patch by patch or as a whole.

    A PatchGAN (Isola et al. 2017): a small convolutional network that judges overlapping patches.

    Args:
        spectral: normalise each layer by its largest singular value.
        patches: judge patch by patch; otherwise the mean of the patches' logits.
        noise: standard deviation of noise on the photographs in training (Arjovsky & Bottou 2017),
            which blurs the line between real and generated.
    """

    def __init__(self, spectral: bool = True, patches: bool = True, noise: float = 0.0) -> None:
        super().__init__()
        self.patches, self.noise = patches, noise
        normalise = spectral_norm if spectral else nn.Identity()
        layers: list[nn.Module] = []
        for before, after, stride in ((3, 64, 2), (64, 128, 2), (128, 256, 2), (256, 256, 1)):
            convolution = nn.Conv2d(before, after, 4, stride, padding=1)
            layers += [normalise(convolution), nn.LeakyReLU(0.2), nn.Dropout2d(0.1)]
        self.layers = nn.Sequential(*layers, normalise(nn.Conv2d(256, 1, 3, padding=1)))

    def forward(self, photograph: Tensor) -> Tensor:
        """Judge.

        Args:
            photograph: RGB, float N×3×H×W in [0, 1], H and W from 48. Judged at half size, chroma's
                own: what the generator cannot paint the critic should not miss.

        Returns:
            Logits N×P, one a patch, or N×1: positive means real.
        """
        x = torch.cat(colour.split(F.avg_pool2d(photograph, 2)), 1)
        x = (x - x.new_tensor([0.5, 0, 0]).view(1, 3, 1, 1)) * 4
        if self.training and self.noise:
            x = x + torch.randn_like(x) * self.noise
        logits = self.layers(x).flatten(1).float()
        return logits if self.patches else logits.mean(1, keepdim=True)


class FeatureCritic(nn.Module):
    """Judges photographs from an ImageNet network's features, patch by patch.

    After Projected GANs (Sauer et al. 2021, arXiv:2111.01007): a critic that need not learn first
    what things are can ask at once whether their colours are right, and learns from few
    photographs. The network is frozen; small heads with spectral normalisation judge its features
    at strides 4, 8, 16 and 32, each down to stride 32.

    Args:
        features: the network.
        channels: of its features at these strides.
    """

    WIDTH = 128  # channels of the heads

    def __init__(self, features: Features, channels: list[int]) -> None:
        super().__init__()
        self.features = features
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

    def forward(self, photograph: Tensor) -> Tensor:
        """RGB, float N×3×H×W in [0, 1], to logits N×P, one a patch and depth: positive means
        real."""
        levels = self.features(photograph)[1:]
        logits = [head(x).flatten(1) for head, x in zip(self.heads, levels, strict=True)]
        return torch.cat(logits, 1).float()


def new_critic(recipe: Recipe, encoder_weights: Path | None = None) -> nn.Module:
    """A recipe's critic, untrained.

    Raises:
        ColouriserError: it needs ImageNet weights, and there are none.
    """
    if recipe.critic == "patches":
        return PatchCritic(recipe.spectral, recipe.patches, recipe.critic_noise)
    network = imagenet(recipe.model.encoder, encoder_weights)
    layers = (network.layer1, network.layer2, network.layer3, network.layer4)
    return FeatureCritic(Features(network), [channels(layer) for layer in layers])


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
        return critic.eval()(rgb).sigmoid().mean().item()


def train_critic(recipe: Recipe, run: Path, encoder_weights: Path | None = None) -> None:
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
        new_critic(recipe, encoder_weights).to(memory_format=torch.channels_last),
        loss_func=CriticError(recipe.real_label),
        metrics=accuracy_thresh_expand,
        cbs=[SameLuma(), *([Autocast()] if recipe.bfloat16 else [])],
    )
    shown = pairs(run, "valid", recipe.fakes)
    shown = spaced(shown, SAMPLES)
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
