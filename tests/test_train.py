"""The training chain on a handful of photographs, as a user runs it."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.vision.gan import GANTrainer
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from colouriser import Colouriser
from colouriser.hub import WEIGHTS
from train.__main__ import main
from train.gan import gan_learner
from train.metrics import colourfulness, measure
from train.prepare import pairs, split_by_hash
from train.recipes import RECIPES

from .conftest import ROOT, train


def history(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_pairs_are_mapped_one_to_one(run: Path, handful: Path) -> None:
    names = {p.stem for p in (run / "colour").iterdir()}
    assert names == {p.stem for p in (run / "grey").iterdir()}
    assert names == {p.stem for p in handful.iterdir()}
    for name in names:
        grey = Image.open(run / "grey" / f"{name}.png")
        assert grey.mode == "L"
        colour = Image.open(run / "colour" / f"{name}.jpg")
        assert grey.tobytes() == colour.convert("L").tobytes()


def test_splits_are_disjoint_and_depend_on_the_name_alone(run: Path) -> None:
    splits = {split: set(pairs(run, split)) for split in ("train", "valid", "test")}
    assert sum(map(len, splits.values())) == len(set.union(*splits.values())) == 30
    assert all(split_by_hash(f"{n}.png") == s for s, names in splits.items() for n in names)


@pytest.mark.parametrize("stage", ["generator", "critic", "gan"])
def test_stages_leave_records(stage: str, run: Path) -> None:
    epochs = {"generator": 2, "critic": 1, "gan": 2}[stage]
    rows = history(run / stage)
    assert [row["epoch"] for row in rows] == [str(e + 1) for e in range(epochs)]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert len(list((run / stage / "samples").glob("*.jpg"))) == epochs
    if stage != "critic":
        Colouriser.load(run / stage)
    if stage == "gan":
        for row in rows:
            assert int(row["generator_steps"]) > 0
            assert int(row["critic_steps"]) > 0
            assert 0 <= float(row["critic_accuracy"]) <= 1


def test_the_generator_learns(run: Path) -> None:
    losses = [float(row["train_loss"]) for row in history(run / "generator")]
    assert losses[-1] < losses[0]


def test_each_stage_changed_the_generator(run: Path) -> None:
    before, after = (load_file(run / stage / WEIGHTS) for stage in ("generator", "gan"))
    assert before.keys() == after.keys()
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_evaluation(run: Path) -> None:
    result = json.loads((run / "evaluation" / "test.json").read_text())
    assert result["n"] == len(pairs(run, "test"))
    assert set(result["rows"]) == {"grey", "generator", "gan", "truth"}
    assert result["rows"]["grey"]["colourfulness"] == 0
    assert result["rows"]["generator"]["colourfulness"] > 0
    table = (run / "evaluation" / "test.md").read_text()
    assert "| grey |" in table
    assert (run / "evaluation" / "test-generator.jpg").exists()
    assert (run / "evaluation" / "test-gan.jpg").exists()


def test_a_finished_stage_returns_at_once(run: Path) -> None:
    before = (run / "generator" / WEIGHTS).stat().st_mtime_ns
    result = train("generator", "--recipe", "smoke", "--run", run)
    assert result.returncode == 0
    assert (run / "generator" / WEIGHTS).stat().st_mtime_ns == before


def test_a_killed_stage_goes_on_and_ends_the_same(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    for name in ("colour", "grey", "pairs.csv", "recipe.json"):
        (folder / name).symlink_to(run / name)
    arguments = ["generator", "--recipe", "smoke", "--run", str(folder)]
    command = [sys.executable, "-m", "train", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoint = folder / "generator" / "checkpoint.safetensors"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with safe_open(checkpoint, framework="pt") as file:
        assert json.loads(file.metadata()["notes"])["epochs"] == 1  # it was killed half way
    result = train("generator", "--recipe", "smoke", "--run", folder)
    assert result.returncode == 0, result.stderr
    assert [row["epoch"] for row in history(folder / "generator")] == ["1", "2"]
    resumed, whole = (load_file(f / "generator" / "checkpoint.safetensors") for f in (folder, run))
    assert all(torch.allclose(resumed[n].float(), whole[n].float(), atol=1e-4) for n in whole)


def test_the_network_whose_turn_it_is_not_stays_as_it_is(run: Path) -> None:
    class Watch(Callback):
        run_after = GANTrainer

        def before_batch(self) -> None:
            gan = self.model
            self.idle = gan.critic if self.gan_trainer.gen_mode else gan.generator
            self.turns.append(self.gan_trainer.gen_mode)
            self.before = {n: v.clone() for n, v in self.idle.state_dict().items()}

        def after_step(self) -> None:
            for name, value in self.idle.state_dict().items():
                assert torch.equal(self.before[name], value), name

    watch = Watch()
    watch.turns = []
    learner, _ = gan_learner(RECIPES["smoke"], run)
    learner.fit(2, 1e-3, cbs=watch)
    assert set(watch.turns) == {True, False}


def test_wrong_use(
    run: Path, handful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in list(handful.iterdir())[:5]:
        (few / path.name).symlink_to(path)
    (few / "broken.jpg").write_bytes(b"no image")
    Image.new("RGB", (100, 100), "grey").save(few / "grey.png")
    damaged = tmp_path / "damaged"
    (damaged / "generator").mkdir(parents=True)
    (damaged / "generator" / "checkpoint.safetensors").write_bytes(b"damaged")
    for name in ("colour", "grey", "pairs.csv", "recipe.json"):
        (damaged / name).symlink_to(run / name)
    smoke = ["--recipe", "smoke", "--run"]
    cases: list[tuple[list, str]] = [
        (["prepare", *smoke, tmp_path / "a", "--images", few], "only 5 usable photographs"),
        (["prepare", *smoke, tmp_path / "a", "--images", tmp_path / "no"], "check --images"),
        (["generator", *smoke, tmp_path / "b"], "run the prepare step first"),
        (["critic", *smoke, tmp_path / "b"], "run the generator step first"),
        (["gan", *smoke, tmp_path / "b"], "run the generator step first"),
        (["evaluate", *smoke, tmp_path / "b"], "run the generator step first"),
        (["generator", "--recipe", "cpu", "--run", run], "made with another recipe"),
        (["generator", *smoke, damaged], "delete it to start the stage again"),
        (["prepare", *smoke, tmp_path / "d", "--splits", tmp_path / "none.csv"], "check --splits"),
    ]
    for arguments, message in cases:
        assert main([str(argument) for argument in arguments]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("error: ")
        assert message in lines[-1]
    skipped = train("prepare", *smoke, tmp_path / "c", "--images", few).stderr
    assert "skipped broken.jpg" in skipped
    assert "skipped grey.png: already greyscale" in skipped
    assert "Traceback" not in skipped


def test_metrics_know_grey_from_truth(cat: Image.Image, astronaut: Image.Image) -> None:
    truths = [cat.resize((96, 96)), astronaut.resize((96, 96))]
    greys = [t.convert("L").convert("RGB") for t in truths]
    names = ("psnr", "ssim", "colourfulness")
    grey = measure(greys, truths, names)
    half = measure([Image.blend(*p, 0.5) for p in zip(greys, truths, strict=True)], truths, names)
    same = measure(truths, truths, names)
    assert grey["psnr"] < half["psnr"] < same["psnr"]
    assert grey["ssim"] < half["ssim"] < same["ssim"] == pytest.approx(1)
    assert grey["colourfulness"] == 0
    assert same["colourfulness_gap"] == 0
    assert half["colourfulness"] == pytest.approx(grey["colourfulness_gap"] / 2, rel=0.05)


def test_colourfulness_of_known_images() -> None:
    assert colourfulness(Image.new("RGB", (8, 8), (90, 90, 90))) == 0
    # One colour has no spread: 0.3 times the distance from grey, here hypot(255, 127.5).
    red = colourfulness(Image.new("RGB", (8, 8), (255, 0, 0)))
    assert red == pytest.approx(0.3 * np.hypot(255, 127.5))
