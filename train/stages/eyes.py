"""How photographs look to a network that knows things: EfficientNet-Lite0 from ImageNet, frozen.

One look at the truth and one at the output serve the perceptual distance, the recognition loss and
the critic. It judges nothing: the metrics look through other networks (ResNet-18, AlexNet,
Inception), or what taught would praise itself.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colouriser.encoder import EPSILON, EfficientNetLite

from ..errors import TrainingError
from .imagenet import imagenet

NETWORK = "efficientnet_lite0"
HEAD, CLASSES = 1280, 1000  # channels before the classifier, and what it tells apart


class Look(NamedTuple):
    """What the eyes see in photographs."""

    features: list[Tensor]  # N×C×H/s×W/s at strides 2, 4, 8, 16 and 32
    logits: Tensor  # N×1000, of ImageNet's classes


class Eyes(EfficientNetLite):
    """The network, with timm's names for its parameters.

    Args:
        path: a safetensors file with its weights; downloaded from the Hub unless given.

    Raises:
        TrainingError: the weights cannot be had, or are of another network.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(NETWORK, 3)
        self.conv_head = nn.Conv2d(self.widths[-1], HEAD, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(HEAD, eps=EPSILON)
        self.classifier = nn.Linear(HEAD, CLASSES)
        try:
            self.load_state_dict(imagenet(NETWORK, path))
        except RuntimeError as error:
            raise TrainingError(f"{path} holds no weights of {NETWORK}; give another") from error
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def look(self, rgb: Tensor) -> Look:
        """RGB, float N×3×H×W in [0, 1], H and W multiples of 32."""
        x = ((rgb - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        features = self(x)
        pooled = F.relu6(self.bn2(self.conv_head(features[-1]))).mean((2, 3))
        return Look(features, self.classifier(pooled))


def perceptual_distance(output: Look, truth: Look) -> Tensor:
    """Mean distance of two batches of photographs: a scalar from 0.

    The idea of Johnson et al. 2016 (arXiv:1603.08155) with LPIPS's way of comparing (Zhang et al.
    2018, arXiv:1801.03924): features at five depths, each normalised over its channels; the sum of
    the squared distances of unit vectors.
    """
    distances = [
        (F.normalize(own.float(), dim=1) - F.normalize(true.float(), dim=1)).square().sum(1).mean()
        for own, true in zip(output.features, truth.features, strict=True)
    ]
    return torch.stack(distances).sum()


def recognition_distance(output: Look, truth: Look) -> Tensor:
    """How differently two batches of photographs are named: mean Kullback-Leibler divergence of the
    classes' probabilities, a scalar from 0."""
    own, true = output.logits.float().log_softmax(1), truth.logits.float().softmax(1)
    return F.kl_div(own, true, reduction="batchmean")
