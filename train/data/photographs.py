"""The photographs of a run as bytes: RGB, one after the other in a file that is mapped to memory.

Decoded once, so that a step of the training costs no decoding, and the system keeps in memory what
there is room for.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from colouriser.errors import reason
from colouriser.files import write_bytes

from ..errors import TrainingError

LARGEST_SIDE = 1 << 16  # pixels; beyond this a list is damaged


@dataclass(frozen=True)
class Photograph:
    """One photograph of a folder, and where its bytes are."""

    name: str
    split: str  # train, valid or test
    set: str  # which table of the evaluation it belongs to
    weight: float  # how often it is seen in training, relative to others
    people: bool  # whether there are people in it
    height: int
    width: int
    offset: int  # of its first byte

    def __post_init__(self) -> None:
        sides = self.height, self.width
        if not (self.name and all(0 < side < LARGEST_SIDE for side in sides)):
            raise ValueError("a row lacks its name or its size")
        if not (0 < self.weight < float("inf") and self.offset >= 0):
            raise ValueError("a weight or an offset is out of range")


class Photographs:
    """A folder's photographs, in the order in which they were written.

    Raises:
        TrainingError: there are none, or the list and the bytes do not fit together.
    """

    def __init__(self, folder: Path) -> None:
        self.list, self.data = folder / "photographs.csv", folder / "photographs.bin"
        if not self.list.exists():
            raise TrainingError(f"{folder} has no photographs.csv; run the prepare step first")
        try:
            self.rows = _read_list(self.list)
            self.bytes = np.memmap(self.data, np.uint8, "r")
            if any(row.offset + row.height * row.width * 3 > len(self.bytes) for row in self.rows):
                raise ValueError("photographs.bin is too short")
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise TrainingError(
                f"{self.list} is damaged ({reason(error)}); prepare another --run"
            ) from error

    def of(self, split: str, most: int | None = None) -> list[Photograph]:
        """A split's photographs; or `most` of them, evenly spaced.

        Raises:
            TrainingError: the split is empty.
        """
        rows = [row for row in self.rows if row.split == split]
        if not rows:
            raise TrainingError(
                f"{self.list.parent} has no photographs in the split {split!r}; add some"
            )
        return rows if most is None else spaced(rows, most)

    def pixels(self, row: Photograph) -> np.ndarray:
        """A photograph as uint8 H×W×3, in the mapped memory."""
        shape = row.height, row.width, 3
        return self.bytes[row.offset : row.offset + row.height * row.width * 3].reshape(shape)

    def image(self, row: Photograph) -> Image.Image:
        """A photograph, RGB."""
        return Image.fromarray(self.pixels(row))


def write_photographs(
    folder: Path, photographs: Iterable[tuple[Image.Image, dict[str, object]]]
) -> list[Photograph]:
    """Write photographs and their list into a folder; the list appears last, when all is complete.

    Args:
        folder: where to.
        photographs: RGB, and of each the fields of `Photograph` that say what it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part, rows, offset = folder / "photographs.part", list[Photograph](), 0
    try:
        with open(part, "wb") as file:
            for image, description in photographs:
                place = {"height": image.height, "width": image.width, "offset": offset}
                rows.append(Photograph(**description | place))  # type: ignore[arg-type]
                offset += file.write(image.tobytes())
        part.rename(folder / "photographs.bin")
    finally:
        part.unlink(missing_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) | {"people": int(row.people)} for row in rows)
    data = text.getvalue().encode("utf-8", "surrogateescape")
    write_bytes(folder / "photographs.csv", data)
    return rows


COLUMNS = [field.name for field in fields(Photograph)]


def _read_list(path: Path) -> list[Photograph]:
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file, strict=True)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise ValueError(f"it needs the columns {', '.join(COLUMNS)}")
        return [
            Photograph(
                row["name"],
                row["split"],
                row["set"],
                float(row["weight"]),
                row["people"] == "1",
                int(row["height"]),
                int(row["width"]),
                int(row["offset"]),
            )
            for row in reader
        ]


def spaced(items: Sequence, most: int) -> list:
    """At most so many items, evenly spaced."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]
