"""The generator's shapes and ranges."""

import pytest
import torch
from torch import nn
from torchvision import models

from colouriser import Generator, GeneratorConfig, ModelError, colour
from colouriser.generator import Encoder

SMALL = (16, 16, 8, 8)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "resnet50"])
def test_encoders(encoder: str) -> None:
    generator = Generator(GeneratorConfig(encoder, SMALL)).eval()
    with torch.inference_mode():
        chroma = generator(torch.rand(2, 1, 64, 96)).chroma
    assert chroma.shape == (2, 2, 32, 48)
    assert chroma.abs().max() <= 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (33, 31), (64, 64), (127, 70)])
def test_any_size(size: tuple[int, int]) -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    with torch.inference_mode():
        chroma = generator(torch.rand(1, 1, *size)).chroma
    assert chroma.shape == (1, 2, (size[0] + 1) // 2, (size[1] + 1) // 2)
    assert chroma.isfinite().all()


def test_every_parameter_learns() -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL, mean=0.7, even=(0.4, 1.0)))
    chroma, palette = generator(torch.rand(2, 1, 64, 64), torch.rand(2, 3, 64, 64))
    (chroma.square().sum() + palette.logsumexp(1).sum()).backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


@pytest.mark.parametrize(
    "fields",
    [
        {"encoder": "vgg19"},
        {"decoder": (32, 32, 32)},
        {"decoder": (32, 32, 32, 0)},
        {"decoder": (32, 32, 32, 1_000_000)},
        {"decoder": (32, 32, 32, 8.5)},
        {"hints": 1},
        {"palette": 1},
        {"palette": 16.0},
        {"palette": True},
        {"mean": -0.1},
        {"mean": 3},
        {"mean": True},
        {"mean": float("nan")},
        {"mean": 0.5, "palette": 0},
        {"even": ()},
        {"even": (0.5,)},
        {"even": (0.5, 0.5, 0.5)},
        {"even": (0.5, -0.1)},
        {"even": (2.1, 0.5)},
        {"even": (0.5, float("nan"))},
        {"even": (0.5, True)},
        {"even": ("1", "1")},
        {"even": (0.5, 0.5), "palette": 0},
    ],
)
def test_config_is_checked(fields: dict) -> None:
    with pytest.raises(ModelError):
        GeneratorConfig(**fields)


def test_the_palette_covers_what_rgb_has() -> None:
    cells = Generator(GeneratorConfig(decoder=SMALL)).cells
    assert (cells == 0).all(1).any()  # grey is among them
    _, chroma = colour.split(torch.rand(1, 3, 40, 40))
    nearest = torch.cdist(chroma.flatten(2)[0].T, cells).amin(1)
    assert nearest.max() <= 16 / 255


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (1, 1)])
def test_the_palette_has_a_quarter_of_the_size(size: tuple[int, int]) -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    with torch.inference_mode():
        painting = generator(torch.rand(1, 1, *size))
    assert painting.palette.shape[1:] == (len(generator.cells), -(-size[0] // 4), -(-size[1] // 4))


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (1, 1)])
def test_the_palettes_mean_is_painted_with_the_head(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    alone = Generator(GeneratorConfig(decoder=SMALL)).eval()
    both = Generator(GeneratorConfig(decoder=SMALL, mean=0.5)).eval()
    last = alone.palette[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.zeros_(last.weight)
    with torch.inference_mode():
        last.bias.fill_(-100)  # type: ignore[union-attr]
        last.bias[[3, 70]] = 0  # type: ignore[index]
        both.load_state_dict(alone.state_dict())
        luma = torch.rand(1, 1, *size)
        added = both(luma).chroma - alone(luma).chroma
    expected = 0.5 * alone.cells[[3, 70]].mean(0).view(1, 2, 1, 1).expand_as(added)
    assert torch.allclose(added, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (1, 1)])
def test_the_evenness_chooses_between_two_mixtures(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    mixtures = [Generator(GeneratorConfig(decoder=SMALL, mean=mean)).eval() for mean in (0.7, 1.0)]
    detailed, even = mixtures
    both = Generator(GeneratorConfig(decoder=SMALL, mean=0.7, even=(1.0, 1.0))).eval()
    even.load_state_dict(detailed.state_dict())
    both.load_state_dict(both.state_dict() | detailed.state_dict())
    luma = torch.rand(1, 1, *size)
    with torch.inference_mode():
        both.evenness.weight.zero_()
        for bias, share in ((-30.0, 0.0), (0.0, 0.5), (30.0, 1.0)):
            both.evenness.bias.fill_(bias)
            expected = torch.lerp(detailed(luma).chroma, even(luma).chroma, share)
            assert torch.allclose(both(luma).chroma, expected, atol=1e-6)


def test_hints_do_not_change_the_evenness() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(decoder=SMALL, even=(0.0, 0.0))).eval()
    head = Generator(GeneratorConfig(decoder=SMALL)).eval()
    head.load_state_dict({name: generator.state_dict()[name] for name in head.state_dict()})
    luma, hints = torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
    hints[:, :, 20:24, 20:24] = torch.tensor([0.2, -0.1, 1]).view(3, 1, 1)
    with torch.inference_mode():
        without, given = (
            (generator(luma, h).chroma / head(luma, h).chroma).median() for h in (None, hints)
        )
    assert torch.allclose(without, given, atol=1e-4)


def test_hints_change_what_is_painted_and_none_are_zeros() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    luma, hints = torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
    with torch.inference_mode():
        without = generator(luma).chroma
        assert torch.equal(without, generator(luma, hints).chroma)
        hints[:, :, 20:24, 20:24] = torch.tensor([0.2, -0.1, 1]).view(3, 1, 1)
        assert not torch.equal(without, generator(luma, hints).chroma)


def test_weights_of_before_take_no_hints() -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL, hints=False, palette=0)).eval()
    with torch.inference_mode():
        assert generator(torch.rand(1, 1, 64, 64)).palette.shape == (1, 0, 16, 16)
    with pytest.raises(ModelError, match="take no hints"):
        generator(torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_the_encoder_is_torchvisions(name: str) -> None:
    torch.manual_seed(0)
    theirs = models.get_model(name, weights=None).eval()
    ours = Encoder(name, 3).eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k[:3] != "fc."})
    rgb = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(rgb))))
        for layer in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
            x = layer(x)
        assert torch.equal(ours(rgb)[-1], x)
