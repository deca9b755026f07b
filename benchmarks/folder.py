"""What a folder costs, beside its parts.

    python -m benchmarks.folder [--photographs 500] [--rounds 1]

Colours a folder of photographs of about 1 megapixel and five shapes with the command line. What
starting it takes, a folder of one, is taken off. Beside it, in one process and in turns: the
network alone, one photograph after the other with all cores; and decoding, merging and encoding
alone, spread over the cores. The bar is 1.25 times the larger of both.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.colourise import photograph
from colouriser import Colouriser
from colouriser.photo import encode, read, working_luma

CORES = os.cpu_count() or 1
SHAPES = ((1155, 866), (866, 1155), (1500, 667), (1000, 1000), (640, 480))  # pixels


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folder", description=__doc__)
    parser.add_argument("--photographs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    colouriser = Colouriser.load()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, alone, out = (Path(name) / part for part in ("photographs", "one", "out"))
        for place, count in ((folder, options.photographs), (alone, 1)):
            place.mkdir()
            for index in range(count):
                first = place / f"{index % len(SHAPES)}.jpg"
                if index < len(SHAPES):
                    photograph(SHAPES[index], first)
                else:
                    shutil.copy(first, place / f"{index}.jpg")
        files = [folder / f"{index}.jpg" for index in range(options.photographs)]
        lumas = [read(file).luma for file in files[: len(SHAPES)]]
        predictions = [colouriser.predict(luma) for luma in lumas]

        def command(photos: Path) -> None:
            line = [sys.executable, "-m", "colouriser", "colour", str(photos), "-o", str(out)]
            subprocess.run(line, check=True, capture_output=True)

        def network() -> None:
            for index in range(len(files)):
                colouriser.predict(lumas[index % len(SHAPES)])

        def rest(file: Path) -> None:
            photo, prediction = read(file), predictions[int(file.stem) % len(SHAPES)]
            colour = Colouriser.render(working_luma(photo, file.name), prediction)
            (out / file.name).write_bytes(encode(colour, file.name, photo))

        def all_the_rest() -> None:
            out.mkdir()
            with ThreadPoolExecutor(CORES) as pool:
                list(pool.map(rest, files))

        steps: dict[str, Callable[[], object]] = {
            "start": lambda: command(alone),
            "folder": lambda: command(folder),
            "network": network,
            "rest": all_the_rest,
        }
        for _ in range(options.rounds):
            for step, function in steps.items():
                times.setdefault(step, []).append(seconds(function))
                shutil.rmtree(out, ignore_errors=True)
    median = {step: statistics.median(own) for step, own in times.items()}
    whole, larger = median["folder"] - median["start"], max(median["network"], median["rest"])
    print(f"start and a first photograph: {median['start']:.1f} s")
    print(f"{len(files)} photographs, without the start: {whole:.1f} s")
    print(f"network alone: {median['network']:.1f} s; the rest alone: {median['rest']:.1f} s")
    print(f"whole, as a multiple of the larger: {whole / larger:.2f}")


if __name__ == "__main__":
    main()
