"""An archive's run: what is to be done, workers on Ray Data that do it, and the manifest.

    IN ─ names ─ plan ─ blocks of names ─┬─ worker: read, colour, write ─ rows ─┬─ manifest
    OUT, manifest ─┘                     └─ worker: …                    ─ rows ─┘

Only names and rows travel. A worker reads, colours and writes photographs itself, with a thread for
each block that it has in hand, so that pixels never leave it, and what is in memory does not depend
on the archive's size.

Ray restarts a worker that dies, on another machine if its own is gone, and gives its block to the
next. Each worker looks first whether a result has appeared since the plan was made, so that what
its predecessor wrote is not written again. A block whose workers die again and again is given up;
its photographs are tried once more one by one, which leaves the guilty one alone.
"""

import hashlib
import logging
import math
import os
import re
import socket
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what people do here
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its other messages ask for no action

import pyarrow
import ray
import ray.data
import torch
from PIL import Image
from tqdm import tqdm

from .. import hub, photo
from ..batch import MOST_THREADS, groups, target_name
from ..errors import ArchiveError, ColouriserError, ModelError, PhotoError, reason
from ..options import Options
from ..pipeline import Colouriser, Prediction
from ..together import TOGETHER, together
from .manifest import SCHEMA, Entry, Manifest
from .store import File, Store, open_store, photographs

log = logging.getLogger(__name__)

BLOCK = 16  # photographs: a thread's task of some seconds, and what its worker's death costs
TRIES = 3  # of a block whose workers die, after the first
NAMES_MEMORY = 200_000_000  # bytes of Ray's own memory; only names and rows lie there
FLUSH = 15.0  # seconds between files of the manifest, at least
SAME = "{other} would get the same name; rename one"
JOBS = pyarrow.schema(
    [
        ("source", pyarrow.string()),
        ("target", pyarrow.string()),
        ("bytes", pyarrow.int64()),
        ("modified", pyarrow.int64()),
        ("before", pyarrow.int64()),  # when the target was written before this run; 0 for never
    ]
)
Job = dict[str, Any]  # a row of JOBS


@dataclass(frozen=True)
class Workers:
    """Who does the work."""

    number: int | None = None  # as many as the machines have room for, unless given
    cpus: int = 1  # of each: fastest (docs/archive.md); with more, fewer hold a model in memory
    gpus: float = 0.0  # of each; a share is enough for one
    address: str | None = None  # of a Ray cluster; this machine alone unless given


@dataclass(frozen=True)
class Summary:
    """What became of an archive, in photographs."""

    coloured: int = 0
    found: int = 0  # their results lay there, although the manifest did not know
    skipped: int = 0  # done in an earlier run
    failed: int = 0


def archive(
    source: str,
    target: str,
    options: Options = Options(),
    workers: Workers = Workers(),
    model: str | None = None,
    overwrite: bool = False,
    failed: Callable[[str], object] = log.error,
) -> Summary:
    """Colour an archive, or go on with one.

    What an earlier run did is left alone, unless the photograph has another size or date since.

    Args:
        source: a folder or a URI that pyarrow understands, such as s3://bucket/photographs.
        target: the same for the results, which keep folders and names. The manifest is written
            beside it, see manifest.py. One run at a time may write to it.
        options: how results are to be.
        workers: who does the work. On a cluster all must see both places.
        model: see `Colouriser.load`.
        overwrite: colour again what is done already.
        failed: is told of each photograph that failed, in a line.

    Raises:
        ArchiveError: a place cannot be used, or the cluster cannot be reached or has no room.
        ModelError: see `Colouriser.load`.
    """
    taken, results = open_store(source), open_store(target)
    if results.holds(taken):
        raise ArchiveError(
            "archive_inside", "the results would lie around the photographs; give another folder"
        )
    manifest = Manifest(results)
    found = hub.find(model)
    hub.load(found)  # before anything else is started
    files, problems = photographs(taken, results)
    manifest.check_writable()
    jobs, there, more = plan(files, manifest.entries(), results, overwrite, options.format)
    problems += more
    for problem in problems:
        failed(f"error: {problem}")
    manifest.add(_rows(there))
    manifest.add(_rows({"source": p.about, "error": str(p)} for p in problems))
    counts = Counter(
        found=len(there),
        failed=len(problems),
        skipped=len(files) - len(jobs) - len(there) - len(more),
    )
    if jobs:
        with _machines(workers) as number:
            arguments = (taken, results, options, *_weights(found), workers.cpus)
            for row in _work(jobs, workers, number, arguments, manifest):
                counts["failed" if row["error"] else "coloured" if row["model"] else "found"] += 1
                if row["error"]:
                    failed(f"error: {row['error']}")
    results.tidy()  # after workers that were killed, in this run or one before
    manifest.gather()
    return Summary(**counts)


