"""What the three stages share: autocast, the record of each epoch, and resuming."""

import csv
import io
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import set_seed

from colouriser.files import write_atomically

from .checkpoint import load_checkpoint, save_checkpoint
from .distributed import distribute, is_first
from .recipes import Recipe

log = logging.getLogger(__name__)

Scores = dict[str, float]


class Autocast(Callback):
    """bfloat16 for forward and loss, on any device that has it (fastai's MixedPrecision is for CUDA
    alone)."""

    def before_batch(self) -> None:
        device = next(self.model.parameters()).device.type
        self.autocast = torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device))
        self.autocast.__enter__()

    def after_loss(self) -> None:
        self.autocast.__exit__(None, None, None)


def has_bfloat16(device: str) -> bool:
    """Whether a kind of device computes in bfloat16; without, emulating it costs ten times the
    time of float32."""
    if device == "cpu":
        found = torch.cpu.get_capabilities()
        return any(value is True for name, value in found.items() if "bf16" in name)
    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


class EpochRecord(Callback):
    """After each epoch: a row in history.csv, then a checkpoint. Before each: the same seed again.

    `after` is called with the epoch's number (from 1), its row so far and the best score yet; it
    adds to the row, keeps the model if it is the best, and returns the best score.
    """

    order = 80  # after fastai's Recorder and SkipToEpoch

    def __init__(
        self, folder: Path, recipe: Recipe, after: Callable[[int, Scores, float | None], float]
    ) -> None:
        self.folder, self.recipe, self.after_scores = folder, recipe, after
        self.first = 0
        self.best: float | None = None

    def before_epoch(self) -> None:
        # A resumed stage sees the photographs in the order it would have seen without a break.
        set_seed(self.recipe.seed + self.epoch)
        loader = getattr(self.dls.train, "dl", self.dls.train)  # within that of several processes
        loader.rng = random.Random(self.recipe.seed + self.epoch)
        self.started = time.monotonic()

    def after_epoch(self) -> None:
        if self.epoch < self.first or not is_first():  # fastai runs this for skipped epochs too
            return
        names = self.recorder.metric_names[1:-1]  # without the epoch and fastai's time
        row = dict(zip(names, self.recorder.values[-1], strict=True))
        self.best = self.after_scores(self.epoch + 1, row, self.best)
        row["seconds"] = round(time.monotonic() - self.started, 1)
        _add_row(self.folder / "history.csv", {"epoch": self.epoch + 1, **row})
        notes = {"epochs": self.epoch + 1, "best": self.best}
        save_checkpoint(self.learn, self.folder / "checkpoint.safetensors", notes)


def train(
    learner: Learner,
    record: EpochRecord,
    epochs: int,
    fit: Callable[[int], None],
) -> None:
    """Run a stage, from its last checkpoint if there is one.

    Args:
        learner: with its model and data.
        record: the stage's record, which becomes a callback.
        epochs: of the whole stage.
        fit: called with the epoch to start from; calls one of the learner's fit methods.
    """
    record.folder.mkdir(parents=True, exist_ok=True)
    path = record.folder / "checkpoint.safetensors"
    if path.exists():
        notes = load_checkpoint(learner, path)
        record.first, record.best = notes["epochs"], notes["best"]
        log.info("%s: %d of %d epochs are done", record.folder.name, record.first, epochs)
    if record.first < epochs:
        learner.add_cb(record)
        distribute(learner)
        fit(record.first)


def _add_row(path: Path, row: dict[str, float]) -> None:
    """Add an epoch's row; a row that a killed run left of the same epoch is replaced."""
    rows: list[dict[str, str]] = []
    if path.exists():
        with open(path, newline="") as file:
            rows = [r for r in csv.DictReader(file) if int(r["epoch"]) < row["epoch"]]
    rows.append({k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in row.items()})
    text = io.StringIO()
    writer = csv.DictWriter(text, row.keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
