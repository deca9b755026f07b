"""The generator's shapes and ranges."""

import pytest
import torch

from colouriser import Generator, GeneratorConfig, ModelError

SMALL = (16, 16, 8, 8)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "resnet50"])
def test_encoders(encoder: str) -> None:
    generator = Generator(GeneratorConfig(encoder, SMALL)).eval()
    with torch.inference_mode():
        chroma = generator(torch.rand(2, 1, 64, 96))
    assert chroma.shape == (2, 2, 32, 48)
    assert chroma.abs().max() <= 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (33, 31), (64, 64), (127, 70)])
def test_any_size(size: tuple[int, int]) -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    with torch.inference_mode():
        chroma = generator(torch.rand(1, 1, *size))
    assert chroma.shape == (1, 2, (size[0] + 1) // 2, (size[1] + 1) // 2)
    assert chroma.isfinite().all()


def test_every_parameter_learns() -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL))
    generator(torch.rand(2, 1, 64, 64)).square().sum().backward()
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
    ],
)
def test_config_is_checked(fields: dict) -> None:
    with pytest.raises(ModelError):
        GeneratorConfig(**fields)