def plan(
    files: Sequence[File],
    known: dict[str, Entry],
    results: Store,
    overwrite: bool = False,
    format: str = "original",
) -> tuple[list[Job], list[Job], list[ColouriserError]]:
    """What is to be done, what lies there although the manifest does not know, and what cannot be.

    Args:
        files: the photographs.
        known: the manifest's entries.
        results: where results lie.
        overwrite: all is to be done.
        format: of the results, see `Options`.

    Raises:
        ArchiveError: the results cannot be listed.
    """
    written = {file.name: file.modified for file in results.listed()}
    jobs, there, problems = list[Job](), list[Job](), list[ColouriserError]()
    targets: dict[str, str] = {}
    for file in files:
        folder, slash, name = file.name.rpartition("/")
        target = f"{folder}{slash}{target_name(name, format)}"
        other = targets.setdefault(target, file.name)
        if other != file.name:
            problems.append(PhotoError("same_result", SAME, other=other).of(file.name))
            continue
        before, entry = written.get(target, 0), known.get(file.name)
        job = {
            "source": file.name,
            "target": target,
            "bytes": file.bytes,
            "modified": file.modified,
            "before": before,
        }
        if overwrite or not before:
            jobs.append(job)
        elif entry and entry.good:
            if (entry.bytes, entry.modified) != (file.bytes, file.modified):
                jobs.append(job)
        elif before >= file.modified:
            there.append(job)
        else:
            jobs.append(job)
    return jobs, there, problems


