"""Replays the Dockerfile without a container engine: python -m tests.container, as root on Linux.

Its files are copied and its packages installed into a folder of their own, by the package index
that pip knows; then its command runs as its user, with its environment and nothing else, in a mount
namespace whose root can only be read, until its health check passes and a photograph is coloured.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parent.parent
PORT, PATIENCE = "7961", 120  # seconds
NAMESPACE = "mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro / && cd /tmp && exec setpriv"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what follows each."""
    lines = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
    parts = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(name, rest) for name, _, rest in parts]


def main() -> None:
    steps = instructions()
    of = dict(steps)
    folder = Path(tempfile.mkdtemp(prefix="colouriser-container-", dir="/opt"))
    folder.chmod(0o755)
    process = None
    try:
        venv.create(folder / "python", with_pip=True)
        for name, rest in steps:
            if name == "COPY":
                *sources, target = rest.split()
                for source in map(ROOT.joinpath, sources):
                    if source.is_dir():
                        shutil.copytree(source, folder / "src" / target)
                    else:
                        (folder / "src").mkdir(exist_ok=True)
                        shutil.copy(source, folder / "src" / source.name)
        install = re.sub(r"--extra-index-url \S+", "", of["RUN"])  # no other index here
        own = {"PATH": f"{folder / 'python' / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(install, shell=True, cwd=folder / "src", env=os.environ | own, check=True)
        own |= dict(part.split("=", 1) for part in shlex.split(of["ENV"]))
        own |= {"GRADIO_SERVER_PORT": PORT, "GRADIO_SERVER_NAME": "127.0.0.1"}
        user, group = of["USER"].split(":")
        identity = f"--reuid {user} --regid {group} --clear-groups"
        command = shlex.join(json.loads(of["CMD"]))
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"{NAMESPACE} {identity} {command}"], env=own
        )
        check = re.sub(r"^.*?CMD ", "", of["HEALTHCHECK"])
        end = time.monotonic() + PATIENCE
        while subprocess.run(check, shell=True, env=own, capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("it is not healthy")
            time.sleep(1)
        client = Client(f"http://127.0.0.1:{PORT}", verbose=False)
        photograph = handle_file(ROOT / "examples" / "cat.jpg")
        with Image.open(client.predict(photograph, api_name="/colourise")) as image:
            print(f"healthy, and a photograph of {image.size} was coloured as user {user}")
    finally:
        if process:
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
