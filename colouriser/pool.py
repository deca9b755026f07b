"""Workers in processes: deadlines, deaths and restarts.

    with Pool(processes=2) as pool:
        for job, outcome in pool.run(jobs):
            ...

A file can be built so that decoding it takes hours or all memory, and a decoder cannot be
interrupted within a process. So each worker has a process, which is killed and replaced when its
time is over. Pixels at full size never leave it, and what opened a photograph finishes it: hence
pools of one process each, since a library's pool gives a task to whichever is free.

This imports no torch, which takes two seconds: its processes do.
"""

import logging
import multiprocessing
import os
import queue
import signal
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from .errors import ColouriserError, PhotoError
from .job import GROUP, Job, Outcome, Target, source_bytes, too_much, too_slow

if TYPE_CHECKING:
    import numpy as np

    from .hints import Hint
    from .photo import Kind, View
    from .pipeline import ReferenceCopy, WorkingCopy

# Before torch is imported, which every process of ours does after this: libgomp's threads would
# spin at each barrier, and beside another busy process all of them would be several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)
CONTEXT = multiprocessing.get_context("spawn")  # the same on every system, and safe with threads
SECONDS = 30.0  # for the smallest photograph to be opened, and to be finished: a slow machine's
BYTES_A_SECOND = 2_000_000  # that the slowest decoder needs for an honest file
PIXELS_A_SECOND = 1_000_000  # that are rendered and encoded, where all cores are busy
PROCESS_BYTES = 1_100_000_000  # torch and a network 0.6 GB, and 24 megapixels of 20 bytes each
MAX_PROCESSES = 16
CGROUPS = Path("/sys/fs/cgroup")
CGROUP_FILES = (  # limit, what is used, and what of that are files that were read
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (  # version 1, as NAS have it
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
OOM_SCORE = "500"  # as if a process held half of all memory beside its own, as Linux counts
GPU_PROCESSES = 2  # one reads and writes while the other's network runs


def deadline(nbytes: int = 0, pixels: int = 0) -> float:
    """Seconds after which a photograph is given up."""
    return SECONDS + nbytes / BYTES_A_SECOND + pixels / PIXELS_A_SECOND


@dataclass(frozen=True)
class Opening:
    """What a process tells of a photograph that it has opened."""

    size: tuple[int, int]  # of the photograph, upright: width, height
    suffix: str  # of the format a result is best written in, such as ".jpg"
    copy: "WorkingCopy"
    kind: "Kind"  # what its colours are
    stays: bool  # in colour already: its result is a copy of it
    hints: "tuple[Hint, ...]"  # of tints that are kept
    warnings: tuple[str, ...]  # what is odd about its file, a sentence each


class Process:
    """A process with a worker. One thread at a time may call it."""

    def __init__(self, *arguments: Any) -> None:
        """`arguments` are those of `_start`."""
        self.arguments, self.pool = arguments, None  # type: tuple, ProcessPool | None

    def start(self) -> None:
        """Start it in the background, or see to it that it runs."""
        if self.pool is None or not self.pool.active:
            self.stop()
            self.pool = ProcessPool(
                max_workers=1, initializer=_start, initargs=self.arguments, context=CONTEXT
            )
            self.pool.schedule(_ready)

    def call(self, seconds: float, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of this module in it.

        Args:
            seconds: after which it is killed, counted from when it is ready.
            function, arguments: which can be sent to a process.

        Raises:
            PhotoError: too slow, or the process died (of lack of memory, say).
            ColouriserError: whatever the function raised.
        """
        for _ in range(2):
            self.start()
            assert self.pool
            try:
                return self.pool.schedule(function, arguments, timeout=seconds).result()
            except TimeoutError as error:
                raise too_slow() from error
            except ProcessExpired as error:
                raise too_much() from error
            except (BrokenProcessPool, RuntimeError):  # it died while it was idle
                self.stop()
        raise ColouriserError(
            "no_process",
            "A process for the photographs cannot be started; free some memory and try again.",
        )

    def forget(self) -> None:
        """Let it drop what it has opened; without waiting for that."""
        if self.pool is not None and self.pool.active:
            self.pool.schedule(_forget)

    def stop(self) -> None:
        """End it, whatever it does."""
        if self.pool is not None:
            self.pool.stop()
            self.pool.join()
            self.pool = None


class Pool:
    """Processes with a worker each."""

    def __init__(
        self,
        processes: int = 1,
        threads: int = 1,
        model: str | None = None,
        device: str | None = None,
        network: bool = True,
        temporary: Path | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            processes, threads: how many processes, and threads of torch in each.
            model, device: see `Colouriser.load`.
            network: whether each process has one; without, predictions come from elsewhere.
            temporary: folder of the processes' temporary files. It has to be cleaned by who gave
                it, since a process that is killed leaves them there.

        Raises:
            ColouriserError: the script that calls this has no main guard.
        """
        if getattr(multiprocessing.process.current_process(), "_inheriting", False):
            raise ColouriserError(
                "no_main_guard",
                "Processes are started here that import this script again; put what it does under "
                "if __name__ == '__main__':",
            )
        folder = str(temporary) if temporary else None
        self.processes = [
            Process(model, device, threads, network, folder) for _ in range(processes)
        ]
        self.free = queue.SimpleQueue[Process]()
        for process in self.processes:
            self.free.put(process)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the processes in the background; they start when they are needed otherwise."""
        for process in self.processes:
            process.start()

    def close(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.stop()

    @contextmanager
    def process(self, seconds: float | None = None) -> Iterator[Process]:
        """A process for oneself; waits for one that is free.

        Raises:
            queue.Empty: none became free within so many seconds.
        """
        process = self.free.get(timeout=seconds)
        try:
            yield process
        finally:
            self.free.put(process)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Have jobs done by workers with networks; what became of each, in order.

        Raises:
            ModelError, SettingError: there is no such model or device.
        """
        size = max(1, min(GROUP, len(jobs) // len(self.processes)))  # of few, each its share

        def run_group(group: list[Job]) -> list[Outcome]:
            with self.process() as process:
                return _run_group(process, group)

        for group, future in overlapped(run_group, _groups(jobs, size), len(self.processes)):
            yield from zip(group, future.result(), strict=True)


def _run_group(process: Process, group: list[Job]) -> list[Outcome]:
    """Photographs together; after a death or a deadline each once more, alone."""
    outcomes = list[Outcome]()
    try:
        while len(outcomes) < len(group):
            left = group[len(outcomes) :]
            opened = process.call(
                sum(deadline(nbytes=source_bytes(job.source)) for job in left), open_some, left
            )
            seconds = sum(deadline(pixels=pixels) for pixels in opened)
            outcomes += process.call(seconds, complete)
    except PhotoError as error:
        if len(group) == 1:
            return [Outcome(error=error.of(group[0].name))]
        return [_run_group(process, [job])[0] for job in group]
    return outcomes


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory that are free, if that can be said: of the machine, or of the container."""
    found = list[int]()
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except OSError:  # not Linux
        return None
    for limit, used, stat, cache in CGROUP_FILES:
        with suppress(OSError, ValueError):  # another version of cgroups, or no limit ("max")
            room = int((CGROUPS / limit).read_text()) - int((CGROUPS / used).read_text())
            parts = dict(line.split() for line in (CGROUPS / stat).read_text().splitlines())
            found.append(room + int(parts.get(cache, 0)))
    return min(found, default=None)


def share_out(
    jobs: int, processes: int | None = None, device: str | None = None
) -> tuple[int, int]:
    """How many processes for so many jobs, and how many threads each.

    Args:
        jobs: photographs.
        processes: as many as cores and memory allow, unless given.
        device: of the network; on a GPU few processes keep it busy.
    """
    free = memory()
    fit = MAX_PROCESSES if free is None else max(1, free // PROCESS_BYTES)
    most = GPU_PROCESSES if _on_gpu(device) else cores()
    count = max(1, min(jobs, processes or min(most, fit, MAX_PROCESSES)))
    return count, max(1, cores() // count)


def _on_gpu(device: str | None) -> bool:
    if device is not None:
        return not device.startswith("cpu")
    if not Path("/proc/driver/nvidia/version").exists():  # spares importing torch
        return False
    import torch

    return torch.cuda.is_available()


def overlapped(
    function: Callable[[T], R], items: Iterable[T], threads: int
) -> Iterator[tuple[T, Future[R]]]:
    """Call a function for each item, in so many threads, in the items' order; items are taken as
    they are needed."""
    pool, waiting = ThreadPoolExecutor(threads), deque[tuple[T, Future[R]]]()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > threads:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many items; the last may be shorter."""
    left = iter(items)
    while group := list(islice(left, size)):
        yield group


# What follows is called in a process.

_worker: Any = None  # of this process
_opened = list[Any]()  # what it has open


def _start(
    model: str | None, device: str | None, threads: int, network: bool, temporary: str | None
) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started this
    die_first()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    tempfile.tempdir = temporary
    try:
        import torch

        from .pipeline import Colouriser
        from .worker import Worker

        torch.set_num_threads(threads)
        _worker = Worker(Colouriser.load(model, device) if network else None)
    except ColouriserError as error:
        _worker = error  # which the first call raises


def die_first() -> None:
    """Where memory is short, have Linux kill this process and not the one that started it, which
    says what happened and starts another."""
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def _ready() -> None:
    """Do nothing; returning shows that the process has started."""


def _own() -> Any:
    if isinstance(_worker, ColouriserError):
        raise _worker
    return _worker


def open_some(jobs: list[Job]) -> list[int]:
    """Open the first of some jobs, see `Worker.open_some`; pixels of each, 0 for errors."""
    _opened[:] = _own().open_some(jobs)
    return [0 if isinstance(o, Outcome) else o.copy.size[0] * o.copy.size[1] for o in _opened]


def complete() -> list[Outcome]:
    """Outcomes of what `open_some` opened."""
    try:
        return _own().complete(_opened)
    finally:
        _opened.clear()


def open_one(job: Job) -> Opening:
    """Open a photograph, for `finish`.

    Raises:
        ColouriserError: it cannot be read.
    """
    from .worker import explained

    try:
        opened = _own().open(job)
    except Exception as error:
        raise explained(error, job.name) from None
    _opened[:] = [opened]
    return Opening(
        opened.copy.size,
        opened.photo.suffix,
        opened.copy,
        opened.kind,
        opened.stays,
        opened.job.wishes.hints,
        tuple(opened.warnings),
    )


def finish(job: Job, results: "list[tuple[Target, np.ndarray | None]]") -> Outcome:
    """Write results of the photograph that `open_one` opened, see `Worker.finish`.

    Raises:
        ColouriserError: a result cannot be written.
    """
    from .worker import explained

    try:
        return _own().finish(replace(_opened[0], job=job), results)
    except Exception as error:
        raise explained(error, job.name) from None
    finally:
        _opened.clear()


def view_one(job: Job) -> "tuple[Opening, View]":
    """Open a photograph to be looked at; nothing of it stays in the process.

    Raises:
        ColouriserError: it cannot be read.
    """
    from .photo import read_picture, view
    from .worker import from_source

    opening = open_one(job)
    try:
        picture = from_source(read_picture, job) if opening.stays else None
        return opening, view(_opened[0].photo, picture)
    finally:
        _opened.clear()


def open_reference(file: Path, detail: int) -> "ReferenceCopy":
    """What the network sees of a reference.

    Raises:
        ColouriserError: it cannot be read.
    """
    from .photo import read_picture
    from .pipeline import reference_copy
    from .worker import explained

    try:
        return reference_copy(read_picture(file), detail)
    except Exception as error:
        raise explained(error, file.name) from None


def _forget() -> None:
    _opened.clear()
