"""What the page keeps, for how long, and how much of it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from PIL import Image

from colouriser import ColouriserError
from colouriser.live import Live
from colouriser.page import keep
from colouriser.page.studio import Studio

from ..conftest import ROOT


def test_old_files_are_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "FOLDER", tmp_path)
    (tmp_path / "hash").mkdir()
    (tmp_path / "hash" / "private.jpg").write_bytes(b"a photograph")
    keep.sweep(time.time() - 60)
    assert (tmp_path / "hash" / "private.jpg").exists()
    keep.sweep(time.time() + 60)
    assert not (tmp_path / "hash").exists()
    assert tmp_path.exists()


def test_what_a_killed_process_leaves_is_in_the_folder_too(cat: Image.Image) -> None:
    studio = Studio(Live(None, cat))
    with studio.turn() as turn:
        assert turn.process.call(60, tempfile.gettempdir) == str(keep.WORK)
    studio.pool.close()


CLAIM = "from colouriser.page import keep; print(keep.FOLDER, flush=True); input()"


def claim(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that has claimed a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM],
        cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


@pytest.mark.slow
def test_what_a_killed_page_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "of-others.jpg").write_bytes(b"not ours")
    killed, left = claim(tmp_path)
    living, kept = claim(tmp_path)
    for folder in (left, kept):
        assert folder.parent == tmp_path
        (folder / "private.jpg").write_bytes(b"a photograph")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "private.jpg").exists()
    ended, _ = claim(tmp_path)
    assert not left.exists()
    assert (kept / "private.jpg").exists()  # of a page that runs
    for process in (ended, living):
        process.communicate("\n")
    assert [path.name for path in tmp_path.iterdir()] == ["of-others.jpg"]  # they clean up


@pytest.mark.parametrize("wrap", [str, lambda path: {"path": str(path)}])
def test_only_uploads_and_examples_are_read(wrap: object, tmp_path: Path) -> None:
    assert callable(wrap)
    inside = keep.FILES / "upload.jpg"
    inside.write_bytes(b"a photograph")
    assert keep.uploaded(wrap(inside)) == inside.resolve()
    example = next(keep.EXAMPLES.glob("*.jpg"))
    assert keep.uploaded(wrap(example)) == example.resolve()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"of others")
    link = keep.FILES / "link.jpg"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    up = keep.FILES / ".." / secret.name
    answers = set()
    for foreign in (secret, tmp_path / "none.jpg", link, up, keep.FILES, "", "\0", "x" * 5000):
        with pytest.raises(ColouriserError) as error:
            keep.uploaded(wrap(foreign))
        answers.add(str(error.value))
    odds: list[object] = [None, 5, [], {}, {"path": None}, {"path": 3}, {"url": str(inside)}]
    for odd in odds:
        with pytest.raises(ColouriserError) as error:
            keep.uploaded(odd)
        answers.add(str(error.value))
    assert answers == {"this photograph was not uploaded to this page; add it again"}


def test_what_a_request_works_on_is_not_swept() -> None:
    with keep.workspace() as folder:
        (folder / "result.png").write_bytes(b"of a long request")
        keep.sweep(time.time() + 60)
        assert (folder / "result.png").exists()
    assert not folder.exists()


def test_nothing_is_written_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    keep.check_room()
    monkeypatch.setattr(keep, "TOTAL_BYTES", -1)
    with pytest.raises(ColouriserError, match="no room left"):
        keep.check_room()
