"""Planes of a film's frames: luma out, luma and chroma in.

A film counts in its own way: with 8 bits or 10, in limited or full range, with the matrix of Rec.
601, 709 or 2020, and with chroma at half its size or at all of it. Its luma plane is kept as it is;
the rest of the project knows luma in [0, 1] and Rec. 601's chroma, and this file translates.
"""

import re
from dataclasses import dataclass

import av
import cv2
import numpy as np

from ..colour import CB_TO_BLUE, CR_TO_RED

MATRICES = {  # weights of red and blue in luma, by FFmpeg's number of a colour space
    1: (0.2126, 0.0722),  # Rec. 709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # Rec. 601, 625 lines
    6: (0.299, 0.114),  # Rec. 601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # Rec. 2020
}
HD_LINES = 720  # from which on a film that names no matrix is taken for Rec. 709, as players do
PLANAR = re.compile(r"yuva?j?(420|422|444)p(\d*)(le)?")
FULL_RANGE = 2  # FFmpeg's number
GREYS = {8: "gray", 10: "gray10le", 12: "gray12le", 16: "gray16le"}  # by bits


@dataclass(frozen=True)
class Layout:
    """How the planes of a coloured film are laid out."""

    width: int
    height: int
    format: str  # FFmpeg's pixel format of the coloured frames
    depth: int  # bits of a value
    subsampling: tuple[int, int]  # pixels for each value of chroma: across, down
    full: bool  # range
    weights: tuple[float, float]  # of red and blue in luma
    tags: tuple[int, int, int, int]  # of colour, as the film has them: see `copy_tags`

    @property
    def black(self) -> int:
        return 0 if self.full else 16 << (self.depth - 8)

    @property
    def white(self) -> int:
        return (1 << self.depth) - 1 if self.full else 235 << (self.depth - 8)

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Width and height of the planes of chroma."""
        across, down = self.subsampling
        return -(-self.width // across), -(-self.height // down)


def layout_of(frame: av.VideoFrame, deep: bool = False) -> Layout:
    """The layout in which a film of such frames is coloured.

    Args:
        frame: one of the film's.
        deep: keep more than 10 bits, too.
    """
    name, grey = frame.format.name, frame.format.name.startswith("gray")
    match = PLANAR.fullmatch(name)
    bits = frame.format.components[0].bits
    depth = 8 if bits == 8 else 10 if bits <= 10 or not deep else 12 if bits <= 12 else 16
    kind = match[1] if match else "420" if grey or name.startswith("nv") else "444"
    odd = (kind != "444" and frame.width % 2) or (kind == "420" and frame.height % 2)
    kind = "444" if odd else kind  # encoders refuse halves of odd sides
    full = frame.color_range == FULL_RANGE or "yuvj" in name or (grey and not frame.color_range)
    usual = 1 if frame.height >= HD_LINES or frame.format.is_rgb else 6
    return Layout(
        frame.width,
        frame.height,
        f"yuv{kind}p{'' if depth == 8 else f'{depth}le'}",
        depth,
        {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[kind],
        full and not frame.format.is_rgb,
        MATRICES.get(frame.colorspace, MATRICES[usual]),
        (
            1 if frame.format.is_rgb else int(frame.colorspace),
            1 if frame.format.is_rgb else FULL_RANGE if full else int(frame.color_range),
            int(frame.color_primaries),
            int(frame.color_trc),
        ),
    )


def copy_tags(layout: Layout, target: av.VideoFrame | av.VideoCodecContext) -> None:
    """Give a frame or an encoder the film's tags of colour."""
    target.colorspace, target.color_range = layout.tags[:2]
    target.color_primaries, target.color_trc = layout.tags[2:]


def luma_plane(frame: av.VideoFrame, layout: Layout) -> np.ndarray:
    """The luma of a frame as the film has it: uint8 or uint16 H×W, perhaps a view of the frame."""
    name = frame.format.name
    same = PLANAR.fullmatch(name) or name.startswith(("gray", "nv1", "nv2"))
    if not (same and frame.format.components[0].bits == layout.depth and "be" not in name):
        if frame.format.is_rgb:
            frame = frame.reformat(
                format=layout.format, dst_colorspace="ITU709", dst_color_range="MPEG"
            )
        elif name.startswith("gray"):  # or its range would be taken for another
            frame = frame.reformat(format=GREYS[layout.depth])
        else:
            frame = frame.reformat(format=layout.format)
    return _array(frame.planes[0], layout)


