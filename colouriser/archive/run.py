"""An archive's run: what is to be done, workers on Ray Data that do it, and the manifest.

    IN ─ names ─ plan ─ blocks of names ─┬─ worker: read, colour, write ─ rows ─┬─ manifest
    OUT, manifest ─┘                     └─ worker: …                    ─ rows ─┘

Only names and rows travel. A worker is an actor of Ray with a `Pool` of its own, whose processes
read, colour and write, so that pixels never leave them, and what is in memory does not depend on
the archive's size. A photograph that kills a process, or takes too long in it, costs itself alone.

Ray restarts a worker that dies, on another machine if its own is gone, and gives its block to the
next. Each worker looks first whether a result has appeared since the plan was made, so that what
its predecessor wrote is not written again. A block whose workers die again and again is given up;
its photographs are tried once more one by one, which leaves the guilty one alone.
"""

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
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what people do here
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its other messages ask for no action

import pyarrow
import ray
import ray.data
from tqdm import tqdm

from ..debris import PassedOver
from ..errors import ArchiveError, ColouriserError, reason
from ..job import Job, Outcome
from ..options import Options
from ..pool import Pool
from ..sources import claim_name, target_name
from . import films
from .manifest import SCHEMA, Entry, Manifest
from .store import File, Store, open_store, photographs

log = logging.getLogger(__name__)

