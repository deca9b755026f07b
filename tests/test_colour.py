"""The luma/chroma arithmetic."""

import numpy as np
import pytest
import torch
from PIL import Image

from colouriser import colour


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def test_luma_is_pillows(cat: Image.Image) -> None:
    luma, _ = colour.split(to_tensor(cat))
    pillow = np.asarray(cat.convert("L"))
    assert np.abs(luma[0, 0].numpy() * 255 - pillow).max() <= 0.51


def test_chroma_is_jpegs(cat: Image.Image) -> None:
    _, chroma = colour.split(to_tensor(cat))
    jpeg = np.asarray(cat.convert("YCbCr")).transpose(2, 0, 1)[1:]
    assert np.abs(chroma[0].numpy() * 255 + 128 - jpeg).max() <= 1.01


def test_round_trip(cat: Image.Image) -> None:
    rgb = to_tensor(cat)
    assert torch.allclose(colour.to_rgb(*colour.split(rgb)), rgb, atol=1e-5)


@pytest.mark.parametrize("strength", [0.1, 0.5, 5.0])
def test_merge_keeps_luma_and_stays_in_gamut(strength: float) -> None:
    torch.manual_seed(0)
    luma = torch.rand(4, 1, 50, 50)
    luma[0, 0, :2] = torch.tensor([[0.0], [1.0]])  # black and white have no colour at all
    chroma = (torch.rand(4, 2, 50, 50) - 0.5) * strength
    rgb = colour.to_rgb(luma, chroma)
    assert rgb.min() >= -1e-6
    assert rgb.max() <= 1 + 1e-6
    kept, small = colour.split(rgb)
    assert torch.allclose(kept, luma, atol=1e-5)
    # Hue is kept too: chroma is only scaled, by a factor from 0 to 1.
    cross = small[:, 0] * chroma[:, 1] - small[:, 1] * chroma[:, 0]
    assert cross.abs().max() < 1e-5 * strength
    assert (small.norm(dim=1) <= chroma.norm(dim=1) + 1e-6).all()


def test_merge_changes_no_colour_that_fits(cat: Image.Image) -> None:
    luma, chroma = colour.split(to_tensor(cat))
    assert torch.allclose(colour.split(colour.to_rgb(luma, chroma))[1], chroma, atol=1e-5)


def test_no_chroma_is_grey() -> None:
    luma = torch.rand(1, 1, 8, 8)
    assert torch.equal(colour.to_rgb(luma, torch.zeros(1, 2, 8, 8)), luma.expand(1, 3, 8, 8))
