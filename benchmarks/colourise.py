"""Time and memory of colouring JPEGs of 0.3, 1, 12 and 48 megapixels.

    python benchmarks/colourise.py [--mode L]

Prints, for each size, the median seconds of every step over some repetitions, the whole as a
multiple of only decoding the file and encoding the result with Pillow, the bytes of the result as a
multiple of the photograph's, and the peak memory of a process that colours it. Each size runs in a
process of its own. Times of single steps depend on the machine and its load; the multiple hardly
does.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from colouriser import Colouriser
from colouriser.photo import encode, read, working_luma
from colouriser.photo.write import SAVE

SIZES = {0.3: (640, 480), 1: (1155, 866), 12: (4000, 3000), 48: (8000, 6000)}  # megapixels: pixels
STEPS = ("decode", "network", "upsample + merge", "encode")
EXAMPLE = Path(__file__).parent.parent / "examples" / "temple.jpg"


def photograph(size: tuple[int, int], path: Path, mode: str = "RGB") -> None:
    """A greyscale JPEG of this size with the grain of a scan, stored as RGB as many scanners do, or
    as grey ("L") as others do."""
    grey = np.asarray(Image.open(EXAMPLE).resize(size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, 3, grey.shape).astype(np.float32)
    pixels = (grey + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).convert("L").convert(mode).save(path, quality=92)


class Clock:
    """Seconds between calls."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def __call__(self) -> float:
        before, self.last = self.last, time.perf_counter()
        return self.last - before


def measure(path: Path, repetitions: int) -> dict[str, float]:
    """Median seconds of each step and of Pillow alone; peak memory in MB of the colouring."""
    out = path.with_name("out.jpg")
    colouriser = Colouriser.load()
    rows: list[list[float]] = []
    for _ in range(repetitions + 1):
        clock = Clock()
        photo = read(path)
        luma = working_luma(photo, out.name)
        row = [clock()]
        prediction = colouriser.predict(photo.luma)
        row.append(clock())
        colour = colouriser.render(luma, prediction)
        row.append(clock())
        out.write_bytes(encode(colour, out.name, photo))
        rows.append([*row, clock()])
    out_bytes = out.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    colour = colouriser.render(photo.luma, prediction)
    for row in rows:  # afterwards: it is not ours, so it must not count in the peak
        clock = Clock()
        Image.open(path).load()
        row.append(clock())
        colour.save(out, **SAVE["JPEG"])
        row.append(clock())
    medians = [
        statistics.median(column) for column in zip(*rows[1:], strict=True)
    ]  # first: warm-up
    names = (*STEPS, "Pillow decode", "Pillow encode")
    share = out_bytes / path.stat().st_size
    return dict(zip(names, medians, strict=True)) | {"peak": peak, "bytes": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--mode", choices=["RGB", "L"], default="RGB", help="of the JPEGs")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # one size, in a process
    options = parser.parse_args()
    if options.measure:
        json.dump(measure(options.measure, options.repetitions), sys.stdout)
        return
    print(f"| megapixels | {' s | '.join(STEPS)} s | of decode + encode alone | bytes | peak MB |")
    print("|---" * (len(STEPS) + 4) + "|")
    for megapixels, size in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "photograph.jpg"
            photograph(size, path, options.mode)
            command = [sys.executable, __file__, "--repetitions", str(options.repetitions)]
            output = subprocess.check_output([*command, "--measure", str(path)])
        row = json.loads(output)
        whole = sum(row[step] for step in STEPS)
        ratio = whole / (row["Pillow decode"] + row["Pillow encode"])
        seconds = " | ".join(f"{row[step]:.3f}" for step in STEPS)
        print(
            f"| {megapixels} | {seconds} | {ratio:.2f} | {row['bytes']:.2f} | {row['peak']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
