"""What the three stages share: autocast, averages, the record of each epoch, and resuming."""

import copy
import logging
import time
from collections.abc import Callable
from functools import partial

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from fastai.torch_core import default_device, set_seed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.swa_utils import get_ema_multi_avg_fn

from colouriser import Generator, colour
from colouriser.generator import Painting, has_bfloat16

from ..data.loader import Loader
from ..errors import TrainingError
from ..recipes import Recipe
from ..run import Run, read_csv, write_csv
from .checkpoint import Notes, load_checkpoint, save_checkpoint
from .track import track_epoch

log = logging.getLogger(__name__)

Scores = dict[str, float]


def new_loaders(
    recipe: Recipe, run: Run, relabel: Callable[[Tensor], Tensor] | None = None
) -> DataLoaders:
    """The training and the validation split, on fastai's device.

    Args:
        relabel: see `Loader`.
    """
    device = default_device()
    photographs = run.photographs
    return DataLoaders(
        Loader(recipe, photographs, "train", recipe.batch, device, relabel=relabel),
        Loader(recipe, photographs, "valid", recipe.batch, device, recipe.watched),
        device=device,
    )


def paint(painting: Painting, luma: Tensor) -> Tensor:
    """RGB N×3×H×W of a painting at its luma N×1×H×W, where a colour that does not exist at its luma
    looks to the critic as it looks to people."""
    large = F.interpolate(painting.chroma, luma.shape[-2:], mode="bilinear")
    return colour.to_rgb(luma, large)


class Autocast(Callback):
    """bfloat16 for forward and loss, on any device that has it (fastai's MixedPrecision is for CUDA
    alone)."""

    order = -10  # before a callback that takes its own steps

    def before_batch(self) -> None:
        device = next(self.model.parameters()).device.type
        self.autocast = torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device))
        self.autocast.__enter__()

    def after_loss(self) -> None:
        self.autocast.__exit__(None, None, None)

    def after_cancel_batch(self) -> None:
        self.autocast.__exit__(None, None, None)


class Averaged(nn.Module):
    """A generator, and the same as it was on average over its last steps (Polyak & Juditsky 1992).

    The average is steadier than any single step, and good at any time, not only at the end of a
    schedule: it is what is measured and stored.
    """

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False).eval()

    def forward(self, *inputs: Tensor) -> object:
        return self.network(*inputs)

    def move(self, decay: float) -> None:
        """Move the average a step toward the network; decay 0 makes them equal."""
        parameters = zip(self.average.parameters(), self.network.parameters(), strict=True)
        buffers = zip(self.average.buffers(), self.network.buffers(), strict=True)
        moved = [pair for pair in (*parameters, *buffers) if pair[0].is_floating_point()]
        get_ema_multi_avg_fn(decay)([pair[0] for pair in moved], [pair[1] for pair in moved], 0)


class MoveAverage(Callback):
    """Moves the average after each step."""

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def after_step(self) -> None:
        self.model.move(self.decay)


class SteadyStatistics(Callback):
    """Normalises by what the network has seen until now, as it does when it is used: labels that it
    painted itself it could not meet by a batch's own statistics."""

    def before_batch(self) -> None:
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def adam(mom: float = 0.9) -> partial:
    """torch's AdamW as fastai's `opt_func`: one operation for all weights, where fastai's own has
    several for each, and a GPU waits for Python to ask for each."""
    return partial(OptimWrapper, opt=AdamW, betas=(mom, 0.99), fused=True)


def parameter_groups(generator: Generator) -> list[list[nn.Parameter]]:
    """The generator's parameters in two groups: the encoder's and all others."""
    encoder = list(generator.encoder.parameters())
    own = set(encoder)
    return [encoder, [p for p in generator.parameters() if p not in own]]


class EpochRecord(Callback):
    """After each epoch: a row in history.csv, then a checkpoint. Before each: seed and crop size.

    `after` is called with the epoch's number (from 1), its row so far and the best score yet; it
    adds to the row, keeps the model if it is the best, and returns the best score.

    Args:
        size: of the crops of an epoch, from 0.
        others: networks that are no part of the learner's model, and their optimisers.
        track: where its curves are shown live, see `track_epoch`; nowhere unless given.
    """

    order = 80  # after fastai's Recorder and SkipToEpoch

    def __init__(
        self,
        run: Run,
        stage: str,
        recipe: Recipe,
        size: Callable[[int], int],
        after: Callable[[int, Scores, float | None], float],
        others: dict[str, tuple[nn.Module, torch.optim.Optimizer]] | None = None,
        track: str | None = None,
    ) -> None:
        self.run, self.stage, self.recipe, self.track = run, stage, recipe, track
        self.size, self.after_scores, self.others = size, after, others or {}
        self.first = 0
        self.best: float | None = None

    def before_epoch(self) -> None:
        # A resumed stage sees the photographs in the order it would have seen without a break.
        set_seed(self.recipe.seed + self.epoch)
        for loader in self.dls:
            loader.begin(self.epoch, self.size(self.epoch))
        self.started = time.monotonic()

    def after_epoch(self) -> None:
        if self.epoch < self.first:  # fastai runs this for skipped epochs too
            return
        names = self.recorder.metric_names[1:-1]  # without the epoch and fastai's time
        row = dict(zip(names, self.recorder.values[-1], strict=True))
        self.best = self.after_scores(self.epoch + 1, row, self.best)
        row["seconds"] = round(time.monotonic() - self.started, 1)
        _add_row(self.run, self.stage, {"epoch": self.epoch + 1, **row})
        if self.track:
            picture = self.run.sample(self.stage, self.epoch + 1)
            name = self.run.folder.resolve().name
            track_epoch(self.track, name, self.stage, self.epoch + 1, row, picture)
        notes = Notes(self.epoch + 1, self.best)
        save_checkpoint(self.run.checkpoint(self.stage), notes, self.networks())

    def networks(self) -> dict[str, tuple[nn.Module, torch.optim.Optimizer]]:
        return {"model": (self.learn.model, self.learn.opt.opt), **self.others}


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
    record.run.stage(record.stage).mkdir(parents=True, exist_ok=True)
    learner.add_cb(record)
    path = record.run.checkpoint(record.stage)
    if path.exists():
        learner.model.to(learner.dls.device)  # fastai would move it later, but never this state
        learner.create_opt()
        notes = load_checkpoint(path, record.networks())
        record.first, record.best = notes.epochs, notes.best
        log.info("%s: %d of %d epochs are done", record.stage, record.first, epochs)
    if record.first < epochs:
        fit(record.first)


def _add_row(run: Run, stage: str, row: dict[str, float]) -> None:
    """Add an epoch's row; a row that a killed run left of the same epoch is replaced."""
    path, rows = run.history(stage), list[dict[str, str]]()
    if path.exists():
        try:
            rows = [r for r in read_csv(path, "epoch") if int(r["epoch"]) < row["epoch"]]
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{path} is damaged ({error}); delete it") from error
    rows.append({k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in row.items()})
    columns = dict.fromkeys(column for one in rows for column in one)  # an epoch may lack some
    write_csv(path, list(columns), rows)
