"""A run: a folder that holds all of one training, where everything lies in it, and its record.

colour/NAME.jpg grey/NAME.png pairs.csv skipped.csv    the photographs (train/data/prepare.py)
recipe.json record.json                                what it was made with
generator/ critic/ gan/                                a stage each: history.csv, samples/,
                                                       checkpoint.safetensors, and weights
fakes/NAME.png                                         the generator's outputs, for the critic
evaluation/ figures/ publish/                          what came out
"""

import csv
import dataclasses
import hashlib
import io
import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import torch
from fastai.torch_core import rank_distrib

from colouriser import ColouriserError
from colouriser.errors import reason
from colouriser.files import write_atomically
from colouriser.hub import WEIGHTS

from .recipes import Recipe

PACKAGES = ("torch", "torchvision", "fastai", "torchmetrics", "torch-fidelity", "numpy", "pillow")
SPLITS = ("train", "valid", "test")
T = TypeVar("T")


class TrainingError(ColouriserError):
    """A step of the training cannot go on."""

    def __init__(self, sentence: str) -> None:
        super().__init__("training", "{text}", text=sentence)


@dataclass(frozen=True)
class Pair:
    """A photograph of a run: RUN/colour/NAME.jpg and RUN/grey/NAME.png."""

    name: str
    split: str  # train, valid or test
    set: str  # which table of the evaluation it belongs to
    weight: float  # how often it is seen in training, relative to others


@dataclass(frozen=True)
class Run:
    """The folder of a run."""

    folder: Path

    # The photographs

    @property
    def pairs_csv(self) -> Path:
        return self.folder / "pairs.csv"

    def colour(self, name: str) -> Path:
        return self.folder / "colour" / f"{name}.jpg"

    def grey(self, name: str) -> Path:
        return self.folder / "grey" / f"{name}.png"

    def pairs(self, split: str) -> list[Pair]:
        """A split's photographs, sorted by name.

        Raises:
            TrainingError: the run has not been prepared, the split is empty, or the list is
                damaged.
        """
        if not self.pairs_csv.exists():
            raise TrainingError(f"{self.folder} has no pairs.csv; run the prepare step first")
        try:
            pairs = [
                Pair(r["name"], r["split"], r.get("set", "photographs"), float(r.get("weight", 1)))
                for r in read_csv(self.pairs_csv, "name", "split")
            ]
            if not all(pair.name and 0 < pair.weight < float("inf") for pair in pairs):
                raise ValueError("a row lacks its name, or its weight is none")
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.pairs_csv, error) from error
        pairs = sorted((p for p in pairs if p.split == split), key=lambda pair: pair.name)
        if not pairs:
            raise TrainingError(
                f"{self.folder} has no photographs in the split {split!r}; add some"
            )
        return pairs

    def names(self, split: str, most: int | None = None) -> list[str]:
        """Names of a split's photographs, sorted; or `most` of them, evenly spaced."""
        names = [pair.name for pair in self.pairs(split)]
        return names if most is None else spaced(names, most)

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
    def unblended(self) -> Path:
        """The GAN's generator as it left the GAN."""
        return self.stage("gan") / "unblended"

    @property
    def evenness(self) -> Path:
        return self.stage("gan") / "evenness.csv"

    @property
    def fakes(self) -> Path:
        return self.folder / "fakes"

    def fake(self, name: str) -> Path:
        return self.fakes / f"{name}.png"

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

    def check_recipe(self, recipe: Recipe) -> None:
        """Write the recipe into the folder, or check that it is the one already there.

        Raises:
            TrainingError: the folder belongs to another recipe, or its recipe.json is damaged.
        """
        fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
        if not self.recipe_json.exists():
            write_json(self.recipe_json, fields)
            return
        recorded = read_json(self.recipe_json)
        differences = [k for k in fields | recorded if fields.get(k) != recorded.get(k)]
        if differences:
            raise TrainingError(
                f"{self.folder} was made with another recipe (it differs in "
                f"{', '.join(differences)}); choose another --run or delete the folder"
            )

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
        if step not in steps and not rank_distrib():  # the first of several processes
            write_json(self.record_json, steps | {step: notes})  # a resumed step may not know them
        yield
        if rank_distrib():
            return
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
        digest = hashlib.sha256(self.pairs_csv.read_bytes())
        for path in sorted((self.folder / "colour").iterdir()):
            hash = hashlib.sha256(path.read_bytes()).digest()
            digest.update(os.fsencode(path.name) + b"\0" + hash)
        return digest.hexdigest()


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, evenly spaced."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]


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
    write_atomically(path, lambda file: file.write(text.encode()))


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
    write_atomically(path, lambda file: file.write(data))


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{path} is damaged ({reason(error)}); put back a copy of it, or choose another --run"
    )
