"""The generator's shapes and ranges."""

import pytest
import torch
from torch import nn

from colouriser import Generator, GeneratorConfig, ModelError, SettingError, colour
from colouriser.encoder import ENCODERS, Attention
from colouriser.generator import for_inference, has_bfloat16

SMALL = (16, 16, 8, 8)


@pytest.mark.parametrize("encoder", ENCODERS)
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
    generator = Generator(GeneratorConfig(decoder=SMALL))
    for zeros in (generator.head, generator.attention16.out, generator.attention32.out):
        nn.init.normal_(zeros.weight)  # what begins at zero lets nothing through
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
        {"attention": 1},
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
def test_chroma_is_the_palettes_mean_and_a_residual(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    alone = Generator(GeneratorConfig(decoder=SMALL, mean=0.0)).eval()
    both = Generator(GeneratorConfig(decoder=SMALL, mean=0.5)).eval()
    nn.init.normal_(alone.head.weight, std=0.1)
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


def test_hints_change_what_is_painted_and_none_are_zeros() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    luma, hints = torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
    with torch.inference_mode():
        without = generator(luma).chroma
        assert torch.equal(without, generator(luma, hints).chroma)
        hints[:, :, 20:24, 20:24] = torch.tensor([0.2, -0.1, 1]).view(3, 1, 1)
        assert not torch.equal(without, generator(luma, hints).chroma)


def test_older_weights_take_no_hints() -> None:
    generator = Generator(GeneratorConfig(decoder=SMALL, hints=False, palette=0)).eval()
    with torch.inference_mode():
        assert generator(torch.rand(1, 1, 64, 64)).palette.shape == (1, 0, 16, 16)
    with pytest.raises(ModelError, match="take no hints"):
        generator(torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64))


def test_attention_begins_without_effect_and_sees_far() -> None:
    torch.manual_seed(0)
    without = Generator(GeneratorConfig(decoder=SMALL, attention=False)).eval()
    generator = Generator(GeneratorConfig(decoder=SMALL)).eval()
    generator.load_state_dict(generator.state_dict() | without.state_dict())
    luma = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert torch.equal(generator(luma).palette, without(luma).palette)
    attention = Attention(8).eval()
    nn.init.normal_(attention.out.weight)
    x = torch.rand(1, 8, 6, 9)
    changed = x.clone()
    changed[..., 0, 0] += 1
    with torch.inference_mode():
        assert (attention(changed) - attention(x))[..., 5, 8].abs().max() > 0


@pytest.mark.parametrize(("value", "dtype"), [("0", torch.float32), ("1", torch.bfloat16)])
def test_bfloat16_can_be_chosen(
    value: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOURISER_BFLOAT16", value)
    generator = for_inference(Generator(GeneratorConfig(decoder=SMALL)), torch.device("cpu"))
    assert generator.head.weight.dtype is dtype
    painting = generator(torch.rand(1, 1, 64, 64))
    assert painting.chroma.dtype is torch.float32


def test_a_bad_choice_of_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOURISER_BFLOAT16", "yes")
    with pytest.raises(SettingError, match="COLOURISER_BFLOAT16 must be 0 or 1, not 'yes'"):
        has_bfloat16("cpu")
