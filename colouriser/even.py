"""Even colour: where the network is unsure, what belongs together gets one colour.

A network that must be vivid and cannot know a colour changes its mind within a thing: a stain. Here
each place that it is unsure of takes the mean of the colours around it, of which those count most
that are near, that no edge lies before, and that it is sure of. Where it is sure all stays.

Edge-aware filter: domain transform, its recursive form (Gastal & Oliveira 2011), with the kernel's
sum carried along, so that colours can have weights (normalised convolution, Knutsson & Westin
1993). Edges are those of luma and of the palette's mean colour.
"""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .hints import doubt

REACH = 0.3  # of the mean, as a share of the side; farther things are other things
LUMA_EDGE = 0.4  # difference in luma that counts like REACH; shadows on a thing are less
COLOUR_EDGE = 0.05  # difference in the palette's mean colour that does
SURE, UNSURE = 0.4, 0.6  # doubt at which all of a colour stays, and at which nothing of it does
TRUST = 3.0  # power of certainty in a colour's weight: guesses should not outvote what is known
ROUNDS = 3  # along columns and rows: the paper's number, with which it sees no streaks


def even(luma: Tensor, chroma: Tensor, palette: Tensor, cells: Tensor) -> Tensor:
    """Make colours even where the network is unsure. All of this was chosen on validation
    photographs (docs/results.md).

    Args:
        luma: float 1×1×h×w in [0, 1], of chroma's size.
        chroma: float 1×2×h×w (Cb, Cr), as predicted.
        palette: probabilities of the cells, float K×h/2×w/2.
        cells: their chroma, float K×2.

    Returns:
        Chroma, float 1×2×h×w.
    """
    # In numpy, on one thread: torch's last bits differ with the number of threads.
    likely = palette.numpy()
    mean = [(likely * axis[:, None, None]).sum(0) for axis in cells.numpy().T]
    *mean, unsure = (
        _resized(plane, chroma.shape[3], chroma.shape[2])
        for plane in (*mean, doubt(palette).numpy())
    )
    unsure = unsure.clip(0, 1)
    painted, weight = chroma[0].numpy(), (1.05 - unsure) ** TRUST
    weighted = np.concatenate([painted * weight, weight[None]])
    reach = REACH * math.sqrt(chroma.shape[2] * chroma.shape[3])
    down, across = (
        1
        + reach
        * (_steps(luma[0].numpy(), axis) / LUMA_EDGE + _steps(np.stack(mean), axis) / COLOUR_EDGE)
        for axis in (1, 2)
    )
    for left in reversed(range(ROUNDS)):
        deviation = reach * math.sqrt(3) * 2**left / math.sqrt(4**ROUNDS - 1)
        weighted = _along_rows(weighted.swapaxes(1, 2), down.T, deviation).swapaxes(1, 2)
        weighted = _along_rows(weighted, across, deviation)
    share = np.clip((unsure - SURE) / (UNSURE - SURE), 0, 1)
    evened = weighted[:2] / weighted[2:]
    return torch.from_numpy(painted + share * (evened - painted))[None]


def _resized(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """Bilinear interpolation of h×w."""
    return np.array(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))


def _steps(planes: np.ndarray, axis: int) -> np.ndarray:
    """Distances C×h×w between neighbours along an axis: h×w, one shorter there."""
    return np.sqrt(np.square(np.diff(planes, axis=axis)).sum(0))


def _along_rows(planes: np.ndarray, distances: np.ndarray, deviation: float) -> np.ndarray:
    """Each place gets the sum of its row C×h×w, less what lies farther away: of a kernel e^-d with
    the distances h×(w - 1) between neighbours."""
    share = np.exp(distances.T * (-math.sqrt(2) / deviation))[:, None]  # (w - 1)×1×h
    forth = np.ascontiguousarray(planes.transpose(2, 0, 1))  # w×C×h
    back = forth.copy()
    for index in range(1, len(forth)):
        forth[index] += share[index - 1] * forth[index - 1]
        back[-1 - index] += share[-index] * back[-index]
    return (forth + back).transpose(1, 2, 0) - planes
