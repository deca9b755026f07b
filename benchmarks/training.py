"""Training speed: this generator against the original recipe's, in images per second.

    python -m benchmarks.training RUN

The original is fastai's DynamicUnet on ResNet-34 with self-attention and blur, RGB in and RGB out.
Both train on the same batches of a prepared run folder, at the same size, on the same processor, in
turns; the medians of the rounds are compared, so that other load on the machine falls on both. The
original is measured twice: in float32, as it was, and with our autocast and memory layout.
"""

import argparse
import dataclasses
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fastai.vision.learner import create_unet_model
from fastai.vision.models import resnet34
from torch import Tensor, nn
from torch.nn import functional as F

from colouriser import Generator
from colouriser.generator import has_bfloat16
from train.data.pairs import pair_loaders
from train.recipes import RECIPES
from train.run import Run
from train.stages.losses import ChromaError, PaintingError, PaletteError

Batch = tuple[Tensor, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="cpu")
    parser.add_argument("--size", type=int, help="of the crops; the recipe's unless given")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"(torch|fastai)\.")
    recipe = dataclasses.replace(RECIPES[options.recipe], workers=0)
    size = options.size or recipe.generator_size
    loaders = pair_loaders(recipe, Run(options.run), size, recipe.batch)
    device = loaders.device
    batches = [_plain(batch) for batch, _ in zip(loaders.train, range(2), strict=False)]
    layout = torch.channels_last
    original = create_unet_model(
        resnet34, 3, (size, size), pretrained=False, blur=True, self_attention=True
    )
    ours = Generator(recipe.model).to(device).to(memory_format=layout)
    error = PaintingError(ChromaError(recipe.pixel_loss), PaletteError(ours), recipe.palette_weight)
    precise = original.to(device)
    steps = {
        "ours": _trainer(ours, error, recipe.bfloat16),
        "original": _trainer(precise, _rgb_error, False),
    }
    table: dict[str, list[float]] = {name: [] for name in [*steps, "original, autocast"]}
    faster = _trainer(original, _rgb_error, recipe.bfloat16)
    for round_ in range(options.rounds + 1):  # the first warms up
        for name, step in steps.items():
            seconds = _time(step, batches, device)
            if round_:
                table[name].append(recipe.batch * len(batches) / seconds)
        original.to(memory_format=layout)
        seconds = _time(faster, batches, device)
        original.to(memory_format=torch.contiguous_format)
        if round_:
            table["original, autocast"].append(recipe.batch * len(batches) / seconds)
    medians = {name: statistics.median(values) for name, values in table.items()}
    print(f"{size} px, batch {recipe.batch}, {device}, {torch.get_num_threads()} threads")
    print("| | images/s | ours is faster by |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median:.3g} | {medians['ours'] / median:.2f} |")


def _plain(batch: Batch) -> Batch:
    grey, rgb = (x.as_subclass(Tensor).contiguous(memory_format=torch.channels_last) for x in batch)
    return grey, rgb


def _trainer(
    model: nn.Module, loss: Callable[[Any, Tensor], Tensor], bfloat16: bool
) -> Callable[[Tensor, Tensor], None]:
    """A training step: forward, backward, Adam."""
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    model.train()

    def step(grey: Tensor, rgb: Tensor) -> None:
        first = next(model.parameters())
        inputs = grey if isinstance(model, Generator) else grey.expand(-1, 3, -1, -1)
        device = first.device.type
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16 and has_bfloat16(device)):
            error = loss(model(inputs), rgb)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()

    return step


def _rgb_error(output: Tensor, rgb: Tensor) -> Tensor:
    return F.mse_loss(output.float(), rgb)


def _time(
    step: Callable[[Tensor, Tensor], None], batches: list[Batch], device: torch.device
) -> float:
    started = time.perf_counter()
    for grey, rgb in batches:
        step(grey, rgb)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
