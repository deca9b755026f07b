"""DPX (SMPTE 268M), the format of scanned film: FFmpeg reads and writes its samples; what its
header says of film and scanner is copied here."""

import struct
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ..errors import PhotoError, reason
from ..photo import Photo
from .read import MAX_PIXELS

GENERAL, HEADER = 1664, 2048  # bytes, without and with what is said of film and television
OFFSETS = (4, 808)  # where the header says where samples begin
SIZE, INDUSTRY = 16, 24  # … how large the file is, and its second part
TEXTS = ((36, 660), (1556, 1620), (1664, 1712), (1740, 1872))  # of the header, in bytes
NUMBERS = (1408, 2048)  # … of what is known of the picture, the film and its time; texts among it
TOP = 65535
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as of all photographs


def read_dpx(path: Path) -> Photo:
    """A frame's luma: `deep` has 16 bits, whatever its own.

    Raises:
        PhotoError: it cannot be read.
    """
    try:
        with av.open(str(path), format="dpx_pipe") as container:
            size = container.streams.video[0].codec_context
            if size.width * size.height > MAX_PIXELS:
                raise ValueError(f"{size.width} × {size.height} pixels are too many")
            picture = next(container.decode(video=0))
        samples = _samples(picture)
    except (av.FFmpegError, OSError, ValueError, IndexError, StopIteration) as error:
        raise PhotoError("damaged", "is damaged ({reason})", reason=reason(error)).of(
            path.name
        ) from error
    own = None
    if samples.ndim == 3:
        small = Image.fromarray((samples >> 8).astype(np.uint8))
        small.thumbnail((128, 128), Image.Resampling.BOX)
        own = np.array(small)
        samples = np.rint(samples.astype(np.float32) @ WEIGHTS).astype(np.uint16)
    luma = Image.fromarray(np.rint(samples * (255 / TOP)).astype(np.uint8))
    return Photo(luma, ".dpx", deep=samples, own=own)


def encode_dpx(samples: np.ndarray, path: Path) -> bytes:
    """A frame's file, of the depth and with the header of another.

    Args:
        samples: RGB, uint16 H×W×3.
        path: of the frame that it was made from.
    """
    header = path.read_bytes()[:HEADER]
    with av.open(str(path), format="dpx_pipe") as container:
        original = next(container.decode(video=0)).format
    bits, order = original.components[0].bits, "be" if header[:4] == b"SDPX" else "le"
    values = np.rint(samples * ((2**bits - 1) / TOP)).astype(np.uint8 if bits == 8 else np.uint16)
    name = {8: "rgb24", 10: f"gbrp10{order}", 12: f"gbrp12{order}"}.get(bits, f"rgb48{order}")
    frame = av.VideoFrame.from_ndarray(values, format=name)
    buffer = BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("dpx")
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, name
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = bytearray(buffer.getbuffer())
    same_order = data[:4] == header[:4]
    number = struct.Struct(">I" if data[:4] == b"SDPX" else "<I")
    begins = struct.unpack_from(">I" if header[:4] == b"SDPX" else "<I", header, 4)[0]
    if begins >= HEADER:  # FFmpeg writes the general part alone
        data[GENERAL:GENERAL] = b"\xff" * (HEADER - GENERAL)  # which stands for "unknown"
        for at in OFFSETS:
            number.pack_into(data, at, HEADER)
        number.pack_into(data, SIZE, len(data))
        number.pack_into(data, INDUSTRY, HEADER - GENERAL)
    said = min(begins, HEADER)
    for first, end in (*TEXTS, NUMBERS) if same_order else TEXTS:
        data[first : min(end, said)] = header[first : min(end, said)]
    return bytes(data)


def _samples(picture: av.VideoFrame) -> np.ndarray:
    """A frame's samples as uint16 H×W or H×W×3, whose white is 65,535."""
    bits = picture.format.components[0].bits
    if picture.format.name.startswith("gray"):
        kind = np.dtype(np.uint8) if bits == 8 else np.dtype("<u2")
        if picture.format.name.endswith("be"):
            kind = kind.newbyteorder(">")
        plane = picture.planes[0]
        values = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        values = values[:, : plane.width]
    else:
        name = {8: "rgb24", 10: "gbrp10le", 12: "gbrp12le"}.get(bits, "rgb48le")
        values = picture.reformat(format=name).to_ndarray()
    return np.rint(values.astype(np.float32) * (TOP / (2**bits - 1))).astype(np.uint16)
