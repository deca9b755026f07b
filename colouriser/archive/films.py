"""Films of an archive: each is coloured by itself, in the worker's own process, and read by its
path. Of a bucket it is brought here first, and its result is sent when it is complete."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import reason
from ..options import Options
from .store import Store

KEPT = {".mkv", ".mov", ".mp4", ".m4v"}  # endings that a result can have


def can_colour() -> bool:
    """Whether what films need is installed (extra `film`)."""
    return bool(find_spec("av") and find_spec("cv2"))


def result_name(name: str) -> str:
    """The name of a film's result: its own, or NAME.mkv."""
    return name if PurePosixPath(name).suffix.lower() in KEPT else f"{name}.mkv"


class FilmWorker:
    """Colours films, one after the other.

    Args:
        photographs, results: where films and their results lie.
        options: how results are to be.
        model: see `Colouriser.load`.
        cpus: that it may use.
    """

    def __init__(
        self, photographs: Store, results: Store, options: Options, model: str | None, cpus: int
    ) -> None:
        import torch

        from ..pipeline import Colouriser

        torch.set_num_threads(cpus)
        self.photographs, self.results, self.options = photographs, results, options
        self.colouriser = Colouriser.load(model)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """What the manifest says of a film, which is coloured."""
        from ..film.read import Film
        from ..film.run import Look, colour_film
        from ..worker import collected_warnings

        options, started = self.options, time.monotonic()
        look = Look(options.detail, options.vividness, options.temperature, options.recolour)
        try:
            with (
                self._files(row["source"], row["target"]) as (source, target),
                collected_warnings() as warnings,
            ):
                film = Film.open(source)
                colour_film(film, target, self.colouriser, look)
                size = target.stat().st_size
        except Exception as error:  # whatever is wrong with one, the others go on
            said = str(error) if hasattr(error, "about") else reason(error)
            return {"error": said if row["source"] in said else f"{row['source']}: {said}"}
        return {
            "width": film.layout.width,
            "height": film.layout.height,
            "result_bytes": size,
            "seconds": time.monotonic() - started,
            "warnings": "\n".join(warnings) or None,
        }

    @contextmanager
    def _files(self, source: str, target: str) -> Iterator[tuple[Path, Path]]:
        """A film and its result as files of this machine."""
        with tempfile.TemporaryDirectory(prefix="colouriser-film-") as folder:
            near = Path(folder)
            here, there = self.photographs.file(source), self.results.file(target)
            film = here if isinstance(here, Path) else near / f"film{PurePosixPath(source).suffix}"
            result = there if isinstance(there, Path) else near / PurePosixPath(target).name
            if not isinstance(here, Path):
                self.photographs.bring(source, film)
            result.parent.mkdir(parents=True, exist_ok=True)
            yield film, result
            if not isinstance(there, Path):
                self.results.send(target, result)
