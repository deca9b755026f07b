"""Work on films, in a process of its own and one at a time, since a film is as hostile as a
photograph and takes longer. What is done of a film stays when it is cancelled."""

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, TimeoutError
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from .. import hub
from ..errors import FilmError
from ..files import write_bytes
from ..pipeline import Colouriser
from ..pool import die_first
from ..worker import explained

if TYPE_CHECKING:
    from ..film.preview import KeyPicture

START, A_SECOND = 60.0, 30.0  # the deadline, and what each second of film adds to it
PAUSE = 0.5  # seconds between two looks how far it is
PROGRESS = "progress.json"  # in a film's folder
Progress = tuple[str, int, int]  # what is done, how much of it, of how much


class FilmProcess:
    """The process that works on films.

    Args:
        most: seconds, of the longest film.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.pool: ProcessPool | None = None

    def show(self, film: Path, folder: Path, model: Path, look: dict) -> ProcessFuture:
        """Begin to make a film's key frames in colour, in its folder."""
        return self._begin(_show, film, folder, model, self.most, look)

    def colour(
        self,
        film: Path,
        folder: Path,
        target: Path,
        model: Path,
        look: dict,
        until: float = math.inf,
    ) -> ProcessFuture:
        """Begin to colour a film, or its first seconds, into a file."""
        return self._begin(_colour, film, folder, target, model, self.most, look, until)

    def _begin(self, function: Callable, *arguments: Any) -> ProcessFuture:
        if self.pool is None or not self.pool.active:
            self.close()
            self.pool = ProcessPool(
                max_workers=1, initializer=die_first, context=get_context("spawn")
            )
        return self.pool.schedule(function, arguments, timeout=START + A_SECOND * self.most)

    def close(self) -> None:
        if self.pool is not None:
            self.pool.stop()
            self.pool.join()
            self.pool = None


def watched(future: ProcessFuture, folder: Path) -> Iterator[Progress]:
    """How far a task is, until it ends; it ends as well when nobody asks any more."""
    try:
        while not future.done():
            time.sleep(PAUSE)
            try:
                what, done, total = json.loads((folder / PROGRESS).read_bytes())
            except (OSError, ValueError):  # it has not begun
                continue
            yield what, done, total
    finally:
        future.cancel()


def result_of(future: ProcessFuture, name: str) -> Any:
    """What a task gave.

    Raises:
        CancelledError: it was cancelled.
        FilmError: it took too long, or the process died.
        ColouriserError: whatever went wrong in it.
    """
    try:
        return future.result()
    except CancelledError:
        raise
    except TimeoutError as error:
        raise FilmError("film_slow", "took too long; cut it, or use the command line").of(
            name
        ) from error
    except ProcessExpired as error:
        raise FilmError(
            "film_died", "needs more memory than there is, or is damaged; cut it or make it smaller"
        ).of(name) from error
    except Exception as error:
        raise explained(error, name) from None


# In the process.


@lru_cache(maxsize=1)
def _network(model: Path) -> Colouriser:
    return Colouriser(hub.load(hub.resolve(model)), name="the page's model")


def _tell(folder: Path) -> Callable[[str, int, int], None]:
    """Notes how far it is, where the page looks."""
    last = 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() > last + PAUSE / 2:
            last = time.monotonic()
            write_bytes(folder / PROGRESS, json.dumps([what, done, total]).encode())

    return progress


def _show(film: Path, folder: Path, model: Path, most: float, look: dict) -> "list[KeyPicture]":
    from ..film.preview import check_length, key_pictures
    from ..film.read import Film
    from ..film.run import Look, index_of

    opened = Film.open(film)
    check_length(opened, most)
    times, _ = index_of(opened, folder / "scenes", _tell(folder))
    check_length(opened, most, times)
    return key_pictures(opened, folder, _network(model), Look(**look), _tell(folder))


def _colour(
    film: Path, folder: Path, target: Path, model: Path, most: float, look: dict, until: float
) -> None:
    from ..film.preview import check_length
    from ..film.read import Film
    from ..film.run import Look, colour_film, index_of

    tries = until < math.inf
    check_length(Film.open(film), most)
    opened = Film.open(film, until=until)
    keyframes = None if tries else folder  # numbers of frames are those of the whole film
    if keyframes:
        times, _ = index_of(opened, folder / "scenes", _tell(folder))
        check_length(opened, most, times)
    look_ = Look(**look)
    colour_film(opened, target, _network(model), look_, progress=_tell(folder), keyframes=keyframes)
