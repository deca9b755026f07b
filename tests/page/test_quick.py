"""gradio is imported without its type stubs, and is whole."""

import subprocess
import sys

from ..conftest import ROOT

WATCHED = """
import sys
opened = []
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".pyi"):
        opened.append(arguments[0])
sys.addaudithook(watch)
import {module}
import gradio, inspect
print(len(opened), inspect.getfile(gradio.Image), hasattr(gradio.Image(), "change"), sep="\\n")
"""


def watched(module: str) -> list[str]:
    """How many stubs importing a module opens, what `inspect` says afterwards of where a component
    is, and whether it has its events."""
    command = [sys.executable, "-c", WATCHED.format(module=module)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_the_page_opens_no_stubs() -> None:
    count, file, events = watched("colouriser.page")
    assert count == "0"
    assert file.endswith("image.py")
    assert events == "True"


def test_gradio_alone_opens_them() -> None:
    """If it no longer does, quick.py has no use any more."""
    assert int(watched("gradio")[0]) > 50
