"""Processes that train one network together, each on its own batch, with averaged gradients.

Two processes of one thread do more on two cores than one process of two threads: nearly twice as much in
place of 1.4 times.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Self, cast

import torch
from torch import distributed
from torch.multiprocessing.spawn import start_processes
from torch.nn.parallel import DistributedDataParallel

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.network import HydraPicker


class Team:
    """This process among those that train together.

    Attributes
    ----------
    rank, size
        Number of this process, and how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    @classmethod
    def run(cls, work: Callable[[Self], None], processes: int) -> None:
        """Do some work in so many processes, and wait for all; in this one alone where that is 1.

        Raises
        ------
        ParameterError
            If there is not at least one process.
        """
        if processes < 1:
            raise ParameterError(f"{processes} training processes; give 1 or more")
        if processes == 1:
            return work(cls())
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # no thread pool that the children would inherit half of
        try:
            start_processes(  # type: ignore[no-untyped-call]
                _member, (work, cls, processes, _free_port()), processes, start_method="fork"
            )
        finally:
            torch.set_num_threads(threads)

    def share(self, model: HydraPicker) -> HydraPicker:
        """The model, such that its gradients are those of all processes together."""
        if self.size == 1:
            return model
        return cast(HydraPicker, DistributedDataParallel(model, gradient_as_bucket_view=True))

    def agree(self, stop: bool) -> bool:
        """Whether the leading process wants to stop."""
        if self.size == 1:
            return stop
        flag = torch.tensor([stop and self.leads], dtype=torch.int8)
        distributed.broadcast(flag, 0)
        return bool(flag)

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.size > 1:
            distributed.barrier()


def _member(rank: int, work: Callable[[Team], None], kind: type[Team], size: int, port: int) -> None:
    torch.set_num_threads(1)
    _keep_to_a_core(rank)
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", port, size, rank == 0
    )
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
    try:
        work(kind(rank, size))
    finally:
        distributed.destroy_process_group()


def _keep_to_a_core(rank: int) -> None:
    """Give this process a core of its own: on a busy computer two that wait for each other share one else."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
