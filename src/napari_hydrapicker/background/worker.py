"""The worker process: reads requests from its standard input, answers on its standard output."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType
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
from napari_hydrapicker.errors import HydraPickerError, MicrographError

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker

_NICENESS = 5  # the window comes first


class Cancelled(BaseException):
    """Raised in the middle of picking; no `except Exception` on the way may stop it."""


class Worker:
    """Picks what it is asked for; keeps the network it used last.

    Parameters
    ----------
    requests, answers
        Pipes; the end of `requests` ends the process, so that none outlives the window.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._inbox: queue.SimpleQueue[PickRequest] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._interruptible: int | None = None  # the job, while it may be broken off anywhere
        self._loaded: tuple[object, HydraNetPicker] | None = None

    def run(self) -> None:
        """Work, in the main thread, until the window closes the pipe."""
        signal.signal(signal.SIGINT, self._interrupt)
        threading.Thread(target=self._listen, daemon=True).start()
        # torch takes a second or two to load: before the first request is there, if it can be.
        import napari_hydrapicker.picking.hydra  # noqa: F401

        _leave_a_core_free()
        while True:
            self._serve(self._inbox.get())

    def _listen(self) -> None:
        for line in self._requests:
            message = from_line(line)
            if isinstance(message, Cancel):
                self._cancelled.add(message.job)
                signal.raise_signal(signal.SIGINT)  # Python runs the handler in the main thread
            elif isinstance(message, PickRequest):
                self._inbox.put(message)
        os._exit(0)  # the window is gone: nobody waits for the micrograph that is under way

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Break off what is cancelled, between two steps of the network; ignore all other signals."""
        if self._interruptible is not None and self._interruptible in self._cancelled:
            self._interruptible = None
            raise Cancelled

    def _serve(self, request: PickRequest) -> None:
        try:
            picker = self._picker(request)
        except (HydraPickerError, OSError, RuntimeError, MemoryError) as error:
            self._say(Broken(f"the network cannot be used: {error}"))
            return
        self._say(Ready(_device_name(picker), picker.threshold))
        for reference in request.micrographs:
            answer = self._pick(picker, reference, request)
            if answer is None:
                break
            self._say(answer)
        self._say(Finished(request.job, request.job in self._cancelled))

    def _picker(self, request: PickRequest) -> HydraNetPicker:
        from napari_hydrapicker.picking.hydra import HydraNetPicker

        weights = None if request.weights is None else Path(request.weights)
        # A head that was trained meanwhile may have been saved under the same name.
        changed = weights.stat().st_mtime_ns if weights is not None and weights.exists() else None
        key = (weights, changed, request.head, request.device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # two networks at a time may not fit into the memory of a GPU
            self._loaded = (key, HydraNetPicker.load(weights, request.head, request.device))
        return self._loaded[1]

    def _pick(
        self, picker: HydraNetPicker, reference: MicrographRef, request: PickRequest
    ) -> Picked | Failed | None:
        """Pick one micrograph; None if the job is cancelled, before or meanwhile."""
        try:
            self._interruptible = request.job
            if request.job in self._cancelled:  # before it could have been interrupted
                return None
            return pick_one(picker, reference, request)
        except Cancelled:
            return None
        finally:
            self._interruptible = None

    def _say(self, message: Message) -> None:
        with contextlib.suppress(BrokenPipeError):  # the window is gone: `_listen` ends the process
            self._answers.write(to_line(message))
            self._answers.flush()


def pick_one(picker: HydraNetPicker, reference: MicrographRef, request: PickRequest) -> Picked | Failed:
    """Pick one micrograph as the request says, down to the picker's own floor of probability."""
    from napari_hydrapicker.micrograph import MicrographWarning, open_micrographs

    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MicrographWarning)  # told when the file was opened
            frames = open_micrographs(reference.path)
        if not 0 <= reference.frame < len(frames):
            raise MicrographError(f"{reference.path}: has no frame {reference.frame + 1} any more")
        picks = picker.pick_micrograph(
            frames[reference.frame], request.diameter_angstrom,
            reference.pixel_size_angstrom, request.border_angstrom, request.use_mask,
            min_distance_angstrom=request.min_distance_angstrom,
        )  # fmt: skip
    except HydraPickerError as error:
        return Failed(request.job, reference.id, str(error))
    except Exception as error:  # one micrograph must not stop five thousand; the trace is for a bug report
        traceback.print_exc()
        return Failed(request.job, reference.id, f"{reference.path}: {type(error).__name__}: {error}")
    yx = tuple((y, x) for y, x in picks.yx.tolist())
    seconds = time.perf_counter() - start
    return Picked(request.job, reference.id, yx, tuple(picks.score.tolist()), seconds)


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))


def _device_name(picker: HydraNetPicker) -> str:
    import torch

    device = next(picker.model.parameters()).device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    names = {"cpu": f"CPU, {threads} thread{'s' * (threads > 1)}", "mps": "Apple GPU"}
    return names.get(device.type, str(device))


def main() -> None:
    """Run the worker on the process' own pipes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the messages
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed in some containers; slower, not wrong
            os.nice(_NICENESS)
    Worker(sys.stdin.buffer, answers).run()
