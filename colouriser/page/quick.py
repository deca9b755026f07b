"""gradio in two thirds of the time that importing it takes.

While it is imported, gradio 6.31 parses the source of each of its components twice, to see whether
the type stubs beside them are as they should be: for editors, and of no use to a page. It passes
over components whose source is in no file, so for that time nothing's is.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_stubs() -> Iterator[None]:
    """For the import of gradio."""

    def getfile(object: object) -> str:
        raise OSError(f"the file of {object!r} is not told while gradio is imported")

    known, inspect.getfile = inspect.getfile, getfile
    try:
        yield
    finally:
        inspect.getfile = known
