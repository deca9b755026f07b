"""Pictures as the page shows them: small enough for a screen."""

from pathlib import Path

from PIL import Image

from ..photo import write

SHOWN = 1600  # longest side of what the page shows; the download has all pixels


def fit(image: Image.Image, side: int = SHOWN) -> Image.Image:
    """The image, or a smaller copy whose longest side is `side`."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = [max(1, round(length * scale)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=2.0)


def show(image: Image.Image, name: str, folder: Path) -> str:
    """Write an image for a component to show, lossless WebP; returns the file."""
    path = folder / f"{name}.webp"
    write(fit(image).convert("RGB"), path)
    return str(path)
