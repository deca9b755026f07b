"""Runs over many photographs, which go on when the page that began one is loaded again."""

import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ..errors import ColouriserError
from ..sources import Entry
from .storage import KEEP_SECONDS


@dataclass
class Run:
    """What a run has made so far."""

    pictures: list[tuple[str, str]] = field(default_factory=list)  # small, with names
    entries: list[Entry] = field(default_factory=list)  # in the order of the pictures
    line: str = ""  # of progress, HTML
    packed: Path | None = None  # the archive, once it is there
    error: ColouriserError | None = None
    told: bool = False  # a page has said the error
    ended: bool = False
    stopping: bool = False  # it is to end early
    version: int = 0  # of what is shown
    began: float = field(default_factory=time.time)  # seconds since 1970
    seen: float = field(default_factory=time.monotonic)  # when a page followed it last

    def show(self, line: str) -> None:
        """Have pages show what is new."""
        self.line = line
        self.version += 1


class Runs:
    """The runs of the last hour, by a name that nobody else can guess."""

    def __init__(self) -> None:
        self.known = dict[str, Run]()
        self.slot = Lock()  # people with one photograph do not wait for those with many

    def begin(self) -> tuple[str, Run]:
        """A new run, and its name."""
        name, run = uuid.uuid4().hex, Run()
        self.known[name] = run
        return name, run

    @property
    def running(self) -> int:
        """How many go on, or wait."""
        return sum(not run.ended for run in list(self.known.values()))

    def get(self, name: object) -> Run | None:
        """The run of a name that a browser sent."""
        return self.known.get(name) if isinstance(name, str) else None

    def expire(self, now: float) -> None:
        """Forget those whose results are deleted."""
        for name, run in list(self.known.items()):
            if run.began + KEEP_SECONDS < now and run.ended:
                self.known.pop(name, None)
