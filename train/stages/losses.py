"""What the generator is told: errors of its chroma and of its palette, and colourfulness."""

import torch
from torch import Tensor
from torch.nn import functional as F

from colouriser import Generator, colour
from colouriser.generator import Painting


class ChromaLoss:
    """The pixel loss, between chroma N×2×H/2×W/2 and the truth, RGB N×3×H×W.

    "mse" is the mean squared error (× 100, to be about 1). Its best answer is the mean of all
    plausible colours: safe and pale, which is what the GAN then mends.

    "psnr" is the mean over photographs of the same error in decibels (as in HINet, Chen et al.
    2021): a photograph counts by how much better it gets, not by how colourful it is.
    """

    FLOOR = 5e-4  # squared chroma below which a photograph is right: JPEG's own rounding, and more

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, chroma: Tensor, truth: Tensor) -> Tensor:
        _, small = colour.split(F.avg_pool2d(truth, 2))
        errors = F.mse_loss(chroma.float(), small, reduction="none").mean((1, 2, 3))
        if self.kind == "mse":
            return errors.mean() * 100
        return 10 * (errors + self.FLOOR).log10().mean()


class PaletteLoss:
    """Cross-entropy between the palette's logits N×K×H/4×W/4 and the truth, RGB N×3×H×W.

    A true colour is shared out among the four cells around it, so that nothing is lost by
    rounding; rare colours count more (Zhang et al. 2016, arXiv:1603.08511).

    Args:
        generator: whose palette it is.
        frequencies: of the cells in the photographs, float K; all alike unless given.
        rarity: 1 for no difference between rare and frequent colours; toward 0, which it must not
            reach, colours count by how rare they are (λ of Zhang et al. 2016).
    """

    def __init__(
        self, generator: Generator, frequencies: Tensor | None = None, rarity: float = 0.0
    ) -> None:
        cells, self.step = generator.cells.cpu(), generator.config.palette / 255
        self.reach = round(float(cells.abs().max()) / self.step) + 1
        side = 2 * self.reach + 1
        axis = torch.arange(-self.reach, self.reach + 1) * self.step
        grid = torch.cartesian_prod(axis, axis)
        # For places outside of RGB, which the cells around a colour at its border may be.
        self.index = torch.cdist(grid, cells).argmin(1).view(side, side)
        weights = torch.ones(len(cells))
        if frequencies is not None:
            weights = 1 / ((1 - rarity) * frequencies.cpu() + rarity / len(cells))
            weights = weights / (weights * frequencies.cpu()).sum()
        self.weights = weights

    def __call__(self, palette: Tensor, truth: Tensor) -> Tensor:
        _, small = colour.split(F.avg_pool2d(truth, 4))
        cells, shares = self.share_out(small)
        logs = palette.float().log_softmax(1)
        errors = -(logs.gather(1, cells) * shares).sum(1)
        weights = (self.weights.to(cells.device)[cells] * shares).sum(1)
        return (errors * weights).mean()

    def share_out(self, chroma: Tensor) -> tuple[Tensor, Tensor]:
        """Chroma N×2×H×W to the four cells around each, and their shares: both N×4×H×W."""
        place = (chroma / self.step + self.reach).clamp(0, 2 * self.reach - 1e-3)
        low = place.floor()
        (x, y), (i, j) = (place - low).unbind(1), low.long().unbind(1)
        index = self.index.to(chroma.device)
        cells = torch.stack([index[i, j], index[i, j + 1], index[i + 1, j], index[i + 1, j + 1]], 1)
        shares = torch.stack([(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y], 1)
        return cells, shares

    def count(self, truth: Tensor) -> Tensor:
        """How often each cell occurs in photographs, RGB N×3×H×W: float K, of sum 1."""
        cells, shares = self.share_out(colour.split(F.avg_pool2d(truth, 4))[1])
        counts = torch.zeros(len(self.weights)).index_add_(0, cells.flatten(), shares.flatten())
        return counts / counts.sum()


class PaintingLoss:
    """Stage 1's loss: the chroma's error, and the palette's with its weight."""

    def __init__(self, chroma: ChromaLoss, palette: PaletteLoss | None, weight: float) -> None:
        self.chroma, self.palette, self.weight = chroma, palette, weight

    def __call__(self, painting: Painting, truth: Tensor) -> Tensor:
        error = self.chroma(painting.chroma, truth)
        if self.palette is None:
            return error
        return error + self.weight * self.palette(painting.palette, truth)


def colourfulness(rgb: Tensor) -> Tensor:
    """Mean colourfulness of photographs N×3×H×W in [0, 1], as in measure/metrics.py but for the
    unit; never quite 0, so that it can be divided by and has a gradient."""
    red, green, blue = rgb.float().unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], 1)
    spread = opponents.var((2, 3)).sum(1) + 1e-6
    centre = opponents.mean((2, 3)).square().sum(1) + 1e-6
    return (spread.sqrt() + 0.3 * centre.sqrt()).mean()
