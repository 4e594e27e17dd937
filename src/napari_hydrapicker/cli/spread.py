"""How the work of `hydrapicker pick` is spread over threads, processes, devices and machines."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.shard import Shard

if TYPE_CHECKING:
    from napari_hydrapicker.cli.pick_run import Engine
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.batch import Timings
    from napari_hydrapicker.picking.outputs import OutputFolder
    from napari_hydrapicker.picking.parameters import PickerSpec
    from napari_hydrapicker.picking.results import MicrographResult

_MOST = 1024


class ClusterName(StrEnum):
    """A cluster that is started for the run."""

    LOCAL = "local"


@dataclass(frozen=True)
class Spread:
    """Who does the work.

    Attributes
    ----------
    workers
        Number of processes, each with a network.
    threads
        How many threads of each prepare micrographs; None: as many as suit the device.
    devices
        What the networks compute on, in turn.
    scheduler
        Of the user's own cluster: address or file.
    is_cluster
        Whether others than this process pick.
    shard
        The part of the micrographs that is picked.
    """

    workers: int = 1
    threads: int | None = None
    devices: tuple[str, ...] = ("auto",)
    scheduler: str | None = None
    is_cluster: bool = False
    shard: Shard | None = None

    @classmethod
    def of_options(
        cls,
        workers: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        scheduler: str | None = None,
        cluster: ClusterName | None = None,
        shard: str | None = None,
    ) -> Spread:
        """Read the options.

        Raises
        ------
        ParameterError
            If one is out of its range, or two contradict each other.
        """
        devices = tuple(dict.fromkeys(part.strip() for part in device.split(",")))
        for name, number in (("workers", workers), ("threads", threads)):
            if number is not None and not (name == "workers") <= number <= _MOST:
                raise ParameterError(
                    f"`{name}` {number}: give a number from {int(name == 'workers')} to {_MOST}"
                )
        if scheduler is not None:
            for name, given in (
                ("workers", workers is not None),
                ("cluster", cluster is not None),
                ("threads", threads is not None),
                ("device", len(devices) > 1),
            ):
                if given:
                    raise ParameterError(
                        f"`{name}`: a cluster that runs already has its own; leave it out, or `scheduler`"
                    )
        if workers is not None and len(devices) > workers:
            raise ParameterError(f"`device` {device}: more devices than workers; give as many `workers`")
        n_workers = workers or len(devices)
        several = n_workers > 1 or cluster is not None or scheduler is not None
        return cls(
            n_workers, threads, devices, scheduler, several, None if shard is None else Shard.parse(shard)
        )

    @property
    def device_here(self) -> str:
        """What this process computes on: on a cluster's login node there may be no GPU."""
        return "auto" if self.scheduler is not None else self.devices[0]

    def engine(self, picker: Picker, spec: PickerSpec) -> Engine:
        """Return what picks: see `batch.pick_all` and `cluster.dask.pick_all`."""
        return partial(self._pick, picker, spec)

    def _pick(
        self,
        picker: Picker,
        spec: PickerSpec,
        micrographs: Sequence[Micrograph],
        folder: OutputFolder,
        timings: Timings,
    ) -> Generator[MicrographResult, None, None]:
        from napari_hydrapicker.picking import batch

        threads = batch.default_threads(picker.device) if self.threads is None else self.threads
        if not self.is_cluster:
            yield from batch.pick_all(picker, micrographs, folder, threads, timings)
            return
        from napari_hydrapicker.cluster import dask

        if self.scheduler is not None:
            job = dask.Job(spec, folder.settings, self.devices)
            with dask.connected(self.scheduler) as client:
                yield from dask.pick_all(client, job, micrographs, folder, timings)
            return
        cores = max(1, (os.cpu_count() or 1) // self.workers)
        job = dask.Job(spec, folder.settings, self.devices, torch_threads=cores)
        with dask.local_cluster(self.workers, max(1, min(threads, cores))) as client:
            yield from dask.pick_all(client, job, micrographs, folder, timings)
