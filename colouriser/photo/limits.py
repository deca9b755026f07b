"""What is refused before it is decoded, since it is too large or built to be slow."""

from ..errors import PhotoError
from .jpeg import START_OF_SCAN, segments

MAX_PIXELS = 150_000_000  # the largest photograph that is decoded; needs about 3 GB
MAX_SIDE = 65_535  # JPEG's own limit; chroma is stretched to the whole width at once
MAX_SCANS = 100  # of a JPEG; programs write a dozen, and each takes the time of a whole picture


def check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1:
        raise PhotoError("no_pixels", "the image has no pixels; use another")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise too_large(f"{width} × {height} pixels are ")


def too_large(what: str = "") -> PhotoError:
    return PhotoError(
        "too_large",
        "{what}more than the limit of {megapixels} megapixels or {side} pixels a side; make it "
        "smaller",
        what=what,
        megapixels=MAX_PIXELS // 1_000_000,
        side=MAX_SIDE,
    )


def check_scans(data: bytes) -> None:
    """Refuse a JPEG with so many scans that decoding it would take for ever."""
    scans = 0
    for marker, _, _ in segments(data):
        scans += marker == START_OF_SCAN
        if scans > MAX_SCANS:
            break
    if scans > MAX_SCANS:
        raise PhotoError(
            "too_many_scans",
            "is built of more than {most} scans, where cameras and programs write a dozen; save it "
            "again",
            most=MAX_SCANS,
        )
