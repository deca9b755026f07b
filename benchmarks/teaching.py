"""What each part of stage 1's teaching is worth: the recipe, and the recipe without one part at a
time, trained for a short while each.

    python -m benchmarks.teaching RUN --start MODEL --folder WORK [--photographs 1920]

Each variant goes on from the same model, over the same photographs of the training split once, in
small crops, and colours the same photographs of the validation split. Prints a table: PSNR without
hints, what ten true points gain, how often the truth is among the first five suggestions, and the
colourfulness. A variant that is there already in WORK is not trained again.
"""

import argparse
import csv
import logging
from dataclasses import replace
from pathlib import Path

from colouriser import Colouriser
from train.data.hints import HintConfig
from train.measure.corrections import hint_psnr, suggested
from train.measure.evaluate import colour_all, photographs
from train.measure.metrics import Metrics
from train.recipes import RECIPES, Recipe
from train.run import Run, read_csv, spaced
from train.stages.generator import train_generator

SHORT = replace(
    RECIPES["cpu"],
    generator_epochs=1,
    small_epochs=1,
    fakes=4,
    watched=16,
    generator_average=0.95,  # about the last 20 steps; the recipe's would be mostly the start
)
VARIANTS = {
    "as in the recipe": SHORT,
    "without the palette's loss": replace(SHORT, palette_weight=0.0),
    "rare colours not weighted up": replace(SHORT, rarity=1.0),
    "without hints": replace(SHORT, hints=HintConfig(share=0.0)),
    "no things recoloured": replace(SHORT, hints=HintConfig(recoloured=0.0)),
    "mean squared error": replace(SHORT, pixel_loss="mse"),
    "no worn photographs": replace(SHORT, aged=0.0),
    "weights of the last step": replace(SHORT, generator_average=0.0),
}
MEASURED = 96  # photographs of the validation split


def shortened(run: Run, folder: Path, most: int) -> Run:
    """A run with some of the photographs of another, which lie where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("colour", "grey"):
        if not (folder / name).exists():
            (folder / name).symlink_to((run.folder / name).resolve())
    rows = read_csv(run.folder / "pairs.csv", "name")
    training = spaced([row for row in rows if row["split"] == "train"], most)
    kept = [*training, *(row for row in rows if row["split"] == "valid")]
    with (folder / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return Run(folder)


def measure(run: Run, recipe: Recipe) -> dict[str, float]:
    """What validation photographs say of a variant's generator."""
    names, colouriser = run.names("valid", MEASURED), Colouriser.load(run.stage("generator"))
    truths = photographs(run, names, recipe.stored_size)
    scores = Metrics(truths, ("psnr", "colourfulness"))(colour_all(colouriser, truths))
    with_points = hint_psnr(colouriser, truths, names)
    return {
        "PSNR": scores["psnr"],
        "ten points gain": with_points["10"] - with_points["0"],
        "suggested": suggested(colouriser, truths, names),
        "colourfulness": scores["colourfulness"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teaching", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--start", required=True, help="the model that each variant goes on from")
    parser.add_argument("--folder", type=Path, required=True, help="for the variants' runs")
    parser.add_argument("--photographs", type=int, default=1920, help="of the training split")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    for index, (name, recipe) in enumerate(VARIANTS.items()):
        run = shortened(Run(options.run), options.folder / str(index), options.photographs)
        if not run.fakes.exists():
            train_generator(recipe, run, start=options.start)
        row = measure(run, recipe)
        if index == 0:
            print(f"| | {' | '.join(row)} |\n{'|---' * (len(row) + 1)}|")
        print(f"| {name} | {' | '.join(f'{value:.4g}' for value in row.values())} |", flush=True)


if __name__ == "__main__":
    main()
