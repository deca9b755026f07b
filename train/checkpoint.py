"""Checkpoints: all a killed stage needs to go on, written after each epoch, as safetensors."""

import json
from pathlib import Path

import torch
from fastai.learner import Learner
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from colouriser import ColouriserError
from colouriser.errors import reason
from colouriser.files import write_atomically

MODEL, OPTIMISER = "model.", "optimiser."


def save_checkpoint(learner: Learner, path: Path, notes: dict) -> None:
    """Write the model, the optimiser's state and notes (JSON values), atomically."""
    model = getattr(learner.model, "module", learner.model)  # within that of several processes
    state = {MODEL + name: value for name, value in model.state_dict().items()}
    for index, values in enumerate(learner.opt.state_dict()["state"]):
        for key, value in values.items():
            state[f"{OPTIMISER}{index}.{key}"] = torch.as_tensor(value)
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    data = save(state, metadata={"notes": json.dumps(notes)})
    write_atomically(path, lambda file: file.write(data))


def load_model(path: Path) -> dict[str, Tensor]:
    """The model's state dict in a checkpoint.

    Raises:
        ColouriserError: the file is damaged.
    """
    return _under(MODEL, _read(path)[0])


def load_checkpoint(learner: Learner, path: Path) -> dict:
    """Load what `save_checkpoint` wrote into a learner with the same model, and return the notes.

    Raises:
        ColouriserError: the file is damaged or belongs to another model.
    """
    state, notes = _read(path)
    try:
        learner.model.load_state_dict(_under(MODEL, state))
    except RuntimeError as error:
        raise _refusal(path, error) from error
    learner.model.to(learner.dls.device)  # fastai would move the model later, but never this state
    learner.create_opt()
    values = learner.opt.state_dict()
    for index, parameter in enumerate(values["state"]):
        stored = _under(f"{OPTIMISER}{index}.", state)
        parameter.update(
            {k: v.to(learner.dls.device) if v.ndim else v.item() for k, v in stored.items()}
        )
    learner.opt.load_state_dict(values)
    return notes


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, json.loads(file.metadata()["notes"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> ColouriserError:
    return ColouriserError(
        f"the checkpoint {path} cannot be used ({reason(error)}); delete it to start the "
        "stage again"
    )


def _under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
