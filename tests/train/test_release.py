"""Publish, pull, pin and republish, over HTTP with a Hub on this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard
from PIL import Image
from playwright.sync_api import Browser, expect
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from colouriser import Colouriser, Generator, ModelError
from colouriser.__main__ import program
from colouriser.follow import ModelFollower
from colouriser.hub import BUNDLED, CONFIG, MAX_BYTES, WEIGHTS
from train.__main__ import main
from train.release.publish import files
from train.release.space import gradio_version

from ..browser import served, visit
from ..conftest import ROOT
from ..hub_server import TOKEN, Hub

pytestmark = pytest.mark.slow

NAME = "owner/cats"
PUBLISHED = {
    WEIGHTS,
    CONFIG,
    "LICENSE",
    "README.md",
    "evaluation.json",
    "recipe.json",
    "figures/test-gan-spaced.jpg",
    "figures/test-gan-failures.jpg",
    "figures/gan-curves.png",
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub tries again at once."""
    quick = SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr("huggingface_hub.utils._http.time", quick)


def colour(*arguments: object) -> int:
    """Run the command line in this process; returns its exit code."""
    result = CliRunner().invoke(program, ["colour", *map(str, arguments)])
    return result.exit_code


@pytest.fixture
def other(run: Path, tmp_path: Path) -> Path:
    """The same run with another generator."""
    folder = tmp_path / "other"
    shutil.copytree(run, folder, symlinks=True)
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(run / "generator" / name, folder / "gan" / name)
    return folder


def publish(run: Path, *arguments: str, tag: str = "v1") -> int:
    return main(["publish", str(run), "--repo", NAME, "--tag", tag, *arguments])


def state(hub: Hub, name: str = NAME, kind: str = "models") -> dict:
    found = hub.repository(kind, name)
    assert found is not None
    return found


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def same(one: Colouriser, two: Colouriser, cat: Image.Image) -> bool:
    return one.colourise(cat).tobytes() == two.colourise(cat).tobytes()


def test_publish_and_pull_by_tag_commit_and_branch(hub: Hub, run: Path, cat: Image.Image) -> None:
    assert publish(run) == 0
    there = state(hub)
    commit = there["tags"]["v1"]
    assert set(there["commits"][commit]) == PUBLISHED
    assert len(there["commits"]) == 2  # the empty one of a new repository, and ours
    assert there["branches"] == {"main": commit}
    hub.requests.clear()
    own = Colouriser.load(run / "gan")
    for source in (f"{NAME}@v1", f"{NAME}@{commit}", f"{NAME}@main", NAME):
        loaded = Colouriser.load(source)
        assert same(loaded, own, cat)
        assert loaded.name == f"{source} ({commit[:7]})"
    weights = there["commits"][commit][WEIGHTS]["sha256"]
    fetched = sorted(r for r in hub.requests if re.match("GET /(owner|cdn)/", r))
    config = f"GET /{NAME}/resolve/{commit}/{CONFIG}"
    assert fetched == [f"GET /cdn/{weights}", config]  # nothing else, and once


def test_the_card_of_weights_that_are_bound_to_their_photographs(hub: Hub, run: Path) -> None:
    assert publish(run) == 0
    front = ModelCard.load(run / "publish" / "README.md").data.to_dict()
    assert front["license"] == "other"
    assert front["license_name"]
    assert (run / "publish" / front["license_link"]).exists()


def test_the_card(hub: Hub, run: Path) -> None:
    assert publish(run, "--license", "cc-by-4.0") == 0
    card = ModelCard.load(run / "publish" / "README.md")
    front = card.data.to_dict()
    assert front["license"] == "cc-by-4.0"
    assert front["library_name"] == "colouriser"
    assert front["pipeline_tag"] == "image-to-image"
    evaluation = json.loads((run / "evaluation" / "test.json").read_text())
    results = {r.metric_type: r.metric_value for r in card.data.eval_results}
    assert results["psnr"] == pytest.approx(
        evaluation["photographs"]["rows"]["gan"]["psnr"], rel=1e-3
    )
    assert f"{NAME}@v1" in card.text
    for linked in re.findall(r"\]\((figures/[^)]+)\)", card.text):
        assert (run / "publish" / linked).exists()
    everything = "".join(
        p.read_text() for p in (run / "publish").glob("*.[mj]*") if p.name[0] != "m"
    )
    assert TOKEN not in everything
    assert str(Path.home()) not in everything
    assert str(run.parent) not in everything