BLOCK = 16  # photographs: a process's task of some seconds, and what its worker's death costs
MAX_PROCESSES = 4  # of a worker: a large photograph needs 3 GB
TRIES = 3  # of a block whose workers die, after the first
NAMES_MEMORY = 200_000_000  # bytes of Ray's own memory; only names and rows lie there
FLUSH = 15.0  # seconds between files of the manifest, at least
JOBS = pyarrow.schema(
    [
        ("source", pyarrow.string()),
        ("target", pyarrow.string()),
        ("bytes", pyarrow.int64()),
        ("modified", pyarrow.int64()),
        ("before", pyarrow.int64()),  # the target's time before this run; none if it was not there
        ("sidecars", pyarrow.list_(pyarrow.string())),
        ("film", pyarrow.bool_()),
    ]
)
Row = dict[str, Any]  # of JOBS, or of the manifest


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
    in_colour: int = 0  # they were already; their results are copies
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
        failed: is told of what is passed over, of warnings, and of each photograph that failed, in
            a line.

    Raises:
        ArchiveError: a place cannot be used, another run writes there, or the cluster cannot be
            reached or has no room.
        ModelError: see `Colouriser.load`.
    """
    taken, results = open_store(source), open_store(target)
    if results.holds(taken):
        raise ArchiveError(
            "archive_inside", "the results would lie around the photographs; give another folder"
        )
    with results.locked():
        return _archive(taken, results, options, workers, model, overwrite, failed)


def _archive(
    taken: Store,
    results: Store,
    options: Options,
    workers: Workers,
    model: str | None,
    overwrite: bool,
    failed: Callable[[str], object],
) -> Summary:
    from .. import hub  # when it is needed: it imports torch, which workers leave to processes

    manifest = Manifest(results)
    resolved = hub.resolve(model)
    hub.load(resolved)  # before anything else is started
    passed = PassedOver()
    files, problems = photographs(taken, results, passed, films.can_colour())
    manifest.check_writable()
    jobs, there, more = plan(files, manifest.entries(), results, overwrite, options.format)
    problems += more
    for line in passed.lines():
        failed(line)
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
            weights = hub.pinned(resolved), hub.fingerprint(resolved)
            arguments = (taken, results, options, *weights, workers.cpus)
            for of_films, most in ((False, BLOCK), (True, 1)):
                chosen = [job for job in jobs if job["film"] is of_films]
                for row in _work(chosen, most, workers, number, arguments, manifest):
                    counts[_what(row)] += 1
                    for warning in (row.get("warnings") or "").splitlines():
                        failed(f"warning: {warning}")
                    if row["error"]:
                        failed(f"error: {row['error']}")
    results.tidy()  # after workers that were killed, in this run or one before
    manifest.gather()
    return Summary(**counts)


def _what(row: Row) -> str:
    """What became of a photograph: a field of `Summary`."""
    if row["error"]:
        return "failed"
    if row["model"]:
        return "coloured"
    return "found" if row["seconds"] is None else "in_colour"


def plan(
    files: Sequence[File],
    known: dict[str, Entry],
    results: Store,
    overwrite: bool = False,
    format: str = "original",
) -> tuple[list[Row], list[Row], list[ColouriserError]]:
    """Rows to make, rows of results that the manifest lacks, and errors.

    Args:
        files: the photographs.
        known: the manifest's entries.
        results: where results lie.
        overwrite: all is to be done.
        format: of the results, see `Options`.

    Raises:
        ArchiveError: the results cannot be listed.
    """
    written = {file.name: file.modified for file in results.list_files()}
    jobs, there, problems = list[Row](), list[Row](), list[ColouriserError]()
    targets: dict[str, str] = {}
    for file in files:
        folder, slash, name = file.name.rpartition("/")
        own = films.result_name(name) if file.film else target_name(name, format)
        target = f"{folder}{slash}{own}"
        if problem := claim_name(target, file.name, targets):
            problems.append(problem.of(file.name))
            continue
        before, entry = written.get(target), known.get(file.name)
        job = {
            "source": file.name,
            "target": target,
            "bytes": file.bytes,
            "modified": file.modified,
            "before": before,
            "sidecars": file.sidecars,
            "film": file.film,
        }
        if overwrite or before is None:
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
    """Colours blocks of photographs in processes, and films one by one; lives in a process of its
    own, on any machine.

    Args:
        photographs, results: where they lie.
        options: how results are to be.
        model: see `Colouriser.load`.
        commit: what the manifest says of its weights.
        cpus: that it may use.
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
        self.made_by = {"model": model or "bundled", "commit": commit}
        count = _processes(cpus)
        self.pool = Pool(count, max(1, cpus // count), model)
        self.film_worker: films.FilmWorker | None = None  # once there is a film
        self.arguments = (photographs, results, options, model, cpus)

    def __call__(self, jobs: pyarrow.Table) -> pyarrow.Table:
        """Rows of the manifest for rows of JOBS."""
        rows = jobs.to_pylist()
        # The others were written by a worker that died since.
        left = [row for row in rows if self.results.modified(row["target"]) == row["before"]]
        photographs = [row for row in left if not row["film"]]
        outcomes = dict[str, Row]()
        if photographs:
            ran = self.pool.run([self.job(row) for row in photographs])
            outcomes = {job.name: _outcome_row(outcome) for job, outcome in ran}
        for row in left:
            if row["source"] not in outcomes:
                self.film_worker = self.film_worker or films.FilmWorker(*self.arguments)
                outcomes[row["source"]] = self.film_worker(row)
        return _rows(
            row | self.made_by | outcomes[row["source"]] if row in left else row for row in rows
        )

    def job(self, row: Row) -> Job:
        """The job of a photograph's row of JOBS."""
        source, target = self.photographs.file(row["source"]), self.results.file(row["target"])
        sidecars = tuple(self.photographs.file(name) for name in row["sidecars"])
        return Job(source, row["source"], self.options, target=target, sidecars=sidecars)


def _outcome_row(outcome: Outcome) -> Row:
    """What the manifest says of an outcome."""
    row: Row = {"seconds": outcome.seconds, "warnings": "\n".join(outcome.warnings) or None}
    if outcome.error:
        return row | {"error": str(outcome.error)}
    width, height = outcome.size or (None, None)
    return (
        row
        | {"width": width, "height": height, "result_bytes": outcome.nbytes}
        | ({"model": None, "commit": None} if outcome.in_colour else {})
    )


def _work(
    jobs: Sequence[Row],
    most: int,
    workers: Workers,
    number: int,
    arguments: tuple,
    manifest: Manifest,
) -> Iterator[Row]:
    """Have jobs done; rows of the manifest as they come, which it has then, too.

    Args:
        most: jobs of a block, for each process of a worker.
    """
    if not jobs:
        return
    left = {job["source"]: job for job in jobs}
    share = math.ceil(len(jobs) / number)  # of a worker, if they are few
    block = min(most * _processes(workers.cpus), share) if most > 1 else 1
    with tqdm(total=len(jobs), desc="archive", unit="file", disable=None) as bar:
        # One by one, or a death would be the neighbours', too.
        for size in (block, 1):
            flushed = time.monotonic()
            try:
                for rows in _blocks(list(left.values()), size, workers, number, arguments):
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
    jobs: Sequence[Row], block: int, workers: Workers, number: int, arguments: tuple
) -> Iterator[pyarrow.Table]:
    """Have jobs done in blocks; rows of the manifest, in any order, for those whose workers did not
    die every time."""
    starts = range(0, len(jobs), block)
    tables = [pyarrow.Table.from_pylist(list(jobs[i : i + block]), JOBS) for i in starts]
    # A worker has the next block at hand, except when that is the share of another, or when blocks
    # are single photographs: then a dead worker costs exactly one.
    ahead = 2 if block > 1 and len(tables) > number else 1
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
                    max_tasks_in_flight_per_actor=ahead,
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
    joined = ray.is_initialized()  # by who calls this: it stays as it is
    try:
        if joined:
            options = {}
        elif workers.address and re.fullmatch(r"[^/]+:\d+", workers.address):
            host, _, port = workers.address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()  # Ray waits minutes
        if not joined:
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
        if not joined:
            ray.shutdown()


def _processes(cpus: int) -> int:
    """Of a worker that may use so many processors."""
    return min(cpus, MAX_PROCESSES)


def _rows(jobs: Iterable[Row]) -> pyarrow.Table:
    """Rows of the manifest, finished now; what a job does not have is none."""
    rows = [job | {"finished": time.time_ns()} for job in jobs]
    return pyarrow.Table.from_pylist(rows, SCHEMA)
