"""Weights in a folder: `model.safetensors` and `config.json`, and where folders come from.

Convolution kernels are stored in half precision, which halves the file and changes colours by less
than a rounding step; the few other values (normalisation statistics) keep single precision.
"""

import dataclasses
import json
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from .errors import ModelError
from .files import write_atomically
from .generator import Generator, GeneratorConfig

BUNDLED = Path(__file__).parent / "weights"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def find(source: str | Path | None = None) -> Path:
    """The folder that holds a model.

    Args:
        source: nothing for the bundled weights, a folder, or a Hub repository "owner/name" with an
            optional "@revision" (a tag, branch or commit).

    Raises:
        ModelError: there is no such folder and no such repository, or the Hub cannot be reached.
    """
    if source is None:
        return BUNDLED
    folder = Path(source)
    if folder.exists():
        return folder
    repository, _, revision = str(source).partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise ModelError(
            f"no model at {source}: give a folder or a Hub repository owner/name@revision"
        )
    try:
        return Path(
            snapshot_download(
                repository, revision=revision or None, allow_patterns=[WEIGHTS, CONFIG]
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"cannot get {source} from the Hub ({reason}); check the name, the revision and the "
            "network, or use a folder"
        ) from error


def load(folder: Path) -> Generator:
    """Build the generator that `config.json` describes and load its weights, strictly.

    Returns:
        The generator in float32 and eval mode.

    Raises:
        ModelError: a file is missing or damaged, or weights and config do not fit together.
    """
    advice = "get a complete copy of it, or use the bundled weights"
    if folder == BUNDLED:
        advice = "install the project again"
    try:
        fields = json.loads((folder / CONFIG).read_text())
        fields["decoder"] = tuple(fields["decoder"])
        generator = Generator(GeneratorConfig(**fields))
        state = load_file(folder / WEIGHTS)
        if not all(value.isfinite().all() for value in state.values()):
            raise ModelError("the weights contain values that are not finite")
        generator.load_state_dict({name: _to_float(value) for name, value in state.items()})
    except FileNotFoundError as error:
        missing = Path(error.filename).name if error.filename else WEIGHTS
        raise ModelError(f"{folder} has no {missing}; {advice}") from error
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the model in {folder} is damaged ({reason}); {advice}") from error
    except ModelError as error:
        raise ModelError(f"the model in {folder} cannot be used: {error}; {advice}") from error
    return generator.eval()


def store(generator: Generator, folder: Path) -> None:
    """Write a generator's weights and config into a folder; the inverse of `load`."""
    state = {
        name: value.detach()
        .cpu()
        .to(torch.float16 if value.ndim == 4 else value.dtype)
        .contiguous()
        for name, value in generator.state_dict().items()
    }
    config = json.dumps(dataclasses.asdict(generator.config), indent=2) + "\n"
    write_atomically(folder / WEIGHTS, lambda file: file.write(save(state)))
    write_atomically(folder / CONFIG, lambda file: file.write(config.encode()))


def _to_float(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value
