"""Reading and writing photographs in a process that can be stopped.

A file can be built so that decoding it takes hours, and a decoder cannot be interrupted within a
process. Here it runs in another, which is killed when its time is over.
"""

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from ..errors import ColouriserError, PhotoError, reason

P = ParamSpec("P")
T = TypeVar("T")
CONTEXT = multiprocessing.get_context("spawn")  # the same on every system, and safe with threads


class Guard:
    """Runs functions in processes of their own, which are kept for the next call. May be used from
    any thread; each call has a process for itself."""

    def __init__(self, temporary: Path | None = None) -> None:
        """A guard whose processes write their temporary files into a folder; it has to be cleaned
        by who gave it, since a process that is killed leaves them there."""
        self.idle, self.lock, self.temporary = list[Worker](), Lock(), temporary

    def warm(self) -> None:
        """Have a process ready: starting one takes half a second."""
        self(time.monotonic() + 60, time.monotonic)

    def __call__(
        self, deadline: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function of a module with arguments that can be sent to another process.

        Args:
            deadline: of `time.monotonic`, when the process is killed.

        Raises:
            PhotoError: it was not done in time, or its process died (of lack of memory, say).
            ColouriserError: what the function raised.
        """
        worker = self._take()
        try:
            value = worker.call(deadline, function, args, kwargs)
        except BaseException:
            worker.stop()
            raise
        with self.lock:
            self.idle.append(worker)
        if isinstance(value, ColouriserError):
            raise value
        return value

    def _take(self) -> "Worker":
        with self.lock:
            while self.idle:
                worker = self.idle.pop()
                if worker.process.is_alive():
                    return worker
                worker.stop()
        return Worker(self.temporary)


class Worker:
    """A process that runs one function after the other."""

    def __init__(self, temporary: Path | None) -> None:
        self.connection, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_work, args=(other, temporary), daemon=True)
        self.process.start()
        other.close()  # or a process that died would not be noticed

    def call(self, deadline: float, function: Callable, args: tuple, kwargs: dict) -> Any:
        """What the function returns, or the ColouriserError that it raised."""
        try:
            self.connection.send((function, args, kwargs))
            if not self.connection.poll(max(0.0, deadline - time.monotonic())):
                raise PhotoError(
                    "too_slow", "takes too long to read or write; save it in another way"
                )
            return self.connection.recv()
        except (EOFError, ConnectionError) as error:
            raise PhotoError(
                "too_much", "could not be read or written in the memory there is; make it smaller"
            ) from error

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection: Connection, temporary: Path | None) -> None:
    tempfile.tempdir = str(temporary) if temporary else None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started this
    while True:
        try:
            function, args, kwargs = connection.recv()
        except EOFError:  # that one is gone
            return
        try:
            value = function(*args, **kwargs)
        except ColouriserError as error:
            value = error.with_traceback(None)
            value.__cause__ = None
        except BaseException as error:
            value = PhotoError(
                "failed", "cannot be used ({reason})", reason=reason(Exception(error))
            )
        connection.send(value)
