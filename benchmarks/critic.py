"""Critic ablation: what makes a critic teach. Writes RUN/ablation/table.md.

    python -m benchmarks.critic RUN [--only NAME ...]

From the generator of a run's first stage, each variant of the recipe trains its own critic and then
the GAN, on some of the training photographs and at a smaller size, all with the same seed, and
colours validation photographs. The table's first rows are what it starts from: the photographs in
grey, and the generator alone. A variant that is done is not run again.
"""

import argparse
import csv
import dataclasses
import json
import logging
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

from colouriser import Colouriser
from train.critic import train_critic
from train.evaluate import Rows, colour_all, photographs, table
from train.gan import train_gan
from train.metrics import Metrics
from train.prepare import pairs, spaced
from train.recipes import RECIPES, Recipe

SHORT: dict[str, Any] = {
    "fakes": None,  # of those kept below, all
    "batch": 8,
    "gan_epochs": 1,
    "gan_size": 128,
    "critic_size": 128,
    "watched": 200,
    "average": 0.95,  # over the last steps: there are few
    "blend_shares": (1.0,),  # the GAN's own generator
    "blend_gains": (1.0,),
}
PHOTOGRAPHS = (
    900  # of the training split: some 55 steps of the generator, and as many of the critic
)
REFERENCE = {  # the critic and the turns of the reference recipe
    name: getattr(RECIPES["reference"], name)
    for name in (
        "critic",
        "spectral",
        "patches",
        "real_label",
        "critic_epochs",
        "generator_turn",
        "critic_turn",
        "critic_threshold",
    )
}
PIXELS = {"critic": "patches"}
VARIANTS: dict[str, dict[str, Any]] = {
    "as in the recipe": {},
    "no critic": {"critic_weight": 0.0},
    "critic of pixels": PIXELS,
    "like the reference": REFERENCE,
    "no vividness": {"vividness_weight": 0.0},
    "no perceptual distance": {"perceptual_weight": 0.0},
    "slower critic": {"gan_critic_rate": 2e-4},
    "two generator steps": {"generator_turn": 2},
    "replay": {"replay": 0.5},
    "long head start": {"critic_epochs": 6},
    "no label smoothing": {"real_label": 1.0},
    "pixels, no spectral norm": PIXELS | {"spectral": False},
    "pixels, whole photographs": PIXELS | {"patches": False},
    "pixels, noise": PIXELS | {"critic_noise": 0.2},
}
COLUMNS = {
    "critic_accuracy": "critic accuracy",
    "critic_steps": "critic steps",
    "generator_steps": "generator steps",
    "valid_fid": "FID",
    "valid_kid": "KID",
    "valid_psnr": "PSNR",
    "valid_colourfulness": "colourfulness",
    "valid_colourfulness_gap": "gap",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.critic", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder whose generator stage is done")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="cpu")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"(torch|fastai)\.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = _start(options.run, RECIPES[options.recipe])
    for name in VARIANTS:
        recipe = dataclasses.replace(RECIPES[options.recipe], **SHORT, **VARIANTS[name])
        folder = options.run / "ablation" / name.replace(",", "").replace(" ", "-")
        done = (folder / "gan" / "history.csv").exists()
        if name in options.only and not done:
            started = time.monotonic()
            _train(recipe, options.run, folder)
            logging.info("%s: %.0f s", name, time.monotonic() - started)
        if (folder / "gan" / "history.csv").exists():
            with open(folder / "gan" / "history.csv", newline="") as file:
                last = list(csv.DictReader(file))[-1]
            rows[name] = {key: float(last[key]) for key in COLUMNS}
    named = {row: {COLUMNS[k]: v for k, v in scores.items()} for row, scores in rows.items()}
    text = table(named, list(COLUMNS.values())) + "\n"
    (options.run / "ablation" / "table.md").write_text(text)
    print(text)


def _start(run: Path, recipe: Recipe) -> Rows:
    """What all variants start from."""
    path = run / "ablation" / "start.json"
    if not path.exists():
        truths = photographs(run, "valid", recipe.stored_size, SHORT["watched"])
        metrics = Metrics(truths, ("psnr", "fid", "kid", "colourfulness"))
        colouriser = Colouriser.load(run / "generator")
        rows = {
            "grey": metrics([t.convert("L").convert("RGB") for t in truths]),
            "generator alone": metrics(colour_all(colouriser, truths, recipe.stored_size)),
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps({n: {f"valid_{k}": v for k, v in r.items()} for n, r in rows.items()})
        )
    return json.loads(path.read_text())


def _train(recipe: Recipe, run: Path, folder: Path) -> None:
    """The critic's and the GAN's stages in a folder that shares photographs and generator."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("colour", "grey", "fakes", "generator"):
        if not (folder / name).exists():
            (folder / name).symlink_to((run / name).resolve())
    if not (folder / "pairs.csv").exists():
        seen = {path.stem for path in (run / "fakes").iterdir()}
        train = spaced([name for name in pairs(run, "train") if name in seen], PHOTOGRAPHS)
        valid = [name for name in pairs(run, "valid") if name in seen]
        kept = [(n, "train") for n in train] + [(n, "valid") for n in valid]
        with open(folder / "pairs.csv", "w", newline="") as file:
            csv.writer(file).writerows([("name", "split"), *kept])
    train_critic(recipe, folder)
    train_gan(recipe, folder)
    (folder / "gan" / "checkpoint.safetensors").unlink(missing_ok=True)  # large, and done
    shutil.rmtree(folder / "critic", ignore_errors=True)


if __name__ == "__main__":
    main()
