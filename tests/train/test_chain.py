"""The training chain on a handful of photographs, as a user runs it."""

import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from colouriser import Colouriser, Generator, colour
from colouriser.hub import BUNDLED, WEIGHTS, load, resolve
from train.__main__ import STEPS, main
from train.data.degrade import degrade
from train.data.loader import Loader
from train.data.prepare import split_by_hash
from train.data.prints import to_tensor
from train.errors import TrainingError
from train.measure.evaluate import degraded_photograph, evaluate, matching_factor
from train.measure.figures import curves
from train.measure.metrics import Metrics, colourfulness
from train.recipes import RECIPES
from train.run import Run
from train.stages.critic import CriticLoss, new_critic, new_eyes, train_critic
from train.stages.eyes import NETWORK, Eyes, perceptual_distance, recognition_distance
from train.stages.gan import train_gan
from train.stages.generator import between, painter, recipe_of_start, take_over, train_generator
from train.stages.loop import paint

from ..conftest import ROOT, train

pytestmark = pytest.mark.slow


def history(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


PREPARED = ("photographs.bin", "photographs.csv")


def test_photographs_are_stored_as_they_are(run: Path, handful: Path) -> None:
    photographs = Run(run).photographs
    assert {row.name for row in photographs.rows} == {p.stem for p in handful.iterdir()}
    for row in photographs.rows:
        original = Image.open(handful / f"{row.name}.png").resize(
            (96, 96), Image.Resampling.LANCZOS
        )
        assert photographs.image(row).tobytes() == original.tobytes()


def test_splits_are_disjoint_and_depend_on_the_name_alone(run: Path) -> None:
    rows = Run(run).photographs.rows
    assert len({row.name for row in rows}) == len(rows) == 30
    assert all(split_by_hash(f"{row.name}.png") == row.split for row in rows)


def test_same_names_in_many_folders_are_split_by_their_paths(handful: Path, tmp_path: Path) -> None:
    photograph = next(iter(handful.iterdir()))
    for number in range(40):
        folder = tmp_path / "images" / str(number)
        folder.mkdir(parents=True)
        (folder / "front.png").symlink_to(photograph)
    arguments = ["--run", str(tmp_path / "run"), "--images", str(tmp_path / "images")]
    assert main(["prepare", "--recipe", "smoke", *arguments]) == 0
    rows = Run(tmp_path / "run").photographs.rows
    assert {row.split for row in rows} == {"train", "valid", "test"}
    assert len({row.name for row in rows}) == 40


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
    assert after.keys() == before.keys()
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_evaluation(run: Path) -> None:
    (result,) = json.loads((run / "evaluation" / "test.json").read_text()).values()
    assert result["n"] == len(Run(run).photographs.of("test"))
    (matched,) = (name for name in result["rows"] if name.startswith("generator ×"))
    assert list(result["rows"]) == ["grey", "generator", matched, "gan", "truth"]
    assert result["rows"]["grey"]["colourfulness"] == 0
    for stage in ("generator", "gan"):
        points = [result["hints"][stage][count] for count in ("0", "1", "10", "50")]
        assert points[0] == pytest.approx(result["rows"][stage]["psnr"], abs=0.1)
        assert points[0] < points[2] < points[3]  # true points bring it nearer to the truth
        assert 0 < result["suggested"][stage] <= 1
        assert result["reach"][stage]["near"] > 0
        assert result["prints"][stage]["alone"] > 0
    assert result["rows"]["generator"]["colourfulness"] > 0
    table = (run / "evaluation" / "test.md").read_text()
    assert "| PSNR over grey, dB |" in table


def test_evaluation_of_a_model_degraded_and_of_other_tools(run: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    photographs = Run(run).photographs
    for row in photographs.of("test"):  # a tool that knows the truth
        photographs.image(row).save(others / f"{row.name}.png")
    smoke = ["--recipe", "smoke", "--run", run, "--degraded", "photographs"]
    result = train("evaluate", run / "gan", *smoke, "--compare", f"truth_teller={others}")
    assert result.returncode == 0, result.stderr
    model, stages = (
        json.loads((run / "evaluation" / f"{name}.json").read_text())
        for name in ("test-model", "test")
    )
    rows = model["photographs"]["rows"]
    assert rows["model"] == stages["photographs"]["rows"]["gan"]
    assert rows["truth_teller"]["ssim"] == pytest.approx(1)
    assert rows["truth_teller"]["colourfulness_gap"] == 0
    assert model["photographs, degraded"]["rows"]["model"]["psnr"] != rows["model"]["psnr"]


def test_a_factor_makes_a_generator_as_colourful_as_another(
    colouriser: Colouriser, cat: Image.Image
) -> None:
    factor = matching_factor(colouriser, colouriser, [cat])
    assert factor == pytest.approx(1, abs=0.05)


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
    with open(tmp_path / "photographs.bin", "r+b") as file:
        file.write(b"other")
    assert Run(tmp_path).data_hash() != Run(run).data_hash()


def test_degraded_photographs_differ_in_luma_and_keep_their_colours(cat: Image.Image) -> None:
    luma = colour.split(to_tensor(cat)[None])[0].expand(40, -1, -1, -1)
    degraded = degrade(luma, torch.Generator().manual_seed(0))
    assert degraded.shape == luma.shape
    assert 0 <= degraded.min() <= degraded.max() <= 1
    changes = (degraded - luma).abs().mean((1, 2, 3))
    assert changes.median() > 0.02
    assert torch.equal(degraded, degrade(luma, torch.Generator().manual_seed(0)))
    truth = degraded_photograph(cat, "a name")
    assert truth.tobytes() == degraded_photograph(cat, "a name").tobytes()
    # Colours stay, but for those that do not exist at the degraded luma.
    before, after = (np.asarray(i.convert("YCbCr"), dtype=float)[..., 1:] for i in (cat, truth))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9


def test_a_finished_stage_returns_at_once(run: Path) -> None:
    before = (run / "generator" / WEIGHTS).stat().st_mtime_ns
    result = train("generator", "--recipe", "smoke", "--run", run)
    assert result.returncode == 0
    assert (run / "generator" / WEIGHTS).stat().st_mtime_ns == before


def test_a_model_to_start_from(run: Path, tmp_path: Path) -> None:
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    smoke = ["generator", "--recipe", "smoke", "--run", str(tmp_path)]
    assert main([*smoke, "--start", str(run / "generator")]) == 0
    fresh, onward = (float(history(r / "generator")[0]["train_loss"]) for r in (run, tmp_path))
    assert onward < fresh
    assert main(smoke) == 0  # again, without the note
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["generator"]["start"] == "generator"
    assert record["generator"]["seconds"] > 0


def test_curves_and_pictures_are_tracked(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tracked"
    folder.mkdir()
    for name in PREPARED:
        (folder / name).symlink_to(run / name)
    command = ["generator", "--recipe", "smoke", "--run", folder, "--track"]
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    result = train(*command)
    assert result.returncode == 0, result.stderr
    read = (
        "from trackio.sqlite_storage import SQLiteStorage as s; import json;"
        "print(json.dumps([r['valid_psnr'] for r in s.get_logs('tracked', 'generator')]))"
    )
    shown = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True)
    expected = [float(row["valid_psnr"]) for row in history(folder / "generator")]
    assert json.loads(shown.stdout.splitlines()[-1]) == pytest.approx(expected, rel=1e-4)
    assert len(list((tmp_path / "trackio" / "media").rglob("*.jpg"))) == 2


@pytest.mark.parametrize("start", ["bundled", "smoke"])
def test_finetune_goes_on_from_any_model(run: Path, tmp_path: Path, start: str) -> None:
    folder = BUNDLED if start == "bundled" else run / "generator"
    recipe = recipe_of_start(RECIPES["finetune"], Run(tmp_path), str(folder))
    assert Run(tmp_path).recipe(RECIPES["finetune"]) == recipe  # the run knows it
    old, generator = load(resolve(str(folder))), Generator(recipe.model)
    take_over(generator, old, str(folder))
    luma = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        own, theirs = (network.eval()(luma).chroma for network in (generator, old))
    assert torch.equal(own, theirs)


def test_finetune_begins_its_gan_with_the_model(run: Path, tmp_path: Path) -> None:
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    command = ["generator", "--recipe", "finetune", "--run", str(tmp_path)]
    assert main([*command, "--start", str(run / "gan")]) == 0
    own, theirs = (load_file(folder / WEIGHTS) for folder in (tmp_path / "generator", run / "gan"))
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert (tmp_path / "fakes" / "photographs.csv").exists()
    assert main(command) == 0  # again, without a start


def test_own_labels_are_what_the_start_paints(run: Path, tmp_path: Path) -> None:
    """With steps of no size it stays its start; and its truth is that start's colours."""
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    recipe = dataclasses.replace(
        RECIPES["smoke"], own_labels=True, palette_weight=0.0, generator_rate=1e-9, gan_epochs=0
    )
    with pytest.raises(TrainingError, match="give it as --start"):
        train_generator(recipe, Run(tmp_path))
    train_generator(recipe, Run(tmp_path), start=str(run / "gan"))
    assert not (tmp_path / "fakes").exists()
    rgb = torch.rand(2, 3, 64, 64)
    start = load(resolve(str(run / "gan")))
    painted = painter(recipe, start)(rgb)
    luma, _ = colour.split(rgb)
    expected = paint(start(luma, torch.zeros(2, 3, 64, 64)), luma)
    torch.testing.assert_close(painted, expected.detach(), atol=1e-5, rtol=0)
    own, theirs = (load_file(folder / WEIGHTS) for folder in (tmp_path / "generator", run / "gan"))
    assert all(torch.allclose(own[name], theirs[name], atol=1e-3) for name in own)


def test_a_run_that_goes_on_is_compared_with_its_start(run: Path, tmp_path: Path) -> None:
    for name in (*PREPARED, "generator", "gan"):
        (tmp_path / name).symlink_to(run / name)
    recipe = dataclasses.replace(RECIPES["smoke"], generator_epochs=0)
    table = evaluate(recipe, Run(tmp_path)).with_suffix(".json")
    for result in json.loads(table.read_text()).values():
        assert list(result["rows"]) == ["grey", "start", "gan", "truth"]


def test_own_labels_of_a_start_that_is_kept(run: Path, tmp_path: Path) -> None:
    """With steps of a size, and all of the start in what is left, nothing is different."""
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    recipe = dataclasses.replace(
        RECIPES["smoke"], own_labels=True, palette_weight=0.0, gan_epochs=0, start_share=1.0
    )
    train_generator(recipe, Run(tmp_path), start=str(run / "gan"))
    own, theirs = (load_file(folder / WEIGHTS) for folder in (tmp_path / "generator", run / "gan"))
    assert all(torch.equal(own[name], theirs[name]) for name in theirs)


def test_crops_that_are_one_even_tone(run: Path) -> None:
    recipe = dataclasses.replace(RECIPES["smoke"], degraded=0.0, printed=0.0, even=0.5)
    loader = Loader(recipe, Run(run).photographs, "train", 4, torch.device("cpu"))
    truths = torch.cat([batch[-1] for batch in loader])
    even = truths.flatten(1).std(1) < 1e-4
    assert 0.2 < even.float().mean() < 0.8
    assert (truths[even].amax(1) - truths[even].amin(1)).max() < 1e-4  # without colour


def test_a_share_of_the_start_is_kept(run: Path, tmp_path: Path) -> None:
    for name in (*PREPARED, "generator", "critic", "fakes"):
        (tmp_path / name).symlink_to(run / name)
    train_gan(dataclasses.replace(RECIPES["smoke"], start_share=1.0), Run(tmp_path))
    own, start = (load_file(folder / WEIGHTS) for folder in (tmp_path / "gan", run / "generator"))
    assert all(torch.equal(own[name], start[name]) for name in start)
    one, other = (load(resolve(str(run / stage))) for stage in ("gan", "generator"))
    for name, value in between(one, other, 0.25).state_dict().items():
        if value.is_floating_point():
            expected = 0.75 * one.state_dict()[name] + 0.25 * other.state_dict()[name]
            assert torch.allclose(value, expected, atol=1e-6)


def test_finetune_needs_a_model(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    assert main(["generator", "--recipe", "finetune", "--run", str(tmp_path)]) == 1
    assert "give one as --start" in capsys.readouterr().err


def test_a_model_of_another_architecture_is_no_start(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    smoke = ["generator", "--recipe", "smoke", "--run", str(tmp_path)]
    assert main([*smoke, "--start", str(BUNDLED)]) == 1
    assert "choose another recipe or model" in capsys.readouterr().err


def test_a_killed_stage_goes_on_and_ends_the_same(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    for name in (*PREPARED, "recipe.json"):
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


@pytest.mark.parametrize("threshold", [None, 0.0, 10.0])
def test_turns_of_the_gan(threshold: float | None, run: Path, tmp_path: Path) -> None:
    """Both learn from each batch; or the critic has it for ever, or each second one."""
    for name in (*PREPARED, "generator", "critic", "fakes"):
        (tmp_path / name).symlink_to(run / name)
    train_gan(dataclasses.replace(RECIPES["smoke"], critic_threshold=threshold), Run(tmp_path))
    rows = history(tmp_path / "gan")
    steps = [(int(row["generator_steps"]), int(row["critic_steps"])) for row in rows]
    curves(tmp_path / "gan" / "history.csv", tmp_path / "curves.png")
    batches = len(Run(run).photographs.of("train")) // RECIPES["smoke"].batch
    if threshold is None:
        assert steps == [(batches, batches)] * 2
    elif threshold:
        assert all(generator + critic == batches for generator, critic in steps)
        assert abs(sum(g - c for g, c in steps)) <= 1
    else:
        assert sum(generator for generator, _ in steps) == 1


@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_a_critic_learns_colour_from_grey(
    kind: str, cat: Image.Image, astronaut: Image.Image, eyes_weights: Path
) -> None:
    torch.manual_seed(0)
    recipe = dataclasses.replace(RECIPES["cpu"], critic=kind)
    critic = new_critic(recipe, new_eyes(recipe, eyes_weights))
    assert all(name.startswith("heads.") for name in critic.state_dict())  # not what never changes
    photographs = [np.array(i.resize((128, 96))) for i in (cat, astronaut)]
    real = torch.from_numpy(np.stack(photographs)).permute(0, 3, 1, 2).float() / 255
    grey = colour.split(real)[0].expand(-1, 3, -1, -1)
    loss = CriticLoss(real_label=0.9)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(40):
        optimiser.zero_grad()
        (loss(critic(real), torch.ones(2)) + loss(critic(grey), torch.zeros(2))).backward()
        optimiser.step()
    critic.eval()
    with torch.inference_mode():
        assert critic(real).mean() > 0 > critic(grey).mean()


@pytest.fixture
def eyes_weights(tmp_path: Path) -> Path:
    """Random weights that stand in for ImageNet's."""
    torch.manual_seed(0)
    network = timm.create_model(f"tf_{NETWORK}")
    save_file(network.state_dict(), tmp_path / "eyes.safetensors")
    return tmp_path / "eyes.safetensors"


def test_the_eyes_see_what_the_original_sees(cat: Image.Image, eyes_weights: Path) -> None:
    network = timm.create_model(f"tf_{NETWORK}").eval()
    network.load_state_dict(load_file(eyes_weights))
    rgb = to_tensor(cat.resize((128, 96)))[None]
    with torch.inference_mode():
        look, logits = Eyes(eyes_weights).look(rgb), network(rgb * 2 - 1)
        assert torch.allclose(look.logits, logits, atol=1e-4)
        assert perceptual_distance(look, look) == 0
        other = Eyes(eyes_weights).look(1 - rgb)
        assert perceptual_distance(look, other) > 0
        assert recognition_distance(look, other) > 0


def test_losses_through_the_eyes_reach_the_generator(
    run: Path, tmp_path: Path, eyes_weights: Path
) -> None:
    for name in PREPARED:
        (tmp_path / name).symlink_to(run / name)
    recipe = dataclasses.replace(
        RECIPES["smoke"],
        name="eyes",
        critic="features",
        perceptual_weight=1.0,
        recognition_weight=1.0,
        gan_epochs=1,
        generator_epochs=1,
    )
    train_generator(recipe, Run(tmp_path))
    train_critic(recipe, Run(tmp_path), eyes_weights)
    train_gan(recipe, Run(tmp_path), eyes_weights)
    (row,) = history(tmp_path / "gan")
    assert float(row["perceptual"]) > 0
    assert float(row["recognition"]) > 0
    before, after = (load_file(tmp_path / stage / WEIGHTS) for stage in ("generator", "gan"))
    assert not torch.equal(before["head.weight"], after["head.weight"])


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
    for name in (*PREPARED, "recipe.json"):
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
        (["generator", "--recipe", "cpu", "--run", run], "was made with the recipe"),
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
    assert "passed over: other files: 1" in skipped
    assert "Traceback" not in skipped
    with open(tmp_path / "c" / "skipped.csv", newline="") as file:
        reasons = {Path(row["file"]).name: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {
        "animated.gif": "animated or several pages",
        "broken.jpg": "no image, or a damaged one",
        "grey.png": "already greyscale",
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
