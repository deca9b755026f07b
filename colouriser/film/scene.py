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

from .. import colour
from ..hints import Hint
from ..pipeline import Colouriser
from ..settings import DETAIL
from .carry import carry, find_steps, smooth
from .planes import Layout

AREA = 160**2  # pixels in which colours are carried: chroma of a film of 240 lines
SEEN = 2  # the network sees frames twice as wide and high
EVERY = 12  # frames between those for which the network is asked: half a second of most films
KEY_KEPT = 0.99  # of the weight of a key frame's colours, one frame on
GUESSED = 0.1  # weight of what the network says of other frames
GUESS_KEPT = 0.95  # of that weight, one frame on
SURE = 0.3  # weight of carried colours from which they are hints
HINT_SPACING = 10  # pixels of `working_size`
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

    def __init__(
        self, colouriser: Colouriser, layout: Layout, detail: float = DETAIL.usual
    ) -> None:
        self.colouriser, self.detail = colouriser, detail
        self.size = working_size(layout)

    def colour(
        self, lumas: Sequence[np.ndarray], given: Mapping[int, np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Colour a scene.

        Args:
            lumas: of all its frames, uint8 of `seen_size`.
            given: chroma of frames whose colours are known, float32 h×w×2 of `working_size`: from
                a person, or from the part of the scene before this one.

        Returns:
            For each frame chroma (Cb, Cr), float16 h×w×2 of `working_size`. Frames that repeat the
            one before share theirs.

        Raises:
            ModelError: the weights take no hints, or returned values that are not finite.
        """
        unique, own = list[int](), list[int]()  # frames that differ; and of each frame, which
        for frame, luma in enumerate(lumas):
            if frame == 0 or cv2.absdiff(luma, lumas[unique[-1]]).mean() > REPEAT:
                unique.append(frame)
            own.append(len(unique) - 1)
        count = len(unique)
        steps = find_steps(
            [cv2.resize(lumas[frame], self.size, interpolation=cv2.INTER_AREA) for frame in unique]
        )
        keys = {own[frame]: weighted(chroma, 1) for frame, chroma in (given or {}).items()}
        if not keys:
            keys = {count // 2: weighted(self.predict(lumas[unique[count // 2]]), 1)}
        carried = carry(count, steps, keys, KEY_KEPT)
        sources = dict[int, np.ndarray]()
        for frame in range(EVERY // 2, count, EVERY):
            if frame in keys:
                continue
            luma, known = lumas[unique[frame]], carried[frame]
            chroma = self.predict(luma, self._hints(luma, known))
            # What is known from the key frame counts for more than what is guessed anew.
            sources[frame] = weighted(chroma, GUESSED)
        if sources:
            guessed = carry(count, steps, sources, GUESS_KEPT)
            carried = [one + other for one, other in zip(carried, guessed, strict=True)]
        found = [colours.astype(np.float16) for colours in smooth(carried, steps)]
        return [found[number] for number in own]

    def _hints(self, luma: np.ndarray, known: np.ndarray) -> list[Hint]:
        """Hints at places whose colours were carried there surely.

        Args:
            luma: uint8, of a frame.
            known: see `carry`.
        """
        height, width = known.shape[:2]
        hints = list[Hint]()
        scale = luma.shape[1] / width, luma.shape[0] / height
        for row in range(HINT_SPACING // 2, height, HINT_SPACING):
            for column in range(HINT_SPACING // 2, width, HINT_SPACING):
                weight = known[row, column, 2]
                if weight < SURE:
                    continue
                x, y = (column + 0.5) * scale[0], (row + 0.5) * scale[1]
                y_value = torch.full((1, 1, 1, 1), float(luma[int(y), int(x)]) / 255)
                chroma = torch.from_numpy(known[row, column, :2] / weight).view(1, 2, 1, 1)
                rgb = colour.merge(y_value, chroma).mul(255).round().int().flatten().tolist()
                hints.append(Hint(x, y, (rgb[0], rgb[1], rgb[2]), scale[0]))
        return hints

    def predict(self, luma: np.ndarray, hints: Sequence[Hint] = ()) -> np.ndarray:
        """What the network makes of one frame: chroma, float32 h×w×2 of `working_size`.

        Args:
            luma: uint8, of any size.
            hints: in pixels of `luma`.

        Raises:
            HintError: a hint lies outside of the frame.
        """
        prediction = self.colouriser.predict(Image.fromarray(luma), self.detail, hints)
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
