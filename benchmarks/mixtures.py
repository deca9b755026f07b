"""What the shares of head and palette change: photographs of a run coloured with several mixtures.

    python -m benchmarks.mixtures RUN [--mix 1 0.7 ...] [--set general] [--photographs 200]
        [--unblended FOLDER] [--detail 224]

Each mixture is two factors, on the chroma of the head as the GAN left it, and on the mean of the
palette: of the bundled weights, or of those in a run's gan/unblended. With the bundled ones, the
last row is what their evenness chooses for each photograph.
Prints for each PSNR above grey's, colourfulness of the truth's, stains, LPIPS and KID of grey's,
and what is seen: the probability that an ImageNet ResNet-18 gives what it names the true
photograph, as a share of what lies between grey and true.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colouriser import Colouriser
from colouriser.hub import find, load
from colouriser.options import DETAIL
from train.measure.evaluate import colour_all, photographs
from train.measure.metrics import Metrics
from train.recipes import RECIPES
from train.run import Run, spaced
from train.stages.blend import blend

SIZE = 256
RECIPE = RECIPES["cpu"]
BUNDLED_HEAD = RECIPE.detailed[0]  # factor that is in the bundled weights' head


def probabilities(metrics: Metrics, images: list[Image.Image]) -> Tensor:
    """What the classifier of the agreement says of RGB images of one size: N×1000."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    with torch.inference_mode():
        parts = stacked.permute(0, 3, 1, 2).to(metrics.device).split(32)
        return torch.cat([metrics.classifier(metrics.prepare(p)).softmax(1) for p in parts])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixtures", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument(
        "--mix", type=float, nargs=2, action="append", metavar=("HEAD", "MEAN"), default=[]
    )
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--set", default="general", help="of which photographs")
    parser.add_argument("--photographs", type=int, default=200)
    parser.add_argument(
        "--unblended", type=Path, help="what a GAN left; the bundled weights if not"
    )
    parser.add_argument("--detail", type=int, default=int(DETAIL.default))
    options = parser.parse_args()
    run, model = Run(options.run), load(find(options.unblended))
    own = 1.0 if options.unblended else BUNDLED_HEAD
    names = [pair.name for pair in run.pairs(options.split) if pair.set == options.set]
    truths = photographs(run, spaced(names, options.photographs), SIZE)
    metrics = Metrics(truths, ("psnr", "colourfulness", "stains", "lpips", "kid", "agreement"))
    true = probabilities(metrics, truths)
    named = true.argmax(1, keepdim=True)

    def seen(images: list[Image.Image]) -> float:
        return float(probabilities(metrics, images).gather(1, named).mean())

    greys = [truth.convert("L").convert("RGB") for truth in truths]
    grey, low, high = metrics(greys), seen(greys), seen(truths)
    models = {
        f"{head} | {mean}": blend(model, head / own, mean)
        for head, mean in options.mix or [RECIPE.detailed, RECIPE.even]
    }
    if not options.unblended:
        models["by photograph | "] = model
    print("| head | mean | PSNR | colourfulness | stains | LPIPS | KID | seen |")
    print("|---|---|---|---|---|---|---|---|")
    for name, mixture in models.items():
        outputs = colour_all(Colouriser(mixture), truths, options.detail)
        scores = metrics(outputs)
        print(
            f"| {name} | {scores['psnr'] - grey['psnr']:+.2f} dB "
            f"| {scores['colourfulness'] / grey['colourfulness_gap']:.3f} "
            f"| {scores['stains']:.1%} | {scores['lpips'] / grey['lpips']:.3f} "
            f"| {scores['kid'] / grey['kid']:.3f} "
            f"| {(seen(outputs) - low) / (high - low):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
