"""How good colours are: several metrics side by side, because each alone can be fooled.

PSNR and SSIM reward timid colour and grey itself; LPIPS, FID and KID compare what networks see;
colourfulness says only how much colour there is. Recognition is how far apart a network that names
things sees the coloured and the true photograph; agreement, how often it gives both one name (after
Zhang et al. 2016, arXiv:1603.08511), is the same question with ten times the noise: neither timid
nor bright colours win them. Stains are colours that change inside of things that have one.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from skimage.segmentation import felzenszwalb
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.image import (
    FrechetInceptionDistance,
    KernelInceptionDistance,
    LearnedPerceptualImagePatchSimilarity,
    PeakSignalNoiseRatio,
    StructuralSimilarityIndexMeasure,
)
from torchmetrics.image.fid import NoTrainInceptionV3
from torchvision.models import get_model, get_model_weights

from ..errors import TrainingError

BATCH = 32
CLASSIFIER = "resnet18"  # names things for recognition and agreement; no loss looks through it
SEGMENTS = {"scale": 100, "sigma": 0.8, "min_size": 200}  # of Felzenszwalb & Huttenlocher 2004
EVEN, STAINED = 4.0, 8.0  # of 255: spread of chroma within a thing of one colour, and of a stained
KID_SUBSET = 50  # photographs per estimate; KID is unbiased at any size


def colourfulness(image: Image.Image) -> float:
    """Colourfulness of an RGB image, 0 for grey, about 30 for an average photograph.

    M3 of Hasler & Süsstrunk, Measuring colourfulness in natural images, 2003.
    """
    red, green, blue = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def psnr(image: Image.Image, truth: Image.Image) -> float:
    """Peak signal-to-noise ratio of two RGB images of one size, in decibels; infinite if equal."""
    own, true = (np.asarray(i, dtype=np.float32) for i in (image, truth))
    error = float(((own - true) ** 2).mean())
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


class Inception(nn.Module):
    """Inception's 2048 pool3 features of uint8 batches N×3×H×W, kept for the second metric that
    asks for those of the same batch."""

    num_features = 2048

    def __init__(self) -> None:
        super().__init__()
        self.network = NoTrainInceptionV3("inception-v3-compat", [str(self.num_features)])
        self.last: tuple[Tensor, Tensor] | None = None

    def forward(self, batch: Tensor) -> Tensor:
        if self.last is None or self.last[0] is not batch:
            self.last = (batch, self.network(batch))
        return self.last[1]


class Metrics:
    """Compares coloured photographs with the true ones, whose features are computed once.

    Args:
        truths: RGB, all of one size.
        names: any of psnr (dB, RGB), ssim, lpips (AlexNet), fid, kid (Inception), colourfulness,
            recognition (ResNet-18: mean cosine distance of its pooled features), agreement (share
            of photographs that it names as in true colours), stains (share of the regions of one
            true colour in which the output's chroma spreads). lpips, fid, kid, recognition and
            agreement download their networks on first use.

    Raises:
        TrainingError: a metric's network cannot be downloaded.
    """

    def __init__(self, truths: Sequence[Image.Image], names: Sequence[str]) -> None:
        self.truths, self.names = truths, names
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.judges = _judges(names, len(truths))
            if {"agreement", "recognition"} & set(names):
                weights = get_model_weights(CLASSIFIER).DEFAULT
                self.classifier = get_model(CLASSIFIER, weights=weights).eval().to(self.device)
                self.prepare = weights.transforms(antialias=True)
        except OSError as error:
            raise TrainingError(
                f"a metric's network cannot be downloaded ({error}); go online once, or put its "
                "file into torch's cache"
            ) from error
        self.of_sets = [self.judges[name] for name in ("fid", "kid") if name in self.judges]
        for judge in self.judges.values():
            judge.to(self.device)
            judge.sync_on_compute = False  # the first of several processes measures alone
        self.regions = [even_regions(truth) for truth in truths] if "stains" in names else []
        with torch.inference_mode():
            for start in range(0, len(truths), BATCH):
                truth = self._stack(truths[start : start + BATCH])
                for judge in self.of_sets:
                    judge.update(truth, real=True)
        self.recognised = self._recognise(truths) if hasattr(self, "classifier") else None

    def __call__(self, outputs: Sequence[Image.Image]) -> dict[str, float]:
        """Measure.

        Args:
            outputs: RGB, of the truths' size and in their order.

        Returns:
            A value for each metric; colourfulness also gives "colourfulness_gap", the distance of
            the outputs' mean from the truths', and kid "kid_spread", its standard deviation over
            subsets.
        """
        psnr: list[Tensor] = []
        with torch.inference_mode():
            for start in range(0, len(outputs), BATCH):
                end = start + BATCH
                output, truth = (self._stack(x[start:end]) for x in (outputs, self.truths))
                for judge in self.of_sets:
                    judge.update(output, real=False)
                output, truth = output / 255, truth / 255
                for name in {"ssim", "lpips"} & self.judges.keys():
                    self.judges[name].update(output, truth)
                if "psnr" in self.judges:
                    psnr.append(self.judges["psnr"](output, truth))
            torch.manual_seed(0)  # KID draws subsets
            values = {n: judge.compute() for n, judge in self.judges.items() if n != "psnr"}
            for judge in self.judges.values():
                judge.reset()
        scores: dict[str, float] = {}
        own_recognised: tuple[Tensor, Tensor] | None = None
        for name in self.names:
            if name == "psnr":  # the mean over photographs
                scores[name] = torch.cat([p.flatten() for p in psnr]).mean().item()
            elif name == "colourfulness":
                own, true = mean_colourfulness(outputs), mean_colourfulness(self.truths)
                scores |= {name: own, "colourfulness_gap": abs(own - true)}
            elif name in ("recognition", "agreement"):
                if own_recognised is None:
                    own_recognised = self._recognise(outputs)
                features, logits = own_recognised
                assert self.recognised is not None  # of these names, both or none
                true_features, true_logits = self.recognised
                if name == "recognition":
                    cosines = F.cosine_similarity(features, true_features)
                    scores[name] = 1 - cosines.mean().item()
                else:
                    same = logits.argmax(1) == true_logits.argmax(1)
                    scores[name] = same.float().mean().item()
            elif name == "stains":
                scores[name] = stains(outputs, self.regions)
            else:
                value = values[name]
                scores[name] = float(value[0] if isinstance(value, tuple) else value)
                if isinstance(value, tuple):
                    scores[f"{name}_spread"] = float(value[1])
        return scores

    def _recognise(self, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """The classifier's pooled features N×512 and logits N×1000 of RGB images of one size."""
        features, logits = [], []
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                x = self.prepare(self._stack(images[start : start + BATCH]))
                for name, layer in self.classifier.named_children():
                    x = layer(x).flatten(1) if name == "avgpool" else layer(x)
                    if name == "avgpool":
                        features.append(x)
                logits.append(x)
        return torch.cat(features), torch.cat(logits)

    def _stack(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images to uint8 N×3×H×W."""
        arrays = np.stack([np.asarray(image) for image in images])
        return torch.from_numpy(arrays).permute(0, 3, 1, 2).to(self.device)


def mean_colourfulness(images: Sequence[Image.Image]) -> float:
    """Mean colourfulness of RGB images."""
    return float(np.mean([colourfulness(image) for image in images]))


def even_regions(truth: Image.Image) -> np.ndarray:
    """Regions of one true colour in an RGB photograph: int H×W, from 1; 0 is none."""
    segments = felzenszwalb(np.asarray(truth), **SEGMENTS) + 1
    spread = _spread(truth, segments)
    return np.where(spread[segments] < EVEN, segments, 0)


def stains(outputs: Sequence[Image.Image], regions: Sequence[np.ndarray]) -> float:
    """The share of regions, of all photographs together, in which chroma spreads by more than
    8/255."""
    stained = count = 0
    for output, own in zip(outputs, regions, strict=True):
        numbers = np.unique(own[own > 0])
        stained += int((_spread(output, own)[numbers] > STAINED).sum())
        count += len(numbers)
    return stained / max(count, 1)


def _spread(image: Image.Image, segments: np.ndarray) -> np.ndarray:
    """Root of the mean squared distance of chroma from its mean, of 255, for each segment."""
    planes = np.asarray(image.convert("YCbCr"), dtype=np.float64)[..., 1:]
    index = segments.ravel()
    count = np.maximum(np.bincount(index), 1)
    variance = np.zeros(len(count))
    for plane in (planes[..., 0].ravel(), planes[..., 1].ravel()):
        mean = np.bincount(index, plane) / count
        variance += np.bincount(index, plane * plane) / count - mean**2
    return np.sqrt(np.maximum(variance, 0))


def _judges(names: Sequence[str], count: int) -> dict[str, Metric]:
    """torchmetrics' metrics; FID and KID keep the features of the true photographs."""
    judges: dict[str, Metric] = {}
    if "psnr" in names:
        judges["psnr"] = PeakSignalNoiseRatio(data_range=1.0, reduction="none", dim=(1, 2, 3))
    if "ssim" in names:
        judges["ssim"] = StructuralSimilarityIndexMeasure(data_range=1.0)
    if "lpips" in names:
        judges["lpips"] = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
    if {"fid", "kid"} & set(names):
        inception = Inception()
    if "fid" in names:
        judges["fid"] = FrechetInceptionDistance(inception, reset_real_features=False)
    if "kid" in names:
        size = min(KID_SUBSET, count - 1)
        judges["kid"] = KernelInceptionDistance(
            inception, subset_size=size, reset_real_features=False
        )
    return judges
