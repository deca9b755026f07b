"""Small files, as scanners, cameras and programs write them, of one ramp from black to white."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from colouriser import colour, photo

WIDTH, HEIGHT = 96, 64
SIXTEEN = 65535


def ramp(white: float = 1.0) -> np.ndarray:
    """Black to white, float H×W: left to right, and in the upper half right to left."""
    rows = np.tile(np.linspace(0, white, WIDTH), (HEIGHT, 1))
    rows[: HEIGHT // 2] = rows[: HEIGHT // 2, ::-1]
    return rows


def whole(white: int, kind: str = "u2") -> np.ndarray:
    return np.rint(ramp(white)).astype(kind)


def tiff(path: Path, values: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, values, **({"photometric": "minisblack", "metadata": None} | options))
    return path


def bare_tiff(path: Path, data: bytes, bits: int, *more: tuple[int, int, bytes]) -> Path:
    """A grey TIFF of one strip, with any bits: (tag, type, value) beside the usual tags."""
    usual = [(256, WIDTH), (257, HEIGHT), (258, bits), (259, 1), (262, 1), (277, 1), (278, HEIGHT)]
    tags = [(tag, 4, struct.pack("<I", value)) for tag, value in usual]
    tags += [(279, 4, struct.pack("<I", len(data))), (273, 4, struct.pack("<I", 8))]
    tags = [one for one in tags if one[0] not in {tag for tag, *_ in more}] + [*more]
    records = [struct.pack("<HHI4s", tag, kind, 1, value) for tag, kind, value in sorted(tags)]
    place = struct.pack("<I", 8 + len(data))
    head = struct.pack("<H", len(records))
    path.write_bytes(b"II*\0" + place + data + head + b"".join(records) + bytes(4))
    return path


def packed_twelve(values: np.ndarray) -> bytes:
    """Samples of 12 bits, two in three bytes."""
    bits = np.unpackbits(values.astype(">u2").view(np.uint8)).reshape(-1, 16)[:, 4:]
    return np.packbits(bits).tobytes()


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with a gamma (version 2)."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = struct.pack(">I", 0) if gamma == 1 else struct.pack(">IH", 1, round(gamma * 256))
    white = fixed(0.9642, 1, 0.8249)
    tags = [
        (b"desc", b"desc\0\0\0\0\0\0\0\5grey\0" + bytes(79)),
        (b"wtpt", b"XYZ \0\0\0\0" + white),
        (b"kTRC", (b"curv\0\0\0\0" + curve).ljust(16, b"\0")),
    ]
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ "
    )
    return head + bytes(12) + b"acsp" + bytes(28) + white + bytes(48) + table + body


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def read_luma(path: Path) -> np.ndarray:
    """The luma that the library reads, int H×W."""
    return np.asarray(photo.read(path).luma, int)


def write(
    colours: Image.Image, path: Path, source: photo.Photo | None = None, position: bool = False
) -> None:
    """Write a coloured photograph."""
    path.write_bytes(photo.encode(colours, path.name, source, position))


def coloured(path: Path, out: Path, position: bool = False) -> Path:
    """What the library writes of a photograph, in colours of our own."""
    import torch

    read = photo.read(path)
    grey = photo.working_luma(read, out.name)
    luma = torch.from_numpy(np.array(grey))[None, None] / 255
    chroma = torch.full((1, 2, *luma.shape[2:]), 0.1)
    chroma[:, 1] = -0.05
    rgb = colour.to_rgb(luma, chroma)[0].mul(255).round().byte().permute(1, 2, 0)
    write(Image.fromarray(rgb.numpy()), out, read, position)
    return out
