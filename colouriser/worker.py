"""The worker: reads a photograph, asks the network, renders, and writes the result.

    Job ─ open ─ Opened ─ predict ─ coefficients ─ finish ─ Outcome

Whoever asks for a coloured file, asks here: so the bytes are the same, and whatever goes wrong
becomes that one photograph's outcome.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
import torch

from . import guide, sidecars
from .errors import ColouriserError, PhotoError, reason
from .files import write_bytes
from .hints import Hint
from .job import GROUP, Job, Outcome, Source, Target, source_time, too_much
from .options import Wishes
from .photo import (
    Kind,
    Photo,
    encode,
    format_of,
    inverted,
    kind_of,
    mark,
    not_written,
    read,
    read_picture,
    stored_orientation,
    tints,
    working_luma,
)
from .pipeline import Colouriser, Prediction, ReferenceCopy, WorkingCopy, reference_copy
from .pipeline import working_copy as copy_of

KIND_WARNINGS = {
    Kind.COLOUR: "%s: is in colour already, and stays as it is; `recolour` colours it anew",
    Kind.TINTED: "%s: has tints that were painted on, which are lost; `keep_tints` keeps them",
    Kind.NEGATIVE: "%s: looks like a negative, and is coloured as it is; `invert` turns it first",
}
GROUP_PIXELS = 24_000_000  # that wait for the network; with more it is asked without others

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A photograph in memory, and what the network sees of it."""

    job: Job
    photo: Photo
    copy: WorkingCopy
    kind: Kind = Kind.GREY  # what its colours are
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)  # what the network has to say is added

    @property
    def stays(self) -> bool:
        """Whether it is in colour already, and the result is a copy of it."""
        return self.kind is Kind.COLOUR and not self.job.options.recolour


class Worker:
    """Colours files, one thread at a time.

    Args:
        colouriser: with its network; None where predictions come from elsewhere.
    """

    def __init__(self, colouriser: Colouriser | None = None) -> None:
        self.colouriser = colouriser

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome per job, in order. The network sees photographs of one shape together."""
        outcomes = list[Outcome]()
        while len(outcomes) < len(jobs):
            outcomes += self.complete(self.open_some(jobs[len(outcomes) :]))
        return outcomes

    def open_some(self, jobs: Sequence[Job]) -> list[Opened | Outcome]:
        """Open the first of some jobs, as many as memory should hold at once; an error is that
        job's outcome."""
        opened, pixels = list[Opened | Outcome](), 0
        for job in jobs[:GROUP]:
            try:
                one = self.open(job)
                pixels += math.prod(one.photo.luma.size)
                opened.append(one)
            except Exception as error:
                opened.append(Outcome(error=explained(error, job.name)))
            if pixels > GROUP_PIXELS:
                break
        return opened

    def complete(self, opened: Sequence[Opened | Outcome]) -> list[Outcome]:
        """Outcomes of what `open_some` opened."""
        waiting = [one for one in opened if isinstance(one, Opened)]
        started = time.monotonic()
        predicted = iter(self.predict(waiting))
        share = (time.monotonic() - started) / max(1, len(waiting))
        outcomes = list[Outcome]()
        for one in opened:
            if isinstance(one, Outcome):
                outcomes.append(one)
                continue
            results, job = next(predicted), one.job
            try:
                if isinstance(results, Exception):
                    raise results
                targets = [job.target] if one.stays else [job.target, *job.variants]
                chosen = [(t, r) for t, r in zip(targets, results, strict=True) if t is not None]
                outcome = self.finish(one, chosen)
                outcomes.append(replace(outcome, seconds=outcome.seconds + share))
            except Exception as error:
                failed = explained(error, job.name)
                outcomes.append(Outcome(warnings=tuple(one.warnings), error=failed))
        return outcomes

    def open(self, job: Job) -> Opened:
        """Read a photograph.

        Raises:
            ColouriserError, OSError: it cannot be read.
        """
        started, options = time.monotonic(), job.options
        with collected_warnings() as warnings:
            photo = from_source(read, job)
            if options.invert:
                photo = inverted(photo)
            kind = kind_of(photo.own)
            asked_for = {Kind.COLOUR: options.recolour, Kind.TINTED: options.keep_tints}
            if kind is Kind.COLOUR and not options.recolour:
                warnings.clear()  # they are about how a result is made
            if kind in KIND_WARNINGS and not asked_for.get(kind):
                log.warning(KIND_WARNINGS[kind], job.name)
            if kind is Kind.TINTED and options.keep_tints and photo.own is not None:
                found = tuple(Hint(x, y, rgb) for x, y, rgb in tints(photo.own, photo.luma.size))
                job = replace(job, wishes=replace(job.wishes, hints=(*found, *job.wishes.hints)))
        copy = copy_of(photo.luma, options.detail)
        return Opened(job, photo, copy, kind, time.monotonic() - started, warnings)

    def predict(self, opened: Sequence[Opened]) -> list[list[np.ndarray | None] | Exception]:
        """Ask the network.

        Returns:
            For each photograph, coefficients of the job's target and of its variants, or why there
            are none; None for one that stays as it is.
        """
        plain = [one for one in opened if one.job.wishes == Wishes() and not one.stays]
        together = dict[int, Prediction | Exception]()
        try:
            predictions = self._network.predict_copies([one.copy for one in plain])
            together = {id(one): p for one, p in zip(plain, predictions, strict=True)}
        except Exception:  # one of them, or together they are too many: each alone
            pass
        found = list[list[np.ndarray | None] | Exception]()
        for one in opened:
            if one.stays:
                found.append([None])
                continue
            try:
                prediction = together.get(id(one))
                if prediction is None:
                    with collected_warnings() as warnings:
                        prediction = self._predict(one)
                    one.warnings.extend(f"{one.job.name}: {warning}" for warning in warnings)
                if isinstance(prediction, Exception):
                    raise prediction
                variants = list[Prediction]()
                if count := len(one.job.variants):
                    variants = list(self._network.predict_variants(prediction, count))
                found.append([p.coefficients.numpy() for p in (prediction, *variants)])
            except Exception as error:
                found.append(error)
        return found

    def _predict(self, one: Opened) -> Prediction:
        wishes = one.job.wishes
        other = _reference(wishes.reference, one.job.options.detail) if wishes.reference else None
        return self._network.predict_copy(one.copy, wishes.hints, other, wishes.strength)

    @property
    def _network(self) -> Colouriser:
        assert self.colouriser, "this worker has no network"
        return self.colouriser

    def finish(
        self, opened: Opened, results: Sequence[tuple[Target, np.ndarray | None]]
    ) -> Outcome:
        """Render a photograph in each of some colourings, and write the results.

        Args:
            opened: from `open`.
            results: where each goes, and the coefficients of its `Prediction`, which a photograph
                that stays as it is does without. The first is written last: once it is there, all
                are. Each has the photograph's own time, which is often the only date of a scan.

        Raises:
            ColouriserError: a result cannot be written.
        """
        started, job, nbytes = time.monotonic(), opened.job, 0
        options = job.options
        # Marked, its luma will not be the same.
        photo = replace(opened.photo, jpeg=None) if options.mark else opened.photo
        with collected_warnings() as warnings:
            for sidecar in job.sidecars:
                _copy_sidecar(sidecar, job, photo, results[0][0])
            for target, coefficients in reversed(results):
                if coefficients is None:
                    data = _copy(opened, target.name)
                else:
                    luma = working_luma(photo, target.name)
                    image = guide.render_bands(
                        luma, torch.from_numpy(coefficients), options.vividness, options.temperature
                    )
                    if options.mark:
                        image = mark(image)
                    data = encode(image, target.name, photo, options.keep_position)
                _write(target, data, job.source)
                nbytes = len(data)
        return Outcome(
            files=tuple(target.name for target, _ in results),
            size=photo.luma.size,
            nbytes=nbytes,
            seconds=opened.seconds + time.monotonic() - started,
            warnings=tuple(dict.fromkeys([*opened.warnings, *warnings])),
            in_colour=opened.stays,
        )


