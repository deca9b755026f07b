"""Archives on one machine: bad files, interruptions, a full disk. Some are started as a user does
it; where that is not what is tried, Ray runs already, since its start takes a quarter of a minute.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from colouriser.archive import Summary
from colouriser.archive.store import open_store, photographs
from colouriser.debris import PassedOver
from colouriser.film.read import Film

from ..conftest import ROOT, in_process
from ..film.films import HEIGHT, WIDTH, scene, write_film
from .conftest import Machines, check, command, manifest, names, on, wait_for

pytestmark = pytest.mark.slow
SMALL_DISK = "mount -t tmpfs -o size=1500k none {out} && exec {python} -m colouriser archive {run}"


def last(result: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in result.stderr, result.stderr
    return result.stderr.splitlines()[-1]


def test_bad_files(tmp_path: Path, cat: Image.Image, machines: Machines) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    cat.save(photos / "cat.jpg")
    cat.save(photos / "cat.gif")
    cat.save(photos / "cat.gif.png")  # what the result of cat.gif is called
    (photos / "broken.jpg").write_bytes(b"no image")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")  # no UTF-8
    summary, said = on(machines, photos, out)
    assert summary == Summary(coloured=2, failed=4)
    text = "\n".join(said)
    assert "error: broken.jpg: not an image" in text
    assert "error: cat.gif.png: cat.gif would get the same name" in text
    assert "loop.jpg: cannot be used" in text
    assert "rename or remove it" in text
    assert names(out) == {"cat.jpg", "cat.gif.png"}
    errors = {row["source"]: row["error"] for row in manifest(out)}
    assert errors["cat.jpg"] is None
    assert "not an image" in errors["broken.jpg"]
    assert len(errors) == 6
    assert len([error for error in errors.values() if error]) == 4

    (photos / "broken.jpg").unlink()
    again, _ = on(machines, photos, out)
    assert again == Summary(skipped=2, failed=3)


def test_one_worker_with_all_processors(
    scans: Path, coloured: dict[str, bytes], tmp_path: Path
) -> None:
    out, cpus = tmp_path / "out", os.cpu_count() or 1
    result = command("archive", scans, out, "--workers", 1, "--cpus", cpus)
    assert result.returncode == 0, result.stderr
    assert last(result) == "49 coloured, 0 found, 0 skipped, 0 failed"
    check(out, coloured)
    for row in manifest(out):
        source = scans / row["source"]
        assert row["bytes"] == source.stat().st_size
        assert row["result_bytes"] == (out / row["target"]).stat().st_size
        with Image.open(source) as image:
            assert (row["width"], row["height"]) == image.size
        assert 0 < row["seconds"] < 600
        assert (row["model"], row["commit"][:7]) == ("bundled", "sha256:")


def test_a_pipe_is_not_waited_for(tmp_path: Path, cat: Image.Image) -> None:
    (tmp_path / "photos").mkdir()
    cat.save(tmp_path / "photos" / "cat.jpg")
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    output = open_store(str(tmp_path / "out"))
    files, problems = photographs(open_store(str(tmp_path / "photos")), output, PassedOver())
    assert [file.name for file in files] == ["cat.jpg"]
    assert ["it is no file" in str(problem) for problem in problems] == [True]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted(
    how: signal.Signals,
    scans: Path,
    coloured: dict[str, bytes],
    tmp_path: Path,
    machines: Machines,
) -> None:
    out = tmp_path / "out"
    line = [sys.executable, "-m", "colouriser", "archive", str(scans), str(out)]
    with subprocess.Popen(
        line,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start what runs in the background, as these tests may, without it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_for(out, 5)
        process.send_signal(how)
        said = process.communicate()[1]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1] == "stopped; start it again to go on with the rest"
    time.sleep(2)  # its workers write what they had begun
    assert 5 <= len(names(out)) < 49
    again, _ = on(machines, scans, out)
    assert again.failed == 0
    check(out, coloured)


def test_full_disk(
    scans: Path, coloured: dict[str, bytes], tmp_path: Path, machines: Machines
) -> None:
    """The results, but not the manifest, are on a file system of 1.5 MB."""
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*apart, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode:
        pytest.skip("no file system can be mounted here")
    out = tmp_path / "out"
    out.mkdir()
    line = SMALL_DISK.format(out=out, python=sys.executable, run=f"{scans} {out}")
    keep = f"; code=$?; cp -r {out} {tmp_path / 'kept'}; exit $code"
    script = line.replace("exec ", "") + keep
    result = subprocess.run([*apart, "sh", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert "cannot be written (No space left on device)" in result.stderr
    written = names(tmp_path / "kept")
    assert 0 < len(written) < 49
    for name in written:  # none of them half
        assert (tmp_path / "kept" / name).read_bytes() == coloured[name]

    shutil.copytree(tmp_path / "kept", out, dirs_exist_ok=True)  # a larger disk
    again, _ = on(machines, scans, out)
    assert again.failed == 0
    check(out, coloured)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "out"], "there is no folder"),
        (["photos", "photos"], "around the photographs"),
        (["photos", "."], "around the photographs"),
        (["ftp://host/folder", "out"], "cannot be used"),
        (["photos", "s3://bucket"], "is a whole bucket; give a folder in it"),
        (["photos", "out", "--cpus", "200", "--address", "MACHINES"], "no machine has 200 proc"),
        (["photos", "out", "--address", "127.0.0.1:1"], "no Ray cluster at 127.0.0.1:1"),
        (["photos", "out", "--model", "nobody"], "no model at 'nobody'"),
        (["photos", "notes.txt"], "cannot be used (it is a file)"),
        (["notes.txt", "out"], "cannot be used (it is a file)"),
    ],
)
def test_what_cannot_be(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    cat: Image.Image,
    machines: Machines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "photos").mkdir()
    cat.save(tmp_path / "photos" / "cat.jpg")
    (tmp_path / "notes.txt").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    line = [machines.address if word == "MACHINES" else word for word in arguments]
    result = in_process("archive", *line)
    assert result.exit_code == 1
    (said,) = result.stderr.splitlines()
    assert said.startswith("error: ")
    assert message in said


def test_two_runs_into_one_folder(tmp_path: Path, cat: Image.Image) -> None:
    (tmp_path / "photos").mkdir()
    cat.save(tmp_path / "photos" / "cat.jpg")
    with open_store(str(tmp_path / "out")).locked():
        result = in_process("archive", tmp_path / "photos", tmp_path / "out")
    assert result.exit_code == 1
    assert "another run writes to" in result.stderr
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_damaged_manifest(tmp_path: Path, cat: Image.Image) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    cat.save(photos / "cat.jpg")
    out.with_name("out.manifest").mkdir()
    (out.with_name("out.manifest") / "1.parquet").write_bytes(b"PAR1")
    result = in_process("archive", photos, out)
    assert result.exit_code == 1
    assert "out.manifest/1.parquet is damaged, or no manifest" in result.stderr
    assert not out.exists()


def test_without_ray(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from colouriser.__main__ import program\n"
        f"program(['archive', 'in', {str(tmp_path)!r}])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert last(result) == "error: no ray; pip install 'colouriser[archive]'"


def test_sidecars_come_along_and_results_have_the_photographs_own_time(
    cat: Image.Image, tmp_path: Path, machines: Machines
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "1965").mkdir(parents=True)
    cat.convert("L").save(folder / "1965" / "a.jpg")
    (folder / "1965" / "a.jpg.json").write_text('{"description": "a cat"}')
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "scan.psd").write_bytes(b"8BPS\0\1")
    for moment in (-150_000_000, 0):  # of 1965, and of the moment that a lost date becomes
        os.utime(folder / "1965" / "a.jpg", (moment, moment))
        first, said = on(machines, folder, out)
        assert "passed over: hidden files: 1" in "\n".join(said)
        assert f"passed over: {folder}/scan.psd: a document of Photoshop" in "\n".join(said)
        assert first == Summary(coloured=1)
        assert names(out) == {"1965/a.jpg", "1965/a.jpg.json"}
        assert (out / "1965" / "a.jpg").stat().st_mtime == moment
        again, _ = on(machines, folder, out)
        assert again == Summary(skipped=1)


def test_films_are_coloured_beside_photographs(
    tmp_path: Path, cat: Image.Image, machines: Machines
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "1938").mkdir(parents=True)
    cat.save(photos / "cat.jpg")
    pictures = [p.mean(2, keepdims=True).astype("u1").repeat(3, 2) for p in scene("astronaut", 12)]
    write_film(photos / "1938" / "harbour.mp4", pictures, sound="aac")
    write_film(photos / "1938" / "fair.ts", pictures)
    (photos / "cut.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(5000))
    (photos / "song.mp3").write_bytes(b"ID3" + bytes(500))
    summary, said = on(machines, photos, out)
    assert summary == Summary(coloured=3, failed=1)
    assert "passed over: films and sounds: 1" in "\n".join(said)
    assert "error: cut.mkv: " in "\n".join(said)
    assert names(out) == {"cat.jpg", "1938/harbour.mp4", "1938/fair.ts.mkv"}
    film = Film.open(out / "1938" / "harbour.mp4")
    assert max(film.tint(frame) for frame in film.frames()) > 0.01
    rows = {row["source"]: row for row in manifest(out)}
    assert (rows["1938/fair.ts"]["width"], rows["1938/fair.ts"]["height"]) == (WIDTH, HEIGHT)
    assert rows["1938/fair.ts"]["result_bytes"] > 1000
    assert rows["1938/fair.ts"]["model"] == "bundled"

    (photos / "cut.mkv").unlink()
    again, _ = on(machines, photos, out)
    assert again == Summary(skipped=3)
