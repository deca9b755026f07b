"""What happens to chroma on its way from small to a photograph's full size, by the way.

    python -m benchmarks.upsampling RUN [--set general] [--photographs 200]

First the true chroma of each photograph, an eighth, a quarter or half of its size, takes the
generator's place: what is lost (PSNR in dB of RGB, LPIPS). Then the bundled generator's own: PSNR
above grey's, colourfulness of the truth's, stains, LPIPS and KID of grey's.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from colouriser import Colouriser, colour, guide
from train.measure.evaluate import photographs
from train.measure.metrics import Metrics
from train.run import Run, spaced

SIZE = 256
SHARES = (8, 4, 2)


def bilinear(luma: Tensor, chroma: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(chroma), chroma], 1)


def guided_filter(luma: Tensor, chroma: Tensor, radius: int, smoothness: float = 4e-4) -> Tensor:
    """He & Sun 2015, arXiv:1505.00996."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)

    variance = mean(luma * luma) - mean(luma) ** 2
    slope = (mean(luma * chroma) - mean(luma) * mean(chroma)) / (variance + smoothness)
    return mean(torch.cat([slope, mean(chroma) - slope * mean(luma)], 1))


WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bilinear alone": bilinear,
    "Fast Guided Filter, radius 2": partial(guided_filter, radius=2),
    "Fast Guided Filter, radius 1": partial(guided_filter, radius=1),
    "ours": guide.guided_upsampling,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upsampling", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--set", default="general", help="of which photographs")
    parser.add_argument("--photographs", type=int, default=200)
    options = parser.parse_args()
    run = Run(options.run)
    names = [pair.name for pair in run.pairs(options.split) if pair.set == options.set]
    truths = photographs(run, spaced(names, options.photographs), SIZE)
    lumas = [truth.convert("L") for truth in truths]
    nearness = Metrics(truths, ("psnr", "lpips"))
    print(f"Split {options.split}, set {options.set}, n = {len(truths)}, {SIZE} px.\n")
    print("| true chroma of size | " + " | ".join(WAYS) + " |")
    print("|---|" + "---|" * len(WAYS))
    for share in SHARES:
        scores = [nearness([of_truth(t, share, way) for t in truths]) for way in WAYS.values()]
        cells = [f"{score['psnr']:.1f} dB, {score['lpips']:.3f}" for score in scores]
        print(f"| 1/{share} | " + " | ".join(cells) + " |", flush=True)
    metrics = Metrics(truths, ("psnr", "colourfulness", "stains", "lpips", "kid"))
    grey, colouriser = metrics([luma.convert("RGB") for luma in lumas]), Colouriser.load()
    predictions = [colouriser.predict(luma) for luma in lumas]
    print("\n| predicted chroma | PSNR | colourfulness | stains | LPIPS | KID |")
    print("|---|---|---|---|---|---|")
    for name, way in WAYS.items():
        outputs = [
            guide.merge(luma, way(F.avg_pool2d(small.luma, 2), small.chroma)[0])
            for luma, small in zip(lumas, predictions, strict=True)
        ]
        score = metrics(outputs)
        print(
            f"| {name} | {score['psnr'] - grey['psnr']:+.2f} dB "
            f"| {score['colourfulness'] / grey['colourfulness_gap']:.3f} "
            f"| {score['stains']:.1%} | {score['lpips'] / grey['lpips']:.3f} "
            f"| {score['kid'] / grey['kid']:.3f} |",
            flush=True,
        )


def of_truth(
    truth: Image.Image, share: int, way: Callable[[Tensor, Tensor], Tensor]
) -> Image.Image:
    """An RGB photograph whose chroma went through a share of its size."""
    rgb = torch.from_numpy(np.array(truth)).permute(2, 0, 1)[None].float() / 255
    return guide.merge(truth.convert("L"), way(*colour.split(F.avg_pool2d(rgb, share)))[0])


if __name__ == "__main__":
    main()
