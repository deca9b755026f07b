"""Colours of some frames of a scene, carried to all of them along motion, and averaged there.

Each frame takes from frames at several distances before it, as far as the way there can be trusted:
from its neighbour, which is the most like it, and from farther ones, since each step blurs a little
and may lead astray. The same backwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from .flow import Motion, trust, warp

DISTANCES = (1, 3, 9)  # frames
DOUBT = 0.02  # trust at which a way loses half of the weight of what it carries
FILLED = 0.3  # how far a place is trusted whose colours were taken from places like it
LEAST = 0.05  # weight of what is hardly trusted, beside what is
CELLS = ((24, 16), (8, 12), (3, 8))  # across the frame, and of luma, in which places are alike
EMPTY = 0.05  # of a cell filled, from which on its colours count half
TINY = 1e-6

Colours = list[np.ndarray]  # chroma of frames, float32 h×w×2


@dataclass(frozen=True)
class Step:
    """The way from a frame to another one."""

    flow: np.ndarray  # float16 h×w×2
    trust: np.ndarray  # float16 h×w

    def take(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What lies at the other frame's places, float32 h×w×c, and the trust in it, h×w×1."""
        return warp(values, self.flow.astype(np.float32)), self.trust.astype(np.float32)[..., None]


Steps = dict[tuple[int, int], Step]  # by frame and the one that it takes from


def find_steps(lumas: Sequence[np.ndarray]) -> Steps:
    """The ways between a scene's frames: luma, uint8 h×w."""
    motion, steps = Motion(), Steps()
    for one in range(len(lumas)):
        for other in (one - distance for distance in DISTANCES if distance <= one):
            back = motion.flow(lumas[one], lumas[other])
            there = motion.flow(lumas[other], lumas[one])
            for a, b, ab, ba in ((one, other, back, there), (other, one, there, back)):
                sure = trust(lumas[a], lumas[b], ab, ba)
                steps[a, b] = Step(ab.astype(np.float16), sure.astype(np.float16))
    return steps


def carry(lumas: Sequence[np.ndarray], steps: Steps, sources: Mapping[int, np.ndarray]) -> Colours:
    """The mean along motion of the colours of some frames, for all frames.

    Args:
        lumas: of all frames, uint8 h×w.
        steps: see `find_steps`.
        sources: by frame, float32 h×w×3: chroma times its weight, and the weight.
    """
    total = [np.zeros((*luma.shape, 3), np.float32) for luma in lumas]
    for direction in (1, -1):
        carried = dict[int, np.ndarray]()
        for frame in _order(len(lumas), direction):
            taken = np.zeros_like(total[frame])
            share = np.full((*taken.shape[:2], 1), DOUBT, np.float32)
            for _, step, there in _ways(frame, direction, steps, carried):
                warped, sure = step.take(there)
                taken += sure * warped
                share += sure
            taken /= share
            total[frame] += taken
            if frame in sources:
                taken += sources[frame]
                total[frame] += sources[frame] / 2  # once in each direction
            carried[frame] = taken
            carried.pop(frame - direction * max(DISTANCES), None)
    found = Colours()
    for luma, colours in zip(lumas, total, strict=True):
        weight = colours[..., 2:]
        chroma = colours[..., :2] / np.maximum(weight, TINY)
        sure = weight / (weight + 1e-4)
        found.append(sure * chroma + (1 - sure) * _from_alike(chroma, weight, luma))
    return found


