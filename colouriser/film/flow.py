"""Motion between two frames, and what moves along it."""

import cv2
import numpy as np

CONSISTENT = 1.0  # squared pixels by which going there and back may miss, and …
OF_LENGTH = 0.05  # … as a share of the squared lengths of both ways (Sundaram et al. 2010)
SAME_LUMA = 32.0  # of 255; by more, two places are hardly the same thing
SMOOTH_LUMA = 1.5  # pixels; sigma of the blur of that difference, since texture is never exact


class Motion:
    """Dense optical flow (DIS, Kroeger et al. 2016). For one thread."""

    def __init__(self, iterations: int = 12) -> None:
        """Take so many steps of gradient descent at each scale."""
        # Refining flow by variation takes three times as long and carries colours no better.
        self.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.search.setFinestScale(0)  # frames are small
        self.search.setGradientDescentIterations(iterations)

    def flow(
        self, here: np.ndarray, there: np.ndarray, guess: np.ndarray | None = None
    ) -> np.ndarray:
        """Where each place of a frame is in another.

        Args:
            here, there: luma, uint8 h×w.
            guess: of the result, from which the search begins; it is overwritten.

        Returns:
            float32 h×w×2, in pixels: x, y.
        """
        return self.search.calc(here, there, guess)


def warp(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What lies where a flow points to: float32 h×w×channels."""
    places = flow + grid(*flow.shape[:2])
    return cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def trust(
    here: np.ndarray,
    there: np.ndarray,
    flow: np.ndarray,
    back: np.ndarray,
    of_length: float = OF_LENGTH,
) -> np.ndarray:
    """How far a flow can be trusted: whether the way back leads to where it began, inside of the
    frame, with alike luma.

    Args:
        here, there: luma, uint8 h×w.
        flow, back: from here to there, and from there to here.
        of_length: see `OF_LENGTH`.

    Returns:
        float32 h×w in [0, 1].
    """
    height, width = flow.shape[:2]
    places = flow + grid(height, width)
    returned, luma = warp(back, flow), warp(there.astype(np.float32), flow)
    missed = squared_length(flow + returned)
    lengths = squared_length(flow) + squared_length(returned)
    unlike = cv2.GaussianBlur(here - luma, (0, 0), SMOOTH_LUMA) / SAME_LUMA
    inside = (np.abs(places[..., 0] - (width - 1) / 2) <= width / 2) & (
        np.abs(places[..., 1] - (height - 1) / 2) <= height / 2
    )
    return np.exp(-missed / (of_length * lengths + CONSISTENT) - unlike**2 / 2) * inside


def squared_length(flow: np.ndarray) -> np.ndarray:
    """float32 h×w of h×w×2; numpy's sum over so short an axis takes five times as long."""
    return flow[..., 0] ** 2 + flow[..., 1] ** 2


_GRIDS = dict[tuple[int, int], np.ndarray]()


def grid(height: int, width: int) -> np.ndarray:
    """The places of pixels: float32 h×w×2, x and y."""
    if (height, width) not in _GRIDS:
        _GRIDS.clear()
        _GRIDS[height, width] = np.dstack(
            np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        )
    return _GRIDS[height, width]
