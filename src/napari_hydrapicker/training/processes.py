"""Processes that train one network together, each on its part of every batch: Lightning Fabric's DDP.

On the CPU two processes of one thread do more on two cores than one process of two threads: nearly twice as
much in place of 1.4 times. On GPUs each process has one of its own.

Every process computes on some crops of the batch, and what the loss is divided by is summed over all, so that
the gradients, their clipping and the reported losses are those of one process with the whole batch.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PATIENCE = timedelta(hours=24)  # for the process that leads: the others wait while it validates


class Team:
    """This process among those that train together; by itself, without any, it is one of one.

    Attributes
    ----------
    rank, size
        Number of this process, and how many there are.
    """

    def __init__(self, fabric: Fabric | None = None) -> None:
        self._fabric = fabric
        self.rank, self.size = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """Which crops of every batch are this process's."""
        return slice(self.rank, None, self.size)

    @classmethod
    def run(
        cls,
        work: Callable[[Self], None],
        processes: int,
        batch_size: int,
        device: torch.device | None = None,
        spare: bool = False,
    ) -> None:
        """Do some work in so many processes, and wait for all; in this one alone where that is 1.

        Parameters
        ----------
        work
            Is given the process's team.
        processes, batch_size
            Every process needs at least one crop of a batch.
        device
            Of one process; its kind is that of several, which have a GPU each.
        spare
            Whether steps leave some weights without a gradient, as those of heads that are not drawn.

        Raises
        ------
        ParameterError
            If there is not at least one process, or there are more than crops in a batch.
        """
        if processes < 1:
            raise ParameterError(f"{counted(processes, 'training process')}; give 1 or more")
        if processes == 1:
            return work(cls())
        if processes > batch_size:
            raise ParameterError(
                f"{counted(processes, 'training process')} share a `batch` of {batch_size}: give a larger "
                "one, or fewer"
            )
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy

        logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
        kind = "cpu" if device is None else device.type
        strategy = DDPStrategy(
            start_method="fork", timeout=_PATIENCE, find_unused_parameters=spare,
            gradient_as_bucket_view=not spare,
        )  # fmt: skip
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # no thread pool that the children would inherit half of
        try:
            fabric = Fabric(accelerator=kind, devices=processes, strategy=strategy)
            fabric.launch(lambda own: _member(own, work, cls))
        finally:
            torch.set_num_threads(threads)

    def device(self, alone: torch.device) -> torch.device:
        """The process's own device; `alone` where it is one of one."""
        return alone if self._fabric is None else self._fabric.device

    def share(self, model: HydraPicker) -> HydraPicker:
        """The model on the process's device, such that its gradients are those of all processes together."""
        return model if self._fabric is None else cast(HydraPicker, self._fabric.setup_module(model))

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss, those of all processes."""
        if self._fabric is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self._fabric.backward(loss)

    def mean(self, numbers: Tensor) -> Tensor:
        """Mean of numbers over the processes."""
        return (
            numbers
            if self._fabric is None
            else cast(Tensor, self._fabric.all_reduce(numbers, reduce_op="mean"))
        )

    def positives(self, number: Tensor) -> Tensor:
        """What the loss of this process's part of a batch is divided by, given its number of positive cells.

        The mean over the processes of losses that are divided by it is the loss of the whole batch, which is
        divided by all its positives, at least 1.
        """
        return self.mean(number.float()).clamp(min=1 / self.size)

    def agree(self, stop: bool) -> bool:
        """Whether the leading process wants to stop."""
        return stop if self._fabric is None else bool(self._fabric.broadcast(stop))

    def wait(self) -> None:
        """Wait for the other processes."""
        if self._fabric is not None:
            self._fabric.barrier()


def _member(fabric: Fabric, work: Callable[[Any], None], kind: type[Team]) -> None:
    torch.set_num_threads(1)
    if fabric.device.type == "cpu":
        _keep_to_a_core(fabric.global_rank)
    torch.manual_seed(torch.initial_seed() + fabric.global_rank)  # no two drop out the same
    work(kind(fabric))


def _keep_to_a_core(rank: int) -> None:
    """Give this process a core of its own: on a busy computer two that wait for each other share one else."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
