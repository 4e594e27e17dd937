"""The two phases that make a network, run on assembled data and reported in lines of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError, is_out_of_memory
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.training.assembly import TrainingData
from napari_hydrapicker.training.multi_head import MultiHeadParameters, MultiHeadProgress, train_multi_head
from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import Crop


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, the held-out images of its heads, and the parameters that it was trained with."""

    model: HydraPicker
    validation: Mapping[str, Sequence[Crop]]
    parameters: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A training from a network, with checkpoints in a folder; `report` is called with lines of progress."""

    model: HydraPicker
    data: TrainingData
    folder: Path
    minutes: float
    report: Callable[[str], None]
    processes: int = 1
    workers: int = 0
    device: torch.device | None = None

    def single_head(self, **parameters: Any) -> Trained:
        """Run phase 1 with these parameters, the others by default.

        Raises
        ------
        OutOfMemoryError
            If the training does not fit into memory.
        """
        p = SingleHeadParameters(**parameters)
        data = self.data
        with _enough_memory():
            best = train_single_head(
                self.model, data.sources, data.weights, data.validation, self.folder, p,
                lambda now: self.report(single_head_line(now)), minutes=self.minutes,
                processes=self.processes, workers=self.workers, device=self.device,
            )  # fmt: skip
        return Trained(best, {GENERIC: data.unseen}, asdict(p))

    def multi_head(self, kept: Sequence[str], **parameters: Any) -> Trained:
        """Run phase 2 with these parameters, the others by default, and keep some of the heads.

        Raises
        ------
        ParameterError
            If there will be no such head.
        OutOfMemoryError
            If the training does not fit into memory.
        """
        p = MultiHeadParameters(**parameters)
        data = self.data
        for name in kept:
            if name not in data.heads:
                known = ", ".join(dict.fromkeys(data.heads))
                raise ParameterError(f"`keep_heads` {name}: there will be no such head; choose among {known}")
        validation = data.by_head()
        with _enough_memory():
            best = train_multi_head(
                self.model, data.sources, data.weights, validation, self.folder, p,
                lambda now: self.report(multi_head_line(now)), minutes=self.minutes,
                processes=self.processes, device=self.device,
            )  # fmt: skip
        for name in set(best.head_names) - {GENERIC, *kept}:
            best.remove_head(name)
        return Trained(best, validation, asdict(p))


@contextmanager
def _enough_memory() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            "the training does not fit into memory: give a smaller `batch` or `crop`, have fewer heads, or "
            "close other programs"
        ) from error


def single_head_line(now: Progress) -> str:
    """Return a line that says where phase 1 is."""
    ap = ", ".join(f"{name} {value:.3f}" for name, value in (now.validation_ap or {}).items())
    left = "" if math.isnan(now.left) else f", {now.left / 60:.0f} min left"
    return (
        f"step {now.step}/{now.steps}  loss {now.loss:.3f} (localisation {now.localisation:.3f})"
        f"  {now.seconds:.0f} s{left}{'  validation AP: ' + ap if ap else ''}"
    )


def multi_head_line(now: MultiHeadProgress) -> str:
    """Return a line that says where phase 2 is; after a validation with a line for each head."""
    line = (
        f"step {now.step}/{now.steps}  loss {now.loss:.3f} (localisation {now.localisation:.3f})"
        f"  heads' distance {now.bias:.4f}  {now.seconds:.0f} s"
    )
    if now.ap is None:
        return line
    heads = "".join(
        f"\n  {name}: AP {own:.3f}, generic {now.ap.generic_there[name]:.3f}"
        for name, own in now.ap.specialised.items()
    )
    return f"{line}  validation AP, generic {now.ap.generic:.3f}{heads}"
