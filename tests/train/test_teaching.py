"""What the generator is taught: simulated hints, the palette, and what it starts from."""

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from colouriser import Generator, GeneratorConfig, colour
from train.data.hints import HintConfig, draw_hints
from train.errors import TrainingError
from train.stages.generator import take_over
from train.stages.losses import PaletteLoss

SMALL = (16, 16, 8, 8)


@pytest.fixture(scope="module")
def planes(cat: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma and chroma of 24 crops of a photograph."""
    rgb = pil_to_tensor(cat)[None].float() / 255
    crops = [rgb[..., y : y + 96, x : x + 96] for y in (0, 60, 120, 180) for x in range(0, 300, 50)]
    return colour.split(torch.cat(crops))


def test_hints_show_the_true_chroma(planes: tuple[torch.Tensor, torch.Tensor]) -> None:
    luma, chroma = planes
    config = HintConfig(share=0.5, recoloured=0.0, largest=1)
    torch.manual_seed(0)
    hints, true = draw_hints(luma, chroma, config)
    assert torch.equal(true, chroma)  # nothing was recoloured
    where = hints[:, 2:].expand(-1, 2, -1, -1).bool()
    assert torch.equal(hints[:, :2][where], chroma[where])
    assert not hints[:, :2][~where].any()
    with_any = hints[:, 2].flatten(1).any(1)
    assert 0.2 < with_any.float().mean() < 0.8  # some have none
    torch.manual_seed(0)
    again, _ = draw_hints(luma, chroma, config)
    assert torch.equal(again, hints)


def test_recoloured_things_keep_luma_and_their_hints_are_true(
    planes: tuple[torch.Tensor, torch.Tensor],
) -> None:
    luma, chroma = planes
    config = HintConfig(share=1.0, recoloured=1.0, largest=1)
    torch.manual_seed(0)
    hints, true = draw_hints(luma, chroma, config)
    moved = (true - chroma).norm(dim=1)
    assert (moved.flatten(1).amax(1) > 0.02).all()  # something in each photograph
    assert moved.mean() < moved.amax((1, 2)).mean() / 3  # and not all of it
    where = hints[:, 2:].expand(-1, 2, -1, -1).bool()
    assert torch.allclose(hints[:, :2][where], true[where])
    rgb = colour.to_rgb(luma, true)
    assert torch.allclose(colour.split(rgb)[0], luma, atol=1e-4)
    assert torch.allclose(colour.split(rgb)[1], true, atol=1e-3)  # RGB has these colours


def test_the_palette_loses_nothing_by_its_cells(planes: tuple[torch.Tensor, torch.Tensor]) -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL))
    error, chroma = PaletteLoss(generator), planes[1]
    cells, shares = error.share_out(chroma)
    assert torch.allclose(shares.sum(1), torch.ones(()))
    mean = (generator.cells[cells] * shares[..., None]).sum(1).permute(0, 3, 1, 2)
    assert torch.allclose(mean, chroma, atol=1e-5)


def test_the_palettes_loss_falls_with_the_truth_and_rare_colours_count_more() -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL))
    red = torch.tensor([0.8, 0.3, 0.3]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    grey = torch.full((1, 3, 16, 16), 0.5)
    plain = PaletteLoss(generator)
    counts = 0.99 * plain.count(grey) + 0.01 * plain.count(red)
    fair = PaletteLoss(generator, counts, rarity=0.5)
    assert float((fair.weights * counts).sum()) == pytest.approx(1, abs=1e-4)
    nothing = torch.zeros(1, len(generator.cells), 4, 4)
    assert fair(nothing, red) > 5 * fair(nothing, grey)
    knows = nothing.clone()
    cells, shares = plain.share_out(colour.split(red)[1][..., :4, :4])
    knows.scatter_(1, cells, 5 * shares)
    assert plain(knows, red) < plain(nothing, red)


def test_older_weights_are_a_start() -> None:
    torch.manual_seed(0)
    old = Generator(GeneratorConfig(decoder=SMALL, hints=False, palette=0, attention=False)).eval()
    new = Generator(GeneratorConfig(decoder=SMALL, mean=0.0)).eval()  # its palette begins anew
    take_over(new, old, "the old one")
    luma, hints = torch.rand(1, 1, 64, 64), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(new(luma).chroma, old(luma).chroma, atol=1e-6)
        assert torch.allclose(new(luma, hints).chroma, old(luma).chroma, atol=1e-6)  # not yet
    other = Generator(GeneratorConfig(decoder=(8, 8, 8, 8)))
    with pytest.raises(TrainingError, match="choose another recipe or model"):
        take_over(other, old, "the old one")