def follow(lumas: Sequence[np.ndarray], steps: Steps, keys: Mapping[int, np.ndarray]) -> Colours:
    """The colours of key frames, which are true, followed to all frames. What cannot be followed
    gets the colours of places that are near and alike.

    Args:
        lumas: of all frames, uint8 h×w.
        steps: see `find_steps`.
        keys: by frame, chroma, float32 h×w×2.
    """
    total = [np.zeros((*luma.shape, 3), np.float32) for luma in lumas]
    for direction in (1, -1):
        carried = dict[int, np.ndarray]()
        for frame in _order(len(lumas), direction):
            if frame in keys:
                ones = np.ones((*lumas[frame].shape, 1), np.float32)
                carried[frame] = np.dstack([keys[frame], ones]).astype(np.float32)
                total[frame][:] = carried[frame]
                continue
            if not carried:
                continue
            taken = np.zeros((*lumas[frame].shape, 2), np.float32)
            share = np.zeros((*lumas[frame].shape, 1), np.float32)
            best, known = np.zeros_like(share), np.zeros_like(share)
            for distance, step, there in _ways(frame, direction, steps, carried):
                warped, sure = step.take(there)
                weight = sure * np.maximum(warped[..., 2:], LEAST) + 1e-3 * (distance == 1)
                taken += weight * warped[..., :2]
                share += weight
                best = np.maximum(best, sure)
                known = np.maximum(known, sure * warped[..., 2:])
            chroma = taken / share
            alike = _from_alike(chroma, np.maximum(known, 0.1 * best), lumas[frame])
            chroma = best * chroma + (1 - best) * alike
            carried[frame] = np.dstack([chroma, known + (1 - best) * FILLED])
            carried.pop(frame - direction * max(DISTANCES), None)
            total[frame][..., :2] += chroma * (known + 1e-3)
            total[frame][..., 2:] += known + 1e-3
    return [colours[..., :2] / np.maximum(colours[..., 2:], TINY) for colours in total]


def smooth(colours: Colours, steps: Steps) -> Colours:
    """The mean of each frame's colours and of its neighbours', along motion."""
    found = Colours()
    for frame, own in enumerate(colours):
        taken, share = own.copy(), np.ones((*own.shape[:2], 1), np.float32)
        for other in (frame - 1, frame + 1):
            if 0 <= other < len(colours):
                warped, sure = steps[frame, other].take(colours[other])
                taken += sure * warped
                share += sure
        found.append(taken / share)
    return found


def _order(count: int, direction: int) -> range:
    return range(count) if direction == 1 else range(count - 1, -1, -1)


def _ways(
    frame: int, direction: int, steps: Steps, carried: Mapping[int, np.ndarray]
) -> Iterator[tuple[int, Step, np.ndarray]]:
    """Distances, ways and what lies there."""
    for distance in DISTANCES:
        other = frame - direction * distance
        if other in carried:
            yield distance, steps[frame, other], carried[other]


def _from_alike(chroma: np.ndarray, weight: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """Chroma of places that are near and of like luma: means in the cells of bilateral grids (Chen
    et al. 2007), of fine ones where these know something.

    Args:
        chroma: float32 h×w×2.
        weight: how far it is known, float32 h×w×1.
        luma: uint8 h×w.
    """
    height, width = luma.shape
    known = np.dstack([chroma * weight, weight])
    found: np.ndarray | None = None
    for across, levels in reversed(CELLS):
        down = max(2, round(across * height / width))
        x = np.linspace(0, across - 1, width, dtype=np.float32)
        y = np.linspace(0, down - 1, height, dtype=np.float32)
        z = luma * np.float32((levels - 1) / 255)
        cell = (np.rint(y).astype(int)[:, None] * across + np.rint(x).astype(int)) * levels
        cell = (cell + np.rint(z).astype(int)).ravel()
        sums = [
            np.bincount(cell, v.ravel(), across * down * levels) for v in known.transpose(2, 0, 1)
        ]
        grids = torch.from_numpy(np.stack(sums).astype(np.float32))
        grids = grids.view(1, 3, down, across, levels)
        for size in ((3, 1, 1), (1, 3, 1), (1, 1, 3)):
            kernel = torch.tensor([0.25, 0.5, 0.25]).view(1, 1, *size).expand(3, 1, *size)
            grids = F.conv3d(grids, kernel, padding=[s // 2 for s in size], groups=3)
        places = np.stack(
            [
                z * (2 / (levels - 1)) - 1,
                np.broadcast_to(x * (2 / (across - 1)) - 1, luma.shape),
                np.broadcast_to((y * (2 / (down - 1)) - 1)[:, None], luma.shape),
            ],
            -1,
        ).astype(np.float32)
        sliced = F.grid_sample(grids, torch.from_numpy(places)[None, None], align_corners=True)
        values = sliced[0, :, 0].permute(1, 2, 0).numpy()
        mean = values[..., :2] / np.maximum(values[..., 2:], TINY)
        if found is None:
            found = mean
        else:
            share = values[..., 2:] / (values[..., 2:] + EMPTY * luma.size / grids[0, 0].numel())
            found = share * mean + (1 - share) * found
    assert found is not None
    return found