def small_luma(plane: np.ndarray, size: tuple[int, int], layout: Layout) -> np.ndarray:
    """A small copy of a luma plane: uint8 h×w, full range.

    Args:
        plane: see `luma_plane`.
        size: width and height; none is larger than the plane's.
    """
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    span = layout.white - layout.black
    small = (small - layout.black) * (255 / span)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def chroma_luma(plane: np.ndarray, layout: Layout) -> np.ndarray:
    """Luma at the size of chroma: float32 h×w in [0, 1]."""
    luma = plane.astype(np.float32)
    if layout.chroma_size != (layout.width, layout.height):
        luma = cv2.resize(luma, layout.chroma_size, interpolation=cv2.INTER_AREA)
    return np.clip((luma - layout.black) / (layout.white - layout.black), 0, 1)


def coloured_frame(
    plane: np.ndarray, chroma: np.ndarray, luma: np.ndarray, layout: Layout
) -> av.VideoFrame:
    """A frame of a luma plane and of chroma.

    A colour that RGB does not have at its luma is scaled toward grey, so black stays black.

    Args:
        plane: see `luma_plane`; it is copied as it is.
        chroma: float32 h×w×2 (Cb, Cr of Rec. 601) in [-0.5, 0.5], of the layout's `chroma_size`.
        luma: see `chroma_luma`.
    """
    weight_red, weight_blue = layout.weights
    red, blue = CR_TO_RED * chroma[..., 1], CB_TO_BLUE * chroma[..., 0]
    green = (red * weight_red + blue * weight_blue) * (-1 / (1 - weight_red - weight_blue))
    above = np.maximum(np.maximum(np.maximum(red, green), blue), 1e-6)
    below = np.minimum(np.minimum(np.minimum(red, green), blue), -1e-6)
    scale = np.minimum(np.minimum((1 - luma) / above, -luma / below), 1)
    frame = av.VideoFrame(layout.width, layout.height, layout.format)
    copy_tags(layout, frame)
    _array(frame.planes[0], layout)[:] = plane
    middle = 1 << (layout.depth - 1)
    unit = (1 << layout.depth) - 1 if layout.full else 224 << (layout.depth - 8)
    for index, (distance, weight) in enumerate(((blue, weight_blue), (red, weight_red)), 1):
        values = distance * scale * (unit / (2 * (1 - weight))) + (middle + 0.5)
        np.clip(values, 0, 2 * middle - 1, out=values)
        _array(frame.planes[index], layout)[:] = values  # decimals are cut off
    return frame


class Fields:
    """Gives coloured frames the order of fields of the interlaced ones that they are made from,
    which PyAV passes on but does not set."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.graph: av.filter.Graph | None = None

    def __call__(self, source: av.VideoFrame, coloured: av.VideoFrame) -> av.VideoFrame:
        if self.graph is None:
            self.graph = av.filter.Graph()
            steps = (
                self.graph.add_buffer(
                    width=source.width,
                    height=source.height,
                    format=source.format,
                    time_base=source.time_base,
                ),
                self.graph.add("format", self.layout.format),
                self.graph.add("buffersink"),
            )
            self.graph.link_nodes(*steps).configure()
        self.graph.push(source)
        carrier = self.graph.pull()
        assert isinstance(carrier, av.VideoFrame)
        carrier.make_writable()
        copy_tags(self.layout, carrier)
        for own, other in zip(carrier.planes, coloured.planes, strict=True):
            _array(own, self.layout)[:] = _array(other, self.layout)
        return carrier


def true_chroma(frame: av.VideoFrame, layout: Layout) -> np.ndarray:
    """The chroma that a frame of a film in colour has: float32 h×w×2 (Cb, Cr of Rec. 601), of the
    layout's `chroma_size`."""
    if frame.format.name != layout.format:
        frame = frame.reformat(format=layout.format)
    middle = 1 << (layout.depth - 1)
    unit = (1 << layout.depth) - 1 if layout.full else 224 << (layout.depth - 8)
    planes = [_array(plane, layout).astype(np.float32) for plane in frame.planes[1:3]]
    weight_red, weight_blue = layout.weights
    factors = (2 * (1 - weight_blue) / CB_TO_BLUE, 2 * (1 - weight_red) / CR_TO_RED)
    return np.dstack(
        [(p - middle) * (factor / unit) for p, factor in zip(planes, factors, strict=True)]
    )


def _array(plane: av.video.plane.VideoPlane, layout: Layout) -> np.ndarray:
    """A plane's values, H×W, as a view."""
    kind = np.uint8 if layout.depth == 8 else np.dtype("<u2")
    values = np.frombuffer(memoryview(plane), kind)
    return values.reshape(plane.height, -1)[:, : plane.width]
