"""What the page keeps: uploads and results, in a folder of its own, for an hour at most.

The folder is claimed when this is imported, before gradio reads where its files go. What earlier
pages left there, which were killed, is deleted then.

Room is bounded for all visitors together and for those of one address. What is full makes room: the
oldest goes first, of the visitor who takes more than a share, and of all when all of it is taken.
"""

import atexit
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from filelock import FileLock, Timeout
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ColouriserError
from ..samples import EXAMPLES

KEEP_SECONDS = 3600  # uploads and results are deleted after an hour
PREVIEW_SECONDS = 900  # pictures that are only looked at: a change of a slider makes a new one
SWEEP_SECONDS = 60  # between two looks for what is to be deleted
MAX_BYTES = 200_000_000  # of a file
REQUEST_BYTES = 400_000_000  # of one upload: two of the largest photographs
BODY_BYTES = 40_000_000  # of any other request: photographs are uploaded, and named in it
CHECKED_BYTES = 8_000_000  # of an upload, between two looks at the room that is left
TOTAL_BYTES = 4_000_000_000  # of all that is kept; a free Space has ten times as much
SHARE = 0.4  # of it, for the visitors of one address: four of the largest uploads
PREFIX = "colouriser-page-"
FULL = "This page has no room left at the moment; try again in an hour."
TOO_LARGE = (
    f"One upload may have {REQUEST_BYTES // 1_000_000} MB; add the photographs in several parts."
)
FOREIGN = "this photograph was not uploaded to this page; add it again"
BODY_TOO_LARGE = f"A request may have {BODY_BYTES // 1_000_000} MB; upload photographs first."