def test_dry_run_sends_nothing(hub: Hub, run: Path) -> None:
    assert publish(run, "--dry-run") == 0
    assert set(files(run / "publish")) == PUBLISHED
    assert not [r for r in hub.requests if NAME in r]


def test_a_tag_stays_unless_it_is_moved(
    hub: Hub, run: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(run) == 0
    before = state(hub)
    assert publish(other) == 1
    assert "has v1 already" in one_line(capsys)
    assert state(hub) == before
    assert publish(other, tag="v2") == 0
    assert state(hub)["tags"]["v1"] == before["tags"]["v1"] != state(hub)["tags"]["v2"]
    assert publish(other, "--retag") == 0
    after = state(hub)
    assert after["tags"]["v1"] == after["branches"]["main"] != before["tags"]["v1"]


def test_a_pull_request_changes_neither_branch_nor_tags(hub: Hub, run: Path, other: Path) -> None:
    assert publish(run) == 0
    before = state(hub)
    assert publish(other, "--pr") == 0
    after = state(hub)
    assert (after["branches"], after["tags"]) == (before["branches"], before["tags"])
    assert set(after["commits"][after["pulls"]["refs/pr/1"]]) == PUBLISHED


def test_private_repositories_need_a_token(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(run, "--private") == 0
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ModelError, match="or it is private: check the name, or log in"):
        Colouriser.load(f"{NAME}@v1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    Colouriser.load(f"{NAME}@v1")


@pytest.mark.parametrize(
    ("token", "name", "advice"),
    [
        (None, NAME, "401: .*log in with a token that may write"),
        ("hf_wrong", NAME, "401: .*log in with a token that may write"),
        (TOKEN, "somebody/cats", "403: You don't have the rights.*an account that may write"),
        (TOKEN, "owner/cats/dogs", "give owner/name"),
    ],
)
def test_who_may_not_publish(
    token: str | None,
    name: str,
    advice: str,
    hub: Hub,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert main(["publish", str(run), "--repo", name, "--tag", "v1"]) == 1
    line = one_line(capsys)
    assert re.search(advice, line)
    assert "hf_" not in line


@pytest.mark.parametrize("kind", ["500", "cut"])
@pytest.mark.parametrize(
    "step",
    [
        "POST /api/repos/create",
        "GET /api/models/.*/refs",
        "POST /api/validate-yaml",
        "POST /api/models/.*/preupload",
        "POST /owner/cats.git/info/lfs",
        "PUT /lfs/upload",
        "POST /lfs/verify",
        "POST /api/models/.*/commit",
        "GET /api/models/.*/tree",
        "POST /api/models/.*/tag",
    ],
)
def test_a_failure_at_any_step_tags_nothing_half_done(
    step: str, kind: str, hub: Hub, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fault(step, kind)
    assert publish(run) == 1
    assert NAME in one_line(capsys)
    there = hub.repository("models", NAME)
    if there and there["tags"]:  # the answer alone was lost
        assert (step, kind) == ("POST /api/models/.*/tag", "cut")
        assert set(there["commits"][there["tags"]["v1"]]) == PUBLISHED
    hub.faults.clear()
    assert publish(run, "--retag") == 0
    there = state(hub)
    assert set(there["commits"][there["tags"]["v1"]]) == PUBLISHED
    Colouriser.load(f"{NAME}@v1")


def test_an_unfinished_run_is_not_published(
    hub: Hub, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other / "evaluation" / "test.json").unlink()
    assert publish(other) == 1
    assert "run all steps" in one_line(capsys)
    (other / "gan" / WEIGHTS).write_bytes(b"half")
    assert publish(other) == 1
    assert "damaged" in one_line(capsys)
    assert not [r for r in hub.requests if NAME in r]


@pytest.mark.parametrize("kind", ["500", "cut", "corrupt"])
@pytest.mark.parametrize("what", ["GET /cdn/", "GET .*/resolve/.*config", "GET .*/tree/"])
def test_nothing_half_downloaded_is_loaded(kind: str, what: str, hub: Hub, run: Path) -> None:
    assert publish(run) == 0
    hub.fault(what, kind)
    with pytest.raises(ModelError) as error:
        Colouriser.load(f"{NAME}@v1")
    assert "\n" not in str(error.value)
    assert NAME in str(error.value)
    hub.faults.clear()
    Colouriser.load(f"{NAME}@v1")


def test_a_short_failure_and_a_slow_server_are_waited_for(hub: Hub, run: Path) -> None:
    assert publish(run) == 0
    hub.fault("GET /cdn/", "cut", times=1)
    hub.fault("/resolve/", "slow", times=2)
    Colouriser.load(f"{NAME}@v1")


def test_without_network_what_is_cached_works(
    hub: Hub, run: Path, cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(run) == 0
    Colouriser.load(f"{NAME}@v1")
    hub.fault("", "500")  # down
    Colouriser.load(f"{NAME}@v1")
    with pytest.raises(ModelError, match=r"cannot reach the Hub for owner/cats@v2"):
        Colouriser.load(f"{NAME}@v2")
    cat.save(tmp_path / "cat.png")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for revision, code in (("v1", 0), ("v2", 1)):
        arguments = [tmp_path / "cat.png", "-o", tmp_path / "out", "--model", f"{NAME}@{revision}"]
        result = subprocess.run(
            [sys.executable, "-m", "colouriser", "colour", *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert result.returncode == code, result.stderr
    assert result.stderr.startswith("error: cannot reach the Hub for owner/cats@v2")
    assert "Traceback" not in result.stderr


def test_a_refused_token_is_named(hub: Hub) -> None:
    hub.fault("GET /api/models/", status=401, message="Invalid credentials in Authorization header")
    with pytest.raises(ModelError, match=r"does not take the token .*HF_TOKEN"):
        Colouriser.load(f"{NAME}@v1")


def test_without_a_home_hf_home_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*arguments: object, **options: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("colouriser.hub.snapshot_download", homeless)
    with pytest.raises(ModelError, match="set HF_HOME"):
        Colouriser.load(f"{NAME}@v1")


def test_names_that_are_not_there(hub: Hub, run: Path) -> None:
    assert publish(run) == 0
    with pytest.raises(ModelError, match="no repository owner/dogs on the Hub"):
        Colouriser.load("owner/dogs@v1")
    with pytest.raises(ModelError, match="owner/cats has no revision v9"):
        Colouriser.load(f"{NAME}@v9")
    with pytest.raises(ModelError, match="cannot be a repository's name"):
        Colouriser.load("owner/ca--ts..@v1")


def test_the_command_line_takes_a_published_model(
    hub: Hub, run: Path, cat: Image.Image, tmp_path: Path
) -> None:
    assert publish(run) == 0
    cat.save(tmp_path / "cat.png")
    assert colour(tmp_path / "cat.png", "-o", tmp_path, "--model", NAME) == 1  # itself
    out = tmp_path / "out"
    assert colour(tmp_path / "cat.png", "-o", out, "--model", f"{NAME}@v1") == 0
    assert (out / "cat.png").exists()


def commit_by_hand(hub: Hub, folder: Path, names: tuple[str, ...]) -> None:
    """Somebody commits to the repository without our tools."""
    api = HfApi()
    gone = [n for n in (WEIGHTS, CONFIG) if n not in names]
    api.create_commit(
        NAME,
        [
            *(CommitOperationAdd(n, folder / n) for n in names),
            *(CommitOperationDelete(n) for n in gone),
        ],
        commit_message="By hand",
    )


def spoil(run: Path, folder: Path, how: str) -> tuple[str, ...]:
    """A bad model in a folder; which files of it there are."""
    folder.mkdir()
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(run / "gan" / name, folder / name)
    weights, config = load_file(folder / WEIGHTS), json.loads((folder / CONFIG).read_text())
    if how == "missing file":
        return (CONFIG,)
    if how == "NaN output":
        weights["encoder.bn1.running_var"] = -torch.ones_like(weights["encoder.bn1.running_var"])
    elif how == "NaN weights":
        weights["head.bias"] = torch.tensor([float("nan"), 0.0])
    elif how == "grey output":
        weights["head.weight"] = torch.zeros_like(weights["head.weight"])
        weights["head.bias"] = torch.zeros_like(weights["head.bias"])
        weights["palette.2.weight"] = torch.zeros_like(weights["palette.2.weight"])
        grey = Generator().cells.norm(dim=1).argmin()  # is the palette's mean, too
        weights["palette.2.bias"] = torch.full_like(weights["palette.2.bias"], -100.0)
        weights["palette.2.bias"][grey] = 100.0
    elif how == "no safetensors":
        (folder / WEIGHTS).write_bytes(b"\x80\x04pickle")
        return WEIGHTS, CONFIG
    elif how == "unknown field":
        config["hook"] = "os.system"
    elif how == "unknown encoder":
        config["encoder"] = "vit_giant"
    elif how == "too wide":
        config["decoder"] = [100_000] * 4
    elif how == "config too large":
        config["decoder"] = [32] * 5000
    save_file(weights, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config))
    return WEIGHTS, CONFIG


@pytest.mark.parametrize(
    "how",
    [
        "missing file",
        "NaN output",
        "NaN weights",
        "grey output",
        "no safetensors",
        "unknown field",
        "unknown encoder",
        "too wide",
        "config too large",
    ],
)
def test_a_bad_commit_is_refused_and_a_good_one_taken(
    how: str,
    hub: Hub,
    run: Path,
    other: Path,
    cat: Image.Image,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert publish(run) == 0
    follower = ModelFollower(f"{NAME}@main", cat)
    first = follower.colouriser
    names = spoil(run, tmp_path / "bad", how)
    commit_by_hand(hub, tmp_path / "bad", names)
    bad = state(hub)["branches"]["main"]
    hub.requests.clear()
    follower.refresh()
    follower.refresh()
    assert follower.colouriser is first
    assert [r.message for r in caplog.records if bad[:7] in r.message]  # logged
    assert sum("stays" in r.message for r in caplog.records) == 1  # once
    if "unknown" in how or "too" in how:  # refused before anything large came
        assert not any("/cdn/" in r for r in hub.requests)
    assert publish(other, tag="v2") == 0
    follower.refresh()
    assert same(follower.colouriser, Colouriser.load(other / "gan"), cat)
    assert not same(follower.colouriser, first, cat)
    assert state(hub)["tags"]["v2"][:7] in follower.colouriser.name


def test_too_large_weights_are_not_downloaded(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(run) == 0
    monkeypatch.setitem(MAX_BYTES, WEIGHTS, 1000)
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        Colouriser.load(f"{NAME}@v1")
    assert not any("/cdn/" in request for request in hub.requests)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Starts app.py as a user does."""
    processes: list[subprocess.Popen[str]] = []

    def start(model: str) -> Client:
        monkeypatch.setenv("COLOURISER_MODEL", model)
        monkeypatch.setenv("COLOURISER_LOOK_SECONDS", "0.5")
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout
        for line in process.stdout:
            found = re.search(r"http://\S+", line)
            if found:
                return Client(found[0], verbose=False)
        raise AssertionError("app.py ended")

    yield SimpleNamespace(start=start)
    for process in processes:
        process.terminate()
        process.wait()


def until(client: Client, expected: str) -> str:
    """What the page says of its model, as soon as it says what is expected."""
    for _ in range(120):
        text = client.predict(api_name="/model")
        if expected in text:
            return text
        time.sleep(0.5)
    raise AssertionError(f"{expected} not in {text}")


def test_a_running_page_changes_over_to_a_new_commit(
    hub: Hub, run: Path, other: Path, page: SimpleNamespace, cat: Image.Image, tmp_path: Path
) -> None:
    assert publish(run) == 0
    client = page.start(f"{NAME}@main")
    cat.save(tmp_path / "cat.png")

    def coloured() -> np.ndarray:
        result = client.predict(handle_file(tmp_path / "cat.png"), api_name="/colourise")
        with Image.open(result) as image:
            return np.array(image)

    first, one = state(hub)["tags"]["v1"], coloured()
    assert first[:7] in until(client, f"{NAME}@main")
    assert np.array_equal(one, np.array(Colouriser.load(run / "gan").colourise(cat)))
    assert publish(other, tag="v2") == 0
    until(client, state(hub)["tags"]["v2"][:7])
    two = coloured()
    assert np.array_equal(two, np.array(Colouriser.load(other / "gan").colourise(cat)))
    assert not np.array_equal(one, two)


def test_a_page_without_its_model_starts_on_the_bundled_one(
    hub: Hub, run: Path, page: SimpleNamespace
) -> None:
    hub.fault("", "500")
    client = page.start(f"{NAME}@v1")
    text = client.predict(api_name="/model")
    assert f"{NAME}@v1 could not be loaded, so the bundled weights are used" in text
    hub.faults.clear()
    assert publish(run) == 0
    assert "could not" not in until(client, f"{NAME}@v1 ({state(hub)['tags']['v1'][:7]})")


def test_whatever_a_download_raises_the_page_starts_and_goes_on_looking(
    hub: Hub, run: Path, cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(run) == 0

    def broken(*_: object, **__: object) -> str:
        raise RuntimeError  # as hf_xet does, and without a message

    with monkeypatch.context() as context:
        context.setattr("colouriser.hub.snapshot_download", broken)
        follower = ModelFollower(f"{NAME}@main", cat)
        assert "could not be loaded, so the bundled weights are used" in str(
            follower.fallback_reason
        )
        follower.refresh()
    follower.refresh()
    assert follower.model.commit == state(hub)["tags"]["v1"]
    assert not follower.fallback_reason


def test_tags_and_commits_stay_pinned(hub: Hub, run: Path, other: Path, cat: Image.Image) -> None:
    assert publish(run) == 0
    sources = [f"{NAME}@v1", f"{NAME}@{state(hub)['tags']['v1']}"]
    followers = [ModelFollower(source, cat) for source in sources]
    for follower in followers:
        follower.follow(0.01)
    time.sleep(0.3)
    assert publish(other, "--retag") == 0  # even then
    time.sleep(0.3)
    hub.requests.clear()
    time.sleep(0.3)
    assert not [r for r in hub.requests if NAME in r]
    assert all(
        same(follower.colouriser, Colouriser.load(run / "gan"), cat) for follower in followers
    )


def test_a_space(hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert publish(run) == 0
    monkeypatch.chdir(tmp_path)
    arguments = ["space", "--repo", "owner/page", "--model", f"{NAME}@v1"]
    hub.requests.clear()
    assert main([*arguments, "--dry-run"]) == 0
    assert not any(r.startswith("POST") for r in hub.requests)
    folder = tmp_path / "runs" / "space"
    front = ModelCard.load(folder / "README.md").data.to_dict()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == gradio_version()
    assert front["app_file"] == "app.py"
    assert front["models"] == [NAME]
    assert front["preload_from_hub"] == [f"{NAME} {CONFIG},{WEIGHTS} {state(hub)['tags']['v1']}"]
    assert {"license", "python_version"} <= set(front)
    names = set(files(folder))
    assert {"app.py", "requirements.txt", "colouriser/hub.py", "examples/astronaut.jpg"} <= names
    assert not any(n.startswith(("train", "tests", "docs", "benchmarks", ".")) for n in names)
    assert not any("__pycache__" in n for n in names)
    started = subprocess.run([sys.executable, "-c", "import app"], cwd=folder, capture_output=True)
    assert started.returncode == 0, started.stderr

    assert main(arguments) == 0
    there = state(hub, "owner/page", "spaces")
    assert there["variables"] == {"COLOURISER_MODEL": {"value": f"{NAME}@v1"}}
    assert set(there["commits"][there["branches"]["main"]]) == names
    assert there["hardware"] == "cpu-basic"
    assert main([*arguments, "--hardware", "t4-small"]) == 0  # an update
    assert state(hub, "owner/page", "spaces")["hardware"] == "t4-small"


def test_a_space_on_zerogpu_asks_for_it_at_once(
    hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(run) == 0
    monkeypatch.chdir(tmp_path)
    hub.requests.clear()
    arguments = ["space", "--repo", "owner/zero", "--model", f"{NAME}@v1"]
    assert main([*arguments, "--hardware", "zero-a10g"]) == 0
    front = ModelCard.load(tmp_path / "runs" / "space" / "README.md").data.to_dict()
    assert front["python_version"] == "3.12.12"
    there = state(hub, "owner/zero", "spaces")
    assert (there["created_on"], there["hardware"]) == ("zero-a10g", "zero-a10g")


def test_a_static_space(
    hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    assert publish(run) == 0
    monkeypatch.chdir(tmp_path)
    arguments = ["space", "--repo", "owner/static", "--model", f"{NAME}@v1", "--static"]
    assert main(arguments) == 0
    folder = tmp_path / "runs" / "static-space"
    front = ModelCard.load(folder / "README.md").data.to_dict()
    assert (front["sdk"], front["app_file"]) == ("static", "index.html")
    assert front["models"] == [NAME]
    assert front["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    there = state(hub, "owner/static", "spaces")
    assert set(there["commits"][there["branches"]["main"]]) == set(files(folder))
    assert not there.get("variables")
    with served(folder) as address:
        page = visit(browser, address)  # which ends on a coloured example
        page.get_by_role("tab", name="About").click()
        expect(page.locator("#about")).to_contain_text(f"model: {NAME}")
        page.context.close()
    assert main([*arguments, "--dry-run"]) == 0  # once more, over the first


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_space_that_is_refused(
    status: int,
    hub: Hub,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert publish(run) == 0
    monkeypatch.chdir(tmp_path)
    sentence = "Gradio Spaces need a paid plan."
    hub.fault("POST /api/repos/create", status=status, message=sentence)
    assert main(["space", "--repo", "owner/page", "--model", f"{NAME}@v1"]) == 1
    line = one_line(capsys)
    assert f"{status}: {sentence}" in line
    advice = {401: "log in with a token", 402: "--static", 403: "an account that may"}
    assert advice[status] in line


def test_a_space_needs_a_model_on_the_hub_and_hardware_that_exists(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["space", "--repo", "owner/page"]
    assert main([*space, "--model", str(BUNDLED)]) == 1
    assert "publish it first" in one_line(capsys)
    assert main([*space, "--model", f"{NAME}@v1", "--hardware", "abacus"]) == 1
    assert "no hardware abacus" in one_line(capsys)
    assert not any(r.startswith("POST") for r in hub.requests)


def test_readme_names_the_gradio_that_is_pinned() -> None:
    front = ModelCard.load(ROOT / "README.md").data.to_dict()
    assert front["sdk_version"] == gradio_version()


def test_the_page_uses_zerogpu_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(
        "import sys\ncalled, torch_was_there = [], 'torch' in sys.modules\n\n"
        "def GPU(f):\n    called.append(f)\n    return f\n"
    )
    code = """
import sys
from colouriser.page import build
from colouriser.samples import PICTURES
import spaces
from colouriser.follow import ModelFollower
from PIL import Image
build(ModelFollower(None, Image.open(PICTURES[0])))
assert not spaces.torch_was_there
assert [f.__name__ for f in spaces.called] == ["predict", "vary"]
"""
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_a_token_is_never_printed(hub: Hub, run: Path) -> None:
    arguments = ["publish", run, "--repo", "somebody/cats", "--tag", "v1"]
    command = [sys.executable, "-m", "train", *map(str, arguments)]
    environment = os.environ | {"HF_DEBUG": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert TOKEN not in result.stdout + result.stderr
