"""A cluster of two machines, and photographs for it. All of it runs on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
import pytest
from PIL import Image
from ray.cluster_utils import Cluster

from colouriser.archive import Summary, Workers, archive

from ..conftest import ROOT

WORKER = b"ray::MapWorker"
CREDENTIALS = {  # of the S3 server of test_bucket.py, which workers take from where Ray was started
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def command(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    line = [sys.executable, "-m", "colouriser", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, **options)  # type: ignore[call-overload]


def workers() -> list[int]:
    """Processes that hold a model."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(WORKER):
                found.append(int(folder.name))
        except OSError:  # gone since
            pass
    return found


def wait_for(results: Path, count: int) -> None:
    """Wait until so many results are written."""
    end = time.monotonic() + 120
    while len(names(results)) < count:
        assert time.monotonic() < end, f"{len(names(results))} of {count} results"
        time.sleep(0.02)


def names(folder: Path) -> set[str]:
    """Files below a folder; half-written ones, too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def manifest(results: Path) -> list[dict]:
    """The rows beside results, which must be in one file."""
    (file,) = results.with_name(results.name + ".manifest").iterdir()
    return pyarrow.parquet.read_table(file).to_pylist()


@dataclass
class Machines:
    """A cluster that loses machines."""

    cluster: Cluster

    @property
    def address(self) -> str:
        return self.cluster.address

    def add(self) -> object:
        return self.cluster.add_node(num_cpus=1, object_store_memory=100_000_000)


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    """A cluster of two machines with a processor each."""
    os.environ.update(CREDENTIALS, RAY_USAGE_STATS_ENABLED="0")
    options = {"num_cpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=options)
    machines = Machines(cluster)
    machines.add()
    yield machines
    cluster.shutdown()


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory, cat: Image.Image) -> Path:
    """A folder with 48 photographs of several kinds, in folders; never written to."""
    folder = tmp_path_factory.mktemp("scans")
    for year in (1938, 1939):
        (folder / str(year)).mkdir()
        for index in range(24):
            scan = cat.convert("L" if index % 2 else "RGB").rotate(index, expand=True)
            scan.save(folder / str(year) / f"{index:02}.{'png' if index % 5 == 0 else 'jpg'}")
    cat.save(folder / "animation.gif")
    (folder / "notes.txt").write_text("not a photograph")
    return folder


@pytest.fixture(scope="session")
def coloured(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the command line makes of them, by name."""
    out = tmp_path_factory.mktemp("coloured")
    result = command("colour", scans, "-o", out)
    assert result.returncode == 0, result.stderr
    return {name: (out / name).read_bytes() for name in names(out)}


def on(machines: Machines, source: object, target: object) -> tuple[Summary, list[str]]:
    """Colour an archive on machines that are there; what became of it, and what was said."""
    said = list[str]()
    team = Workers(cpus=1, address=machines.address)
    return archive(str(source), str(target), workers=team, failed=said.append), said


def check(results: Path, coloured: dict[str, bytes]) -> None:
    """Results are the command line's, all of them and no more; the manifest has each once."""
    assert names(results) == set(coloured)
    for name, data in coloured.items():
        assert (results / name).read_bytes() == data, name
    rows = manifest(results)
    assert sorted(row["target"] for row in rows) == sorted(coloured)
    assert not [row for row in rows if row["error"]], json.dumps(rows, default=str)
