"""Training batches, made ahead by worker processes where there are any; the same however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.steps import batch_of

Batch = tuple[Tensor, list[Crop]]
_AHEAD = 4  # batches that each worker makes ahead


class StepBatches(Dataset[Batch]):
    """The batch of every step: crops of one data set, drawn with a seed of the step's own.

    Parameters
    ----------
    sources, shares
        Data sets, and the probability of each.
    batch_size, crop_wpx
        Number of crops, and their side in working pixels.
    seed
        Of everything random.
    part
        The crops of each batch that are drawn: processes that train together have a part each.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        shares: NDArray[np.float64],
        batch_size: int,
        crop_wpx: int,
        seed: int,
        part: slice = slice(None),
    ) -> None:
        self._sources, self._shares = list(sources), shares
        self._batch_size, self._crop_wpx = batch_size, crop_wpx
        self._seed, self._part = seed, part

    def __getitem__(self, step: int) -> Batch:
        """Images ``(B, 1, S, S)`` and crops of a step."""
        rng = np.random.default_rng((self._seed, step))
        source = self._sources[rng.choice(len(self._sources), p=self._shares)]
        return batch_of(source, rng, self._batch_size, self._crop_wpx, self._part)

    def ahead(self, first: int, last: int, workers: int) -> Iterator[Batch]:
        """The batches of steps `first` to `last` - 1, made by this process or ahead by `workers` others."""
        if workers == 0:
            return (self[step] for step in range(first, last))
        loader: DataLoader[Batch] = DataLoader(
            self, batch_size=None, sampler=range(first, last), num_workers=workers, prefetch_factor=_AHEAD,
            multiprocessing_context="spawn", worker_init_fn=_one_thread,
        )  # fmt: skip
        return iter(loader)


def _one_thread(worker: int) -> None:
    """Keep a worker to one core: there are as many workers as cores to fill."""
    torch.set_num_threads(1)
