"""After an epoch: colours validation photographs, measures them, keeps the best epoch, or the
GAN's last."""

import logging

from colouriser import Colouriser, Generator
from colouriser.hub import store

from ..data.photographs import spaced
from ..measure.evaluate import colour_all, squares
from ..measure.figures import SAMPLES, columns
from ..measure.metrics import Metrics
from ..recipes import Recipe
from ..run import Run
from .loop import Scores

log = logging.getLogger(__name__)


class Validator:
    """What `EpochRecord` asks after an epoch."""

    def __init__(self, recipe: Recipe, run: Run, generator: Generator, stage: str) -> None:
        self.recipe, self.generator, self.run, self.stage = recipe, generator, run, stage
        photographs = run.photographs
        rows = photographs.of("valid", recipe.watched)
        self.truths = squares(photographs, rows, recipe.stored_size)
        sets = [name for name in ("fid", "kid") if stage == "gan" and name in recipe.metrics]
        names = ("psnr", "colourfulness", *sets)
        # Also fetches the networks of the metrics, before and not after the first epoch.
        self.metrics = Metrics(self.truths, names)
        self.grey = self.metrics([t.convert("L").convert("RGB") for t in self.truths])
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.grey.items())
        log.info("%s: %d validation photographs are watched; in grey: %s", stage, len(rows), values)

    def __call__(self, epoch: int, row: Scores, best: float | None) -> float:
        device = next(self.generator.parameters()).device
        outputs = colour_all(Colouriser(self.generator, device), self.truths)
        scores = self.metrics(outputs)
        row.update({f"valid_{name}": value for name, value in scores.items()})
        sheet = [(t.convert("L"), o, t) for o, t in zip(outputs, self.truths, strict=True)]
        columns(spaced(sheet, SAMPLES), self.run.sample(self.stage, epoch))
        values = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        log.info("%s, epoch %d: %s", self.stage, epoch, values)
        # The GAN's rates fall to nothing, so its last epoch is what it has to say; a measure of few
        # photographs would choose the palest, or the most colourful. So it is with own labels.
        last = self.stage == "gan" or self.recipe.own_labels
        if not last and best is not None and scores["psnr"] <= best:
            return best
        store(self.generator, self.run.stage(self.stage))
        return scores["psnr"]
