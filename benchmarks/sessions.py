"""The page's memory over many visitors: 2,000 photographs by 2,000 sessions.

    python -m benchmarks.sessions

Starts the page and colours the same small photograph in a session of its own each time. Prints the
resident memory of the page and its helpers after every 200 (Linux).
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent


def megabytes(process: int) -> float:
    """Resident memory of a process and its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    text = Path(f"/proc/{process}/status").read_text()
    own = int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1000
    return own + sum(megabytes(int(child)) for child in children)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=2000)
    options = parser.parse_args()
    page = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert page.stdout
        address = next(m[0] for m in (re.search(r"http://\S+", line) for line in page.stdout) if m)
        photograph = (ROOT / "examples" / "cat.jpg").read_bytes()
        print("| sessions | MB |\n|---|---|")
        with httpx.Client(base_url=f"{address}/gradio_api/", timeout=60) as visitor:
            for number in range(1, options.sessions + 1):
                files = {"files": ("photo.jpg", photograph)}
                path = visitor.post("upload", files=files).raise_for_status().json()[0]
                file = {"path": path, "meta": {"_type": "gradio.FileData"}}
                body = {"data": [file, 256, 1, 0, "original", False, False]}
                body["session_hash"] = f"visitor-{number}"  # type: ignore[assignment]
                visitor.post("run/colourise", json=body).raise_for_status()
                if number % 200 == 0:
                    print(f"| {number} | {megabytes(page.pid):.0f} |", flush=True)
    finally:
        page.terminate()
        page.wait()


if __name__ == "__main__":
    main()
