"""Long work that is broken off: a process that is killed, a disk that is full."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colouriser.film.read import Film

from ..conftest import ROOT
from .films import SCENES, scene, write_film

pytestmark = pytest.mark.slow
SMALL_DISK = "mount -t tmpfs -o size=300k none {out} && {python} -m colouriser film {film} {target}"


def line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "colouriser", "film", *map(str, arguments)]


def frames_of(path: Path) -> int:
    return len(list(Film.open(path).frames()))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of 30 frames, in grey."""
    pictures = [
        picture.mean(2, keepdims=True).astype("u1").repeat(3, 2)
        for name in SCENES
        for picture in scene(name, 30)
    ]
    return write_film(tmp_path_factory.mktemp("film") / "home.mkv", pictures)


def test_killed_it_goes_on_with_the_next_scene(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    process = subprocess.Popen(line(film, out), cwd=ROOT, stderr=subprocess.PIPE)
    first = tmp_path / ".out.mkv.scenes" / "00000000.json"
    end = time.monotonic() + 120
    while not first.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    done = {path: path.stat().st_mtime_ns for path in first.parent.glob("*.mkv")}
    record = first.stat().st_mtime_ns
    again = subprocess.Popen(line(film, out), cwd=ROOT, stderr=subprocess.PIPE)
    kept = True
    while again.poll() is None:  # what was done is not done again
        kept = kept and (not first.exists() or first.stat().st_mtime_ns == record)
        time.sleep(0.02)
    assert again.returncode == 0, again.communicate()[1]
    assert done
    assert kept
    assert frames_of(out) == 120
    assert not first.parent.exists()


def test_a_full_disk_is_said_and_nothing_is_lost(film: Path, tmp_path: Path) -> None:
    apart = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*apart, "mount", "-t", "tmpfs", "none", tmp_path]).returncode:
        pytest.skip("no file system can be mounted here")
    out = tmp_path / "out"
    out.mkdir()
    target = out / "home.mkv"
    small = SMALL_DISK.format(out=out, python=sys.executable, film=film, target=target)
    script = f"{small}; code=$?; cp -r {out} {tmp_path / 'kept'}; exit $code"
    result = subprocess.run([*apart, "sh", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "error: home.mkv: No space left on device"
    kept = tmp_path / "kept"
    assert not (kept / "home.mkv").exists()
    assert not list(kept.rglob("*.part"))
    records = list((kept / ".home.mkv.scenes").glob("0*.json"))
    kept.rename(tmp_path / "larger")  # another disk, with what was done
    done = subprocess.run(line(film, tmp_path / "larger" / "home.mkv"), cwd=ROOT)
    assert done.returncode == 0
    assert frames_of(tmp_path / "larger" / "home.mkv") == 120
    assert len(records) < 4
