"""What the metrics say of true colours: the limits of the pipeline, and of FID on few photographs.

    python -m benchmarks.limits RUN [--split test] [--set pets]

The true chroma of each photograph takes the generator's place in the public pipeline: at half size,
as a perfect generator would give it; paler; and as the mean of cells of several pixels, as a
generator would give it that knows all colours but not where they end.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from colouriser import colour, guide
from train.measure.evaluate import squares, table
from train.measure.metrics import Metrics
from train.recipes import RECIPES
from train.run import Run

CELLS = (8, 16, 32)  # pixels of the photograph


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="test")
    parser.add_argument("--set", help="only photographs of this set")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = RECIPES["cpu"]
    run = Run(options.run)
    rows = [r for r in run.photographs.of(options.split) if options.set in (None, r.set)]
    truths = squares(run.photographs, rows, recipe.stored_size)
    metrics = Metrics(truths, recipe.metrics)
    made: dict[str, Sequence[Image.Image]] = {
        "grey": [t.convert("L").convert("RGB") for t in truths],
        "true colours": [true_colours(t) for t in truths],
        "true colours, half as vivid": [true_colours(t, vividness=0.5) for t in truths],
    }
    for cell in CELLS:
        name = f"true colours, cells of {cell} px"
        made[name] = [true_colours(t, cell=cell) for t in truths]
    print(f"Split {options.split}, n = {len(truths)}, {recipe.stored_size} px.\n")
    print(table({name: metrics(images) for name, images in made.items()}))


def true_colours(truth: Image.Image, cell: int = 2, vividness: float = 1.0) -> Image.Image:
    """An RGB photograph whose chroma went through the pipeline, as the mean of cells of pixels."""
    rgb = torch.from_numpy(np.array(truth)).permute(2, 0, 1)[None].float() / 255
    luma, chroma = colour.split(F.avg_pool2d(rgb, 2))
    if cell > 2:
        size = chroma.shape[-2:]
        chroma = F.interpolate(F.avg_pool2d(chroma, cell // 2), size, mode="bilinear")
    coefficients = guide.guided_upsampling(luma, chroma)[0]
    return guide.render_bands(truth.convert("L"), coefficients, vividness)


if __name__ == "__main__":
    main()
