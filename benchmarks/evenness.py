"""What even colours change: photographs of a run coloured with and without `colouriser.even`.

    python -m benchmarks.evenness RUN [--split valid] [--set general] [--photographs 200]

Prints a table: PSNR above grey's, colourfulness of the truth's, stains, and what is seen: the
probability that an ImageNet ResNet-18 gives what it names the true photograph, as a share of what
lies between grey and true. Then the milliseconds that evening takes for a photograph.
"""

import argparse
from pathlib import Path
from time import perf_counter
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colouriser import Colouriser, pipeline
from colouriser.even import even
from train.measure.evaluate import photographs
from train.measure.metrics import Metrics
from train.run import Run, spaced

SIZE = 256


def probabilities(metrics: Metrics, images: list[Image.Image]) -> Tensor:
    """What the classifier of the agreement says of RGB images of one size: N×1000."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    with torch.inference_mode():
        parts = stacked.permute(0, 3, 1, 2).to(metrics.device).split(32)
        return torch.cat([metrics.classifier(metrics.prepare(p)).softmax(1) for p in parts])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evenness", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--set", default="general", help="of which photographs")
    parser.add_argument("--photographs", type=int, default=200)
    options = parser.parse_args()
    run, colouriser = Run(options.run), Colouriser.load()
    names = [pair.name for pair in run.pairs(options.split) if pair.set == options.set]
    truths = photographs(run, spaced(names, options.photographs), SIZE)
    metrics = Metrics(truths, ("psnr", "colourfulness", "stains", "agreement"))
    true = probabilities(metrics, truths)
    named = true.argmax(1, keepdim=True)

    def seen(images: list[Image.Image]) -> float:
        return float(probabilities(metrics, images).gather(1, named).mean())

    greys = [truth.convert("L").convert("RGB") for truth in truths]
    grey, low, high = metrics(greys), seen(greys), seen(truths)
    seconds: list[float] = []

    def timed(luma: Tensor, chroma: Tensor, palette: Tensor, cells: Tensor) -> Tensor:
        start = perf_counter()
        result = even(luma, chroma, palette, cells)
        seconds.append(perf_counter() - start)
        return result

    print("| | PSNR | colourfulness | stains | seen |\n|---|---|---|---|---|")
    for name, step in (("as painted", lambda luma, chroma, *_: chroma), ("even", timed)):
        with mock.patch.object(pipeline, "even", step):
            outputs = [colouriser.colourise(truth, detail=SIZE) for truth in truths]
        scores = metrics(outputs)
        print(
            f"| {name} | {scores['psnr'] - grey['psnr']:+.2f} dB "
            f"| {scores['colourfulness'] / grey['colourfulness_gap']:.3f} "
            f"| {scores['stains']:.1%} | {(seen(outputs) - low) / (high - low):.3f} |",
            flush=True,
        )
    print(f"\n{1000 * float(np.median(seconds)):.1f} ms a photograph, of {len(truths)}")


if __name__ == "__main__":
    main()
