"""What overlapping decoding, network and encoding gains on a folder.

    python -m benchmarks.folder [--photographs 60] [--rounds 2]

Colours a folder of photographs of 1 megapixel with the command line, with one thread and with as
many as it takes, in turns. Prints the median seconds of each, and what loading the model takes of
them.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.colourise import SIZES, photograph

CODE = """
import sys, colouriser.__main__ as command
command.MOST_THREADS = int(sys.argv[1])
command.program(["colour", *sys.argv[2:]])
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folder", description=__doc__)
    parser.add_argument("--photographs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    seconds: dict[tuple[int, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photographs"
        folder.mkdir()
        first = folder / "0.jpg"
        photograph(SIZES[1], first)
        for index in range(1, options.photographs):
            shutil.copy(first, folder / f"{index}.jpg")
        for _ in range(options.rounds):
            for threads, source in ((1, folder), (4, folder), (1, first)):
                out = Path(name) / "out"
                command = [sys.executable, "-c", CODE, str(threads), str(source), "-o", str(out)]
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                key = (threads, options.photographs if source == folder else 1)
                seconds.setdefault(key, []).append(time.perf_counter() - start)
                shutil.rmtree(out)
    for (threads, count), times in seconds.items():
        print(
            f"| {count} photographs, at most {threads} at a time | {statistics.median(times):.1f} |"
        )


if __name__ == "__main__":
    main()
