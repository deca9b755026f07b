"""What JPEG to JPEG keeps of luma, as it is stored and as it is seen, and what it costs in bytes.

    python -m benchmarks.luma FOLDER [--vividness 1.3]

Colours the JPEGs of a folder. Prints how many keep their stored luma bit by bit, the share of
pixels whose luma, decoded with the new chroma, is more than 1/255 and 2/255 off, the largest such
error, and the results' bytes as a multiple of the photographs'. What is seen differs where chroma
of half the size leaves RGB at an edge, and the decoder cuts it off.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from colouriser import Colouriser, photo
from tests.photographs import stored_luma


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.luma", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vividness", type=float, default=1.0)
    options = parser.parse_args()
    colouriser, same = Colouriser.load(), 0
    errors, bytes_ = [], []
    files = sorted(options.folder.glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jpg"
        for file in files:
            read = photo.read(file)
            colour = colouriser.render(
                photo.working_luma(read, out.name), colouriser.predict(read.luma), options.vividness
            )
            out.write_bytes(photo.encode(colour, out.name, read))
            same += np.array_equal(stored_luma(file), stored_luma(out))
            with Image.open(out) as image:
                seen = np.asarray(image.convert("L"), int)
            errors.append(np.abs(seen - np.asarray(photo.read(file).luma, int)).ravel())
            bytes_.append(out.stat().st_size / file.stat().st_size)
    error = np.concatenate(errors)
    print(f"{len(files)} JPEGs, of which {same} keep their stored luma bit by bit")
    print(
        f"seen, off by more than 1/255: {(error > 1).mean():.3%}; 2/255: {(error > 2).mean():.3%}"
    )
    print(f"seen, off by at most {error.max()}/255")
    print(f"bytes: {np.mean(bytes_):.2f} times the photographs', at most {max(bytes_):.2f}")


if __name__ == "__main__":
    main()