def from_source(function: Callable[[Any, str], T], job: Job) -> T:
    """What a function of a file and its name gives for a job's."""
    if isinstance(job.source, Path):
        return function(job.source, job.name)
    with job.source.open() as file:
        return function(file, job.name)


def _copy(opened: Opened, name: str) -> bytes | memoryview:
    """The file of a photograph that stays as it is; in another format, if its result has one."""
    job = opened.job
    source = job.source.name if isinstance(job.source, Path) else job.name
    if format_of(source) == format_of(name):
        if isinstance(job.source, Path):
            return job.source.read_bytes()
        with job.source.open() as file:
            return file.read()
    photo = replace(opened.photo, jpeg=None, deep=None)
    if opened.photo.deep is not None:
        log.warning("%s: brought down to 8 bits", job.name)
    picture = from_source(read_picture, job)
    return encode(picture, name, photo, job.options.keep_position, note=False)


def _copy_sidecar(sidecar: Source, job: Job, photo: Photo, result: Target) -> None:
    """Copy what somebody wrote about a photograph beside its result; or warn why not."""
    photograph, name = (PurePosixPath(source.name).name for source in (job.source, sidecar))
    target = result.with_name(sidecars.copy_name(photograph, name, result.name))
    turned = stored_orientation(photo, result.name)
    try:
        if isinstance(target, Path) and isinstance(job.source, Path) and os.path.exists(target):
            own_folder = os.path.samefile(target.parent, job.source.parent)
            if own_folder:  # it may be another photograph's
                return
        with sidecar.open("rb") if isinstance(sidecar, Path) else sidecar.open() as file:
            data = file.read(sidecars.MAX_BYTES + 1)
        data = sidecars.edited(name, data, job.options.keep_position, turned)
        _write(target, data, sidecar)
    except (ColouriserError, OSError, ValueError) as error:
        log.warning("%s: %s, beside it, is not copied (%s)", job.name, name, reason(error))


def explained(error: Exception, name: str) -> ColouriserError:
    """Whatever went wrong with a photograph of this name, as an error of ours."""
    if isinstance(error, ColouriserError):
        return error if error.about else error.of(name)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        return too_much().of(name)
    return PhotoError("failed", "cannot be used ({reason})", reason=reason(error)).of(name)


@lru_cache(maxsize=1)  # that of a whole folder
def _reference(file: Path, detail: int) -> ReferenceCopy:
    return reference_copy(read_picture(file), detail)


def _write(target: Target, data: bytes | memoryview, source: Source) -> None:
    """Write a result, with the time of what it was made from."""
    try:
        if isinstance(target, Path):
            write_bytes(target, data, source_time(source))
        else:
            target.write(data)
    except MemoryError:
        raise
    except Exception as error:
        raise not_written(error) from error


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """What the library warns of meanwhile, which is not logged."""
    found, library = list[str](), logging.getLogger(__package__)

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    recorder, propagated = Recorder(logging.WARNING), library.propagate
    library.addHandler(recorder)
    library.propagate = False
    try:
        yield found
    finally:
        library.removeHandler(recorder)
        library.propagate = propagated
