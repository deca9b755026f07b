"""The training chain on a handful of photographs, as a user runs it."""

import csv
import dataclasses
import json
import os
import random
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
from torchvision import models

from colouriser import Colouriser, colour
from colouriser.compare import colourfulness
from colouriser.hub import BUNDLED, WEIGHTS, find, load
from train.__main__ import STEPS, main
from train.data.aging import age
from train.data.prepare import split_by_hash
from train.measure.evaluate import worn_pair
from train.measure.metrics import Metrics
from train.recipes import RECIPES
from train.run import Run
from train.stages.blend import blend
from train.stages.critic import CriticError, new_critic
from train.stages.gan import gan_learner

from ..conftest import ROOT, train

pytestmark = pytest.mark.slow


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
    splits = {split: set(Run(run).names(split)) for split in ("train", "valid", "test")}
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
    assert after.keys() - before.keys() == {"evenness.weight", "evenness.bias"}
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_a_blend_is_of_head_and_palette(run: Path) -> None:
    left = load(find(run / "gan" / "unblended"))
    luma = torch.rand(1, 1, 64, 64)

    def chroma(head: float, mean: float) -> torch.Tensor:
        with torch.inference_mode():
            return blend(left, head, mean).eval()(luma).chroma

    with torch.inference_mode():
        assert torch.equal(chroma(1.0, left.config.mean), left.eval()(luma).chroma)
    assert chroma(0, 1.0).abs().max() > 0
    assert torch.allclose(chroma(1.2, 0), chroma(1.0, 0) * 1.2, atol=0.01)
    assert torch.allclose(chroma(1.2, 0.5), chroma(1.2, 0) + 0.5 * chroma(0, 1.0), atol=1e-5)


def test_the_evenness_alone_is_learnt_after_the_gan(run: Path) -> None:
    left, kept = (load(find(run / folder)) for folder in ("gan/unblended", "gan"))
    assert left.config.even is None
    recipe = RECIPES["smoke"]
    assert recipe.even
    detailed = blend(left, *recipe.detailed)
    even = (recipe.even[0] / recipe.detailed[0], recipe.even[1])
    assert kept.config == dataclasses.replace(detailed.config, even=even)
    assert kept.evenness.weight.any()
    state = kept.state_dict()
    for name, value in detailed.state_dict().items():
        assert torch.allclose(state[name].float(), value.float(), atol=1e-3)


