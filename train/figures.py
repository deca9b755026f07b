"""Pictures of results: grey, generated and true photographs side by side."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colouriser.files import write_atomically

TITLES = ("Greyscale", "Generated", "Truth")
GAP, HEADER = 8, 36  # pixels
SAMPLES = 6  # photographs in the picture of each epoch


def columns(
    rows: Sequence[tuple[Image.Image, ...]],
    path: Path,
    titles: tuple[str, ...] = TITLES,
    captions: Sequence[tuple[str, ...]] = (),
) -> None:
    """Write a JPEG with a row for each photograph and a titled column for each version of it.

    Args:
        rows: images of one size.
        path: where to.
        titles: one a column.
        captions: for each row, a text to write on each image.
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
            top = HEADER + row * (height + GAP)
            sheet.paste(images[column].convert("RGB"), (left, top))
            if captions:
                at = (left + GAP, top + height - GAP)
                text = captions[row][column]
                draw.text(at, text, "white", font, "lb", stroke_width=2, stroke_fill="black")
    write_atomically(path, lambda file: sheet.save(file, "JPEG", quality=90))
