"""Bringing chroma to full size."""

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from colouriser import guide


def merged(luma: np.ndarray, coefficients: torch.Tensor) -> np.ndarray:
    """Chroma (Cb) of the merged photograph, of 255."""
    image = guide.render_bands(Image.fromarray(luma), coefficients)
    return np.asarray(image.convert("YCbCr"))[..., 1].astype(float) - 128


def test_colours_end_where_luma_does() -> None:
    luma = np.full((256, 256), 60, np.uint8)
    luma[:, 131:] = 200  # inside of a pixel of chroma, which is 8 wide
    wanted = np.where(luma == 60, 30.0, -20.0)
    small = F.avg_pool2d(torch.from_numpy(luma)[None, None].float() / 255, 8)
    chroma = torch.zeros(1, 2, 32, 32)
    chroma[0, 0] = F.avg_pool2d(torch.from_numpy(wanted)[None, None].float() / 255, 8)[0, 0]
    ours = merged(luma, guide.guided_upsampling(small, chroma)[0])
    bilinear = merged(luma, torch.cat([torch.zeros_like(chroma), chroma], 1)[0])
    edge = np.s_[:, 120:144]
    wrong, smeared = (np.abs(cb - wanted)[edge].mean() for cb in (ours, bilinear))
    assert wrong < smeared / 3
    assert np.abs(ours - wanted).max() < 12


def test_a_colour_that_luma_does_not_show_is_kept_by_half_and_spreads_no_further() -> None:
    luma = np.full((64, 64), 128, np.uint8)
    chroma = torch.zeros(1, 2, 32, 32)
    chroma[0, 0, 16, 16] = 0.2
    ours = merged(luma, guide.guided_upsampling(torch.full((1, 1, 32, 32), 0.5), chroma)[0])
    assert ours.max() > 0.5 * 0.2 * 255 * 0.75**2  # the nearest pixel is a quarter pixel away
    assert not ours[:26].any()
    assert not ours[40:].any()
