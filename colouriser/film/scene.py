"""Colours of a scene that hold still.

The frame in the middle is coloured by the network, on average with what it says of some others,
each place by how sure it is there; and these colours are carried to all frames along motion,
forwards and backwards. What enters later is coloured by the network, too, with the carried colours
as hints. If a person gave key frames their colours are carried instead, and what enters takes those
of the places that are near it and of its luma. Then all is averaged along motion.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from PIL import Image

from .. import colour, guide
from ..hints import Hint, entropy
from ..options import DETAIL
from ..pipeline import Colouriser, Prediction, working_copy
from .carry import Steps, carry, find_steps, smooth
from .planes import Layout

AREA = 160**2  # pixels in which colours are carried: chroma of a film of 240 lines
SEEN = 2  # the network sees frames twice as wide and high
LOOKS = 5  # frames of a scene on which the one in the middle agrees; an odd number
CERTAINTY = 20.0  # a frame counts twice as much where it is surer by .035 of `entropy`
EVERY = 12  # frames between those for which the network is asked: half a second of most films
KEY_KEPT = 0.99  # of the weight of a key frame's colours, one frame on
GUESSED = 0.1  # weight of what the network says of other frames
GUESS_KEPT = 0.95  # of that weight, one frame on
SURE = 0.3  # weight of carried colours from which they are hints
HINT_SPACING = 10  # pixels of `working_size`
BOLDER = 1.3  # factor on colours that averaging has made paler, at most
ALIKE_NEAR = 0.12  # of the width, and …
ALIKE_LUMA = 12.0  # … of 255, by which places differ that are hardly alike
UNKNOWN = 4.0  # power of a weight, so that what is hardly known does not count
TINY = 1e-6
SAMPLES = 8  # pixels between places whose colours others take
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
        self, colouriser: Colouriser, layout: Layout, detail: float = DETAIL.default
    ) -> None:
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
            before: the same of the first frame, where a scene goes on from the part before it.

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
        small = [cv2.resize(lumas[f], self.size, interpolation=cv2.INTER_AREA) for f in unique]
        steps = find_steps(small)
        keys = {} if before is None else {0: before}
        keys |= {own[frame]: chroma for frame, chroma in (given or {}).items()}
        predicted = dict[int, np.ndarray]()
        if not keys:
            predicted[count // 2], keys[count // 2] = self._agreed(lumas, unique, small, steps)
        sources = {frame: weighted(chroma, 1) for frame, chroma in keys.items()}
        carried = carry(small, steps, sources, KEY_KEPT, straight=True)
        for frame in set(range(EVERY // 2, count, EVERY)) - set(keys):
            luma = lumas[unique[frame]]
            if given:  # a person's colours are truer than the network's
                predicted[frame] = _from_alike(small[frame], carried[frame])
            else:
                predicted[frame] = self.predict(
                    luma, self._hints(luma, carried[frame]), limited=False
                )
        # What is known from the key frame counts for more than what is guessed anew.
        sources = {f: weighted(chroma, GUESSED) for f, chroma in predicted.items() if f not in keys}
        guessed = carry(small, steps, sources, GUESS_KEPT, straight=False)
        found = smooth([one + other for one, other in zip(carried, guessed, strict=True)], steps)
        if not given and before is None:
            found = _as_bold(found, predicted)
        return [found[number].astype(np.float16) for number in own]

    def _agreed(
        self,
        lumas: Sequence[np.ndarray],
        unique: Sequence[int],
        small: list[np.ndarray],
        steps: Steps,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Chroma of the frame in the middle: as the network says it alone, and on average with what
        it says of others. Now and then it takes a thing for another one."""
        count = len(unique)
        looks = {(2 * part + 1) * count // (2 * LOOKS) for part in range(LOOKS)}
        predicted, sources = dict[int, np.ndarray](), dict[int, np.ndarray]()
        for frame in looks:
            prediction = self._look(lumas[unique[frame]])
            predicted[frame] = at_size(prediction.coefficients, lumas[unique[frame]], self.size)
            sources[frame] = weighted(predicted[frame], _certainty(prediction, self.size))
        agreed = carry(small, steps, sources, KEY_KEPT, straight=False)[count // 2]
        return predicted[count // 2], agreed[..., :2] / agreed[..., 2:]

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
                rgb = colour.to_rgb(y_value, chroma).mul(255).round().int().flatten().tolist()
                hints.append(Hint(x, y, (rgb[0], rgb[1], rgb[2]), scale[0]))
        return hints

    def predict(
        self, luma: np.ndarray, hints: Sequence[Hint] = (), limited: bool = True
    ) -> np.ndarray:
        """What the network makes of one frame: chroma, float32 h×w×2 of `working_size`.

        Args:
            luma: uint8, of any size.
            hints: in pixels of `luma`.
            limited: see `Colouriser.predict_copy`.

        Raises:
            HintError: a hint lies outside of the frame.
        """
        prediction = self._look(luma, hints, limited)
        return at_size(prediction.coefficients, luma, self.size)

    def _look(
        self, luma: np.ndarray, hints: Sequence[Hint] = (), limited: bool = True
    ) -> Prediction:
        copy = working_copy(Image.fromarray(luma), self.detail)
        return self.colouriser.predict_copy(copy, hints, limited=limited)


def _certainty(prediction: Prediction, size: tuple[int, int]) -> np.ndarray:
    """Weight of what the network says at each place, float32 h×w; older weights do not tell it."""
    if not len(prediction.palette):
        return np.ones(size[::-1], np.float32)
    doubt = entropy(prediction.palette.float()).numpy()
    return np.exp(-CERTAINTY * cv2.resize(doubt, size, interpolation=cv2.INTER_LINEAR))


def _from_alike(luma: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Chroma of the places that are near and of like luma, among those whose colours are known.

    Args:
        luma: uint8 h×w.
        known: float32 h×w×3, see `carry`.
    """
    height, width = luma.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) / (ALIKE_NEAR * width)
    places = torch.from_numpy(np.stack([y, x, luma / np.float32(ALIKE_LUMA)], -1))
    sampled = slice(SAMPLES // 2, None, SAMPLES), slice(SAMPLES // 2, None, SAMPLES)
    colours = torch.from_numpy(known[sampled].reshape(-1, 3)) + torch.tensor([0, 0, TINY])
    apart = torch.cdist(places.view(-1, 3), places[sampled].reshape(-1, 3))
    shares = torch.softmax(UNKNOWN * colours[:, 2].log() - apart.square_() / 2, 1)
    return (shares @ (colours[:, :2] / colours[:, 2:])).view(height, width, 2).numpy()


def _as_bold(found: list[np.ndarray], predicted: Mapping[int, np.ndarray]) -> list[np.ndarray]:
    """Chroma as strong on the whole as it was predicted: means of many are paler."""
    bold = float(np.mean([np.abs(chroma).mean() for chroma in predicted.values()]))
    pale = float(np.mean([np.abs(found[frame]).mean() for frame in predicted]))
    factor = min(max(bold / max(pale, 1e-6), 1.0), BOLDER)
    return [chroma * np.float32(factor) for chroma in found]


def coefficients_of(chroma: np.ndarray, small: np.ndarray) -> torch.Tensor:
    """Coefficients with which a frame's chroma follows its luma at any size, see
    `guide.guided_upsampling`, without the first dimension.

    Args:
        chroma: see `SceneColouriser.colour`.
        small: the frame's luma, see `seen_size`.
    """
    values = chroma.astype(np.float32)
    grey = cv2.resize(small, values.shape[1::-1], interpolation=cv2.INTER_AREA)
    with torch.inference_mode():
        return guide.guided_upsampling(
            torch.from_numpy(grey)[None, None].float() / 255,
            torch.from_numpy(values).permute(2, 0, 1)[None],
        )[0]


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


def weighted(chroma: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Chroma times a weight, of all or of each place, and the weight: float32 h×w×3."""
    plane = np.broadcast_to(np.float32(weight), chroma.shape[:2])[..., None]
    return np.dstack([chroma.astype(np.float32) * plane, plane])
