"""How long files that are built to be slow hold a place of the page.

    python -m benchmarks.hostile

Gives each to the page's own engine and prints the seconds until it has a result, or says why there
is none. The bound is 30 seconds on two quiet cores.
"""

import tempfile
import time
from pathlib import Path

from PIL import Image

from colouriser import ColouriserError
from colouriser.follow import ModelFollower
from colouriser.options import Options
from colouriser.page.studio import Studio
from colouriser.samples import PICTURES
from tests import hostile


def main() -> None:
    with Image.open(PICTURES[0]) as example:
        studio = Studio(ModelFollower(None, example))
    with studio.slot() as slot:
        slot.process.call(60, abs, 0)  # it has started
    print("| file | MB | seconds | result |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photograph = Image.open(PICTURES[0])
        makers = {
            "JPEG, 150 megapixels": lambda: hostile.large(folder / "a.jpg", 149),
            "JPEG, 2,000 empty scans of 12,240²": lambda: hostile.scans(
                folder / "b.jpg", 2000, 12_240
            ),
            "JPEG, 90 empty scans of 12,240²": lambda: hostile.scans(folder / "c.jpg", 90, 12_240),
            "TIFF, 2,000,000 directories": lambda: hostile.directories(folder / "d.tif", 2_000_000),
            "PNG, 150 megapixels of 1 bit": lambda: hostile.large(folder / "e.png", 149),
            "PNG, compressed texts of 500 MB": lambda: hostile.text(
                folder / "f.png", photograph.copy()
            ),
            "TIFF, 150 megapixels": lambda: hostile.large(
                folder / "g.tif", 149, compression="tiff_lzw"
            ),
            "WebP, 150 megapixels": lambda: hostile.large(folder / "h.webp", 149, lossless=True),
            "GIF, 150 megapixels": lambda: hostile.large(folder / "i.gif", 149),
            "JPEG 2000, 150 megapixels": lambda: hostile.large(folder / "j.jp2", 149),
            "PPM as text, 99 megapixels": lambda: hostile.plain(folder / "k.ppm", 99),
            "zip, 60,000 other files": lambda: hostile.entries(folder / "l.zip", 60_000),
            "zip, 500,000 other files": lambda: hostile.entries(folder / "m.zip", 500_000),
        }
        for what, make in makers.items():
            path = make()
            megabytes, started = path.stat().st_size / 1e6, time.monotonic()
            try:
                entries, passed = studio.entries([path])
                for entry in entries:
                    with studio.slot() as slot:
                        studio.colourise(slot, entry, Options(), folder / "done")
                said = "; ".join(passed.lines()) or "coloured"
            except ColouriserError as error:
                said = str(error)
            seconds = time.monotonic() - started
            print(f"| {what} | {megabytes:.1f} | {seconds:.1f} | {said} |", flush=True)
            path.unlink()
    studio.pool.close()


if __name__ == "__main__":
    main()
