"""The worker process: reads requests from its standard input, answers on its standard output."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from napari_hydrapicker.errors import HydraPickerError, ProjectError
from napari_hydrapicker.picking import batch
from napari_hydrapicker.worker.errors import LOG_MARK, in_words
from napari_hydrapicker.worker.job_directory import JobReporter
from napari_hydrapicker.worker.messages import (
    Broken,
    Cancel,
    ClassifyRequest,
    Finished,
    LongRequest,
    Message,
    PickRequest,
    Ready,
    Request,
    Training,
    from_line,
    to_line,
)
from napari_hydrapicker.worker.picking import FolderRun, PickerCache, device_name, estimate
from napari_hydrapicker.worker.priority import give_way, go_on_alone, stand_back, weigh_session

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.manifest import Manifest


logger = logging.getLogger(__name__)

T = TypeVar("T")
_GIVE_WAY, _TRAINING_GIVES_WAY = 5, 5  # the latter on top: it takes all cores, which picking does not
_LOOK_SECONDS = 0.2
_LONGEST_ALONE_SECONDS = 12 * 3600.0  # a training takes minutes


class Cancelled(BaseException):
    """Raised in the middle of work; no `except Exception` on the way may stop it."""


class Worker:
    """Picks and trains what it is asked for; keeps the network it picked with last.

    Parameters
    ----------
    requests, answers
        Pipes. The end of `requests` means that the window is gone: it ends the process, but for a training,
        which goes on alone, writes what came of it to its job directory, and then ends.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._interruptible: int | None = None  # the job, while it may be broken off anywhere
        self._training: LongRequest | None = None
        self._pickers = PickerCache()
        self._manifest: Manifest | None = None  # of the folder that was picked into last

    def run(self) -> None:
        """Work, in the main thread, until the window closes the pipe and no training is under way."""
        signal.signal(signal.SIGINT, self._interrupt)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of a terminal that was closed, as the window was
        threading.Thread(target=self._listen, daemon=True).start()
        while (request := self._inbox.get()) is not None:
            self._serve(request)

    def _listen(self) -> None:
        for line in self._requests:
            try:
                message = from_line(line)
            except ValueError as error:
                if not line.endswith(b"\n"):
                    break  # cut off: the window died while it wrote
                logger.error("a request cannot be read: %s", error)
                self._send(Broken(f"the worker process cannot read a request: {error}; please report it"))
                continue
            if isinstance(message, Cancel):
                self._cancel(message.job)
            elif isinstance(message, Request):
                self._training = message if isinstance(message, LongRequest) else None
                self._inbox.put(message)
        training = self._training
        if training is None:
            os._exit(0)  # nobody waits for the micrograph that is under way
        self._inbox.put(None)
        go_on_alone(self._answers.fileno())
        self._look_after(training)

    def _look_after(self, training: LongRequest) -> None:
        """Cancel a training without a window if another window wants that, or if it hangs."""
        reporter, end = JobReporter(training), time.monotonic() + _LONGEST_ALONE_SECONDS
        while not reporter.is_cancelled():
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() > end:
                reporter.failed(
                    f"it was not done after {_LONGEST_ALONE_SECONDS / 3600:g} hours, and was ended"
                )
                os._exit(1)
        self._cancel(training.job)

    def _cancel(self, job: int) -> None:
        self._cancelled.add(job)
        signal.raise_signal(signal.SIGINT)  # Python runs the handler in the main thread

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Break off what is cancelled, between two steps of the network; ignore all other signals."""
        if self._interruptible is not None and self._interruptible in self._cancelled:
            self._interruptible = None
            raise Cancelled

    def _serve(self, request: Request) -> None:
        if isinstance(request, LongRequest):
            self._train(request)
            self._training = None
        elif isinstance(request, ClassifyRequest):
            self._classify(request)
        else:
            self._pick_all(request)

    def _train(self, request: LongRequest) -> None:
        """Train a head or a picker; what is saved is saved before a cancellation can break anything off."""
        try:
            with JobReporter(request) as reporter:
                self._send(self._trained(request, reporter))
        except ProjectError as error:  # another process is at it, whose status is not ours to change
            self._send(Broken(str(error)))

    def _trained(self, request: LongRequest, reporter: JobReporter) -> Finished | Broken:
        """Train, with a status that says how far it is and how it ended; returns the last message."""

        def report(progress: Training) -> None:
            reporter.progress(progress)
            self._send(progress)

        try:
            stand_back(_TRAINING_GIVES_WAY)
            # Only now: the status that a training is under way must not wait for torch.
            from napari_hydrapicker.worker.training import trained

            save = self._unless_cancelled(request.job, lambda: trained(request, report))
            if save is None:
                reporter.cancelled()
            else:
                outcome = save()
                reporter.done(outcome)
                self._send(outcome)
        except Exception as error:  # whatever it is, it is reported; the trace is for a bug report
            logger.exception("the training failed")
            problem = in_words(error)
            reporter.failed(problem)
            return Broken(problem)
        return Finished(request.job, request.job in self._cancelled)

    def _pick_all(self, request: PickRequest) -> None:
        try:
            picker = self._pickers.get(request)
        except Exception as error:  # as in a training
            logger.exception("the network cannot be used")
            self._send(Broken(f"the network cannot be used: {in_words(error)}"))
            return
        if request.estimate:
            self._estimate(picker, request)
            return
        try:
            self._pick_into_folder(picker, request)
        except HydraPickerError as error:
            self._send(Broken(f"picking stopped: {error}"))
        except Exception as error:  # as in a training
            logger.exception("picking stopped")
            self._send(Broken(f"picking stopped: {in_words(error)}"))
        else:
            self._send(Finished(request.job, request.job in self._cancelled))

    def _pick_into_folder(self, picker: Picker, request: PickRequest) -> None:
        """Pick with the engine of the command line, and send what it writes."""
        run = self._unless_cancelled(request.job, lambda: FolderRun(picker, request, self._manifest))
        if run is None:
            return
        self._send(Ready(device_name(run.picker), run.picker.threshold, run.remark))
        run.begin()
        self._manifest = run.manifest
        answered = set()
        with contextlib.closing(run.answers()) as answers:
            while answer := self._unless_cancelled(request.job, partial(next, answers, None)):
                self._send(answer)
                answered.add(answer.micrograph_id)
        for answer in run.rest(answered):
            self._send(answer)

    def _classify(self, request: ClassifyRequest) -> None:
        try:
            from napari_hydrapicker.worker.classes import classified

            answer = self._unless_cancelled(request.job, lambda: classified(request, self._send))
        except Exception as error:  # as in a training
            logger.exception("the picks cannot be classified")
            self._send(Broken(f"the picks cannot be classified: {in_words(error)}"))
            return
        if answer is not None:
            self._send(answer)
        self._send(Finished(request.job, request.job in self._cancelled))

    def _estimate(self, picker: Picker, request: PickRequest) -> None:
        try:
            answer = self._unless_cancelled(
                request.job, lambda: estimate(cast("HydraNetPicker", picker), request)
            )
        except Exception as error:  # as in a training
            logger.exception("the diameter cannot be estimated")
            self._send(Broken(f"the diameter cannot be estimated: {in_words(error)}"))
            return
        if answer is not None:
            self._send(answer)
        self._send(Finished(request.job, request.job in self._cancelled))

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

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # the window is gone: `_listen` sees to that
            self._answers.write(to_line(message))
            self._answers.flush()


def main() -> None:
    """Run the worker on the process' own pipes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the messages
    logging.basicConfig(format=f"{LOG_MARK}%(levelname)s: %(name)s: %(message)s")
    logging.getLogger(batch.__name__).setLevel(logging.DEBUG)  # with the traces of faults, for a bug report
    logging.raiseExceptions = False  # where nobody reads any more
    give_way(_GIVE_WAY)
    weigh_session(_GIVE_WAY)
    try:
        Worker(sys.stdin.buffer, answers).run()
    except Exception:
        logger.exception("the worker process ends")
        os._exit(1)  # not Python's own end, which aborts while the other thread waits for a request
    os._exit(0)  # a library may hang at its end
