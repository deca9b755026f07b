"""What the page keeps: uploads and results, in a folder of its own, for an hour at most.

The folder is claimed when this is imported, before gradio reads where its files go. What earlier
pages left there, which were killed, is deleted then.
"""

import atexit
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ColouriserError

KEEP_SECONDS = 3600  # uploads and results are deleted after an hour
SWEEP_SECONDS = 60  # between two looks for what is to be deleted
MAX_BYTES = 200_000_000  # of a file
REQUEST_BYTES = 400_000_000  # of one upload: two of the largest photographs
BODY_BYTES = 40_000_000  # of any other request: photographs are uploaded, and named in it
CHECKED_BYTES = 8_000_000  # of an upload, between two looks at the room that is left
TOTAL_BYTES = 4_000_000_000  # of all that is kept; a free Space has ten times as much
PREFIX = "colouriser-page-"
EXAMPLES = next(
    folder
    for folder in (Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "examples")
    if folder.is_dir()  # installed, or in a clone
)
IN_USE: set[Path] = set()  # workspaces, which are not swept
FULL = "This page has no room left at the moment; try again in an hour."
TOO_LARGE = (
    f"One upload may have {REQUEST_BYTES // 1_000_000} MB; add the photographs in several parts."
)
FOREIGN = "this photograph was not uploaded to this page; add it again"
BODY_TOO_LARGE = f"A request may have {BODY_BYTES // 1_000_000} MB; upload photographs first."


def claim(parent: Path) -> Path:
    """Make a folder for this process, and delete those of processes that are gone.

    A folder's process holds the lock beside it; the system lets go of it when the process dies,
    however it does.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{PREFIX}{uuid.uuid4().hex}"
    lock = FileLock(f"{folder}.lock")
    lock.acquire()
    folder.mkdir(mode=0o700)
    for other in parent.glob(f"{PREFIX}*.lock"):
        if other.name != f"{folder.name}.lock":
            _delete_if_left(other)

    def leave() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)

    atexit.register(leave)
    return folder


def _delete_if_left(lock_file: Path) -> None:
    try:
        with FileLock(lock_file, timeout=0):
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
    except (Timeout, OSError):  # in use, or another user's
        return


try:
    FOLDER = claim(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
except OSError as error:
    raise SystemExit(
        f"error: no folder for the page's files ({error}); set GRADIO_TEMP_DIR"
    ) from error
FILES, WORK = FOLDER / "files", FOLDER / "work"  # what gradio keeps and serves, and our own
for folder in (FILES, WORK):
    folder.mkdir()
os.environ["GRADIO_TEMP_DIR"] = str(FILES)


def uploaded(payload: object) -> Path:
    """The file that an event or a program names: one of the page's uploads, or an example.

    Whatever else is named, wherever it lies and whether it exists or not, the answer is the same.

    Raises:
        ColouriserError: it is none of them.
    """
    named = payload.get("path") if isinstance(payload, dict) else payload
    try:
        path = Path(named).resolve(strict=True)  # type: ignore[arg-type]
        ours = any(path.is_relative_to(folder.resolve()) for folder in (FILES, EXAMPLES))
        if ours and path.is_file():
            return path
    except (OSError, TypeError, ValueError, RuntimeError):
        pass
    raise ColouriserError("foreign", FOREIGN)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for the time of one request, which is not swept before."""
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        IN_USE.add(Path(name))
        try:
            yield Path(name)
        finally:
            IN_USE.discard(Path(name))


def place() -> Path:
    """A new folder among what is served, and swept.

    Raises:
        ColouriserError: there is no room.
    """
    check_room()
    folder = FILES / uuid.uuid4().hex
    folder.mkdir()
    return folder


def used() -> int:
    """Bytes of all that is kept."""
    total, folders = 0, [str(FOLDER)]  # os.walk and Path.stat take twice as long
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += _size(entry)
        except OSError:  # swept meanwhile
            continue
    return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # swept meanwhile
        return 0


def check_room() -> None:
    """Refuse to write when all the room is taken.

    Raises:
        ColouriserError: it is.
    """
    if used() > TOTAL_BYTES:
        raise ColouriserError("disk_full", FULL)


def sweep(before: float) -> None:
    """Delete uploads and results that were written before a time, in seconds since 1970."""
    for top, _, names in os.walk(FOLDER, topdown=False):
        if Path(top) in IN_USE:
            continue
        for path in (*(Path(top) / name for name in names), Path(top)):
            try:
                if path.stat().st_ctime < before and path not in (FOLDER, FILES, WORK):
                    path.rmdir() if path.is_dir() else path.unlink()
            except OSError:  # gone already, or a folder that is not empty
                continue


def sweep_for_ever() -> None:
    """Sweep every minute."""
    pause = Event()
    while True:
        sweep(time.time() - KEEP_SECONDS)
        pause.wait(SWEEP_SECONDS)


class UploadLimit:
    """Bounds what is sent: the bytes of one request, and of all that is kept; an upload that is
    broken off leaves nothing. ASGI middleware around gradio, which bounds single files alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        upload = scope["path"].rstrip("/").endswith("/upload")
        keeps = upload or "/mcp" in scope["path"]  # its tools are given files within requests
        most, sentence = (REQUEST_BYTES, TOO_LARGE) if upload else (BODY_BYTES, BODY_TOO_LARGE)
        length = dict(scope["headers"]).get(b"content-length", b"")
        size = int(length) if length.isdigit() else 0
        if size > most:
            await PlainTextResponse(sentence, 413)(scope, receive, send)
            return
        if keeps and used() + size > TOTAL_BYTES:
            await PlainTextResponse(FULL, 507)(scope, receive, send)
            return
        received = checked = 0

        async def bounded() -> Message:
            nonlocal received, checked
            message = await receive()
            received += len(message.get("body", b""))
            # This exception alone makes gradio delete what has come so far.
            if upload and message["type"] == "http.disconnect":
                raise MultiPartException("The upload was broken off.")
            if received > most:
                raise MultiPartException(f"{sentence} (maximum allowed size)")
            if keeps and received > checked + CHECKED_BYTES:  # others send at the same time
                checked = received
                if used() > TOTAL_BYTES:
                    raise MultiPartException(FULL)
            return message

        await self.app(scope, bounded, send)
