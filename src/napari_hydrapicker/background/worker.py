"""The worker process: reads requests from its standard input, answers on its standard output."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from napari_hydrapicker.background.messages import (
    Broken,
    Cancel,
    Finished,
    Message,
    PickRequest,
    Ready,
    Request,
    TrainRequest,
    from_line,
    to_line,
)
from napari_hydrapicker.background.picking import pick_one
from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.heads.library import HeadLibrary, find, user_library

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker

T = TypeVar("T")
_NICENESS = 5  # the window comes first


class Cancelled(BaseException):
    """Raised in the middle of work; no `except Exception` on the way may stop it."""


class Worker:
    """Picks and trains what it is asked for; keeps the network it picked with last.

    Parameters
    ----------
    requests, answers
        Pipes; the end of `requests` ends the process, so that none outlives the window.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
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
            elif isinstance(message, Request):
                self._inbox.put(message)
        os._exit(0)  # the window is gone: nobody waits for the micrograph that is under way

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Break off what is cancelled, between two steps of the network; ignore all other signals."""
        if self._interruptible is not None and self._interruptible in self._cancelled:
            self._interruptible = None
            raise Cancelled

    def _serve(self, request: Request) -> None:
        if isinstance(request, TrainRequest):
            self._train(request)
        else:
            self._pick_all(request)

    def _train(self, request: TrainRequest) -> None:
        """Train a head; what is saved is saved before a cancellation can break anything off."""
        from napari_hydrapicker.background.training import save, train

        try:
            made = self._unless_cancelled(request.job, lambda: train(request, self._say))
            if made is not None:
                self._say(save(request, *made))
        except (HydraPickerError, OSError, RuntimeError, MemoryError) as error:
            traceback.print_exc()
            self._say(Broken(f"the head was not trained: {error or 'memory ran out'}"))
            return
        self._say(Finished(request.job, request.job in self._cancelled))

    def _pick_all(self, request: PickRequest) -> None:
        try:
            picker = self._picker(request)
        except (HydraPickerError, OSError, RuntimeError, MemoryError) as error:
            self._say(Broken(f"the network cannot be used: {error}"))
            return
        self._say(Ready(_device_name(picker), picker.threshold))
        for reference in request.micrographs:
            answer = self._unless_cancelled(request.job, partial(pick_one, picker, reference, request))
            if answer is None:
                break
            self._say(answer)
        self._say(Finished(request.job, request.job in self._cancelled))

    def _picker(self, request: PickRequest) -> HydraNetPicker:
        from napari_hydrapicker.picking.hydra import HydraNetPicker

        weights = None if request.weights is None else Path(request.weights)
        # A head that was trained meanwhile may have been saved under the same name.
        changed = weights.stat().st_mtime_ns if weights is not None and weights.exists() else None
        libraries = [HeadLibrary(Path(folder)) for folder in request.libraries]
        key = (weights, changed, request.head, _head_version(request.head, libraries), request.device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # two networks at a time may not fit into the memory of a GPU
            self._loaded = (key, HydraNetPicker.load(weights, request.head, request.device, None, libraries))
        return self._loaded[1]

    def _unless_cancelled(self, job: int, work: Callable[[], T]) -> T | None:
        """Do work that a cancellation breaks off wherever it is; None if the job is cancelled."""
        try:
            self._interruptible = job
            if job in self._cancelled:  # before it could have been interrupted
                return None
            return work()
        except Cancelled:
            return None
        finally:
            self._interruptible = None

    def _say(self, message: Message) -> None:
        with contextlib.suppress(BrokenPipeError):  # the window is gone: `_listen` ends the process
            self._answers.write(to_line(message))
            self._answers.flush()


def _head_version(name: str, libraries: list[HeadLibrary]) -> int | None:
    """Tell a head from one that was saved under the same name later."""
    library = find(name, [*libraries, user_library()])
    return None if library is None else library.path(name).stat().st_mtime_ns


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
    with contextlib.suppress(OSError):  # Linux desktops weigh sessions first, and this process has its own
        Path("/proc/self/autogroup").write_text(str(_NICENESS))
    Worker(sys.stdin.buffer, answers).run()