def claim_folder(parent: Path) -> Path:
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
    FOLDER = claim_folder(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
except OSError as error:
    raise SystemExit(
        f"error: no folder for the page's files ({error}); set GRADIO_TEMP_DIR"
    ) from error
FILES, WORK = FOLDER / "files", FOLDER / "work"  # what gradio keeps and serves, and our own
for folder in (FILES, WORK):
    folder.mkdir()
os.environ["GRADIO_TEMP_DIR"] = str(FILES)


def uploaded_file(payload: object) -> Path:
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


@dataclass
class Item:
    """A folder among what is served, or one that a request works in."""

    bytes: int
    since: float  # seconds since 1970
    address: str  # of who caused it, if that is known
    seconds: float  # after which it is deleted
    busy: bool = False  # it is not deleted meanwhile


class Ledger:
    """What lies in the page's folder: counted as it comes and goes, so that nothing need be walked.
    Thread-safe."""

    def __init__(self) -> None:
        self.items, self.total, self.lock = dict[Path, Item](), 0, Lock()

    def set(
        self, folder: Path, address: str = "", seconds: float = KEEP_SECONDS, busy: bool = False
    ) -> None:
        """Take down a folder, or what it holds now."""
        size = folder_bytes(folder)
        with self.lock:
            item = self.items.get(folder)
            if item is None:
                self.items[folder] = Item(size, time.time(), address, seconds, busy)
                self.total += size
            else:
                self.total += size - item.bytes
                item.bytes, item.address = size, address or item.address

    def recount(self, folder: Path) -> None:
        """Count what a folder holds now, if it was not deleted meanwhile."""
        size = folder_bytes(folder)
        with self.lock:
            if item := self.items.get(folder):
                self.total += size - item.bytes
                item.bytes = size

    def release(self, folder: Path) -> None:
        """Count what a folder holds now that its request has ended, and let it be deleted; its time
        begins anew."""
        self.recount(folder)
        with self.lock:
            if item := self.items.get(folder):
                item.busy, item.since = False, time.time()

    def delete(self, folder: Path) -> None:
        """Delete a folder."""
        with self.lock:
            self._delete(folder)

    def make_room(self, size: int, address: str = "") -> bool:
        """Delete the oldest until there is room for so many bytes more; whether there is."""
        if not address and self.total + size <= TOTAL_BYTES:
            return True
        with self.lock:
            own = [f for f, item in self.items.items() if address and item.address == address]
            taken = sum(self.items[folder].bytes for folder in own)
            share = SHARE * TOTAL_BYTES
            if address and size > share:
                return False
            for folder in [f for f in own if not self.items[f].busy] if address else []:
                if taken + size <= share:
                    break
                taken -= self.items[folder].bytes
                self._delete(folder)
            for folder in [f for f, item in self.items.items() if not item.busy]:
                if self.total + size <= TOTAL_BYTES:
                    break
                self._delete(folder)
            return self.total + size <= TOTAL_BYTES

    def expire(self, now: float) -> None:
        """Delete what is too old, and count the rest anew."""
        with self.lock:
            for folder, item in list(self.items.items()):
                if item.since + item.seconds < now and not item.busy:
                    self._delete(folder)
        for folder in list(self.items):
            self.recount(folder)

    def _delete(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        item = self.items.pop(folder, None)
        self.total -= item.bytes if item else 0


LEDGER = Ledger()


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # swept meanwhile
                total += os.stat(os.path.join(top, name)).st_size
    return total


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for the time of one request, which is not swept before."""
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        folder = Path(name)
        LEDGER.set(folder, busy=True)
        try:
            yield folder
        finally:
            LEDGER.delete(folder)


@contextmanager
def new_folder(seconds: float = KEEP_SECONDS) -> Iterator[Path]:
    """A new folder among what is served, for what is written into it meanwhile; it is not deleted
    before.

    Args:
        seconds: after which it is deleted.

    Raises:
        ColouriserError: there is no room.
    """
    check_room()
    folder = FILES / uuid.uuid4().hex
    folder.mkdir()
    LEDGER.set(folder, seconds=seconds, busy=True)
    try:
        yield folder
    finally:
        LEDGER.release(folder)


@contextmanager
def kept_busy(folder: Path) -> Iterator[None]:
    """Do not delete a folder meanwhile; its time begins again then."""
    item = LEDGER.items.get(folder)
    if item is not None:
        item.busy = True
    try:
        yield
    finally:
        LEDGER.release(folder)


def check_room() -> None:
    """Make room if all of it is taken.

    Raises:
        ColouriserError: nothing can be deleted.
    """
    if not LEDGER.make_room(0):
        raise ColouriserError("disk_full", FULL)


def sweep(before: float) -> None:
    """Delete uploads and results that were written before a time, in seconds since 1970."""
    LEDGER.expire(before + KEEP_SECONDS)
    for parent in (FILES, WORK):  # what never came into the ledger: of gradio, of killed processes
        for path in parent.iterdir():
            try:
                if path not in LEDGER.items and path.stat().st_ctime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError:  # gone already
                continue


def sweep_for_ever(also: Callable[[], object] = lambda: None) -> None:
    """Sweep every minute.

    Args:
        also: is called each time.
    """
    pause = Event()
    while True:
        sweep(time.time() - KEEP_SECONDS)
        also()
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
        address = (scope.get("client") or ("",))[0]
        length = dict(scope["headers"]).get(b"content-length", b"")
        size = int(length) if length.isdigit() else 0
        if size > most:
            await PlainTextResponse(sentence, 413)(scope, receive, send)
            return
        if keeps and not await run_in_threadpool(LEDGER.make_room, size, address):
            await PlainTextResponse(FULL, 507)(scope, receive, send)
            return
        received = checked = 0
        answer = b""

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
                if not await run_in_threadpool(LEDGER.make_room, received, address):
                    raise MultiPartException(FULL)
            return message

        async def noted(message: Message) -> None:
            nonlocal answer
            if upload and message["type"] == "http.response.body":
                answer += message.get("body", b"")
                if not message.get("more_body"):
                    note_uploads(answer, address)
            await send(message)

        await self.app(scope, bounded, noted)


def note_uploads(answer: bytes, address: str) -> None:
    """Take down the files that gradio's answer to an upload names."""
    try:
        names = json.loads(answer)
    except ValueError:  # an error in words
        return
    for name in names if isinstance(names, list) else []:
        with suppress(OSError, TypeError, ValueError):
            LEDGER.set(Path(name).parent, address)
