"""The browser edition in Firefox, if there is one: it colours, and writes a JPEG."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE = 120  # seconds

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FIREFOX, reason="needs Firefox")]


class Marionette:
    """Firefox's own protocol (https://firefox-source-docs.mozilla.org/testing/marionette)."""

    def __init__(self, port: int) -> None:
        self.file = self._connect(port).makefile("rwb")
        self._read()  # who it is
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})
        self.ask("WebDriver:SetTimeouts", script=PATIENCE * 1000)

    @staticmethod
    def _connect(port: int) -> socket.socket:
        for _ in range(PATIENCE * 5):
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                time.sleep(0.2)
        raise AssertionError("Firefox does not answer")

    def _read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            size += self.file.read(1)
        return json.loads(self.file.read(int(size[:-1])))

    def ask(self, command: str, **values: Any) -> Any:
        data = json.dumps([0, 1, command, values]).encode()
        self.file.write(b"%d:%s" % (len(data), data))
        self.file.flush()
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def run(self, script: str) -> Any:
        return self.ask("WebDriver:ExecuteScript", script=script, args=[], sandbox=None)["value"]


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Marionette]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    options = ["--headless", "--marionette", "--no-remote", "--profile", str(tmp_path)]
    process = subprocess.Popen(
        [str(FIREFOX), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield Marionette(port)
    finally:
        process.terminate()
        process.wait()


def test_it_colours_in_firefox(firefox: Marionette, web_url: str) -> None:
    firefox.ask("WebDriver:Navigate", url=web_url)
    ended = time.monotonic() + PATIENCE
    while firefox.run("return document.querySelector('.studio')?.dataset.state") != "done":
        assert time.monotonic() < ended, firefox.run("return document.body.innerText")
        time.sleep(0.5)
    save = """return (async () => {
    const example = await (await fetch("examples/hopper.jpg")).blob();
    const photo = new File([example], "hopper.jpg", {type: "image/jpeg"});
    const wish = {photo, hints: [], variant: 0, reference: null, strength: 1, vividness: 1,
      temperature: 0, format: "original", keep_position: false, mark: false};
    const call = {signal: new AbortController().signal, status() {}};
    const {name, blob} = await window.colouriser.ask("save", wish, call);
    return [name, blob.type, blob.size];
    })()"""
    name, kind, size = firefox.run(save)
    assert (name, kind) == ("hopper-colourised.jpg", "image/jpeg")
    assert size > 50_000
