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
from colouriser.follow import ModelFollower
from colouriser.options import Options, Wishes
from colouriser.page import storage
from colouriser.page.studio import Studio
from colouriser.samples import EXAMPLES

from ..conftest import ROOT


def test_old_files_are_swept_away() -> None:
    with storage.new_folder() as folder:
        (folder / "private.jpg").write_bytes(b"a photograph")
    foreign = storage.FILES / "of-gradio"  # which nobody took down
    foreign.mkdir()
    storage.sweep(time.time() - 60)
    assert (folder / "private.jpg").exists()
    assert foreign.exists()
    storage.sweep(time.time() + 60)
    assert not folder.exists()
    assert not foreign.exists()
    assert storage.FILES.exists()


def test_pictures_that_are_looked_at_live_minutes() -> None:
    with storage.new_folder(storage.PREVIEW_SECONDS) as folder:
        (folder / "preview.jpg").write_bytes(b"a photograph")
    storage.sweep(time.time() - storage.KEEP_SECONDS)
    assert folder.exists()
    storage.sweep(time.time() - storage.KEEP_SECONDS + storage.PREVIEW_SECONDS + 1)
    assert not folder.exists()


def test_what_is_being_written_makes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LEDGER", storage.Ledger())
    with storage.new_folder() as folder:
        (folder / "half.jpg").write_bytes(b"half of a photograph")
        monkeypatch.setattr(storage, "TOTAL_BYTES", 10)
        storage.LEDGER.recount(folder)
        assert not storage.LEDGER.make_room(0)
        assert folder.exists()
    assert storage.LEDGER.make_room(0)
    assert not folder.exists()
    storage.LEDGER.release(folder)  # as of a request that ends later
    assert not storage.LEDGER.items
    assert storage.LEDGER.total == 0


def folder_of(ledger: storage.Ledger, parent: Path, name: str, size: int, address: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "photograph").write_bytes(bytes(size))
    ledger.set(folder, address)
    return folder


def test_a_visitor_has_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "TOTAL_BYTES", 1000)
    ledger = storage.Ledger()
    others = folder_of(ledger, tmp_path, "others", 300, "192.0.2.1")
    own = [folder_of(ledger, tmp_path, str(index), 150, "192.0.2.2") for index in range(2)]
    assert ledger.total == 600
    assert ledger.make_room(200, "192.0.2.2")  # of 400, a share
    assert [folder.exists() for folder in (others, *own)] == [True, False, True]
    assert not ledger.make_room(500, "192.0.2.2")  # more than a share
    assert own[1].exists()
    assert ledger.make_room(900)  # of nobody in particular: the oldest of all
    assert not others.exists()
    assert ledger.total == 0


def test_what_is_busy_makes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "TOTAL_BYTES", 1000)
    ledger = storage.Ledger()
    (tmp_path / "photograph").write_bytes(bytes(700))
    ledger.set(tmp_path, busy=True)
    assert not ledger.make_room(400)
    ledger.expire(time.time() + 10**6)
    assert tmp_path.exists()


def test_after_an_hour_nothing_is_left_in_memory(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.png")
    now = time.time()
    studio = Studio(ModelFollower(None, cat), clock=lambda: now)
    with studio.slot() as slot:
        studio.preview(slot, tmp_path / "cat.png", Wishes(), Options())
        studio.save(slot, tmp_path / "cat.png", Wishes(), Options(), to_look_at=True)
    studio.pool.close()
    studio.expire()
    assert len(studio.kept) == 2
    now += storage.KEEP_SECONDS + 1
    studio.expire()
    assert not dict(studio.kept.items())
    assert studio.kept.currsize == 0
    assert not studio.in_full


def test_what_a_killed_process_leaves_is_in_the_folder_too(cat: Image.Image) -> None:
    studio = Studio(ModelFollower(None, cat))
    with studio.slot() as slot:
        assert slot.process.call(60, tempfile.gettempdir) == str(storage.WORK)
    studio.pool.close()


CLAIM = "from colouriser.page import storage; print(storage.FOLDER, flush=True); input()"


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
    inside = storage.FILES / "upload.jpg"
    inside.write_bytes(b"a photograph")
    assert storage.uploaded_file(wrap(inside)) == inside.resolve()
    example = next(EXAMPLES.glob("*.jpg"))
    assert storage.uploaded_file(wrap(example)) == example.resolve()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"of others")
    link = storage.FILES / "link.jpg"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    up = storage.FILES / ".." / secret.name
    answers = set()
    for foreign in (secret, tmp_path / "none.jpg", link, up, storage.FILES, "", "\0", "x" * 5000):
        with pytest.raises(ColouriserError) as error:
            storage.uploaded_file(wrap(foreign))
        answers.add(str(error.value))
    odds: list[object] = [None, 5, [], {}, {"path": None}, {"path": 3}, {"url": str(inside)}]
    for odd in odds:
        with pytest.raises(ColouriserError) as error:
            storage.uploaded_file(odd)
        answers.add(str(error.value))
    assert answers == {"this photograph was not uploaded to this page; add it again"}


def test_what_a_request_works_on_is_not_swept() -> None:
    with storage.workspace() as folder:
        (folder / "result.png").write_bytes(b"of a long request")
        storage.sweep(time.time() + 60)
        assert (folder / "result.png").exists()
    assert not folder.exists()


def test_nothing_is_written_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    storage.check_room()
    monkeypatch.setattr(storage, "TOTAL_BYTES", -1)
    with pytest.raises(ColouriserError, match="no room left"):
        storage.check_room()