class Worker:
    """Colours blocks of photographs, several at a time; lives in a process of its own, on any
    machine.

    Args:
        photographs, results: where they lie.
        options: how results are to be.
        model: see `Colouriser.load`.
        commit: what the manifest says of its weights.
        cpus: that it may use.

    Raises:
        ModelError: see `Colouriser.load`.
    """

    def __init__(
        self,
        photographs: Store,
        results: Store,
        options: Options,
        model: str | None,
        commit: str,
        cpus: int,
    ) -> None:
        self.photographs, self.results, self.options = photographs, results, options
        self.model, self.commit = model or "bundled", commit
        torch.set_num_threads(max(1, cpus // _threads(cpus)))
        self.colouriser = Colouriser.load(model)

    def __call__(self, jobs: pyarrow.Table) -> pyarrow.Table:
        """Rows of the manifest for rows of JOBS. May be called from several threads."""
        return _rows(
            row for group in groups(jobs.to_pylist(), TOGETHER) for row in self.colour(group)
        )

    def colour(self, jobs: Sequence[Job]) -> list[Job]:
        """Colour photographs together; rows of the manifest, each with the same share of the
        time."""
        start = time.monotonic()
        rows = together(jobs, self._take, self._predict, self._finish, self._failed)
        share = (time.monotonic() - start) / len(jobs)
        return [row | {"seconds": share} if "model" in row else row for row in rows]

    def _take(self, job: Job) -> photo.Photo | Job:
        if self.results.modified(job["target"]) != job["before"]:
            return job  # a worker that died wrote it
        with self.photographs.open(job["source"]) as file:
            taken = photo.read(file, job["source"])
        # Marked, its luma will not be the same.
        return replace(taken, jpeg=None) if self.options.mark else taken

    def _predict(self, lumas: list[Image.Image]) -> list[Prediction | ModelError]:
        return self.colouriser.predict_all(lumas, self.options.detail)

    def _finish(self, job: Job, taken: photo.Photo, prediction: Prediction) -> Job:
        options, name = self.options, job["target"]
        luma = photo.to_colour(taken, name)
        result = Colouriser.merge(luma, prediction, options.vividness, options.temperature)
        if options.mark:
            result = photo.mark(result)
        data = photo.encode(result, name, taken, options.keep_position)
        self.results.write(name, data)
        width, height = taken.luma.size
        return self._row(job) | {"width": width, "height": height, "result_bytes": len(data)}

    def _failed(self, job: Job, error: Exception) -> Job:
        name = job["source"]
        if isinstance(error, ColouriserError):
            return self._row(job) | {"error": str(error if error.about else error.of(name))}
        # It costs itself alone.
        why = f"{name}: cannot be read or written ({reason(error)})"
        return self._row(job) | {"error": why}

    def _row(self, job: Job) -> Job:
        return job | {"model": self.model, "commit": self.commit}


def _work(
    jobs: Sequence[Job], workers: Workers, number: int, arguments: tuple, manifest: Manifest
) -> Iterator[Job]:
    """Have jobs done; rows of the manifest as they come, which it has then, too."""
    left = {job["source"]: job for job in jobs}
    threads = _threads(workers.cpus)
    share = math.ceil(len(jobs) / (number * threads))  # of a thread, if they are few
    with tqdm(total=len(jobs), desc="archive", unit="photo", disable=None) as bar:
        # One by one, or a death would be the neighbours', too.
        for block, at_once in ((min(BLOCK, share), threads), (1, 1)):
            flushed = time.monotonic()
            try:
                for rows in _blocks(
                    list(left.values()), block, workers, number, at_once, arguments
                ):
                    manifest.add(rows)
                    if time.monotonic() - flushed > FLUSH:
                        manifest.flush()
                        flushed = time.monotonic()
                    for row in rows.to_pylist():
                        if left.pop(row["source"], None):
                            bar.update()
                            yield row
            finally:  # when it is interrupted, too
                manifest.flush()
            if not left:
                return
            log.warning("workers died again and again; %d photographs are left", len(left))
        died = [
            job | {"error": f"{source}: every worker that took it died; it may be too large"}
            for source, job in left.items()
        ]
        manifest.add(_rows(died))
        yield from died


def _blocks(
    jobs: Sequence[Job], block: int, workers: Workers, number: int, threads: int, arguments: tuple
) -> Iterator[pyarrow.Table]:
    """Have jobs done in blocks, so many at once by each worker; rows of the manifest, in any order,
    for those whose workers did not die every time."""
    starts = range(0, len(jobs), block)
    tables = [pyarrow.Table.from_pylist(list(jobs[i : i + block]), JOBS) for i in starts]
    # A thread has the next block at hand, unless that is the share of another thread, or blocks are
    # single photographs, of which a death is to concern one.
    ahead = 2 if block > 1 and len(tables) > number * threads else 1
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a block that is given up does not stop the others
    warnings.filterwarnings("ignore", message="`ray_remote_args`")  # until Ray has names for both
    try:
        yield from (
            ray.data.from_blocks(tables)
            .map_batches(
                Worker,
                fn_constructor_args=arguments,
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    size=min(number, len(tables)),
                    max_tasks_in_flight_per_actor=ahead * threads,
                    max_concurrent_calls_per_actor=threads,
                    enable_true_multi_threading=True,
                ),
                num_cpus=workers.cpus,
                num_gpus=workers.gpus or None,
                max_restarts=-1,
                max_task_retries=TRIES,
            )
            # Rows are small, and fetched as they come.
            .iter_batches(prefetch_batches=0, batch_size=None, batch_format="pyarrow")
        )
    except ray.exceptions.RayError as error:
        raise ArchiveError(
            "workers_failed",
            "the workers cannot work ({reason}); see to it and start again, which goes on",
            reason=str(error).strip().splitlines()[-1][:300],
        ) from error


@contextmanager
def _machines(workers: Workers) -> Iterator[int]:
    """Ray, on this machine or a cluster; how many workers there is room for.

    Raises:
        ArchiveError: it cannot be reached, or no machine has room for one.
    """
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters, rows say
    options: dict[str, Any] = {"address": workers.address or "local"}
    if workers.address is None:
        options |= {"include_dashboard": False, "object_store_memory": NAMES_MEMORY}
    try:
        if workers.address and re.fullmatch(r"[^/]+:\d+", workers.address):
            host, _, port = workers.address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()  # Ray waits minutes
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ArchiveError(
            "no_cluster",
            "no Ray cluster at {address} ({reason}); check --address, or leave it out",
            address=options["address"],
            reason=reason(error),
        ) from error
    try:
        room = 0
        for node in ray.nodes():
            has = node["Resources"] if node["Alive"] else {}
            fits = int(has.get("CPU", 0) // workers.cpus)
            room += min(fits, int(has.get("GPU", 0) / workers.gpus)) if workers.gpus else fits
        if not room:
            raise ArchiveError(
                "no_room",
                "no machine has {cpus} processors and {gpus:g} GPUs for a worker; ask for fewer",
                cpus=workers.cpus,
                gpus=workers.gpus,
            )
        yield min(workers.number or room, room)
    finally:
        ray.shutdown()


def _threads(cpus: int) -> int:
    """Of a worker that may use so many processors."""
    return min(cpus, MOST_THREADS)


def _rows(jobs: Iterable[Job]) -> pyarrow.Table:
    """Rows of the manifest, finished now; what a job does not have is none."""
    rows = [job | {"finished": time.time_ns()} for job in jobs]
    return pyarrow.Table.from_pylist(rows, SCHEMA)


def _weights(found: hub.Found) -> tuple[str | None, str]:
    """A model's name, by which every worker loads the same weights, and their commit; or for
    weights in a folder, their checksum."""
    if found.commit:
        return f"{found.name.partition('@')[0]}@{found.commit}", found.commit
    data = (found.folder / hub.WEIGHTS).read_bytes()
    bundled = found.folder == hub.BUNDLED
    name = None if bundled else str(found.folder.resolve())
    return name, f"sha256:{hashlib.sha256(data).hexdigest()}"
