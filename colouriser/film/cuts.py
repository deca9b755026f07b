"""Cuts: where one scene of a film ends and the next begins, by luma alone.

Frames that show next to nothing are passed over: flashes, dips, and the middle of a fade through
black. Of the others, a hard cut lies between two neighbours that are unlike, whatever moved or grew
brighter, unless the scene goes on a few frames later. In a cross-fade neighbours are alike; but
what came from some frames before and from some after, each followed along its motion, is not, and
of two pictures that lie upon each other neither is sharp.

PySceneDetect 0.7's detectors, which look at neighbours alone, missed 11 to 22 of 40 cuts and fades
(`benchmarks/film.py --cuts` is where to try others).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

from .flow import Motion, squared_length, warp

SIZE = (128, 72)  # pixels, of frames as they are given
MOVED = (64, 36)  # pixels, in which their motion is found
ALIKE = 0.5  # likeness of neighbours in a scene: .86 and more; over cuts: .48 and less
IN_MOTION = 0.15  # the same, of frames whose tones are the same: in fast motion .3 and more, …
TONES = 30.0  # … by as much more as tones differ, of 255: in motion by 9, over cuts by 28
GOES_ON = 0.42  # the same, of a frame after a flash and the one before it
FLASH = 6  # frames that a flash lasts at most
REACH = 7  # frames to both sides from which a fade is seen
UNLIKE = 0.69  # what is not told of one side by the other in a fade: .71 and more; fast motion too
FADE = 12  # frames to both sides of the middle of a fade, where its pictures are alone, …
SHARP = 0.7  # … and the share of their sharpness that is left in between: .65; in a scene .79
WASHED = 0.1  # the same, in a flash: .01; of two pictures that lie upon each other .3
FAINT = 0.15  # contrast of a frame that shows next to nothing, of that of frames near it, …
NEAR = 12  # … in frames
FEW = 3.0  # contrast, of 255, of a frame that shows nothing
LOOK = 50  # frames after which cuts are looked for again
LOOKAHEAD = 4 * NEAR  # frames after a cut that decide on it
KEPT = 200  # frames that are looked at together


class CutFinder:
    """Finds cuts in frames that come one by one. For one thread."""

    def __init__(self) -> None:
        self.motion = Motion()
        self.added = 0
        self.frames = dict[int, np.ndarray]()  # uint8, of MOVED, by number
        self.contrasts = dict[int, float]()
        self.sharpness = dict[int, float]()
        self.ways = dict[tuple[int, int], tuple[np.ndarray, float]]()  # flow and likeness
        self.sides = dict[tuple[int, ...], float]()  # what `_apart` found, by frames

    def add(self, luma: np.ndarray) -> None:
        """Take the next frame: luma, uint8 of SIZE or larger."""
        if luma.shape[::-1] != SIZE:
            luma = cv2.resize(luma, SIZE, interpolation=cv2.INTER_AREA)
        small = cv2.resize(luma, MOVED, interpolation=cv2.INTER_AREA)
        self.frames[self.added], self.contrasts[self.added] = small, float(small.std())
        self.sharpness[self.added] = _sharpness(luma)
        self.added += 1

    def forget(self, before: int) -> None:
        """Forget the frames before a number."""
        self.frames = {frame: small for frame, small in self.frames.items() if frame >= before}
        self.contrasts = {frame: c for frame, c in self.contrasts.items() if frame >= before}
        self.sharpness = {frame: s for frame, s in self.sharpness.items() if frame >= before}
        self.ways = {pair: way for pair, way in self.ways.items() if min(pair) >= before}
        self.sides = {frames: value for frames, value in self.sides.items() if frames[0] >= before}

    def cuts(self) -> list[int]:
        """The first frames of new scenes, among those that were added and not forgotten.

        The last `LOOKAHEAD` frames may still decide otherwise once more are added.
        """
        found, scenes, shown = list[int](), [list[int]()], self._shown()
        while shown:
            frame = shown.pop(0)
            if scenes[-1] and self._unlike(frame, scenes[-1][-1]):
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
        frames, contrasts = list(self.contrasts), np.array(list(self.contrasts.values()))
        found = list[int]()
        for index, contrast in enumerate(contrasts):
            near = contrasts[max(0, index - NEAR) : index + NEAR + 1]
            if contrast >= max(FEW, FAINT * near.max()):
                found.append(frames[index])
        return found

    def _fades(self, scene: list[int]) -> list[int]:
        """Middles of cross-fades within what has no hard cut."""
        apart = np.zeros(len(scene))
        for middle in range(REACH, len(scene) - REACH):
            if self._sharp(scene, middle) > SHARP:
                continue
            near = tuple(scene[middle - REACH : middle + REACH + 1])
            if near not in self.sides:
                self.sides[near] = self._apart(near)
            apart[middle] = self.sides[near]
        found = list[int]()
        while apart.max(initial=0) > UNLIKE:
            middle = int(apart.argmax())
            found.append(scene[middle])
            apart[max(0, middle - 2 * REACH) : middle + 2 * REACH] = 0
        return found

    def _sharp(self, scene: Sequence[int], middle: int) -> float:
        """How sharp frames are that no flash has washed out, of those before and after: a share."""
        values = [self.sharpness[frame] for frame in scene[max(0, middle - FADE) :][: 2 * FADE + 1]]
        own = middle - max(0, middle - FADE)
        ends = max(float(np.mean(values[:3]) + np.mean(values[-3:])) / 2, 1e-9)
        return min((v / ends for v in values[own - 2 : own + 3] if v > WASHED * ends), default=1.0)

    def _apart(self, frames: Sequence[int]) -> float:
        """Share of the middle frame, as it came from before, that what came after does not explain:
        0 to 1."""
        sides = []
        for steps in (frames[REACH::-1], frames[REACH:]):
            flow = np.zeros((MOVED[1], MOVED[0], 2), np.float32)
            for here, there in pairwise(steps):
                flow = flow + warp(self._way(here, there)[0], flow)
            picture = cv2.GaussianBlur(self.frames[steps[-1]].astype(np.float32), (0, 0), 1.0)
            sides.append(warp(picture, flow).ravel())
        return 1 - float(np.corrcoef(np.stack(sides))[0, 1]) ** 2

    def _unlike(self, here: int, there: int) -> bool:
        """Whether two frames are of two scenes, and not of one in which something moves fast."""
        likeness = self._way(here, there)[1]
        if likeness >= ALIKE or abs(here - there) > 1:  # tones between them are not known
            return likeness < ALIKE
        one, other = (np.sort(self.frames[frame], axis=None) for frame in (here, there))
        tones = float(cv2.absdiff(one, other).mean())
        return likeness < min(ALIKE, IN_MOTION + tones / TONES)

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


def find_cuts(lumas: Iterable[np.ndarray]) -> Iterator[int]:
    """The first frames of new scenes.

    Args:
        lumas: of a film's frames, uint8 of SIZE or larger; only some are kept.
    """
    finder, last = CutFinder(), 0
    for luma in lumas:
        finder.add(luma)
        if finder.added % LOOK == 0:
            settled = [cut for cut in finder.cuts() if cut + LOOKAHEAD <= finder.added]
            fresh = [cut for cut in settled if cut > last + REACH]
            yield from fresh
            last = max([last, *fresh])
            finder.forget(finder.added - KEPT)
    yield from (cut for cut in finder.cuts() if cut > last + REACH)


def _sharpness(luma: np.ndarray) -> float:
    """Mean square of the steps between pixels, whatever the brightness."""
    values = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 0.7) / max(float(luma.mean()), 1.0)
    down, right = np.diff(values, axis=0), np.diff(values, axis=1)
    return float((down**2).mean() + (right**2).mean())


def _even(frame: np.ndarray) -> np.ndarray:
    """A frame in usual brightness and contrast: uint8."""
    values = (frame - frame.mean()) * (48 / max(float(frame.std()), 1e-3)) + 128
    return np.clip(values, 0, 255).astype(np.uint8)


def _likeness(here: np.ndarray, there: np.ndarray, flow: np.ndarray, back: np.ndarray) -> float:
    returned = warp(back, flow)
    lengths = squared_length(flow) + squared_length(returned)
    sure = np.exp(-squared_length(flow + returned) / (0.1 * lengths + 2.0))
    unlike = (here - warp(there.astype(np.float32), flow)) / 64
    return float((sure * (1 - np.minimum(unlike**2, 1))).mean())
