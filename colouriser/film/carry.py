"""Colours of some frames of a scene, carried to all of them along motion, and averaged there.

Each frame takes from frames at several distances before it, as far as the way there can be trusted:
from its neighbour, which is the most like it, and from farther ones, since each step blurs a little
and may lead astray. The same backwards; what comes from before and from after is averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .flow import Motion, trust, warp

DISTANCES = (1, 3, 9)  # frames
FILL = 12.0  # pixels; sigma of the blur that fills places to which no colour came
FILL_WEIGHT = 0.01  # of what fills


@dataclass(frozen=True)
class Step:
    """The way from a frame to another one."""

    flow: np.ndarray  # float16 h×w×2
    trust: np.ndarray  # float16 h×w


Steps = dict[tuple[int, int], Step]  # by frame and the one that it takes from


def find_steps(lumas: Sequence[np.ndarray], distances: Sequence[int] = DISTANCES) -> Steps:
    """The ways between a scene's frames.

    Args:
        lumas: uint8 h×w.
        distances: of frames between which there are ways.
    """
    motion, steps = Motion(), Steps()
    for one in range(len(lumas)):
        for distance in distances:
            other = one - distance
            if other < 0:
                continue
            back = motion.flow(lumas[one], lumas[other])
            there = motion.flow(lumas[other], lumas[one])
            for a, b, ab, ba in ((one, other, back, there), (other, one, there, back)):
                sure = trust(lumas[a], lumas[b], ab, ba)
                steps[a, b] = Step(ab.astype(np.float16), sure.astype(np.float16))
    return steps


def carry(
    count: int,
    steps: Steps,
    sources: Mapping[int, np.ndarray],
    keep: float,
    distances: Sequence[int] = DISTANCES,
) -> list[np.ndarray]:
    """Carry colours to all frames of a scene.

    Args:
        count: of frames.
        steps: see `find_steps`.
        sources: by frame, float32 h×w×3: chroma times its weight, and the weight.
        keep: what is left of a weight one frame on.
        distances: those of `steps`.

    Returns:
        For each frame float32 h×w×3: chroma times its weight, and the weight.
    """
    shape = next(iter(sources.values())).shape
    total = [np.zeros(shape, np.float32) for _ in range(count)]
    for direction in (1, -1):
        order = range(count) if direction == 1 else range(count - 1, -1, -1)
        carried = dict[int, np.ndarray]()
        for frame in order:
            taken, share = np.zeros(shape, np.float32), np.full((*shape[:2], 1), 1e-3, np.float32)
            for distance in distances:
                other = frame - direction * distance
                if other not in carried:
                    continue
                step = steps[frame, other]
                sure = step.trust.astype(np.float32)[..., None]
                warped = warp(carried[other], step.flow.astype(np.float32))
                taken += sure * sure * keep**distance * warped
                share += sure
            # A mean over the ways, by trust; so a place that none can be trusted for has no weight.
            taken /= share
            total[frame] += taken
            own = sources.get(frame)
            if own is not None:
                taken = taken + own
                if direction == 1:
                    total[frame] += own
            carried[frame] = taken
            carried.pop(frame - direction * max(distances), None)
    return total


def smooth(
    carried: Sequence[np.ndarray], steps: Steps, distances: Sequence[int] = DISTANCES
) -> list[np.ndarray]:
    """Average chroma along motion.

    Args:
        carried: of all frames, see `carry`.
        steps, distances: see `find_steps`.

    Returns:
        For each frame chroma, float32 h×w×2.
    """
    filled = [_filled(colours) for colours in carried]
    found = []
    for frame, own in enumerate(filled):
        total, weights = own.copy(), np.ones((*own.shape[:2], 1), np.float32)
        for other in (frame + sign * distance for distance in distances for sign in (-1, 1)):
            step = steps.get((frame, other))
            if step is None:
                continue
            sure = step.trust.astype(np.float32)[..., None]
            total += sure * warp(filled[other], step.flow.astype(np.float32))
            weights += sure
        found.append(total / weights)
    return found


def _filled(colours: np.ndarray) -> np.ndarray:
    """Chroma, float32 h×w×2, of chroma times its weight, and the weight; places without weight
    take what is around them."""
    around = cv2.GaussianBlur(colours, (0, 0), FILL)
    share = FILL_WEIGHT / np.maximum(around[..., 2:], 1e-6)
    total = colours + share * around
    return total[..., :2] / total[..., 2:]
