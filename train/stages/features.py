"""How photographs look to a network that knows things: an ImageNet ResNet's features.

The network is the generator's own encoder as it came from ImageNet, for RGB: no further download,
and a fraction of VGG-16's cost. The metrics look through other networks (AlexNet, Inception).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet


class Features(nn.Module):
    """A ResNet's features at strides 2, 4, 8, 16 and 32. It is frozen: its weights are buffers,
    which no optimiser sees and no checkpoint holds."""

    mean: Tensor  # of ImageNet's photographs
    std: Tensor

    def __init__(self, resnet: ResNet) -> None:
        super().__init__()
        stem = nn.Sequential(resnet.conv1, resnet.bn1, nn.ReLU())
        stride4 = nn.Sequential(resnet.maxpool, resnet.layer1)
        self.levels = nn.ModuleList([stem, stride4, resnet.layer2, resnet.layer3, resnet.layer4])
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        for module in list(self.modules()):
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = False  # or loading would ask for its count of batches
            values = {**module._parameters, **module._buffers}
            module._parameters.clear()
            for name, value in values.items():
                module.register_buffer(
                    name, None if value is None else value.detach(), persistent=False
                )
        self.train(False)

    def train(self, mode: bool = True) -> "Features":
        """Stays as it is: statistics of normalisation are frozen too."""
        return super().train(False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """RGB, float N×3×H×W in [0, 1], to features N×C×H/s×W/s for each stride s."""
        x = (rgb - self.mean) / self.std
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


def perceptual_distance(features: Features, output: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of two batches of photographs.

    The idea of Johnson et al. 2016 (arXiv:1603.08155) with LPIPS's way of comparing (Zhang et al.
    2018, arXiv:1801.03924): features at several depths, each normalised over its channels.

    Args:
        features: the network.
        output, truth: RGB, float N×3×H×W in [0, 1].

    Returns:
        A scalar from 0; the sum over five depths of squared distances of unit vectors.
    """
    with torch.no_grad():
        truths = features(truth)
    distance = output.new_zeros((), dtype=torch.float32)
    for own, true in zip(features(output), truths, strict=True):
        difference = F.normalize(own.float(), dim=1) - F.normalize(true.float(), dim=1)
        distance = distance + difference.square().sum(1).mean()
    return distance
