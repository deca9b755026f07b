"""What the numbers of a file mean: depth, white, polarity and transfer.

Samples of any kind become luma of 16 bits, which a result of 16 bits has and of which the network
sees the upper eight. What was guessed is said.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import PhotoError, reason

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # as in colour.py, which would load torch
TOP = 65535  # white of a result of 16 bits
BAND = 1 << 21  # pixels worked on at a time: a dozen float planes of them take 100 MB
FLOAT_WHITES = (1, 255, 1023, 4095, TOP, 2**32 - 1)
SLIGHT = 0.02  # what rounding and sharpening leave below black and above white
REMEDY = "; if that is wrong, scale it to between 0 and 1 first"
BRIGHT = 95  # percentile of values above zero that tells which white floats have: few highlights
HIGHLIGHTS = 4  # times white that this percentile may reach, as raw developers write them
DIM = 4  # times below white the brightest value is, from which it is said: scans of 14 in 16 bits
SAMPLED = 1 << 18  # values looked at for a percentile
SHOULDER = 0.8  # light of paper's white, up to which that of a brighter picture is as it is
EXACT = 0x100  # of Little CMS: no coarse table, which would lose what is dark
PAPER = np.array([0.9642, 1.0, 0.8249])  # XYZ of white in light D50
TO_RED_GREEN_BLUE = np.array(  # linear sRGB of XYZ in D50 (Bradford's adaptation)
    [[3.13386, -1.61687, -0.49061], [-0.97877, 1.91614, 0.03345], [0.07195, -0.22899, 1.40524]]
)
FAMILIES = {"grey": (b"GRAY", "gray"), "rgb": (b"RGB ", "rgb"), "cmyk": (b"CMYK", "cmyk")}


@dataclass(frozen=True)
class Numbers:
    """What a file says of its samples."""

    family: str = "rgb"  # "grey", "rgb", "cmyk" or "lab": of the first 1, 3, 4 or 3 channels
    bits: int = 0  # of a sample, if they are fewer than its container has
    white: float | None = None  # the value that a tag names as the largest
    exact: bool = False  # and that is white, whatever it is
    significant: int = 0  # bits that are significant (sBIT); 0 unless known
    inverted: bool = False  # zero is white
    alpha: int | None = None  # which channel is transparency
    premultiplied: bool = False  # colours are multiplied by it
    profile: bytes = b""  # ICC
    gamma: float = 0.0  # stored = light ** gamma; 0 is sRGB's own curve
    transfer: str = ""  # of those in BRIGHTER; nothing of others


def to_deep_luma(
    samples: np.ndarray, numbers: Numbers
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Luma and transparency of samples, and what has to be said about them.

    Args:
        samples: H×W×C, of any integer or float type.
        numbers: what the file says.

    Returns:
        Luma, uint16 H×W in [0, 65535], sRGB; transparency, uint8 H×W, or None; sentences.

    Raises:
        PhotoError: there are too few channels, or samples are of no kind that is known.
    """
    count = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}[numbers.family]
    if samples.ndim != 3 or samples.shape[2] < count or samples.dtype.kind not in "uif":
        raise PhotoError(
            "odd_samples", "stores its samples in an odd way; save it as a TIFF of 16 bits"
        )
    black, white, notes = _range(samples[..., :count], numbers)
    profile, said = _usable(numbers.profile, numbers.family)
    notes += said
    height, width = samples.shape[:2]
    luma = np.empty((height, width), np.uint16)
    alpha = np.empty((height, width), np.uint8) if _has_alpha(samples, numbers) else None
    rows = max(1, BAND // max(1, width))
    for top in range(0, height, rows):
        part = samples[top : top + rows]
        values = _unit(part[..., :count], black, white)
        if numbers.inverted:
            values = 1 - values
        if alpha is not None:
            clear = _unit(part[..., numbers.alpha], 0, _top(samples.dtype, numbers, white))
            alpha[top : top + rows] = np.rint(clear * 255)
            if numbers.premultiplied:
                values = np.divide(
                    values, clear[..., None], out=values, where=clear[..., None] > 0
                ).clip(0, 1)
        if profile:
            values, profile, said = _transformed(values, profile, numbers.family)
            notes += said
        elif numbers.transfer:
            values = _dimmed(values, numbers.transfer)
        elif numbers.gamma:
            values = srgb(values ** (1 / numbers.gamma))
        luma[top : top + rows] = np.rint(_luma(values, numbers.family, bool(profile)) * TOP)
    return luma, alpha, notes


def to_rgb(samples: np.ndarray, numbers: Numbers) -> np.ndarray:
    """The colours of samples, uint8 H×W×3, without their profile: enough to judge them by.

    Args:
        samples, numbers: as in `to_deep_luma`; those of Lab give its lightness.
    """
    count = {"rgb": 3, "cmyk": 4}.get(numbers.family, 1)
    black, white, _ = _range(samples[..., :count], numbers)
    values = _unit(samples[..., :count], black, white)
    values = 1 - values if numbers.inverted else values
    values = _dimmed(values, numbers.transfer) if numbers.transfer else values
    if count == 4:
        values = (1 - values[..., :3]) * (1 - values[..., 3:])
    return np.rint(values * 255).astype(np.uint8).repeat(3 if count == 1 else 1, 2)


def _has_alpha(samples: np.ndarray, numbers: Numbers) -> bool:
    return numbers.alpha is not None and numbers.alpha < samples.shape[2]


def _top(kind: np.dtype, numbers: Numbers, white: float) -> float:
    """White of transparency, which fills its container."""
    if kind.kind == "f":
        return white
    return 2**numbers.bits - 1 if numbers.bits else np.iinfo(kind).max


def _range(samples: np.ndarray, numbers: Numbers) -> tuple[float, float, list[str]]:
    """Black and white of samples, and what was guessed."""
    kind = samples.dtype
    if kind.kind == "f":
        return _float_range(samples, numbers)
    lowest, largest = int(samples.min()), int(samples.max())
    bits = numbers.bits or 8 * kind.itemsize
    top = 2 ** (bits - (kind.kind == "i")) - 1
    black, notes = 0, list[str]()
    if numbers.white and numbers.exact:
        return black, numbers.white, notes
    if numbers.white and largest <= numbers.white < top and _whole(numbers.white):
        notes.append(f"white was taken to be {numbers.white:g}, as the file names it")
        return min(lowest, 0), numbers.white, notes
    if kind.kind == "i" and lowest < 0:
        notes.append(f"has negative numbers; black was taken to be {-top - 1}, white {top}")
        return -top - 1, top, notes
    if bits > 16:  # programs that calculate leave the values of a smaller container in it
        fitting = next(w for w in (255, TOP, 2**31 - 1, 2**32 - 1, 2**64) if largest <= w)
        fitting = top if fitting > TOP else fitting
        if fitting < top:
            notes.append(f"stores {bits} bits; white was taken to be {fitting}")
        return black, fitting, notes
    if 0 < numbers.significant < bits and 0 < largest <= 2**numbers.significant - 1:
        white = 2**numbers.significant - 1
        notes.append(
            f"has {numbers.significant} significant bits and no larger number; white was taken to "
            f"be {white}"
        )
        return black, white, notes
    if bits > 8 and 0 < largest * DIM <= top + DIM:
        notes.append(
            f"uses numbers up to {largest} of {top}, and is dark; if it should not be, stretch its "
            "levels first"
        )
    return black, top, notes


def _whole(white: float) -> bool:
    """Whether a tag's largest value is that of a depth (4095), and not of this one picture."""
    return white >= 1 and (int(white) + 1) & int(white) == 0


def _float_range(samples: np.ndarray, numbers: Numbers) -> tuple[float, float, list[str]]:
    flat = samples.reshape(-1)
    flat = flat[:: max(1, flat.size // SAMPLED)].astype(np.float64)
    flat = flat[np.isfinite(flat)]
    below = float((flat < -SLIGHT * np.abs(flat).max(initial=0)).mean()) if flat.size else 0.0
    flat = flat[flat > 0]
    bright = float(np.percentile(flat, BRIGHT)) if flat.size else 0.0
    tagged = numbers.white or 0
    if tagged == 1 or (tagged and _whole(tagged) and bright > HIGHLIGHTS):
        return 0, tagged, []
    whites = (w for w in FLOAT_WHITES if bright <= w * (HIGHLIGHTS if w == 1 else 1 + SLIGHT))
    white = next(whites, FLOAT_WHITES[-1])
    notes = [] if white == 1 else [f"stores floats; white was taken to be {white}{REMEDY}"]
    if below > SLIGHT:
        notes.append(
            f"has numbers below 0 in {below:.0%} of its places, which become black{REMEDY}"
        )
    return 0, white, notes


def _unit(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Values as float32 in [0, 1]; no number counts as black."""
    exact = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    if values.dtype.kind == "f":
        exact = np.nan_to_num(exact, nan=0, posinf=white, neginf=0)
    return ((exact - black) / (white - black)).clip(0, 1).astype(np.float32)


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] with sRGB's curve (IEC 61966-2-1)."""
    low = light <= 0.0031308
    return np.where(low, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def _pq(values: np.ndarray) -> np.ndarray:
    """Light of values in PQ (SMPTE ST 2084), where 1 is the white of paper, 203 candela a square
    metre (ITU-R BT.2408)."""
    root = values ** (1 / 78.84375)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return light ** (1 / 0.1593017578125) * (10_000 / 203)


def _hlg(values: np.ndarray) -> np.ndarray:
    """The same of values in hybrid log-gamma (ITU-R BT.2100), whose white of paper is at 0.75."""
    scene = np.where(
        values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return (scene / 0.2650) ** 1.2


BRIGHTER = {"PQ": _pq, "HLG": _hlg}  # kinds of transfer that have room above the white of paper


def _dimmed(values: np.ndarray, transfer: str) -> np.ndarray:
    """Values of a transfer of BRIGHTER in sRGB: what is brighter than the white of paper is not cut
    off, but pressed."""
    light = BRIGHTER[transfer](values)
    over = np.maximum(light - SHOULDER, 0) / (1 - SHOULDER)
    pressed = SHOULDER + (1 - SHOULDER) * (1 - np.exp(-over))
    return srgb(np.where(light <= SHOULDER, light, pressed))


def _luma(values: np.ndarray, family: str, transformed: bool) -> np.ndarray:
    """Luma of values in [0, 1], which a profile has brought to RGB or which mean what they say."""
    if values.shape[2] == 1:
        return values[..., 0]
    if family == "cmyk" and not transformed:
        values = (1 - values[..., :3]) * (1 - values[..., 3:])
    if family == "lab":
        values = srgb((_xyz(values) @ TO_RED_GREEN_BLUE.T).clip(0, 1))
    return RED * values[..., 0] + GREEN * values[..., 1] + BLUE * values[..., 2]


def _xyz(values: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, whose a* and b* of 0 are stored as half, to XYZ of paper in light D50."""
    middle = (values[..., 0] * 100 + 16) / 116
    across, down = (values[..., index] * 256 - 128 for index in (1, 2))
    roots = np.stack([middle + across / 500, middle, middle - down / 200], -1)
    return np.where(roots > 6 / 29, roots**3, (116 * roots - 16) / 903.3) * PAPER


def _usable(profile: bytes, family: str) -> tuple[bytes, list[str]]:
    """A profile, if it is about samples of this family."""
    if not profile or family == "lab":
        return b"", []
    signature = FAMILIES[family][0]
    if profile[16:20] != signature:
        space = profile[16:20].decode("ascii", "replace").strip()
        return b"", [f"its colour profile is for {space or 'nothing known'}, and was not applied"]
    return profile, []


def _transformed(
    values: np.ndarray, profile: bytes, family: str
) -> tuple[np.ndarray, bytes, list[str]]:
    """Values in sRGB; or as they were, without the profile and with a sentence."""
    whole = np.rint(values * TOP).astype(np.uint16)
    try:
        if family == "grey":
            return grey_table(profile)[whole], profile, []
        rgb = _applied(whole, profile, FAMILIES[family][1])
    except Exception as error:  # of a profile that is damaged
        return values, b"", [f"its colour profile cannot be used ({reason(error)})"]
    return rgb.astype(np.float32) / TOP, profile, []


@lru_cache(maxsize=4)
def grey_table(profile: bytes) -> np.ndarray:
    """Luma in sRGB of all values of 16 bits that a profile of grey can have: float32 65536.

    Raises:
        Exception: the profile is damaged.
    """
    rgb = _applied(np.arange(TOP + 1, dtype=np.uint16)[None], profile, "gray", EXACT)
    return (rgb.reshape(-1, 3) @ [RED, GREEN, BLUE] / TOP).astype(np.float32)


def _applied(samples: np.ndarray, profile: bytes, space: str, flags: int = 0) -> np.ndarray:
    """Samples, uint16, in sRGB."""
    import imagecodecs  # when it is needed: it takes a third of a second

    srgb = imagecodecs.cms_profile("srgb")
    options: dict[str, Any] = {"colorspace": space, "outcolorspace": "rgb", "flags": flags}
    return imagecodecs.cms_transform(samples, profile, srgb, outdtype="uint16", **options)
