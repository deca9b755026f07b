"""The encoders are the originals, with their parameters' names."""

import pytest
import timm
import torch
from torchvision import models

from colouriser.encoder import new_encoder


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_resnets_are_torchvisions(name: str) -> None:
    torch.manual_seed(0)
    theirs = models.get_model(name, weights=None).eval()
    ours = new_encoder(name, 3).eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k[:3] != "fc."})
    rgb = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(rgb))))
        for layer in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
            x = layer(x)
        assert torch.equal(ours(rgb)[-1], x)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_efficientnets_are_timms(name: str) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(f"tf_{name}", features_only=True)
    theirs(torch.rand(4, 3, 64, 64))  # other statistics of normalisation than at first
    theirs.eval()
    ours = new_encoder(name, 3).eval()
    ours.load_state_dict(theirs.state_dict())
    config = timm.get_pretrained_cfg(f"tf_{name}")
    assert config is not None
    assert (ours.mean, ours.std) == (config.mean[0], config.std[0])
    rgb = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        features, expected = ours(rgb), theirs(rgb)
    assert ours.widths == tuple(x.shape[1] for x in expected)
    for own, true in zip(features, expected, strict=True):
        assert torch.allclose(own, true, atol=1e-4)
