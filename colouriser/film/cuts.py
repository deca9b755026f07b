"""Cuts: where one scene of a film ends and the next begins, by luma alone.

Frames that show next to nothing are passed over: flashes, dips, and the middle of a fade through
black. Of the others, a hard cut lies between two neighbours that are unlike, whatever moved or grew
brighter, unless the scene goes on a few frames later. In a cross-fade neighbours are alike; but
what came from some frames before and from some after, each followed along its motion, is not.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from .flow import Motion, warp

SIZE = (64, 36)  # pixels, in which frames are compared
ALIKE = 0.5  # likeness of neighbours in a scene: .9 and more; over cuts: .4 and less
GOES_ON = 0.42  # the same, of a frame after a flash and the one before it
FLASH = 6  # frames that a flash lasts at most
REACH = 7  # frames to both sides from which a fade is seen
UNLIKE = 0.82  # what is not told of one side by the other in a fade; in a scene it was at most 0.78
FAINT = 0.25  # contrast of a frame that shows next to nothing, of that of frames near it, …
NEAR = 12  # … in frames
FEW = 3.0  # contrast, of 255, of a frame that shows nothing
LOOKAHEAD = 4 * NEAR  # frames after a cut that decide on it


class CutFinder:
    """Finds cuts in frames that come one by one. For one thread."""

    def __init__(self) -> None:
        self.motion = Motion()
        self.frames = list[np.ndarray]()  # uint8, of SIZE
        self.contrasts = list[float]()
        self.ways = dict[tuple[int, int], tuple[np.ndarray, float]]()  # flow and likeness

    def add(self, luma: np.ndarray) -> None:
        """Take the next frame: luma, uint8 h×w."""
        self.frames.append(cv2.resize(luma, SIZE, interpolation=cv2.INTER_AREA))
        self.contrasts.append(float(self.frames[-1].std()))

    def forget(self, count: int) -> None:
        """Forget the first frames."""
        del self.frames[:count], self.contrasts[:count]
        self.ways = {
            (a - count, b - count): way for (a, b), way in self.ways.items() if min(a, b) >= count
        }

    def cuts(self) -> list[int]:
        """The first frames of new scenes, among those that were added and not forgotten."""
        found, scenes, shown = list[int](), [list[int]()], self._shown()
        while shown:
            frame = shown.pop(0)
            if scenes[-1] and self._way(frame, scenes[-1][-1])[1] < ALIKE:
                last = scenes[-1][-1]
                later = [n for n, other in enumerate(shown) if other - frame <= FLASH]
                after = next((n for n in later if self._way(shown[n], last)[1] >= GOES_ON), None)
                if after is not None:
                    shown = shown[after:]
                    continue
                found.append((last + 1 + frame) // 2 if frame > last + 1 else frame)
                scenes.append([])
            scenes[-1].append(frame)
        fades = [fade for scene in scenes for fade in self._fades(scene)]
        return sorted({*found, *fades})

    def _shown(self) -> list[int]:
        """Frames that show something."""
        contrasts, found = np.array(self.contrasts), list[int]()
        for frame, contrast in enumerate(contrasts):
            near = contrasts[max(0, frame - NEAR) : frame + NEAR + 1]
            if contrast >= max(FEW, FAINT * near.max()):
                found.append(frame)
        return found

    def _fades(self, scene: list[int]) -> list[int]:
        """Middles of cross-fades within what has no hard cut."""
        apart = np.zeros(len(scene))
        for middle in range(REACH, len(scene) - REACH):
            apart[middle] = self._apart(scene, middle)
        found = list[int]()
        while apart.max(initial=0) > UNLIKE:
            middle = int(apart.argmax())
            found.append(scene[middle])
            apart[max(0, middle - 3 * REACH) : middle + 3 * REACH] = 0
        return found

    def _apart(self, scene: list[int], middle: int) -> float:
        """What is not told of a frame as it came from before by what came from after: 0 to 1."""
        sides = list[np.ndarray]()
        for direction in (-1, 1):
            steps = [scene[middle + direction * step] for step in range(REACH + 1)]
            flow = np.zeros((SIZE[1], SIZE[0], 2), np.float32)
            for here, there in pairwise(steps):
                flow = flow + warp(self._way(here, there)[0], flow)
            picture = cv2.GaussianBlur(self.frames[steps[-1]].astype(np.float32), (0, 0), 1.0)
            sides.append(warp(picture, flow).ravel())
        return 1 - float(np.corrcoef(np.stack(sides))[0, 1]) ** 2

    def _way(self, here: int, there: int) -> tuple[np.ndarray, float]:
        """The flow from a frame to another, and how alike they are once moved onto each other: 1 is
        the same. Brightness and contrast do not matter."""
        if (here, there) not in self.ways:
            one, other = _even(self.frames[here]), _even(self.frames[there])
            flow, back = self.motion.flow(one, other), self.motion.flow(other, one)
            for pair, a, b, ab, ba in (
                ((here, there), one, other, flow, back),
                ((there, here), other, one, back, flow),
            ):
                self.ways[pair] = ab, _likeness(a, b, ab, ba)
        return self.ways[here, there]


def find_cuts(lumas: Sequence[np.ndarray]) -> list[int]:
    """The first frames of new scenes, among all frames of a short film."""
    finder = CutFinder()
    for luma in lumas:
        finder.add(luma)
    return finder.cuts()


def _even(frame: np.ndarray) -> np.ndarray:
    """A frame in usual brightness and contrast: uint8."""
    values = (frame - frame.mean()) * (48 / max(float(frame.std()), 1e-3)) + 128
    return np.clip(values, 0, 255).astype(np.uint8)


def _likeness(here: np.ndarray, there: np.ndarray, flow: np.ndarray, back: np.ndarray) -> float:
    returned = warp(back, flow)
    lengths = (flow**2).sum(2) + (returned**2).sum(2)
    sure = np.exp(-((flow + returned) ** 2).sum(2) / (0.1 * lengths + 2.0))
    unlike = (here - warp(there.astype(np.float32), flow)) / 64
    return float((sure * (1 - np.minimum(unlike**2, 1))).mean())
