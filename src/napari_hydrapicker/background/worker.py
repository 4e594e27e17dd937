"""The worker process: reads requests from its standard input, answers on its standard output."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

from napari_hydrapicker.background.messages import (
    Broken,
    Cancel,
    Failed,
    Finished,
    Message,
    MicrographRef,
    Picked,
    PickRequest,
    Ready,
    from_line,
    to_line,
)
from napari_hydrapicker.errors import HydraPickerError

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker

_NICENESS = 5  # the window comes first


class Worker:
    """Picks what it is asked for; keeps the network it used last.

    Parameters
    ----------
    requests, answers
        Pipes; the end of `requests` ends the process, so that none outlives the window.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._inbox: queue.SimpleQueue[PickRequest | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._loaded: tuple[tuple[str | None, str, str], HydraNetPicker] | None = None

    def run(self) -> None:
        """Work until the window closes the pipe."""
        threading.Thread(target=self._listen, daemon=True).start()
        while (request := self._inbox.get()) is not None:
            self._serve(request)

    def _listen(self) -> None:
        for line in self._requests:
            message = from_line(line)
            if isinstance(message, Cancel):
                self._cancelled.add(message.job)
            elif isinstance(message, PickRequest):
                self._inbox.put(message)
        self._inbox.put(None)
        # The window is gone: nobody waits for the micrograph that is under way.
        time.sleep(0.2)
        os._exit(0)

    def _serve(self, request: PickRequest) -> None:
        try:
            picker = self._picker(request)
        except HydraPickerError as error:
            self._say(Broken(str(error)))
            return
        for reference in request.micrographs:
            if request.job in self._cancelled:
                break
            self._say(_pick(picker, reference, request))
        self._say(Finished(request.job, request.job in self._cancelled))

    def _picker(self, request: PickRequest) -> HydraNetPicker:
        key = (request.weights, request.head, request.device)
        if self._loaded is None or self._loaded[0] != key:
            # Not before it is needed: torch takes a second or two to load.
            from pathlib import Path

            from napari_hydrapicker.picking.hydra import HydraNetPicker

            weights = None if request.weights is None else Path(request.weights)
            self._loaded = (key, HydraNetPicker.load(weights, request.head, request.device))
        picker = self._loaded[1]
        self._say(Ready(_device_name(picker), picker.threshold))
        return picker

    def _say(self, message: Message) -> None:
        self._answers.write(to_line(message))
        self._answers.flush()


def _pick(picker: HydraNetPicker, reference: MicrographRef, request: PickRequest) -> Picked | Failed:
    from napari_hydrapicker.micrograph import open_micrographs

    start = time.perf_counter()
    try:
        frames = open_micrographs(reference.path)
        picks = picker.pick_micrograph(
            frames[min(reference.frame, len(frames) - 1)], request.diameter_angstrom,
            reference.pixel_size_angstrom, request.border_angstrom, request.use_mask,
            min_distance_angstrom=request.min_distance_angstrom,
        )  # fmt: skip
    except HydraPickerError as error:
        return Failed(request.job, reference.id, str(error))
    return Picked(
        request.job,
        reference.id,
        tuple((float(y), float(x)) for y, x in picks.yx),
        tuple(picks.score.tolist()),
        time.perf_counter() - start,
    )


def _device_name(picker: HydraNetPicker) -> str:
    import torch

    device = next(picker.model.parameters()).device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": f"CPU, {torch.get_num_threads()} threads", "mps": "Apple GPU"}.get(
        device.type, str(device)
    )


def main() -> None:
    """Run the worker on the process' own pipes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the messages
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed in some containers; slower, not wrong
            os.nice(_NICENESS)
    Worker(sys.stdin.buffer, answers).run()
