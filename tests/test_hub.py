"""Models in folders: what is loaded and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from colouriser import Colouriser, ModelError, hub
from train.measure.evaluate import relative_table


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in (hub.WEIGHTS, hub.CONFIG):
        shutil.copy(hub.BUNDLED / name, tmp_path)
    return tmp_path


def refused(model: Path, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as error:
        Colouriser.load(model)
    assert "\n" not in str(error.value)
    assert str(model) in str(error.value)


def test_bundled_model_is_small_enough() -> None:
    assert (hub.BUNDLED / hub.WEIGHTS).stat().st_size <= 40_000_000


def test_bundled_model_has_its_evaluation_which_the_card_repeats() -> None:
    evaluation = json.loads((hub.BUNDLED / "evaluation.json").read_text())
    card = (hub.BUNDLED / "README.md").read_text()
    for name in ("others", "general", "pets", "more"):
        result = evaluation[name]
        assert result["split"] == "test"
        assert f"n = {result['n']}" in card
        assert relative_table(result["rows"]) in card


def test_good_model(model: Path) -> None:
    Colouriser.load(model)


@pytest.mark.parametrize("name", [hub.WEIGHTS, hub.CONFIG])
def test_missing_file(name: str, model: Path) -> None:
    (model / name).unlink()
    refused(model, f"has no {name}")


@pytest.mark.parametrize("keep", [0, 4, 5000, 1_000_000])
def test_truncated_weights(keep: int, model: Path) -> None:
    path = model / hub.WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    refused(model, "damaged")


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "resnet99"},
        {"encoder": "resnet34"},  # known, but the weights are of another
        {"decoder": [192, 96, 64]},
        {"decoder": None},
        {"attention": "yes"},
        {"mean": None},
        {"unknown": 1},
    ],
)
def test_wrong_config(change: dict, model: Path) -> None:
    fields = json.loads((model / hub.CONFIG).read_text())
    (model / hub.CONFIG).write_text(json.dumps(fields | change))
    refused(model, "damaged|cannot be used")


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"', "\u00ff"])
def test_config_that_is_none(text: str, model: Path) -> None:
    (model / hub.CONFIG).write_bytes(text.encode("latin-1"))
    refused(model, "damaged")


def test_weights_that_are_not_finite_or_not_all_there(model: Path) -> None:
    path = model / hub.WEIGHTS
    state = load_file(path)
    save_file(state | {"head.bias": torch.tensor([0.0, float("inf")])}, path)
    refused(model, "not finite")
    del state["head.bias"]
    save_file(state, path)
    refused(model, "damaged")


def test_older_weights_lose_their_evenness_and_nothing_else(model: Path, cat: Image.Image) -> None:
    expected = Colouriser.load(model).colourise(cat)
    path, config = model / hub.WEIGHTS, model / hub.CONFIG
    state, fields = load_file(path), json.loads(config.read_text())
    evenness = {"evenness.weight": torch.ones(1, 352), "evenness.bias": torch.ones(1)}
    save_file(state | evenness, path)
    config.write_text(json.dumps(fields | {"even": [0.25, 1.04]}))
    assert Colouriser.load(model).colourise(cat).tobytes() == expected.tobytes()
    save_file(state | evenness | {"evenness.other": torch.ones(1)}, path)
    refused(model, "damaged")


def test_no_such_model() -> None:
    with pytest.raises(ModelError, match="no model at"):
        Colouriser.load("no-such-folder")
    with pytest.raises(ModelError, match="cannot reach the Hub for owner/name@v1"):
        Colouriser.load("owner/name@v1")


@pytest.mark.parametrize("kind", [torch.int8, torch.int32, torch.bool, torch.complex64])
def test_weights_of_another_kind_are_refused(kind: torch.dtype, model: Path) -> None:
    state = load_file(model / hub.WEIGHTS)
    state["head.weight"] = state["head.weight"].to(kind)
    save_file(state, model / hub.WEIGHTS)
    refused(model, "which is no kind of weight")


@pytest.mark.parametrize(
    "source", ["owner/name@" + "x" * 5000, "owner/name@a\nb", "owner/name@\0", "a" * 5000, "a/b/c"]
)
def test_names_that_are_none(source: str) -> None:
    with pytest.raises(ModelError, match="no model at") as error:
        Colouriser.load(source)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200
