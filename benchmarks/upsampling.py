"""What is lost between small chroma and a photograph of full size, by how it is brought there.

    python -m benchmarks.upsampling RUN [--set general] [--photographs 120]

The true chroma of each photograph, an eighth, a quarter or half of its size, takes the generator's
place. Prints PSNR (dB, of RGB) and LPIPS of the results, and what the way costs to a photograph.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from colouriser import colour, guide
from train.measure.evaluate import photographs
from train.measure.metrics import Metrics
from train.run import Run, spaced

SIZE = 256
SHARES = (8, 4, 2)
Coefficients = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upsampling", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--set", default="general", help="of which photographs")
    parser.add_argument("--photographs", type=int, default=120)
    options = parser.parse_args()
    run = Run(options.run)
    names = [pair.name for pair in run.pairs(options.split) if pair.set == options.set]
    truths = photographs(run, spaced(names, options.photographs), SIZE)
    metrics = Metrics(truths, ("psnr", "lpips"))
    ways: dict[str, Coefficients] = {
        "bilinear alone": bilinear,
        "Fast Guided Filter, radius 2": partial(guided_filter, radius=2),
        "Fast Guided Filter, radius 1": partial(guided_filter, radius=1),
        "ours": guide.guided_upsampling,
    }
    print(f"Split {options.split}, set {options.set}, n = {len(truths)}, {SIZE} px.\n")
    print("| chroma's size | | PSNR | LPIPS | ms |")
    print("|---|---|---|---|---|")
    for share in SHARES:
        for name, coefficients in ways.items():
            started = perf_counter()
            outputs = [upsampled(truth, share, coefficients) for truth in truths]
            each = (perf_counter() - started) / len(truths)
            scores = metrics(outputs)
            print(
                f"| 1/{share} | {name} | {scores['psnr']:.2f} | {scores['lpips']:.4f} "
                f"| {each * 1e3:.1f} |",
                flush=True,
            )


def upsampled(truth: Image.Image, share: int, coefficients: Coefficients) -> Image.Image:
    """An RGB photograph whose chroma went through a share of its size."""
    rgb = torch.from_numpy(np.array(truth)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        small = coefficients(*colour.split(F.avg_pool2d(rgb, share)))[0]
    return guide.merge(truth.convert("L"), small)


def bilinear(luma: Tensor, chroma: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(chroma), chroma], 1)


def guided_filter(luma: Tensor, chroma: Tensor, radius: int, smoothness: float = 4e-4) -> Tensor:
    """He & Sun 2015, arXiv:1505.00996."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)

    variance = mean(luma * luma) - mean(luma) ** 2
    slope = (mean(luma * chroma) - mean(luma) * mean(chroma)) / (variance + smoothness)
    return mean(torch.cat([slope, mean(chroma) - slope * mean(luma)], 1))


if __name__ == "__main__":
    main()
