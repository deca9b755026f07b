"""How good colours are: several metrics side by side, because each alone can be fooled.

PSNR and SSIM reward timid colour and grey itself; LPIPS, FID and KID compare what networks see;
colourfulness says only how much colour there is.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.image import (
    FrechetInceptionDistance,
    KernelInceptionDistance,
    LearnedPerceptualImagePatchSimilarity,
    PeakSignalNoiseRatio,
    StructuralSimilarityIndexMeasure,
)

from colouriser import ColouriserError

BATCH = 32
KID_SUBSET = 50  # photographs per estimate; KID is unbiased at any size


def colourfulness(image: Image.Image) -> float:
    """Colourfulness of an RGB image, 0 for grey, about 30 for an average photograph.

    M3 of Hasler & Süsstrunk, Measuring colourfulness in natural images, 2003.
    """
    red, green, blue = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def measure(
    outputs: list[Image.Image], truths: list[Image.Image], metrics: tuple[str, ...]
) -> dict[str, float]:
    """Compare coloured photographs with the true ones.

    Args:
        outputs, truths: RGB, all of one size, in the same order.
        metrics: any of psnr (dB, RGB), ssim, lpips (AlexNet), fid, kid (Inception), colourfulness.
            lpips, fid and kid download their networks on first use.

    Returns:
        A value for each metric; colourfulness also gives "colourfulness_gap", the distance of the
        outputs' mean from the truths'.

    Raises:
        ColouriserError: a metric's network cannot be downloaded.
    """
    try:
        judges = _judges(metrics, len(truths))
    except OSError as error:
        raise ColouriserError(
            f"a metric's network cannot be downloaded ({error}); go online once, or put its file "
            "into torch's cache"
        ) from error
    psnr: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(truths), BATCH):
            output, truth = (_stack(x[start : start + BATCH]) for x in (outputs, truths))
            for name, judge in judges.items():
                if name == "psnr":
                    psnr.append(judge(output, truth))
                elif name in ("fid", "kid"):
                    judge.update(truth, real=True)
                    judge.update(output, real=False)
                else:
                    judge.update(output, truth)
        torch.manual_seed(0)  # KID draws subsets
        values = {n: judge.compute() for n, judge in judges.items() if n != "psnr"}
    scores: dict[str, float] = {}
    for name in metrics:
        if name == "psnr":  # the mean over photographs
            scores[name] = torch.cat([p.flatten() for p in psnr]).mean().item()
        elif name == "colourfulness":
            own, true = (float(np.mean([colourfulness(i) for i in x])) for x in (outputs, truths))
            scores |= {name: own, "colourfulness_gap": abs(own - true)}
        else:
            value = values[name]
            scores[name] = float(value[0] if isinstance(value, tuple) else value)
    return scores


def _judges(metrics: tuple[str, ...], count: int) -> dict[str, Metric]:
    judges: dict[str, Metric] = {}
    if "psnr" in metrics:
        judges["psnr"] = PeakSignalNoiseRatio(data_range=1.0, reduction="none", dim=(1, 2, 3))
    if "ssim" in metrics:
        judges["ssim"] = StructuralSimilarityIndexMeasure(data_range=1.0)
    if "lpips" in metrics:
        judges["lpips"] = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
    if "fid" in metrics:
        judges["fid"] = FrechetInceptionDistance(normalize=True)
    if "kid" in metrics:
        size = min(KID_SUBSET, count - 1)
        judges["kid"] = KernelInceptionDistance(subset_size=size, normalize=True)
    return judges


def _stack(images: list[Image.Image]) -> Tensor:
    """RGB images to float N×3×H×W in [0, 1]."""
    arrays = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 255
