"""Photographs at the size of a screen: what the page needs of one while it is looked at."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..files import write_atomically
from .read import Photo

SIDE = 1600  # longest side of what the page shows; the download has all pixels
QUALITY = 85  # of a JPEG that is only looked at: a twelfth of the lossless bytes


@dataclass(frozen=True)
class View:
    """A small copy of a photograph, without its colour."""

    luma: Image.Image  # mode "L", upright, at most SIDE
    alpha: Image.Image | None  # mode "L", of luma's size, for photographs with transparency
    size: tuple[int, int]  # of the photograph: width, height
    several: bool  # the file has more than one page or frame, and this is the first
    picture: Image.Image | None = None  # mode "RGB", of luma's size, if it is in colour already

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        planes = 1 + (self.alpha is not None) + 3 * (self.picture is not None)
        return self.luma.width * self.luma.height * planes


def view(photo: Photo, picture: Image.Image | None = None) -> View:
    """The small copy of a photograph; and of the same in its own colours."""
    alpha = fit(photo.alpha) if photo.alpha else None
    colours = fit(picture) if picture else None
    return View(fit(photo.luma), alpha, photo.luma.size, photo.several, colours)


def fit(image: Image.Image, side: int = SIDE) -> Image.Image:
    """The image, or a smaller copy whose longest side is `side`."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = [max(1, round(length * scale)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=2.0)


def show(image: Image.Image, stem: Path, alpha: Image.Image | None = None) -> Path:
    """Write an image that is only looked at, as small as the eye lets it be: a JPEG, or a WebP if
    it is transparent.

    Args:
        image: mode "L" or "RGB".
        stem: the file without its suffix, which is returned with it.
        alpha: mode "L", of the image's size.
    """
    if alpha is None:
        path = stem.with_name(f"{stem.name}.jpg")
        write_atomically(path, lambda file: image.save(file, "JPEG", quality=QUALITY))
        return path
    path, image = stem.with_name(f"{stem.name}.webp"), image.convert("RGB")
    image.putalpha(alpha)
    write_atomically(path, lambda file: image.save(file, "WEBP", quality=QUALITY, method=0))
    return path
