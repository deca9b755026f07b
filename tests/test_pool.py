"""Workers in processes: deadlines, deaths and restarts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import ExifTags, Image

from colouriser import Colouriser, ModelError, Options, PhotoError, pool
from colouriser.job import Job
from colouriser.pool import Pool, Process
from colouriser.worker import Worker

from .conftest import ROOT
from .odd_files import Odd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool_without() -> Iterator[Pool]:
    """Two processes without a network."""
    with Pool(2, network=False) as made:
        yield made


@pytest.fixture
def process(pool_without: Pool) -> Iterator[Process]:
    with pool_without.process() as process:
        yield process


@pytest.fixture(scope="module")
def pool_with() -> Iterator[Pool]:
    """Two processes with a network each."""
    with Pool(2) as made:
        yield made


def test_a_photograph_opened_here_is_finished_there(
    process: Process, colouriser: Colouriser, cat: Image.Image, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = (1, 50)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    cat = cat.copy()
    cat.putalpha(90)
    cat.save(tmp_path / "cat.png", exif=exif, dpi=(300, 300))
    job = Job(tmp_path / "cat.png", "cat.png", Options(keep_position=True))
    opening = process.call(60, pool.open_one, job)
    assert (opening.size, opening.suffix) == (cat.size, ".png")
    prediction = colouriser.predict_copy(opening.copy)
    results = [(tmp_path / "out.png", prediction.coefficients.numpy())]
    process.call(60, pool.finish, job, results)
    Worker(colouriser).run([replace(job, target=tmp_path / "own.png")])
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "own.png").read_bytes()
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA"
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)


def test_errors_come_through(process: Process, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"none\.jpg: no such file") as error:
        process.call(60, pool.open_one, Job(tmp_path / "none.jpg", "none.jpg"))
    assert error.value.code == "not_found"
    with pytest.raises(PhotoError, match="cannot be used"):
        process.call(60, pool.open_one, Job(Odd(tmp_path, "bug"), "odd.jpg"))
    with pytest.raises(PhotoError, match="in the memory there is"):
        process.call(60, pool.open_one, Job(Odd(tmp_path, "memory"), "odd.jpg"))


def test_what_takes_too_long_is_stopped(process: Process) -> None:
    process.call(60, abs, -3)
    started = time.monotonic()
    with pytest.raises(PhotoError, match="takes too long"):
        process.call(0.5, time.sleep, 600)
    assert time.monotonic() - started < 10
    assert process.call(60, abs, -3) == 3  # the next is served


def test_a_process_that_dies_is_an_error(process: Process) -> None:
    with pytest.raises(PhotoError, match="in the memory there is"):
        process.call(60, os._exit, 1)
    assert process.call(60, abs, -3) == 3


def test_an_idle_process_that_died_is_replaced(process: Process) -> None:
    os.kill(process.call(60, os.getpid), signal.SIGKILL)
    time.sleep(0.5)
    assert process.call(60, abs, -3) == 3


def test_threads_have_a_process_each(pool_without: Pool) -> None:
    def call(_: int) -> int:
        with pool_without.process() as process:
            process.call(60, time.sleep, 0.3)
            return process.call(60, os.getpid)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(call, range(4)))
    assert os.getpid() not in found
    assert len(set(found)) == 2


@pytest.fixture
def scans(cat: Image.Image, tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{index}.jpg" for index in range(9)]
    for index, file in enumerate(files):
        cat.convert("L").rotate(index).save(file)
    return files


def jobs(scans: list[Path], folder: str) -> list[Job]:
    out = scans[0].parent / folder
    out.mkdir(exist_ok=True)
    return [Job(file, file.name, target=out / file.name) for file in scans]


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        ("death", "could not be read or written in the memory there is; make it smaller"),
        ("wait", "takes too long to read or write; save it in another way"),
        ("bug", "cannot be "),
        ("memory", "could not be read or written in the memory there is; make it smaller"),
    ],
)
@pytest.mark.parametrize("when", ["read", "written"])
def test_what_goes_wrong_costs_itself_alone(
    when: str,
    happens: str,
    message: str,
    pool_with: Pool,
    colouriser: Colouriser,
    scans: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if happens == "wait":
        list(pool_with.run(jobs(scans, "warm")))  # or importing torch would count
        monkeypatch.setattr(pool, "SECONDS", 1.0)
    todo = jobs(scans, "out")
    out = scans[0].parent / "out"
    if when == "read":
        todo[5] = replace(todo[5], source=Odd(scans[5], happens))
    else:
        todo[5] = replace(todo[5], target=Odd(out / "5.jpg", happens))
    outcomes = [outcome for _, outcome in pool_with.run(todo)]
    assert len(outcomes) == len(scans)
    (failed,) = [outcome.error for outcome in outcomes if outcome.error]
    assert str(failed).startswith(f"5.jpg: {message}")
    Worker(colouriser).run(jobs(scans, "own"))
    for file in out.iterdir():
        assert file.read_bytes() == (scans[0].parent / "own" / file.name).read_bytes()
    assert {file.name for file in out.iterdir()} == {s.name for s in scans} - {"5.jpg"}


def test_a_model_that_is_none_is_said_at_once(scans: list[Path], tmp_path: Path) -> None:
    with Pool(2, model=str(tmp_path)) as other, pytest.raises(ModelError, match="no config"):
        list(other.run(jobs(scans, "out")))


def test_nothing_is_left_behind() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with Pool(2, network=False) as other:
        other.start()
        with other.process() as process:
            busy = process.call(60, os.getpid)
    assert not psutil.pid_exists(busy)
    after = psutil.Process().children(recursive=True)
    assert not [c for c in after if c.pid not in before and "spawn_main" in " ".join(c.cmdline())]


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "from colouriser.pool import Pool\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(network=False)\n"
        "    with pool.process() as process:\n"
        "        print(process.call(60, os.getpid), flush=True)\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "script.py").write_text(script)
    line = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(
        line, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout
        pid = int(started.stdout.readline())
        assert psutil.pid_exists(pid)
        started.kill()
    for _ in range(100):
        if not psutil.pid_exists(pid):
            return
        time.sleep(0.1)
    pytest.fail("it is still there")


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from colouriser.pool import Pool\n"
        "with Pool(network=False) as pool, pool.process() as process:\n"
        "    print(process.call(60, os.getpid))\n"
    )
    (tmp_path / "script.py").write_text(script)
    result = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert "put what it does under if __name__ == '__main__':" in result.stderr


def test_a_deadline_grows_with_the_photograph() -> None:
    assert pool.deadline() == pool.SECONDS
    assert pool.deadline(nbytes=10**7) > pool.deadline(nbytes=10**6) > pool.deadline()
    assert pool.deadline(pixels=10**8) > pool.deadline(pixels=10**7) > pool.deadline()


def test_processes_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 8)
    monkeypatch.setattr(pool, "memory", lambda: 10**12)
    monkeypatch.setattr(pool, "_on_gpu", lambda device: device == "cuda")
    assert pool.share_out(100) == (8, 1)
    assert pool.share_out(3) == (3, 2)
    assert pool.share_out(100, 2) == (2, 4)
    assert pool.share_out(100, device="cuda") == (pool.GPU_PROCESSES, 4)
    monkeypatch.setattr(pool, "memory", lambda: 3 * pool.PROCESS_BYTES)
    assert pool.share_out(100) == (3, 2)
    monkeypatch.setattr(pool, "memory", lambda: 0)
    assert pool.share_out(100) == (1, 8)
    monkeypatch.setattr(pool, "memory", lambda: None)
    assert pool.share_out(100) == (8, 1)


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": "2000", "memory.current": "900", "memory.stat": "inactive_file 300"}, 1400),
        ({"memory.max": "max", "memory.current": "900", "memory.stat": "inactive_file 300"}, None),
        (
            {
                "memory/memory.limit_in_bytes": "2000",
                "memory/memory.usage_in_bytes": "900",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200",
            },
            1300,
        ),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="containers of Linux")
def test_a_containers_memory_counts(
    files: dict[str, str], free: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pool.memory()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(pool, "CGROUPS", tmp_path)
    left = pool.memory()
    assert whole is not None
    assert left is not None
    assert left == free if free else left > whole / 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not choose so")
def test_a_process_for_photographs_is_killed_before_ours(process: Process) -> None:
    score = Path(f"/proc/{process.call(60, os.getpid)}/oom_score_adj")
    assert int(score.read_text()) > int(Path("/proc/self/oom_score_adj").read_text())


def test_the_pool_imports_no_torch() -> None:
    code = "import sys, colouriser.__main__; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "False", result.stderr
