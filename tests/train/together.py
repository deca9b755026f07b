"""One of several training processes, for test_chain: `torchrun … together.py FOLDER STEP …`.

Runs `python -m train STEP …` and leaves in FOLDER what this process trained on and ended with.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.learner import defaults
from fastai.torch_core import rank_distrib

from train.__main__ import main


class Spy(Callback):
    """Notes each photograph of the first epoch, and the weights at the end."""

    def before_fit(self) -> None:
        self.seen: list[str] = []

    def before_batch(self) -> None:
        if self.training and self.epoch == 0:
            self.seen += [_digest(photograph) for photograph in self.x]

    def after_fit(self) -> None:
        weights = {n: _digest(v) for n, v in self.model.named_parameters()}
        note = {"seen": self.seen, "weights": weights}
        (FOLDER / f"{rank_distrib()}.json").write_text(json.dumps(note))


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().float().numpy().tobytes()).hexdigest()


FOLDER = Path(sys.argv[1])
defaults.callbacks.append(Spy)
sys.exit(main(sys.argv[2:]))
