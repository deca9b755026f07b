"""Files of a public suite, such as the test images in Pillow's sources: how many are read rightly,
refused with a message that fits, or wrong.

    pip download --no-binary :all: --no-deps pillow && tar xf pillow-*.tar.gz
    python -m benchmarks.suite pillow-*/Tests/images

Right is what Pillow shows of a file, turned upright, within TOLERANCE of luma. Pillow shows depth
and profiles otherwise: files with these that differ are "other", listed to be looked at.
Refused is an error of ours about a file that Pillow cannot decode either, or of a format that is
not read. Wrong is any other end: another luma, another exception, or a refusal of what Pillow
decodes, of a format that is read.
"""

import argparse
import logging
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from colouriser import PhotoError, photo
from colouriser.photo.read import READABLE

TOLERANCE = 3  # of 255, of the mean; decoders and profiles differ by less
PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def expected(path: Path) -> tuple[str, np.ndarray | None, bool]:
    """What Pillow says of a file: its format, luma if it can be decoded, and whether that is to be
    compared as it is."""
    try:
        with Image.open(path) as image:
            form = image.format or ""
            plain = image.mode in PLAIN and "icc_profile" not in image.info
            plain = plain and "gamma" not in image.info
            if plain and image.format in ("JPEG", "MPO"):
                image.draft("L", None)  # luma as it is stored
            upright = ImageOps.exif_transpose(image)
            return form, np.asarray(upright.convert("L"), float), plain
    except Exception:  # whatever a decoder raises
        try:
            with Image.open(path) as image:
                return image.format or "", None, False
        except Exception:
            return "", None, False


def judge(path: Path) -> tuple[str, str, str]:
    """Format, verdict, and why."""
    form, luma, plain = expected(path)
    try:
        found = np.asarray(photo.read(path).luma, float)
    except PhotoError as error:
        if form in READABLE and luma is not None:
            return form, "wrong", f"refused: {error}"
        return form or "none", "refused", str(error)
    except Exception as error:
        return form or "none", "wrong", repr(error)
    if luma is None:
        return form or "none", "right", "more than Pillow reads"
    if found.shape != luma.shape:
        return form, "other", f"{found.shape} where Pillow has {luma.shape}"
    off = float(np.abs(found - luma).mean())
    if off <= TOLERANCE:
        return form, "right", ""
    return form, "wrong" if plain else "other", f"luma is {off:.0f} off Pillow's"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--list", action="store_true", help="every file that is not right")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    table, lines = defaultdict[str, Counter[str]](Counter), list[str]()
    for path in sorted(path for path in given.folder.rglob("*") if path.is_file()):
        form, verdict, why = judge(path)
        table[form][verdict] += 1
        if verdict in ("wrong", "other") or (given.list and verdict != "right"):
            lines.append(f"{verdict:8} {path.name}: {why}")
    heads = ("right", "refused", "other", "wrong")
    print("| format | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    total = Counter[str]()
    for form, counts in sorted(table.items()):
        total += counts
        print(f"| {form} | " + " | ".join(str(counts[head]) for head in heads) + " |")
    print("| all | " + " | ".join(str(total[head]) for head in heads) + " |")
    print("\n".join(lines))
    sys.exit(1 if total["wrong"] else 0)


if __name__ == "__main__":
    main()
