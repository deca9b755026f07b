"""Seconds from starting the page to the first coloured photograph, on an installed project.

    python benchmarks/startup.py

Starts `python app.py` anew each round and colours an example through its endpoint. The bar is 10
seconds on two quiet cores. The first round also reads all packages from disk.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gradio_client import Client, handle_file

ROOT = Path(__file__).parent.parent


def measure() -> tuple[float, float]:
    """Seconds until the page answers, and until it has coloured a photograph."""
    started = time.perf_counter()
    page = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert page.stdout
        address = next(m[0] for m in (re.search(r"http://\S+", line) for line in page.stdout) if m)
        up = time.perf_counter() - started
        client = Client(address, verbose=False)
        client.predict(handle_file(ROOT / "examples" / "cat.jpg"), api_name="/colourise")
        return up, time.perf_counter() - started
    finally:
        page.terminate()
        page.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = [measure() for _ in range(parser.parse_args().rounds)]
    print("| | page s | first photograph s |\n|---|---|---|")
    for number, (up, coloured) in enumerate(rounds, 1):
        print(f"| round {number} | {up:.1f} | {coloured:.1f} |")
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    print(f"| median | {medians[0]:.1f} | {medians[1]:.1f} |")


if __name__ == "__main__":
    main()
