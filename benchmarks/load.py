"""The page under load: photographs a second, and how long people wait, for several at once.

    python -m benchmarks.load [--before FOLDER] [--rounds 3] [--photographs 6]

Starts the page of this checkout and, with --before, of another one, and lets 1, 2, 4 and 8 people
at once have photographs of 1 megapixel coloured through the API, each one after the other. With
--threads 1 2, this checkout's page with so many threads of the network each time, too. All of it in
turns; prints medians over the rounds, and the 95th percentile of all waits.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file

from benchmarks.colourise import SIZES, photograph

ROOT = Path(__file__).parent.parent
PEOPLE = (1, 2, 4, 8)
START = (
    "import runpy, sys, torch\n"
    "sys.path.insert(0, '.')\n"
    "if {threads}:\n"
    "    from colouriser.page.studio import AT_ONCE\n"
    "    torch.set_num_threads({threads} * AT_ONCE)\n"  # which the page shares out
    "runpy.run_path('app.py', run_name='__main__')"
)


@contextmanager
def page(folder: Path, threads: int) -> Iterator[tuple[str, float]]:
    """The address of a checkout's page, and the seconds that it took to start."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(threads=threads)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        found = (re.search(r"http://127\S+", line) for line in process.stdout)
        yield next(match[0] for match in found if match), time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def waits(address: str, people: int, photographs: int, file: Path) -> tuple[float, list[float]]:
    """Photographs a second, and the seconds of each, when so many people come at once."""
    clients = [Client(address, verbose=False, ssl_verify=False) for _ in range(people)]

    def visit(client: Client) -> list[float]:
        seconds = []
        for _ in range(photographs):
            started = time.perf_counter()
            client.predict(handle_file(file), api_name="/colourise")
            seconds.append(time.perf_counter() - started)
        return seconds

    started = time.perf_counter()
    with ThreadPoolExecutor(people) as pool:
        all_seconds = [one for own in pool.map(visit, clients) for one in own]
    return len(all_seconds) / (time.perf_counter() - started), all_seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--threads", type=int, nargs="*", default=[], help="of the network")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photographs", type=int, default=6, help="of each person")
    options = parser.parse_args()
    pages = {"before": (options.before, 0)} if options.before else {}
    pages["now"] = (ROOT, 0)
    pages |= {f"now, {n} threads": (ROOT, n) for n in options.threads}
    starts: dict[str, list[tuple[float, float]]] = {name: [] for name in pages}
    rates: dict[tuple[str, int], list[float]] = {}
    seconds: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photograph.jpg"
        photograph(SIZES[1], file)
        for _ in range(options.rounds):
            for name, (checkout, threads) in pages.items():
                with page(checkout, threads) as (address, started):
                    _, (first,) = waits(address, 1, 1, file)
                    starts[name].append((started, started + first))
                    for people in PEOPLE:
                        rate, own = waits(address, people, options.photographs, file)
                        rates.setdefault((name, people), []).append(rate)
                        seconds.setdefault((name, people), []).extend(own)
    print("| page | starts s | first photograph s |\n|---|---|---|")
    for name, rows in starts.items():
        up, first = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {name} | {up:.1f} | {first:.1f} |")
    print("\n| people at once | page | photographs a second | median s | 95 % within s |")
    print("|---|---|---|---|---|")
    for people in PEOPLE:
        for name in pages:
            rate = statistics.median(rates[name, people])
            own = seconds[name, people]
            print(
                f"| {people} | {name} | {rate:.2f} | {statistics.median(own):.2f} | "
                f"{np.percentile(own, 95):.2f} |"
            )


if __name__ == "__main__":
    main()
