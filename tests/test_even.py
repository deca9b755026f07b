"""Even colour: stains go where the network is unsure, and nothing else changes."""

import torch

from colouriser.colour import palette_cells
from colouriser.even import even

CELLS = palette_cells(16)
SIDE = 64


def stained(split: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma and chroma of a surface with a reddish stain; in two halves of other luma if split."""
    luma, chroma = torch.full((1, 1, SIDE, SIDE), 0.3), torch.zeros(1, 2, SIDE, SIDE)
    chroma[:, 1, 20:28, 10:18] = 0.2
    if split:
        luma[..., SIDE // 2 :] = 0.8
        chroma[:, 0, :, SIDE // 2 :] = 0.2
    return luma, chroma


def palette(sure: bool) -> torch.Tensor:
    logits = torch.zeros(len(CELLS), SIDE // 2, SIDE // 2)
    logits[0] = 20.0 if sure else 0.0
    return logits.softmax(0)


def test_a_stain_that_the_network_is_unsure_of_takes_the_colour_around_it() -> None:
    luma, chroma = stained()
    evened = even(luma, chroma, palette(sure=False), CELLS)
    assert evened.shape == chroma.shape
    assert evened.std() < chroma.std() / 4
    assert abs(float(evened.mean() - chroma.mean())) < 0.01


def test_what_the_network_is_sure_of_stays() -> None:
    luma, chroma = stained()
    assert torch.equal(even(luma, chroma, palette(sure=True), CELLS), chroma)


def test_colour_does_not_cross_an_edge() -> None:
    luma, chroma = stained(split=True)
    evened = even(luma, chroma, palette(sure=False), CELLS)
    left, right = evened[0, 0].split(SIDE // 2, 1)
    assert right.mean() - left.mean() > 0.1


def test_what_is_even_stays_even_at_any_size() -> None:
    for height, width in ((8, 8), (8, 333), (97, 16)):
        chroma = torch.tensor([0.1, -0.2]).view(1, 2, 1, 1).expand(1, 2, height, width)
        likely = torch.full((len(CELLS), -(-height // 2), -(-width // 2)), 1 / len(CELLS))
        evened = even(torch.rand(1, 1, height, width), chroma, likely, CELLS)
        assert torch.allclose(evened, chroma, atol=1e-5)
