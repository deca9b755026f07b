"""Samples of photographs that Pillow would cut to 8 bits, or that mean something else than it says;
those of TIFF are in tiff.py.
"""

import io
import math
import re
import struct
from dataclasses import replace
from itertools import islice

import numpy as np
import pillow_heif
from PIL import Image

from . import jpeg2000, png
from .depth import TOP, Numbers
from .jpeg import END, MOST_PARTS, segments
from .limits import check_scans, check_size

GAMMAS = {png.LINEAR: 1.0, b"\x05": 1 / 2.8}  # of ITU-T H.273's kinds of transfer
RARE_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3)  # of which Pillow reads those of 8 bits and with loss
NETPBM = re.compile(
    rb"P([2356])\s+(?:#[^\n]*\s+)*(\d+)\s+(?:#[^\n]*\s+)*(\d+)\s+(?:#[^\n]*\s+)*(\d+)\s"
)


Samples = tuple[np.ndarray, Numbers]  # H×W×C, and what they mean


def rare_jpeg(data: bytes) -> Samples | None:
    """Those of a JPEG of 12 or 16 bits, or without loss; nothing if it is none of those.

    Raises:
        PhotoError: it is too large, or has too many scans.
        ValueError: its end is missing.
    """
    parts = islice(segments(data), MOST_PARTS)
    start = next((start for marker, start, _ in parts if marker in RARE_FRAMES), len(data))
    if start + 9 > len(data):
        return None
    if data.rfind(END) < start:  # its decoder makes the rest grey
        raise ValueError("its end is missing")
    bits, height, width = struct.unpack(">BHH", data[start + 4 : start + 9])
    check_size((width, height))
    check_scans(data)
    import imagecodecs  # when it is needed: it takes a third of a second

    samples = _with_channels(imagecodecs.jpeg_decode(data))
    return samples, Numbers("rgb" if samples.shape[2] == 3 else "grey", bits)


def deep_samples(image: Image.Image, data: bytes) -> Samples | None:
    """Samples and what they mean, of a file whose samples Pillow gives cut to 8 bits, or as numbers
    of their own; nothing of others.

    Args:
        image: opened from it, not loaded.
        data: the file.
    """
    reader = READERS.get(image.format or "")
    return reader(image, data) if reader else None


def _of_png(image: Image.Image, data: bytes) -> Samples | None:
    numbers, bits, other = png.numbers(data)
    if not other:
        return None
    numbers = replace(numbers, profile=_profile(image))
    if bits < 16:
        image.load()
        return _eight_bits(image, replace(numbers, bits=8))
    import imagecodecs  # when it is needed: it takes a third of a second

    samples = _with_channels(imagecodecs.png_decode(data))
    return samples, replace(numbers, alpha=_clear(samples))  # also of one colour


def _of_jpeg_2000(image: Image.Image, data: bytes) -> Samples | None:
    depths = jpeg2000.depths(data)
    few = len({*depths}) == 1 and depths[0] < 8 and image.mode not in ("P", "PA")
    if not (few or max(depths, default=0) > 8):
        return None
    samples = jpeg2000.samples(data)
    family, clear, profile = _family(samples), _clear(samples), _profile(image)
    return samples, Numbers(family, depths[0], alpha=clear, profile=profile)


def _of_heif(image: Image.Image, data: bytes) -> Samples | None:
    """Those of HEIF and AVIF; of AVIF Pillow has 8 bits alone."""
    kind = data.partition(b"colrnclx")[2][3:4]
    transfer, gamma = png.BRIGHTER.get(kind, ""), GAMMAS.get(kind, 0.0)
    bits = image.info.get("bit_depth", 8)
    if bits == 8:
        if not (transfer or gamma) or (gamma and _profile(image)):
            return None
        image.load()
        numbers = Numbers(bits=8, profile=_profile(image), transfer=transfer, gamma=gamma)
        return _eight_bits(image, numbers)
    opened = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    samples = _with_channels(np.asarray(opened)) >> (16 - bits)
    family, clear, profile = _family(samples), _clear(samples), _profile(image)
    return samples, Numbers(family, bits, alpha=clear, profile=profile, transfer=transfer)


def _of_netpbm(image: Image.Image, data: bytes) -> Samples | None:
    if found := NETPBM.match(data):
        kind, width, height, largest = (int(group) for group in found.groups())
        if 255 < largest <= TOP:
            shape = (height, width, 3 if kind in (3, 6) else 1)
            family, count = "rgb" if kind in (3, 6) else "grey", math.prod(shape)
            if kind < 4:  # numbers as text, between which there may be remarks
                flat = _numbers(re.sub(rb"#[^\n]*", b"", data[found.end() :]), count, largest)
            else:
                flat = np.frombuffer(data, ">u2", count, found.end())
            return flat.reshape(shape).astype(np.uint16), Numbers(family, white=largest, exact=True)
    if image.mode == "F":
        image.load()
        return np.asarray(image)[..., None], Numbers("grey")
    return None


READERS = {
    "PNG": _of_png,
    "JPEG2000": _of_jpeg_2000,
    "HEIF": _of_heif,
    "AVIF": _of_heif,
    "PPM": _of_netpbm,
}


def is_deep_avif(data: bytes) -> bool:
    """Whether an AVIF has 10 or 12 bits, by its decoder's settings (AV1 in ISOBMFF, 2.3)."""
    place = data.find(b"av1C") + 4
    return 4 <= place < len(data) - 4 and bool(data[place + 2] & 0x40)


def _numbers(text: bytes, count: int, largest: int) -> np.ndarray:
    """The first numbers of a text, int64.

    Raises:
        ValueError: there are fewer, or something else is among them.
    """
    signs = np.frombuffer(b" " + text, np.uint8) > 0x20
    if re.search(rb"[^\d\s]", text) or np.count_nonzero(signs[1:] > signs[:-1]) < count:
        raise ValueError("numbers are missing")  # numpy would make them up
    return np.fromstring(text, dtype=int, count=count, sep=" ").clip(0, largest)


def _with_channels(samples: np.ndarray) -> np.ndarray:
    return samples if samples.ndim == 3 else samples[..., None]


def _eight_bits(image: Image.Image, numbers: Numbers) -> Samples:
    """Samples of an image of 8 bits or fewer, and what they mean."""
    grey, clear = image.mode in ("1", "L", "LA"), image.has_transparency_data
    mode = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
    samples = _with_channels(np.asarray(image.convert(mode)))
    alpha = samples.shape[2] - 1 if clear else None
    return samples, replace(numbers, family="grey" if grey else "rgb", alpha=alpha)


def _family(samples: np.ndarray) -> str:
    return "rgb" if samples.shape[2] >= 3 else "grey"


def _clear(samples: np.ndarray) -> int | None:
    """Which channel is transparency."""
    return {2: 1, 4: 3}.get(samples.shape[2])


def _profile(image: Image.Image) -> bytes:
    return image.info.get("icc_profile", b"")
