"""How many photographs at once the page should colour: a lock around the model, or threads?

    python benchmarks/load.py

Colours the same photographs, of 0.3, 1 and 12 megapixels, with one, two and four threads that share
the model, in turns, from the bytes of a JPEG to those of the result. One thread is what a lock
around all of the work would give. Prints photographs per second as a multiple of one thread's, the
median over the rounds; the page's AT_ONCE is what was fastest.
"""

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from colouriser.batch import Entry
from colouriser.live import Live
from colouriser.page.one import PICTURES
from colouriser.page.studio import Settings, Studio

SIZES = ((640, 480), (1155, 866), (4000, 3000))
AT_ONCE = (1, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photographs", type=int, default=12, help="of each size")
    options = parser.parse_args()
    example, settings = Image.open(PICTURES[0]), Settings()
    studio = Studio(Live(None, example))
    print("| megapixels | " + " | ".join(f"{n} at once" for n in AT_ONCE) + " |")
    print("|---" * (len(AT_ONCE) + 1) + "|")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder, source = Path(name), Path(name) / "photo.jpg"
            example.resize(size).save(source, quality=92)

            def colour(number: int, folder: Path = folder, source: Path = source) -> None:
                result = studio.colourise(Entry(source.name, source), settings)
                studio.save(result, settings, folder / str(number))

            colour(0)
            rates: dict[int, list[float]] = {n: [] for n in AT_ONCE}
            for _ in range(options.rounds):
                for threads in AT_ONCE:
                    started = time.perf_counter()
                    with ThreadPoolExecutor(threads) as pool:
                        list(pool.map(colour, range(options.photographs)))
                    rates[threads].append(options.photographs / (time.perf_counter() - started))
        ratios = {
            n: statistics.median(a / b for a, b in zip(rates[n], rates[1], strict=True))
            for n in AT_ONCE
        }
        print(
            f"| {size[0] * size[1] / 1e6:.1f} | "
            + " | ".join(f"{r:.2f}" for r in ratios.values())
            + " |"
        )


if __name__ == "__main__":
    main()
