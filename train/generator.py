"""Stage 1: the generator learns chroma with a pixel loss, from ImageNet weights.

Leaves RUN/generator with the best epoch's `model.safetensors` and `config.json`, and RUN/fakes with
its coloured versions of training and validation photographs, for the critic.
"""

import logging
import pickle  # for the name of an error only: torch.load reads weights alone
import shutil
from pathlib import Path

import torch
from fastai.callback.schedule import Learner  # with fit_one_cycle
from fastai.torch_core import set_seed
from PIL import Image
from torch.nn import functional as F
from torchvision import models
from tqdm import tqdm

from colouriser import Colouriser, ColouriserError, Generator, colour
from colouriser.errors import reason
from colouriser.hub import find, load, store
from colouriser.photo import write

from .data import SameLuma, pair_loaders
from .distributed import is_first
from .evaluate import colour_all, photographs
from .figures import SAMPLES, columns
from .metrics import Metrics
from .prepare import pairs, spaced
from .recipes import Recipe
from .stage import Autocast, EpochRecord, Scores, train

log = logging.getLogger(__name__)


def train_generator(
    recipe: Recipe, run: Path, encoder_weights: Path | None = None, start: str | None = None
) -> None:
    """Train the generator alone and save its outputs for the critic.

    Args:
        recipe: decides the model and the schedule.
        run: a prepared run folder.
        encoder_weights: a file with torchvision's ImageNet weights; downloaded unless given.
        start: a model to go on from, a folder or "owner/name@revision", in place of ImageNet.

    Raises:
        ColouriserError: `start` is not of the recipe's architecture; see also `imagenet`.
    """
    set_seed(recipe.seed)
    loaders = pair_loaders(recipe, run, recipe.generator_size)
    generator = load(find(start)) if start else Generator(recipe.model)
    if generator.config != recipe.model:
        raise ColouriserError(
            f"{start} is {generator.config}, and the recipe {recipe.name} is for {recipe.model}; "
            "choose another recipe or model"
        )
    if not (run / "generator" / "checkpoint.safetensors").exists():
        shutil.rmtree(run / "fakes", ignore_errors=True)  # of another generator
        if recipe.imagenet and not start:
            load_imagenet(generator, encoder_weights)
    learner = Learner(
        loaders,
        generator.to(memory_format=torch.channels_last),  # the layout convolutions are fastest in
        loss_func=ChromaError(recipe.pixel_loss),
        splitter=halves,
        wd=0.01,
        cbs=[SameLuma(), *([Autocast()] if recipe.bfloat16 else [])],
    )
    rates = [recipe.generator_rate * recipe.encoder_share, recipe.generator_rate]
    record = EpochRecord(run / "generator", recipe, Watch(recipe, run, generator, "generator"))
    train(
        learner,
        record,
        recipe.generator_epochs,
        lambda first: learner.fit_one_cycle(recipe.generator_epochs, rates, start_epoch=first),
    )
    if is_first():
        save_fakes(recipe, run)


class ChromaError:
    """The pixel loss, between chroma N×2×H/2×W/2 and the truth, RGB N×3×H×W.

    "mse" is the mean squared error (× 100, to be about 1). Its best answer is the mean of all
    plausible colours: safe and pale, which is what the GAN then mends.

    "psnr" is the mean over photographs of the same error in decibels (as in HINet, Chen et al.
    2021): a photograph counts by how much better it gets, not by how colourful it is.
    """

    FLOOR = 5e-4  # squared chroma below which a photograph is right: JPEG's own rounding, and more

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, chroma: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        _, small = colour.split(F.avg_pool2d(truth, 2))
        errors = F.mse_loss(chroma.float(), small, reduction="none").mean((1, 2, 3))
        if self.kind == "mse":
            return errors.mean() * 100
        return 10 * (errors + self.FLOOR).log10().mean()


def halves(generator: Generator) -> list[list[torch.nn.Parameter]]:
    """The generator's parameters in two groups: the encoder's and all others."""
    encoder = list(generator.encoder.parameters())
    others = [*generator.decoder.parameters(), *generator.head.parameters()]
    return [encoder, others]


