"""Pictures of results: grey, generated and true photographs side by side."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colouriser.files import write_atomically

TITLES = ("Greyscale", "Generated", "Truth")
GAP, HEADER = 8, 36  # pixels


def columns(
    rows: Sequence[tuple[Image.Image, ...]], path: Path, titles: tuple[str, ...] = TITLES
) -> None:
    """Write a JPEG with a row for each photograph and a titled column for each version of it.

    Args:
        rows: images of one size.
        path: where to.
        titles: one a column.
    """
    width, height = rows[0][0].size
    size = (GAP + (width + GAP) * len(titles), HEADER + (height + GAP) * len(rows))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(20)
    for column, title in enumerate(titles):
        left = GAP + column * (width + GAP)
        draw.text((left + width / 2, HEADER / 2), title, "black", font, anchor="mm")
        for row, images in enumerate(rows):
            sheet.paste(images[column].convert("RGB"), (left, HEADER + row * (height + GAP)))
    write_atomically(path, lambda file: sheet.save(file, "JPEG", quality=90))
