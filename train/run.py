"""A run: a folder that holds all of one training, where everything lies in it, and its record.

photographs.bin photographs.csv                the photographs (train/data/prepare.py)
skipped.csv sources.csv                        which were of no use; where they are from
recipe.json record.json                        what it was made with
generator/ critic/ gan/                        a stage each: history.csv, samples/,
                                               checkpoint.safetensors, and weights
fakes/                                         the generator's photographs, for the critic
evaluation/ figures/ publish/                  what came out
"""

import csv
import dataclasses
import hashlib
import io
import json
import logging
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from colouriser import ColouriserError
from colouriser.errors import reason
from colouriser.files import write_bytes
from colouriser.hub import WEIGHTS

from .data.photographs import Photographs
from .errors import TrainingError
from .recipes import Recipe, from_fields

log = logging.getLogger(__name__)

PACKAGES = ("torch", "torchvision", "fastai", "torchmetrics", "torch-fidelity", "numpy", "pillow")
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Run:
    """The folder of a run."""

    folder: Path

    @cached_property
    def photographs(self) -> Photographs:
        """The run's photographs.

        Raises:
            TrainingError: the run has not been prepared, or is damaged.
        """
        return Photographs(self.folder)

    @property
    def sources_csv(self) -> Path:
        return self.folder / "sources.csv"

    @property
    def is_prepared(self) -> bool:
        return (self.folder / "photographs.csv").exists()

    # A stage's

    def stage(self, stage: str) -> Path:
        return self.folder / stage

    def checkpoint(self, stage: str) -> Path:
        return self.stage(stage) / "checkpoint.safetensors"

    def history(self, stage: str) -> Path:
        return self.stage(stage) / "history.csv"

    def sample(self, stage: str, epoch: int) -> Path:
        return self.stage(stage) / "samples" / f"epoch-{epoch:02}.jpg"

    def has_model(self, stage: str) -> bool:
        return (self.stage(stage) / WEIGHTS).exists()

    @property
    def fakes(self) -> Path:
        return self.folder / "fakes"

    # What came out

    def evaluation(self, split: str, suffix: str = ".json") -> Path:
        return self.folder / "evaluation" / f"{split}{suffix}"

    def figure(self, name: str) -> Path:
        return self.folder / "figures" / name

    @property
    def publication(self) -> Path:
        return self.folder / "publish"

    # What it was made with

    @property
    def recipe_json(self) -> Path:
        return self.folder / "recipe.json"

    @property
    def record_json(self) -> Path:
        return self.folder / "record.json"

    def recipe(self, asked: Recipe) -> Recipe:
        """The recipe of this folder, which is written into it the first time.

        A run outlives a version: a field that it lacks has the recipe's value, and one that is no
        longer known is passed over, both with a warning.

        Raises:
            TrainingError: the folder belongs to a recipe of another name, or its recipe.json is
                damaged.
        """
        if not self.recipe_json.exists():
            self.write_recipe(asked)
            return asked
        recorded = read_json(self.recipe_json)
        if recorded.get("name") != asked.name:
            raise TrainingError(
                f"{self.folder} was made with the recipe {recorded.get('name')!r}; give "
                "--recipe with that name, or choose another --run"
            )
        try:
            recipe, unknown, missing = from_fields(asked, recorded)
        except (TypeError, ValueError, ColouriserError) as error:
            raise _damaged(self.recipe_json, error) from error
        if unknown:
            log.warning("%s: passed over %s", self.recipe_json, ", ".join(unknown))
        if missing:
            log.warning("%s: took %s from the recipe of now", self.recipe_json, ", ".join(missing))
        return recipe

    def write_recipe(self, recipe: Recipe) -> None:
        write_json(self.recipe_json, dataclasses.asdict(recipe))

    def record(self) -> dict[str, dict[str, Any]]:
        """What is recorded of the steps so far.

        Raises:
            TrainingError: record.json is damaged.
        """
        steps = read_json(self.record_json) if self.record_json.exists() else {}
        if not all(isinstance(step, dict) for step in steps.values()):
            raise _damaged(self.record_json, ValueError("a step is no object"))
        return steps

    @contextmanager
    def recorded(self, step: str, recipe: Recipe, **notes: object) -> Iterator[None]:
        """Records a step that ends well: seed, packages, processor, data, seconds, and notes.

        Seconds add up over the runs of a step, but for parts that were killed; those of each epoch
        are in its history.csv.
        """
        started, steps = monotonic(), self.record()
        if step not in steps:
            write_json(self.record_json, steps | {step: notes})  # a resumed step may not know them
        yield
        steps = self.record()
        before = steps.get(step, {}).get("seconds")
        before = before if isinstance(before, int | float) else 0
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        steps[step] = {
            **notes,
            **steps.get(step, {}),
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(
                (before if isinstance(before, int | float) else 0) + monotonic() - started, 1
            ),
            "seed": recipe.seed,
            "data": self.data_hash(),
            "processor": gpu or f"{processor()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
        }
        write_json(self.record_json, steps)

    def data_hash(self) -> str:
        """SHA-256 of the photographs and their splits."""
        digest = hashlib.sha256()
        for name in ("photographs.csv", "photographs.bin"):
            with open(self.folder / name, "rb") as file:
                while block := file.read(1 << 24):
                    digest.update(block)
        return digest.hexdigest()


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        TrainingError: it cannot be read, or is none.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(value, dict):
        raise _damaged(path, ValueError("no object"))
    return value


def write_json(path: Path, value: dict) -> None:
    text = json.dumps(value, indent=2) + "\n"
    write_bytes(path, text.encode())


def read_csv(path: Path, *needed: str) -> list[dict[str, str]]:
    """The rows of a CSV file with a header that has the needed columns.

    Raises:
        TrainingError: it cannot be read, or lacks a column.
    """
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise _damaged(path, error) from error
    if not set(needed) <= set(reader.fieldnames or ()):
        raise _damaged(path, ValueError(f"it needs the columns {' and '.join(needed)}"))
    return rows


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode("utf-8", "surrogateescape")
    write_bytes(path, data)


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{path} is damaged ({reason(error)}); put back a copy of it, or choose another --run"
    )