def test_a_set_is_even_where_validation_says_so(run: Path) -> None:
    with open(run / "gan" / "evenness.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["judge"] == "psnr"
    assert int(row["n"]) == len(Run(run).names("valid"))
    kept = load(find(run / "gan"))
    luma = torch.rand(1, 1, 96, 96)
    with torch.inference_mode():
        evenness = kept.evenness(kept.features(luma, 32).mean((2, 3)))
    assert (evenness > 0) == (float(row["even"]) > 0.99 * float(row["detailed"]))


def test_evaluation(run: Path) -> None:
    (result,) = json.loads((run / "evaluation" / "test.json").read_text()).values()
    assert result["n"] == len(Run(run).names("test"))
    assert set(result["rows"]) == {"grey", "generator", "gan", "truth"}
    assert result["rows"]["grey"]["colourfulness"] == 0
    for stage in ("generator", "gan"):
        points = [result["hints"][stage][count] for count in ("0", "1", "10", "50")]
        assert points[0] == pytest.approx(result["rows"][stage]["psnr"], abs=0.1)
        assert points[0] < points[2] < points[3]  # true points bring it nearer to the truth
        assert 0 < result["suggested"][stage] <= 1
    assert result["rows"]["generator"]["colourfulness"] > 0
    table = (run / "evaluation" / "test.md").read_text()
    assert "| grey |" in table
    worn = result["worn"]["rows"]
    assert set(worn) == {"grey", "generator", "gan", "truth"}
    assert worn["gan"]["psnr"] != result["rows"]["gan"]["psnr"]


def test_evaluation_of_a_model_and_of_other_tools(run: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for name in Run(run).names("test"):  # a tool that knows the truth
        (others / f"{name}.jpg").symlink_to(run / "colour" / f"{name}.jpg")
    smoke = ["--recipe", "smoke", "--run", run]
    result = train("evaluate", run / "gan", *smoke, "--compare", f"truth_teller={others}")
    assert result.returncode == 0, result.stderr
    rows, stages = (
        json.loads((run / "evaluation" / f"{name}.json").read_text())["photographs"]["rows"]
        for name in ("test-model", "test")
    )
    assert rows["model"] == stages["gan"]
    assert rows["truth_teller"]["ssim"] == pytest.approx(1)
    assert rows["truth_teller"]["colourfulness_gap"] == 0


def test_figures(run: Path) -> None:
    for stage in ("generator", "gan"):
        for kind in ("spaced", "failures"):
            figure = Image.open(run / "figures" / f"test-{stage}-{kind}.jpg")
            assert figure.width > 3 * 96
    assert {p.name for p in (run / "figures").glob("*.png")} == {
        f"{stage}-curves.png" for stage in ("generator", "critic", "gan")
    }


def test_a_run_says_what_it_was_made_with(run: Path, handful: Path, tmp_path: Path) -> None:
    record = json.loads((run / "record.json").read_text())
    assert set(record) == set(STEPS)
    for step in record.values():
        assert step["seed"] == RECIPES["smoke"].seed
        assert step["packages"]["torch"] == torch.__version__.partition("+")[0]
        assert step["data"] == Run(run).data_hash()
        assert step["seconds"] >= 0
    smoke = ["--recipe", "smoke", "--run", str(tmp_path), "--images", str(handful)]
    assert main(["prepare", *smoke]) == 0
    assert Run(tmp_path).data_hash() == Run(run).data_hash()
    (tmp_path / "colour" / f"{Run(run).names('train')[0]}.jpg").unlink()
    assert Run(tmp_path).data_hash() != Run(run).data_hash()


def test_worn_photographs_differ_in_luma_and_keep_their_colours(cat: Image.Image) -> None:
    luma = cat.convert("L")
    worn = [np.asarray(age(luma, random.Random(seed)), dtype=float) for seed in range(40)]
    assert all(w.shape == (cat.height, cat.width) for w in worn)
    changes = [np.abs(w - np.asarray(luma, dtype=float)).mean() for w in worn]
    assert np.median(changes) > 5
    assert np.array_equal(worn[3], np.asarray(age(luma, random.Random(3))))
    truth = worn_pair(cat, "a name")
    assert (
        np.abs(np.asarray(truth.convert("L"), dtype=int) - age(luma, random.Random("a name"))).max()
        <= 1
    )
    # Colours stay, but for those that do not exist at the worn luma.
    before, after = (np.asarray(i.convert("YCbCr"), dtype=float)[..., 1:] for i in (cat, truth))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9


def test_a_finished_stage_returns_at_once(run: Path) -> None:
    before = (run / "generator" / WEIGHTS).stat().st_mtime_ns
    result = train("generator", "--recipe", "smoke", "--run", run)
    assert result.returncode == 0
    assert (run / "generator" / WEIGHTS).stat().st_mtime_ns == before


def test_a_model_to_start_from(run: Path, tmp_path: Path) -> None:
    for name in ("colour", "grey", "pairs.csv"):
        (tmp_path / name).symlink_to(run / name)
    smoke = ["generator", "--recipe", "smoke", "--run", str(tmp_path)]
    assert main([*smoke, "--start", str(run / "generator")]) == 0
    fresh, onward = (float(history(r / "generator")[0]["train_loss"]) for r in (run, tmp_path))
    assert onward < fresh
    assert main(smoke) == 0  # again, without the note
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["generator"]["start"] == "generator"
    assert record["generator"]["seconds"] > 0


def test_a_model_of_another_architecture_is_no_start(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("colour", "grey", "pairs.csv"):
        (tmp_path / name).symlink_to(run / name)
    smoke = ["generator", "--recipe", "smoke", "--run", str(tmp_path)]
    assert main([*smoke, "--start", str(BUNDLED)]) == 1
    assert "choose another recipe or model" in capsys.readouterr().err


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
    good = checkpoint.read_bytes()
    full = subprocess.run(  # as on a full disk: no file may grow beyond 100 kB
        ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert full.returncode == 1
    assert "free space" in full.stderr.splitlines()[-1]
    assert "Traceback" not in full.stderr
    assert checkpoint.read_bytes() == good
    assert not list(folder.glob("generator/*.part"))
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
    learner = gan_learner(RECIPES["smoke"], Run(run))
    learner.fit(2, 1e-3, cbs=watch)
    assert set(watch.turns) == {True, False}


@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_a_critic_learns_colour_from_grey(
    kind: str, cat: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "resnet18.pth"  # stands in for ImageNet's
    torch.save(models.resnet18(weights=None).state_dict(), weights)
    critic = new_critic(dataclasses.replace(RECIPES["cpu"], critic=kind), weights)
    frozen = [name for name in critic.state_dict() if name.startswith("features")]
    assert not frozen  # a checkpoint need not hold what never changes
    photographs = [np.array(i.resize((128, 96))) for i in (cat, astronaut)]
    real = torch.from_numpy(np.stack(photographs)).permute(0, 3, 1, 2).float() / 255
    grey = colour.split(real)[0].expand(-1, 3, -1, -1)
    error = CriticError(real_label=0.9)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(30):
        optimiser.zero_grad()
        (error(critic(real), torch.ones(2)) + error(critic(grey), torch.zeros(2))).backward()
        optimiser.step()
    critic.eval()
    with torch.inference_mode():
        assert critic(real).mean() > 0 > critic(grey).mean()


@pytest.mark.parametrize("stage", ["generator", "gan"])
def test_two_processes_train_one_model_on_different_photographs(
    stage: str, run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    needed = ["colour", "grey", "pairs.csv", "recipe.json"]
    for name in [*needed, *(["generator", "critic", "fakes"] if stage == "gan" else [])]:
        (folder / name).symlink_to(run / name)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = [str(tmp_path), stage, str(folder), "--recipe", "smoke"]
    result = subprocess.run(
        [*launcher, str(ROOT / "tests" / "train" / "together.py"), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["weights"] == second["weights"]
    assert first["seen"]
    assert second["seen"]
    assert not set(first["seen"]) & set(second["seen"])
    assert len(history(folder / stage)) == 2
    Colouriser.load(folder / stage)  # what one process goes on with
    saved = load_file(folder / stage / "checkpoint.safetensors")
    assert not any("module." in name for name in saved)


def test_wrong_use(
    run: Path, handful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in list(handful.iterdir())[:5]:
        (few / path.name).symlink_to(path)
    (few / "broken.jpg").write_bytes(b"no image")
    (few / "notes.txt").write_text("no image either")
    Image.new("RGB", (100, 100), "grey").save(few / "grey.png")
    Image.new("RGB", (20, 20), "red").save(few / "tiny.png")
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    frames[0].save(few / "animated.gif", save_all=True, append_images=frames[1:])
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
        (["evaluate", *smoke, tmp_path / "b"], "run the prepare step first"),
        (["evaluate", *smoke, damaged], "run the generator step first"),
        (["evaluate", *smoke, run, "--compare", "other"], "give NAME=FOLDER"),
        (["evaluate", *smoke, run, "--compare", f"other={few}"], "lacks"),
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
    assert f"skipped {few / 'grey.png'}: already greyscale" in skipped
    assert "Traceback" not in skipped
    with open(tmp_path / "c" / "skipped.csv", newline="") as file:
        reasons = {Path(row["file"]).name: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {
        "animated.gif": "animated or several pages",
        "broken.jpg": "no image, or a damaged one",
        "grey.png": "already greyscale",
        "notes.txt": "no image, or a damaged one",
        "tiny.png": "smaller than 64 pixels (20 × 20)",
    }


def test_metrics_know_grey_from_truth(cat: Image.Image, astronaut: Image.Image) -> None:
    truths = [cat.resize((96, 96)), astronaut.resize((96, 96))]
    greys = [t.convert("L").convert("RGB") for t in truths]
    names = ("psnr", "ssim", "colourfulness")
    metrics = Metrics(truths, names)
    grey = metrics(greys)
    half = metrics([Image.blend(*p, 0.5) for p in zip(greys, truths, strict=True)])
    same = metrics(truths)
    assert grey["psnr"] < half["psnr"] < same["psnr"]
    assert grey["ssim"] < half["ssim"] < same["ssim"] == pytest.approx(1)
    assert grey["colourfulness"] == 0
    assert same["colourfulness_gap"] == 0
    assert half["colourfulness"] == pytest.approx(grey["colourfulness_gap"] / 2, rel=0.05)


def test_stains_are_colours_that_change_within_things(cat: Image.Image) -> None:
    even = Image.new("RGB", (96, 96), (120, 90, 80))
    even.paste((60, 100, 140), (48, 0, 96, 96))  # two things
    stained = even.copy()
    stained.paste((120, 120, 60), (0, 0, 24, 96))  # the colour of one changes half way
    scores = [Metrics([even], ("stains",))([image])["stains"] for image in (even, stained)]
    assert scores == [0, 0.5]
    grey = [truth.convert("L").convert("RGB") for truth in (even, cat.resize((96, 96)))]
    assert Metrics([even, cat.resize((96, 96))], ("stains",))(grey)["stains"] == 0


def test_colourfulness_of_known_images() -> None:
    assert colourfulness(Image.new("RGB", (8, 8), (90, 90, 90))) == 0
    # One colour has no spread: 0.3 times the distance from grey, here hypot(255, 127.5).
    red = colourfulness(Image.new("RGB", (8, 8), (255, 0, 0)))
    assert red == pytest.approx(0.3 * np.hypot(255, 127.5))
