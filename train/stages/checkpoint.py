"""Checkpoints: all a killed stage needs to go on, written after each epoch, as safetensors."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from colouriser.errors import reason
from colouriser.files import write_bytes

from ..errors import TrainingError

KEPT = {"step", "exp_avg", "exp_avg_sq"}  # by AdamW, of each parameter
Networks = dict[str, tuple[nn.Module, torch.optim.Optimizer]]


@dataclass(frozen=True)
class Notes:
    """How far a stage has come.

    Raises:
        ValueError: a value makes no sense.
    """

    epochs: int  # done
    best: float | None  # score so far

    def __post_init__(self) -> None:
        if type(self.epochs) is not int or self.epochs < 1:
            raise ValueError(f"{self.epochs!r} epochs")
        if self.best is not None and not (type(self.best) is float and math.isfinite(self.best)):
            raise ValueError(f"a best score of {self.best!r}")


def save_checkpoint(path: Path, notes: Notes, networks: Networks) -> None:
    """Write networks, the state of their optimisers, and notes, atomically."""
    state: dict[str, Tensor] = {}
    for name, (network, optimiser) in networks.items():
        state |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for index, values in optimiser.state_dict()["state"].items():
            for key, value in values.items():
                state[f"{name}-optimiser.{index}.{key}"] = torch.as_tensor(value)
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    data = save(state, metadata={"notes": json.dumps(dataclasses.asdict(notes))})
    write_bytes(path, data)


def load_network(path: Path, name: str, network: nn.Module) -> None:
    """Load one network of a checkpoint.

    Raises:
        TrainingError: the file is damaged or belongs to another network.
    """
    _load(path, network, _under(f"{name}.", _read(path)[0]))


def load_checkpoint(path: Path, networks: Networks) -> Notes:
    """Load what `save_checkpoint` wrote into the same networks and their optimisers, and return the
    notes.

    Raises:
        TrainingError: the file is damaged or belongs to other networks.
    """
    state, notes = _read(path)
    for name, (network, optimiser) in networks.items():
        _load(path, network, _under(f"{name}.", state))
        _load_optimiser(path, optimiser, _under(f"{name}-optimiser.", state))
    return notes


def _load_optimiser(path: Path, optimiser: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    values = optimiser.state_dict()
    values["state"] = {}
    parameters = (p for group in optimiser.param_groups for p in group["params"])
    for index, parameter in enumerate(parameters):
        stored = _under(f"{index}.", state)
        if stored and stored.keys() != KEPT:
            raise _refusal(path, ValueError("its optimiser is another"))
        shapes = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        if any(value.shape != shapes[name] for name, value in stored.items()):
            raise _refusal(path, ValueError("a value of the optimiser has another shape"))
        if stored:  # it has none of what never had a gradient
            # Laid out in memory as the parameter is: a fused AdamW goes through both as they lie.
            values["state"][index] = {
                name: torch.empty_like(parameter).copy_(value) if name != "step" else value
                for name, value in stored.items()
            }
    optimiser.load_state_dict(values)


def _load(path: Path, network: nn.Module, state: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _refusal(path, error) from error


def _read(path: Path) -> tuple[dict[str, Tensor], Notes]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, Notes(**json.loads(file.metadata()["notes"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"the checkpoint {path} cannot be used ({reason(error)}); delete it to start the "
        "stage again"
    )


def _under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
