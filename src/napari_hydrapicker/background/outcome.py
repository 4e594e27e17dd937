"""What the worker process can train, and how each is saved once it is done."""

from __future__ import annotations

from collections.abc import Callable

from napari_hydrapicker.background import making, training
from napari_hydrapicker.background.messages import LongRequest, Made, MakeRequest, Trained, Training


def trained(request: LongRequest, say: Callable[[Training], None]) -> Callable[[], Trained | Made]:
    """Do the long part of a request, telling of the progress; what is returned saves what came of it.

    Raises
    ------
    HydraPickerError
        As `training.train` and `making.make`; the function returned as their `save`.
    """
    if isinstance(request, MakeRequest):
        made = making.make(request, say)
        return lambda: making.save(request, made)
    result, record = training.train(request, say)
    return lambda: training.save(request, result, record)
