"""Run folders that are damaged or odd: one error line that says what to do, and no traceback."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from train.__main__ import main
from train.run import Run

pytestmark = pytest.mark.slow

SMOKE = ["--recipe", "smoke", "--run"]


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the smoke run, to be damaged."""
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def damaged(path: str, data: bytes) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        (run / path).write_bytes(data)

    return write


def checkpoint(
    notes: str, change: Callable[[dict[str, torch.Tensor]], None] = lambda state: None
) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        path = run / "generator" / "checkpoint.safetensors"
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(state)
        save_file(state, path, metadata={"notes": notes})

    return write


def other_shape(state: dict[str, torch.Tensor]) -> None:
    name = next(n for n, v in state.items() if n.startswith("model-optimiser.") and v.ndim == 4)
    state[name] = torch.zeros(3, 2)


def without_model(run: Path) -> None:
    shutil.rmtree(run / "gan")
    save_file({}, run / "critic" / "checkpoint.safetensors", {"notes": GOOD})


def without_photographs(run: Path) -> None:
    shutil.rmtree(run / "generator")
    (run / "photographs.bin").unlink()


NESTED = b"[" * 100_000
GOOD = '{"epochs": 1, "best": 1.0}'
CASES: list[tuple[str, Callable[[Path], None], str]] = [
    ("generator", damaged("record.json", b'{"prepare": {'), "record.json is damaged"),
    ("generator", damaged("record.json", b" "), "record.json is damaged"),
    ("generator", damaged("record.json", b"[1, 2]"), "record.json is damaged"),
    ("generator", damaged("record.json", b'{"prepare": 3}'), "record.json is damaged"),
    ("generator", damaged("record.json", b"\xff\xfe\0\1"), "record.json is damaged"),
    ("generator", damaged("recipe.json", NESTED), "recipe.json is damaged"),
    ("generator", damaged("recipe.json", b'{"name": "smoke", "batch": "many"}'), "batch cannot be"),
    ("generator", damaged("photographs.csv", b"\xff\xd8\0\1\2" * 50), "prepare another --run"),
    ("generator", damaged("photographs.csv", b"split,name\ntrain\n"), "photographs.csv is damaged"),
    ("generator", damaged("photographs.bin", b"\0" * 1000), "photographs.bin is too short"),
    ("generator", checkpoint("{}"), "delete it to start the stage again"),
    ("generator", checkpoint("[]"), "delete it to start the stage again"),
    ("generator", checkpoint("null"), "delete it to start the stage again"),
    ("generator", checkpoint('"text"'), "delete it to start the stage again"),
    ("generator", checkpoint('{"epochs": "two", "best": 1.0}'), "delete it to start"),
    ("generator", checkpoint('{"epochs": -3, "best": 1.0}'), "delete it to start"),
    ("generator", checkpoint('{"epochs": 1.5, "best": 1.0}'), "delete it to start"),
    ("generator", checkpoint('{"epochs": 1, "best": NaN}'), "delete it to start"),
    ("generator", checkpoint(GOOD, other_shape), "has another shape"),
    ("gan", without_model, "delete it to start the stage again"),
    ("generator", without_photographs, "prepare another --run"),
    ("figures", damaged("gan/history.csv", b"\xff\xd8\0\1\2" * 50), "history.csv is damaged"),
]


@pytest.mark.parametrize(("step", "damage", "message"), CASES)
def test_damaged_runs(
    step: str,
    damage: Callable[[Path], None],
    message: str,
    own: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(own)
    capsys.readouterr()
    assert main([step, *SMOKE, str(own)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("error: ")
    assert message in lines[-1]


def test_a_name_that_is_no_utf8(handful: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(handful, images)
    first = sorted(images.iterdir())[0]
    odd = os.fsencode(images) + b"/caf\xe9.png"
    os.rename(first, odd)
    shutil.copyfile(odd, os.fsencode(images) + b"/broken\xff.png")
    with open(os.fsencode(images) + b"/broken\xff.png", "wb") as file:
        file.write(b"no image")
    assert main(["prepare", *SMOKE, str(tmp_path / "run"), "--images", str(images)]) == 0
    run = Run(tmp_path / "run")
    (row,) = (row for row in run.photographs.rows if row.name.startswith("caf"))
    assert run.photographs.image(row).size == (96, 96)
    assert "broken" in (run.folder / "skipped.csv").read_text()


def test_lists_of_splits(handful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "binary": (b"\xff\xd8\0\1\2" * 50, "list.csv"),
        "columns": (b"name,split\na,train\n", "it needs the columns file and split"),
        "split": (b"file,split\na.png,holiday\n", "a row needs a file and a split"),
        "weight": (b"file,split,weight\na.png,train,-1\n", "weight '-1'; give numbers above 0"),
        "words": (b"file,split,weight\na.png,train,much\n", "weight 'much'; give numbers"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / "list.csv"
        path.write_bytes(data)
        arguments = ["--images", str(handful), "--splits", str(path)]
        assert main(["prepare", *SMOKE, str(tmp_path / name), *arguments]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("error: ")
        assert message in lines[-1], name


def test_sets_and_weights_of_lists(handful: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in handful.iterdir())
    splits = ["train", "valid", "test"]
    rows = [
        f"{f},{splits[i % 3]},{'film' if i < 6 else 'web'},{1 + i % 2}" for i, f in enumerate(files)
    ]
    (tmp_path / "people.csv").write_text("\n".join(["file,split,source,weight", *rows[:20]]))
    arguments = ["--images", str(handful), "--splits", str(tmp_path / "people.csv")]
    assert main(["prepare", *SMOKE, str(tmp_path / "run"), *arguments, "--apart", "film"]) == 0
    found = Run(tmp_path / "run").photographs.rows
    assert {row.set for row in found} == {"people", "film", "photographs"}
    assert {row.weight for row in found} == {1.0, 2.0}
    assert sum(row.set == "film" for row in found) == 6
    with open(tmp_path / "run" / "sources.csv", newline="") as file:
        sources = {row["source"]: int(row["photographs"]) for row in csv.DictReader(file)}
    assert sources["film"] == 2
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["prepare"]["seconds"] >= 0
