"""Colours of some frames of a scene, carried to all of them along motion, and averaged there.

Each frame takes from its neighbours before it, as far as the way there can be trusted; and straight
from the last frame whose colours are known, since each step blurs a little and may lead astray.
That way is found from those of the steps between. The same backwards; what comes from before and
from after is averaged.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch

from .flow import Motion, trust, warp

DISTANCES = (1, 4)  # frames
ITERATIONS = 8  # see `Motion`; more fit noise, and carry a person's colours less far
STRAIGHT = 4.0  # weight of the way straight from a known frame, which does not drift
STRAIGHT_OF_LENGTH = 0.002  # see flow.OF_LENGTH; of long ways more must be asked
FILL = 12.0  # pixels; sigma of the blur that fills places to which no colour came
FILL_WEIGHT = 0.01  # of what fills

Colours = list[np.ndarray]  # of frames: float32 h×w×3, chroma times its weight, and the weight


@dataclass(frozen=True)
class Step:
    """The way from a frame to another one."""

    flow: np.ndarray  # float16 h×w×2
    trust: np.ndarray  # float16 h×w

    def take(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What lies at the other frame's places, float32 h×w×c, and the trust in it, h×w×1."""
        return warp(values, single(self.flow)), single(self.trust)[..., None]


def half(values: np.ndarray) -> np.ndarray:
    """float16 of float32; numpy takes a hundred times as long where values are near zero."""
    return torch.from_numpy(values).half().numpy()


def single(values: np.ndarray) -> np.ndarray:
    """float32 of float16, see `half`."""
    return torch.from_numpy(values).float().numpy()


Steps = dict[tuple[int, int], Step]  # by frame and the one that it takes from


def find_steps(lumas: Sequence[np.ndarray]) -> Steps:
    """The ways between a scene's frames: luma, uint8 h×w. Longer ones are made of short ones."""
    motion, steps = Motion(ITERATIONS), Steps()
    for one in range(len(lumas)):
        for other in (one - distance for distance in DISTANCES if distance <= one):
            if one - other == 1:
                back = motion.flow(lumas[one], lumas[other])
                there = motion.flow(lumas[other], lumas[one])
            else:
                back = _along(steps, range(one, other - 1, -1))
                there = _along(steps, range(other, one + 1))
            for a, b, ab, ba in ((one, other, back, there), (other, one, there, back)):
                steps[a, b] = Step(half(ab), half(trust(lumas[a], lumas[b], ab, ba)))
    return steps


def _along(steps: Steps, frames: range) -> np.ndarray:
    """The flow from the first of some frames to the last."""
    first, *others = (single(steps[pair].flow) for pair in pairwise(frames))
    return functools.reduce(lambda way, flow: way + warp(flow, way), others, first)


def carry(
    lumas: Sequence[np.ndarray],
    steps: Steps,
    sources: Mapping[int, np.ndarray],
    keep: float,
    straight: bool,
) -> Colours:
    """Carry colours to all frames of a scene.

    Args:
        lumas: of all frames, uint8 h×w.
        steps: see `find_steps`.
        sources: by frame, float32 h×w×3: chroma times its weight, and the weight.
        keep: what is left of a weight one frame on.
        straight: also straight from the last source, which needs more time.
    """
    total = [np.zeros((*luma.shape, 3), np.float32) for luma in lumas]
    for direction in (1, -1):
        carried = dict[int, np.ndarray]()
        path: _Path | None = None
        for frame in range(len(lumas))[::direction]:
            taken = np.zeros_like(total[frame])
            share = np.full((*taken.shape[:2], 1), 1e-3, np.float32)
            for distance in DISTANCES:
                other = frame - direction * distance
                if other in carried:
                    warped, sure = steps[frame, other].take(carried[other])
                    taken += sure * sure * keep**distance * warped
                    share += sure
            if path is not None:
                path.extend(frame, steps[frame, frame - direction], steps[frame - direction, frame])
                warped, sure = path.step.take(sources[path.start])
                sure = STRAIGHT * sure
                taken += sure * keep ** abs(frame - path.start) * warped
                share += sure
            # A mean over the ways, by trust; so a place that none can be trusted for has no weight.
            taken /= share
            total[frame] += taken
            if frame in sources:
                taken = taken + sources[frame]
                total[frame] += sources[frame] / 2  # once in each direction
                path = _Path(lumas, frame) if straight else None
            carried[frame] = taken
            carried.pop(frame - direction * max(DISTANCES), None)
    return total


class _Path:
    """The way from frames that follow each other straight to the one before them all."""

    def __init__(self, lumas: Sequence[np.ndarray], start: int) -> None:
        self.lumas, self.start, self.motion = lumas, start, Motion(ITERATIONS)
        self.there = self.back = np.zeros((*lumas[start].shape, 2), np.float32)

    def extend(self, frame: int, last: Step, ahead: Step) -> None:
        """Go on to the next frame.

        Args:
            frame: its number.
            last, ahead: the ways from it to the frame before, and from that to it.
        """
        here, start = self.lumas[frame], self.lumas[self.start]
        flow = single(last.flow)
        there = flow + warp(self.there, flow)
        back = self.back + warp(single(ahead.flow), self.back)
        self.there = self.motion.flow(here, start, there)
        self.back = self.motion.flow(start, here, back)
        sure = trust(here, start, self.there, self.back, STRAIGHT_OF_LENGTH)
        self.step = Step(self.there, sure)


def smooth(carried: Colours, steps: Steps) -> list[np.ndarray]:
    """The mean of each frame's colours and of those near it, along motion: chroma, float32
    h×w×2."""
    filled = [_filled(colours) for colours in carried]
    found = []
    for frame, own in enumerate(filled):
        total, weights = own.copy(), np.ones((*own.shape[:2], 1), np.float32)
        for other in (frame + sign * distance for distance in DISTANCES for sign in (-1, 1)):
            if 0 <= other < len(filled):
                warped, sure = steps[frame, other].take(filled[other])
                total += sure * warped
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
