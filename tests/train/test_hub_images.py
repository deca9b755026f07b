"""Photographs of a data set on the Hub, from the small Hub of the tests."""

import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub import HfApi

from train.__main__ import main
from train.run import Run

from ..hub_server import Hub

NAME = "owner/photographs"


def prepare(source: str, folder: Path) -> int:
    return main(["prepare", "--recipe", "smoke", "--run", str(folder), "--images", source])


def upload(files: dict[str, bytes]) -> None:
    api = HfApi()
    api.create_repo(NAME, repo_type="dataset", exist_ok=True)
    for path, data in files.items():
        api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id=NAME, repo_type="dataset")


def test_a_data_set_of_files(hub: Hub, handful: Path, tmp_path: Path) -> None:
    upload({f"holiday/{f.name}": f.read_bytes() for f in sorted(handful.iterdir())[:25]})
    upload({"notes.txt": b"no photograph"})
    assert prepare(f"hf://datasets/{NAME}@main", tmp_path) == 0
    assert len(Run(tmp_path).photographs.rows) == 25
    record = Run(tmp_path).record()
    assert record["prepare"]["photographs"] == [f"hf://datasets/{NAME}@main"]


def test_a_data_set_in_parquet(hub: Hub, handful: Path, tmp_path: Path) -> None:
    images = [
        {"bytes": f.read_bytes(), "path": f.name if i % 2 else None}
        for i, f in enumerate(sorted(handful.iterdir()))
    ]
    table = pyarrow.table({"label": [0] * len(images), "image": images})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    upload({"data/train-00000.parquet": file.getvalue()})
    assert prepare(f"hf://datasets/{NAME}", tmp_path) == 0
    assert len(Run(tmp_path).photographs.rows) == 30


def test_what_is_no_data_set(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), without)
    upload({"data.parquet": without.getvalue()})
    for source, message in (
        ("hf://datasets/owner", "is no data set"),
        ("hf://datasets/owner/../name", "is no data set"),
        ("hf://datasets/owner/nothing", "the Hub refused owner/nothing"),
        (f"hf://datasets/{NAME}", "has no column of images"),
    ):
        assert prepare(source, tmp_path / "run") == 1
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("error: ")
        assert message in line
