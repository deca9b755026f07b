"""Several processes, on several GPUs or machines: fastai's distributed support on torch's DDP.

`accelerate launch --num_processes N -m train generator …` (or `torchrun`) starts N processes. Each
sees another part of every epoch's photographs; gradients are averaged, so all hold the same
weights. The first process alone measures, writes and talks.

What fastai 2.8 leaves to do: its loader shares the order of photographs through a GPU, so it fails
on processors; and GANTrainer switches the model, which is out of its reach behind DDP's wrapper.
"""

import os

import torch
from accelerate import DistributedDataParallelKwargs
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.distributed import DistributedDL, DistributedTrainer
from fastai.learner import Learner
from fastai.torch_core import num_distrib, rank_distrib
from fastai.vision.gan import GANModule


def is_first() -> bool:
    """Whether this process is the first or only one."""
    return not rank_distrib()


def is_only() -> bool:
    """Whether this process trains alone."""
    return num_distrib() <= 1


def choose_gpu() -> None:
    """Give each process of a machine a GPU of its own, if there are GPUs."""
    if not is_only() and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def distribute(learner: Learner) -> None:
    """Let a learner train together with those of the other processes, if there are any."""
    if not is_only():
        learner.add_cb(Distributed(unused=isinstance(learner.model, GANModule)))
        if not is_first():
            learner.remove_cb(ProgressCallback)


class Loader(DistributedDL):
    """Each process's part of a loader."""

    def _broadcast(self, indices: list[int], rank: int) -> list[int]:
        shared = torch.tensor(indices, device=self.device)
        torch.distributed.broadcast(shared, rank)
        return shared.tolist()


class Distributed(DistributedTrainer):
    """Wraps the model and the loaders for the time of a fit.

    Args:
        unused: whether a step leaves parameters unused, like those of a GAN's idle network.
    """

    def __init__(self, unused: bool) -> None:
        wrapper = DistributedDataParallelKwargs(find_unused_parameters=unused)
        gpu = torch.cuda.is_available()
        # Statistics of normalisation over all processes, which torch can do on GPUs only.
        super().__init__(sync_bn=gpu, cpu=not gpu, kwargs_handlers=[wrapper])

    def before_fit(self) -> None:
        model = self.learn.model
        if isinstance(model, GANModule):  # DDP overlooks what is frozen when it wraps the model
            for network in (model.generator, model.critic):
                network.requires_grad_(True)
        super().before_fit()
        if isinstance(model, GANModule):
            self.learn.model.switch = model.switch
            self.learn.gan_trainer.switch(self.learn.gan_trainer.gen_mode)

    def _wrap_dl(self, dl: Callback) -> Loader:
        return dl if isinstance(dl, Loader) else Loader(dl, device=self.learn.model.device)
