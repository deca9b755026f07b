"""Archives on a cluster of two machines, some of whose parts fail."""

import os
import shutil
import signal
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from PIL import Image

from colouriser import Options
from colouriser.archive import Summary, Workers, archive, run
from colouriser.job import Job
from colouriser.pool import Pool

from ..odd_files import Odd
from .conftest import Machines, check, manifest, names, wait_for, workers

pytestmark = pytest.mark.slow


def test_goes_on(scans: Path, machines: Machines, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for path in sorted((scans / "1938").iterdir())[:8]:
        shutil.copy2(path, photos)
    team, n = Workers(cpus=1, address=machines.address), 8

    def again(**options: object) -> Summary:
        return archive(str(photos), str(out), workers=team, **options)  # type: ignore[arg-type]

    assert again() == Summary(coloured=n)
    times = {name: (out / name).stat().st_ctime_ns for name in names(out)}
    (out / f".{uuid.uuid4().hex}.part").touch()  # as after a kill
    (out / ".kept.part").touch()
    assert again() == Summary(skipped=n)
    assert names(out) == {*times, ".kept.part"}
    (out / ".kept.part").unlink()

    Image.open(photos / "01.jpg").resize((64, 64)).save(photos / "01.jpg")  # another source
    (out / "02.jpg").unlink()  # a result is gone
    assert again() == Summary(coloured=2, skipped=n - 2)
    with Image.open(out / "01.jpg") as image:
        assert image.size == (64, 64)
    changed = {name for name in times if (out / name).stat().st_ctime_ns != times[name]}
    assert changed == {"01.jpg", "02.jpg"}
    assert len(manifest(out)) == n

    shutil.rmtree(out.with_name("out.manifest"))  # as after a kill before its first file
    assert again() == Summary(found=n)
    assert {row["model"] for row in manifest(out)} == {None}
    assert again(overwrite=True, options=Options(vividness=0.0)) == Summary(coloured=n)
    with Image.open(out / "01.jpg") as image:
        red, green, blue = image.split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_ray_that_runs_is_joined_and_stays(
    scans: Path, machines: Machines, tmp_path: Path, cat: Image.Image
) -> None:
    (tmp_path / "photos").mkdir()
    cat.save(tmp_path / "photos" / "cat.jpg")
    ray.init(address=machines.address)
    try:
        assert archive(str(tmp_path / "photos"), str(tmp_path / "out")) == Summary(coloured=1)
        assert ray.is_initialized()
    finally:
        ray.shutdown()


@pytest.mark.parametrize("lost", ["a worker", "a machine"])
def test_nothing_is_lost(
    lost: str,
    scans: Path,
    coloured: dict[str, bytes],
    machines: Machines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "BLOCK", 4)
    out, team = tmp_path / "out", Workers(cpus=1, address=machines.address)
    machine = machines.cluster.list_all_nodes()[-1]

    def lose() -> None:
        wait_for(out, 8)
        if lost == "a worker":
            os.kill(workers()[0], signal.SIGKILL)
        else:
            machines.cluster.remove_node(machine, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    summary = archive(str(scans), str(out), workers=team)
    thread.join()
    if lost == "a machine":
        machines.add()
    assert summary.failed == summary.skipped == 0
    assert summary.coloured + summary.found == 49
    check(out, coloured)


@pytest.mark.parametrize("dies", ["one of two processes", "the worker"])
def test_a_photograph_that_kills_workers_costs_itself_alone(
    dies: str,
    scans: Path,
    coloured: dict[str, bytes],
    machines: Machines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"

    class Mortal(run.Worker):
        def __init__(self, *values: Any) -> None:
            super().__init__(*values)
            self.pool = Pool(2 if dies == "one of two processes" else 1)

        def job(self, row: dict) -> Job:
            job = super().job(row)
            if row["source"] != "1938/03.jpg":
                return job
            part = out / "1938" / f".{uuid.uuid4().hex}.part"
            part.parent.mkdir(parents=True, exist_ok=True)
            part.touch()  # as when memory runs out while it writes
            if dies == "the worker":
                os._exit(1)
            assert isinstance(job.target, Path)
            return replace(job, target=Odd(job.target, "death"))

    monkeypatch.setattr(run, "Worker", Mortal)
    monkeypatch.setattr(run, "BLOCK", 4)
    failures: list[str] = []
    team = Workers(cpus=1, address=machines.address)
    summary = archive(str(scans), str(out), workers=team, failed=failures.append)
    assert (summary.failed, summary.coloured + summary.found) == (1, 48)
    if dies == "the worker":
        why = "every worker that took it died; it may be too large"
    else:
        why = "could not be read or written in the memory there is; make it smaller"
    assert failures == ["passed over: other files: 1", f"error: 1938/03.jpg: {why}"]
    assert names(out) == set(coloured) - {"1938/03.jpg"}
    rows = {row["source"]: row["error"] for row in manifest(out)}
    assert [source for source, error in rows.items() if error] == ["1938/03.jpg"]
