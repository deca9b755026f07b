"""What an archive on Ray Data costs beside the plain folder run.

    python -m benchmarks.archive [--photographs 2000] [--rounds 1] [--side 640]

Colours a folder of JPEGs on this machine: with `colouriser colour`, and with `colouriser archive`
with one worker that has all processors and with two that share them, in turns. Prints for each the
median seconds, photographs a second without the start, and the most memory of all its processes
together; the start is what a folder takes that has a block for each worker, so that all of them
have started.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.colourise import photograph
from colouriser.archive.run import BLOCK

CPUS = os.cpu_count() or 1
FEW = CPUS * BLOCK
RUNS = {
    "colour": ["colour", "{photos}", "-o", "{out}"],
    "archive, 1 worker": [
        "archive", "{photos}", "{out}", "--workers", "1", "--cpus", str(CPUS)
    ],
    "archive, 2 workers": [
        "archive", "{photos}", "{out}", "--workers", "2", "--cpus", str(max(1, CPUS // 2))
    ],
}  # fmt: skip


def measure(arguments: list[str]) -> tuple[float, float]:
    """Seconds of a run, and megabytes of all its processes when they were the most.

    Memory that several processes share is counted once (proportional set size).
    """
    start, peak, running = time.perf_counter(), 0.0, True
    with subprocess.Popen(
        [sys.executable, "-m", "colouriser", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        whole = psutil.Process(process.pid)

        def watch() -> None:
            nonlocal peak
            while running:
                total = 0
                for one in [whole, *_children(whole)]:
                    with suppress(psutil.Error):  # gone since
                        total += one.memory_full_info().pss
                peak = max(peak, total / 1e6)
                time.sleep(5.0)  # looking takes time, too

        thread = threading.Thread(target=watch)
        thread.start()
        process.wait()
        seconds, running = time.perf_counter() - start, False
        thread.join()
    if process.returncode:
        raise SystemExit(f"colouriser {' '.join(arguments)}: exit code {process.returncode}")
    return seconds, peak


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--photographs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", type=int, default=640, help="pixels of the longer side")
    options = parser.parse_args()
    results: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folders = {count: Path(name) / str(count) for count in (FEW, options.photographs)}
        for count, folder in folders.items():
            folder.mkdir()
            photograph((options.side, options.side * 3 // 4), folder / "0.jpg")
            for index in range(1, count):
                shutil.copy(folder / "0.jpg", folder / f"{index}.jpg")
        for _ in range(options.rounds):
            for count, folder in folders.items():
                for kind, line in RUNS.items():
                    out = Path(name) / "out"
                    own = [part.format(photos=folder, out=out) for part in line]
                    results.setdefault((kind, count), []).append(measure(own))
                    shutil.rmtree(out)
                    shutil.rmtree(f"{out}.manifest", ignore_errors=True)
    print("| | start s | whole s | photographs a second | MB |\n|---|---|---|---|---|")
    for kind in RUNS:
        start, whole = (
            statistics.median(seconds for seconds, _ in results[kind, count]) for count in folders
        )
        rate = (options.photographs - FEW) / (whole - start)
        memory = max(memory for _, memory in results[kind, options.photographs])
        print(f"| {kind} | {start:.1f} | {whole:.1f} | {rate:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
