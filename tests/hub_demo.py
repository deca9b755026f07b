"""Retrain and republish on one computer, without an account: `make hub-demo`.

Starts a small Hub on this computer, trains `smoke` on a few photographs, publishes it, starts the
page on it, trains further, publishes again, and shows the page change over by itself. The commands
are those for the real Hub; `smoke` is trained for a minute, so do not expect good colours.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gradio_client import Client, handle_file

from . import HUB_PORT
from .hub_server import TOKEN, Hub
from .photographs import write_handful

ROOT = Path(__file__).parent.parent
MODEL = "owner/demo"
PATIENCE = 120  # seconds until the page must have changed over


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hub-demo-") as name:
        folder = Path(name)
        photographs = write_handful(folder / "photographs")
        os.environ["HF_TOKEN"] = TOKEN
        with Hub(folder / "hub", HUB_PORT).running():
            say(f"a Hub runs on {os.environ['HF_ENDPOINT']}")
            first, second = folder / "first", folder / "second"
            smoke = ["--recipe", "smoke", "--images", photographs]
            train("all", *smoke, "--run", first)
            train("publish", first, "--repo", MODEL, "--tag", "v1")
            os.environ |= {"COLOURISER_MODEL": f"{MODEL}@main", "COLOURISER_LOOK_SECONDS": "2"}
            say(f"COLOURISER_MODEL={MODEL}@main python app.py")
            page = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            try:
                client = Client(_address(page), verbose=False)
                before = colour(client)
                train("all", *smoke, "--run", second, "--start", first / "gan")
                train("publish", second, "--repo", MODEL, "--tag", "v2")
                say("waiting for the page to change over")
                deadline = time.monotonic() + PATIENCE
                while client.predict(api_name="/model") == before:
                    if time.monotonic() > deadline:
                        raise SystemExit("error: the page has not changed over")
                    time.sleep(1)
                colour(client)
                say("the page changed over to the new commit without a restart")
            finally:
                page.terminate()
                page.wait()


def say(text: str) -> None:
    sys.stdout.write(f"\n>>> {text}\n")
    sys.stdout.flush()


def train(*arguments: object) -> None:
    """Run `python -m train` as a user does."""
    command = ["-m", "train", *map(str, arguments)]
    say(f"python {shlex.join(command)}")
    if subprocess.run([sys.executable, *command], cwd=ROOT).returncode:
        raise SystemExit(1)


def colour(client: Client) -> str:
    """Colour an example on the page; what the page then says of its model."""
    example = ROOT / "examples" / "astronaut.jpg"
    say(f"coloured: {client.predict(handle_file(example), api_name='/colourise')}")
    model = client.predict(api_name="/model")
    say(f"the page says: {model}")
    return model


def _address(page: subprocess.Popen[str]) -> str:
    assert page.stdout
    for line in page.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            return found[0]
    raise SystemExit("error: the page did not start")


if __name__ == "__main__":
    main()
