"""What a run was made with: RUN/recipe.json, and RUN/record.json with each step's surroundings."""

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from time import monotonic

import torch
from fastai.torch_core import rank_distrib

from colouriser import ColouriserError
from colouriser.files import write_atomically

from .recipes import Recipe

PACKAGES = ("torch", "torchvision", "fastai", "torchmetrics", "torch-fidelity", "numpy", "pillow")


def check_recipe(recipe: Recipe, run: Path) -> None:
    """Write the recipe into a run folder, or check that it is the one already there.

    Raises:
        ColouriserError: the folder belongs to another recipe, or its recipe.json is damaged.
    """
    path = run / "recipe.json"
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if not path.exists():
        _write(path, fields)
        return
    try:
        recorded = json.loads(path.read_text())
        differences = [k for k in fields | recorded if fields.get(k) != recorded.get(k)]
    except (OSError, ValueError, TypeError) as error:
        raise ColouriserError(f"{path} is damaged ({error}); choose another --run") from error
    if differences:
        raise ColouriserError(
            f"{run} was made with another recipe (it differs in {', '.join(differences)}); "
            "choose another --run or delete the folder"
        )


@contextmanager
def recorded(step: str, recipe: Recipe, run: Path, **notes: object) -> Iterator[None]:
    """Records a step that ends well: seed, packages, processor, data, seconds, and notes.

    Seconds add up over the runs of a step, but for parts that were killed; those of each epoch are
    in its history.csv.
    """
    started, path = monotonic(), run / "record.json"
    steps = json.loads(path.read_text()) if path.exists() else {}
    if step not in steps and not rank_distrib():  # the first of several processes
        _write(path, steps | {step: notes})  # which a resumed step may not know any more
    yield
    if rank_distrib():
        return
    steps = json.loads(path.read_text())
    before = steps[step].get("seconds", 0)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    steps[step] = {
        **notes,
        **steps[step],
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(before + monotonic() - started, 1),
        "seed": recipe.seed,
        "data": data_hash(run),
        "processor": gpu or f"{processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    _write(path, steps)


def data_hash(run: Path) -> str:
    """SHA-256 of a run's photographs and their splits."""
    digest = hashlib.sha256((run / "pairs.csv").read_bytes())
    for path in sorted((run / "colour").iterdir()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _write(path: Path, value: dict) -> None:
    text = json.dumps(value, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
