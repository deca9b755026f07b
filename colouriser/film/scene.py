"""Colours of a scene that hold still.

Key frames at regular distances are coloured by the network, and their colours are carried to all
frames along motion, forwards and backwards, where they are averaged. Key frames that a person gave
go before: what is seen in one keeps its colours as far as it can be followed, and what enters later
takes those of the places that are most like it, near it and of its luma.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from PIL import Image

from ..pipeline import Colouriser
from .carry import carry, find_steps, follow, smooth
from .planes import Layout

AREA = 160**2  # pixels in which colours are carried: chroma of a film of 240 lines
SEEN = 2  # the network sees frames twice as wide and high
EVERY = 12  # frames between key frames: half a second of most films
REPEAT = 0.3  # mean difference of luma, of 255, up to which a frame repeats the one before it


def working_size(layout: Layout) -> tuple[int, int]:
    """Width and height in which the colours of a film are carried."""
    width, height = layout.chroma_size
    scale = min(1.0, (AREA / (layout.width * layout.height)) ** 0.5 * layout.width / width)
    return max(8, round(width * scale)), max(8, round(height * scale))


def seen_size(layout: Layout) -> tuple[int, int]:
    """Width and height of the luma that is kept of each frame of a scene."""
    width, height = working_size(layout)
    return min(SEEN * width, layout.width), min(SEEN * height, layout.height)


class SceneColouriser:
    """Colours scenes. For one thread."""

    def __init__(self, colouriser: Colouriser, layout: Layout, detail: float) -> None:
        self.colouriser, self.detail = colouriser, detail
        self.size = working_size(layout)

    def colour(
        self,
        lumas: Sequence[np.ndarray],
        given: Mapping[int, np.ndarray] | None = None,
        before: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Colour a scene.

        Args:
            lumas: of all its frames, uint8 of `seen_size`.
            given: chroma of key frames that a person gave, float32 h×w×2 of `working_size`.
            before: chroma of the first frame, if the scene goes on from another part of it.

        Returns:
            For each frame chroma (Cb, Cr), float16 h×w×2 of `working_size`. Frames that repeat the
            one before share theirs.
        """
        given = given or {}
        unique, own = list[int](), list[int]()  # frames that differ; and of each frame, which
        for frame, luma in enumerate(lumas):
            if frame == 0 or cv2.absdiff(luma, lumas[unique[-1]]).mean() > REPEAT:
                unique.append(frame)
            own.append(len(unique) - 1)
        small = [cv2.resize(lumas[f], self.size, interpolation=cv2.INTER_AREA) for f in unique]
        steps = find_steps(small)
        count = len(unique)
        if given:
            keys = {own[frame]: chroma for frame, chroma in given.items()}
            found = follow(small, steps, keys)
        else:
            sources = {0: weighted(before, EVERY)} if before is not None else {}
            for key in range(min(EVERY // 2, count // 2), count, EVERY):
                sources[key] = weighted(self.predict(lumas[unique[key]]), 1)
            found = carry(small, steps, sources)
        found = [colours.astype(np.float16) for colours in smooth(found, steps)]
        return [found[number] for number in own]

    def predict(self, luma: np.ndarray) -> np.ndarray:
        """What the network makes of one frame: chroma, float32 h×w×2 of `working_size`.

        Args:
            luma: uint8, of any size.
        """
        prediction = self.colouriser.predict(Image.fromarray(luma), self.detail)
        return at_size(prediction.coefficients, luma, self.size)


def at_size(coefficients: torch.Tensor, luma: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Chroma of a size: float32 h×w×2.

    Args:
        coefficients: see `guide.guided_upsampling`, without the first dimension.
        luma: uint8 or float32 in [0, 1], of any size.
        size: width and height.
    """
    values = coefficients.float().permute(1, 2, 0).numpy()
    values = cv2.resize(np.ascontiguousarray(values), size, interpolation=cv2.INTER_LINEAR)
    if luma.shape[::-1] != size:
        luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    if luma.dtype == np.uint8:
        luma = luma.astype(np.float32) / 255
    return values[..., :2] * luma[..., None] + values[..., 2:]


def weighted(chroma: np.ndarray, weight: float) -> np.ndarray:
    """Chroma times a weight, and the weight: float32 h×w×3."""
    plane = np.full((*chroma.shape[:2], 1), weight, np.float32)
    return np.dstack([chroma.astype(np.float32) * weight, plane])
