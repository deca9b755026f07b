"""ImageNet weights of encoders and classifiers: from a file, torchvision or the Hub."""

from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from colouriser import Generator
from colouriser.encoder import EFFICIENTNETS
from colouriser.errors import reason

from ..errors import TrainingError

CLASSIFIER = ("fc.", "conv_head.", "bn2.", "classifier.")  # what an encoder does without


def imagenet(network: str, path: Path | None = None) -> dict[str, Tensor]:
    """A network's ImageNet weights, its classifier included.

    Args:
        network: of `colouriser.encoder.ENCODERS`.
        path: a safetensors file with torchvision's or timm's names; downloaded unless given:
            torchvision's for ResNets, timm's for EfficientNets.

    Raises:
        TrainingError: the download failed, or the file cannot be read.
    """
    try:
        if path is not None:
            return load_file(path)
        if network in EFFICIENTNETS:
            return load_file(hf_hub_download(f"timm/tf_{network}.in1k", "model.safetensors"))
        from torchvision.models import get_model  # a slow import

        return get_model(network, weights="IMAGENET1K_V1").state_dict()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"no ImageNet weights of {network} from {path or 'the internet'} ({reason(error)}); "
            "give the safetensors file with --encoder-weights"
        ) from error


def start_from_imagenet(generator: Generator, path: Path | None = None) -> None:
    """Load ImageNet weights into the encoder. The first convolution's are summed over R, G and B,
    which gives for grey what the original gives for R = G = B; for hints they begin at zero.

    Raises:
        TrainingError: see `imagenet`; or they are of another network.
    """
    encoder = generator.encoder
    state = imagenet(generator.config.encoder, path)
    state = {k: v for k, v in state.items() if not k.startswith(CLASSIFIER)}
    first = f"{encoder.stem}.weight"
    try:
        widened = torch.zeros_like(encoder.state_dict()[first])
        widened[:, :1] = state[first].sum(1, keepdim=True)
        encoder.load_state_dict(state | {first: widened})
    except (KeyError, RuntimeError) as error:
        raise TrainingError(
            f"{path or 'what came'} holds no weights of {generator.config.encoder} "
            f"({reason(error)}); give another file with --encoder-weights"
        ) from error
