"""Checkpoints: all a killed stage needs to go on, written after each epoch, as safetensors."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from fastai.learner import Learner
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from colouriser.errors import reason
from colouriser.files import write_atomically

from ..run import TrainingError

MODEL, OPTIMISER = "model.", "optimiser."
KEPT = {"step", "exp_avg", "exp_avg_sq"}  # by AdamW, of each parameter


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


def save_checkpoint(learner: Learner, path: Path, notes: Notes) -> None:
    """Write the model, the optimiser's state and notes, atomically."""
    model = getattr(learner.model, "module", learner.model)  # within that of several processes
    state = {MODEL + name: value for name, value in model.state_dict().items()}
    for index, values in learner.opt.state_dict()["state"].items():
        for key, value in values.items():
            state[f"{OPTIMISER}{index}.{key}"] = torch.as_tensor(value)
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    data = save(state, metadata={"notes": json.dumps(dataclasses.asdict(notes))})
    write_atomically(path, lambda file: file.write(data))


def load_model(path: Path, model: nn.Module) -> None:
    """Load the model's state in a checkpoint into a model.

    Raises:
        TrainingError: the file is damaged or belongs to another model.
    """
    _load(path, model, _read(path)[0])


def load_checkpoint(learner: Learner, path: Path) -> Notes:
    """Load what `save_checkpoint` wrote into a learner with the same model, and return the notes.

    Raises:
        TrainingError: the file is damaged or belongs to another model.
    """
    state, notes = _read(path)
    _load(path, learner.model, state)
    learner.model.to(learner.dls.device)  # fastai would move the model later, but never this state
    learner.create_opt()
    values = learner.opt.state_dict()
    values["state"] = {}
    for index, parameter in enumerate(p for group in learner.opt.param_lists for p in group):
        stored = _under(f"{OPTIMISER}{index}.", state)
        if stored and stored.keys() != KEPT:
            raise _refusal(path, ValueError("its optimiser is another"))
        shapes = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        if any(value.shape != shapes[name] for name, value in stored.items()):
            raise _refusal(path, ValueError("a value of the optimiser has another shape"))
        if stored:  # it has none of a network whose turn has not come
            # Laid out in memory as the parameter is: a fused AdamW goes through both as they lie.
            values["state"][index] = {
                name: torch.empty_like(parameter).copy_(value) if name != "step" else value
                for name, value in stored.items()
            }
    learner.opt.load_state_dict(values)
    return notes


def _load(path: Path, model: nn.Module, state: dict[str, Tensor]) -> None:
    try:
        model.load_state_dict(_under(MODEL, state))
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