def load_imagenet(generator: Generator, path: Path | None = None) -> None:
    """Start the encoder from ImageNet. The first convolution's weights are summed over R, G and B,
    which gives for grey what the original gives for R = G = B.

    Raises:
        ColouriserError: see `imagenet`.
    """
    state = imagenet(generator.config.encoder, path).state_dict()
    state["conv1.weight"] = state["conv1.weight"].sum(1, keepdim=True)
    generator.encoder.load_state_dict({k: v for k, v in state.items() if k[:3] != "fc."})


def imagenet(encoder: str, path: Path | None = None) -> models.ResNet:
    """A torchvision network with ImageNet weights, from a file or torchvision's servers.

    Raises:
        ColouriserError: the download failed, or `path` does not hold weights of this network.
    """
    try:
        if path is None:
            return models.get_model(encoder, weights="IMAGENET1K_V1")
        network = models.get_model(encoder, weights=None)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network
    except (OSError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ColouriserError(
            f"no ImageNet weights of {encoder} from {path or 'torchvision'} ({reason(error)}); "
            "give the file with --encoder-weights"
        ) from error


class Watch:
    """After an epoch: colours validation photographs, measures them, keeps the best epoch."""

    def __init__(
        self,
        recipe: Recipe,
        run: Path,
        generator: Generator,
        stage: str,
        kept: Path | None = None,  # where the best epoch is kept; RUN/STAGE unless given
    ) -> None:
        self.generator, self.folder, self.size = generator, run / stage, recipe.stored_size
        self.kept = kept or self.folder
        self.truths = photographs(run, "valid", self.size, recipe.watched)
        sets = [name for name in ("fid", "kid") if stage == "gan" and name in recipe.metrics]
        names = ("psnr", "colourfulness", *sets)
        # Also fetches the networks of the metrics, before and not after the first epoch.
        self.metrics = Metrics(self.truths, names)
        self.grey = self.metrics([t.convert("L").convert("RGB") for t in self.truths])
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.grey.items())
        log.info("%s: the validation photographs in grey, to compare with: %s", stage, values)

    def __call__(self, epoch: int, row: Scores, best: float | None) -> float:
        device = next(self.generator.parameters()).device
        outputs = colour_all(Colouriser(self.generator, device), self.truths, self.size)
        scores = self.metrics(outputs)
        row.update({f"valid_{name}": value for name, value in scores.items()})
        sheet = [(t.convert("L"), o, t) for o, t in zip(outputs, self.truths, strict=True)]
        columns(spaced(sheet, SAMPLES), self.folder / "samples" / f"epoch-{epoch:02}.jpg")
        score = self._score(scores)
        if best is not None and score <= best:
            return best
        store(self.generator, self.kept)
        return score

    def _score(self, scores: Scores) -> float:
        """PSNR; but in the GAN, where it would choose the palest epoch, how much of grey's KID and
        of its lack of colour is gone. KID is the same on average for any number of photographs, so
        few will do."""
        if "kid" not in scores:
            return scores["psnr"]
        return -sum(scores[name] / self.grey[name] for name in ("kid", "colourfulness_gap"))


def save_fakes(recipe: Recipe, run: Path) -> None:
    """Colour training and validation photographs with the generator, as RUN/fakes/NAME.png."""
    fakes, part = run / "fakes", run / "fakes.part"
    if fakes.exists():
        return
    shutil.rmtree(part, ignore_errors=True)
    colouriser = Colouriser.load(run / "generator")
    names = [n for split in ("train", "valid") for n in pairs(run, split, recipe.fakes)]
    for name in tqdm(names, desc="fakes", unit="photo", disable=None):
        with Image.open(run / "grey" / f"{name}.png") as grey:
            write(colouriser.colourise(grey, detail=min(grey.size)), part / f"{name}.png")
    part.rename(fakes)  # complete, or not there
