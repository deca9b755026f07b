"""Photographs in the device's memory: what is taught from there is what files would show."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fastai.torch_core import set_seed
from torchvision.transforms.functional import pil_to_tensor

from colouriser import Colouriser, colour
from train.data.pairs import pair_loaders
from train.measure.evaluate import photographs
from train.recipes import RECIPES
from train.run import Run, TrainingError, read_csv, write_csv
from train.stages.critic import train_critic
from train.stages.gan import train_gan
from train.stages.generator import train_generator

pytestmark = pytest.mark.slow

RESIDENT = replace(RECIPES["smoke"], resident=True, rounds=3)


def batches(run: Run, **changes: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """An epoch of training crops, 64 px, on a processor."""
    set_seed(0)
    return list(pair_loaders(replace(RESIDENT, **changes), run, 64, 4).train)  # type: ignore[arg-type]


def test_validation_shows_the_photographs(run: Path) -> None:
    of_run = Run(run)
    loaders = pair_loaders(RESIDENT, of_run, RESIDENT.stored_size, 4)
    luma, rgb = (torch.cat(part).cpu() for part in zip(*loaders.valid, strict=True))
    names = of_run.names("valid")
    truths = photographs(of_run, names, RESIDENT.stored_size)
    true = torch.stack([pil_to_tensor(truth) for truth in truths]).float() / 255
    assert len(rgb) == len(names)
    assert (rgb - true).abs().mean() < 0.01
    assert torch.allclose(luma, colour.split(rgb)[0], atol=1e-5)


def test_an_epoch_is_as_many_crops_as_there_are_photographs_times_the_rounds(run: Path) -> None:
    count = len(Run(run).names("train"))
    assert len(batches(Run(run))) == 3 * count // 4


def test_some_luma_is_worn_and_colour_never(run: Path) -> None:
    clean, worn = (batches(Run(run), aged=share, smallest_crop=0.5) for share in (0.0, 1.0))
    changed = []
    for (luma, rgb), (worn_luma, same) in zip(clean, worn, strict=True):
        assert luma.shape == (4, 1, 64, 64)
        assert torch.allclose(luma, colour.split(rgb)[0], atol=1e-5)
        assert torch.equal(rgb, same)
        assert 0 <= rgb.min() < rgb.max() <= 1
        changed.append((worn_luma - luma).abs().mean((1, 2, 3)) > 0.002)
    assert torch.cat(changed).float().mean() > 0.7  # a few are lucky


def test_heavy_photographs_are_seen_more_often(run: Path, tmp_path: Path) -> None:
    for name in ("colour", "grey"):
        (tmp_path / name).symlink_to(run / name)
    rows = read_csv(run / "pairs.csv")
    heavy = next(row for row in rows if row["split"] == "train")
    for row in rows:
        row["weight"] = "100" if row is heavy else "0.001"
    write_csv(tmp_path / "pairs.csv", list(rows[0]), rows)
    crops = torch.cat([rgb for _, rgb in batches(Run(tmp_path), smallest_crop=0.95)])
    true = photographs(Run(tmp_path), [heavy["name"]], 64)[0]
    mean = pil_to_tensor(true).float().mean((1, 2)) / 255
    assert ((crops.cpu().mean((2, 3)) - mean).abs().amax(1) < 0.05).float().mean() > 0.9


def test_all_stages_learn_from_it(run: Path, tmp_path: Path) -> None:
    for name in ("colour", "grey"):
        (tmp_path / name).symlink_to(run / name)
    shutil.copy(run / "pairs.csv", tmp_path)
    own = Run(tmp_path)
    train_generator(RESIDENT, own)
    train_critic(RESIDENT, own)
    train_gan(RESIDENT, own)
    losses = [float(row["train_loss"]) for row in read_csv(own.history("generator"))]
    assert losses[-1] < losses[0]
    Colouriser.load(own.stage("gan"))


def test_too_many_photographs_for_the_memory_are_a_clear_error(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("colour", "grey", "pairs.csv"):
        (tmp_path / name).symlink_to(run / name)

    def full(*_: object, **__: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(TrainingError, match=r"photographs take .* GB of the GPU's memory"):
        batches(Run(tmp_path))
