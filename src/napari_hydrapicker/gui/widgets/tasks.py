"""Functions run off the GUI thread, and what is done a moment later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.project.database import Parts

Report = Callable[[int, int], None]

_PART_S = 0.02  # of the GUI thread at a time, for a change that is made in parts
_AT_ONCE = 32  # steps of one that are made however busy the computer is: all of a single correction
AFTER_FRAME_MS = 30  # after a change of the canvas: its frame comes first, then the rest of the window


class Stopped(BaseException):
    """Ends work that nobody wants any more; no `Exception`, so that nothing takes it for a failure."""


class Tasks(QObject):
    """One background thread; of tasks with the same name only the newest counts.

    Signals
    -------
    failed (str)
        A task could not be done; in words.
    """

    failed = Signal(str)
    _done = Signal(object)
    _advanced = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hydrapicker-task")
        self._newest: dict[str, Future[Any]] = {}
        self._stops: dict[str, threading.Event] = {}
        self._stoppable: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._closed = False
        # Queued even if the work is done at once: nobody expects `then` before `run` has returned.
        self._done.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._advanced.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def run(self, name: str, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Do `work` in the background, then call `then` with its result in the GUI thread."""
        self.stop(name)
        self._deliver(name, self._pool.submit(work), then)

    def run_stoppable(
        self,
        name: str,
        work: Callable[[Report], Any],
        then: Callable[[Any], object],
        progress: Callable[[int, int], object],
    ) -> None:
        """Do long work that looks again and again whether it is still wanted.

        Parameters
        ----------
        name : str
            Its name.
        work : callable
            Is given a function to report how much is done, of how much. That raises `Stopped` once there
            is a newer task of this name, after `stop`, and after `close`, which does not wait for this work:
            it must change nothing.
        then, progress : callable
            Are called in the GUI thread with the result, and with how much is done, of how much.
        """
        self.stop(name)
        stop, last = threading.Event(), (-1, -1)
        self._stops[name] = stop

        def report(done: int, total: int) -> None:
            nonlocal last
            if stop.is_set():
                raise Stopped
            if (done, total) == last:
                return
            last = done, total
            self._emit(self._advanced, (stop, progress, done, total))

        future = self._pool.submit(work, report)
        self._stoppable.add(future)
        future.add_done_callback(self._stoppable.discard)
        self._deliver(name, future, then)

    def stop(self, name: str) -> None:
        """Want no result of a task any more."""
        if name in self._newest:
            self._newest.pop(name).cancel()
        if name in self._stops:
            self._stops.pop(name).set()

    @property
    def busy(self) -> bool:
        """Whether a task is under way."""
        return bool(self._newest)

    def close(self) -> None:
        """Drop all tasks, and wait for the one under way unless it can be stopped; no result is delivered."""
        with self._lock:
            self._closed = True
        for name in [*self._newest, *self._stops]:
            self.stop(name)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if not any(future.running() for future in tuple(self._stoppable)):
            self._pool.shutdown(wait=True)

    def _deliver(self, name: str, future: Future[Any], then: Callable[[Any], object]) -> None:
        self._newest[name] = future
        future.add_done_callback(lambda f: None if f.cancelled() else self._emit(self._done, (name, f, then)))

    def _emit(self, signal: Any, content: tuple[Any, ...]) -> None:
        """Send something to the GUI thread, as long as there is somebody to hear it."""
        with self._lock:
            if not self._closed:
                signal.emit(content)

    def _show(self, report: tuple[threading.Event, Callable[[int, int], object], int, int]) -> None:
        stop, progress, done, total = report
        if not stop.is_set():
            progress(done, total)

    def _take(self, result: tuple[str, Future[Any], Callable[[Any], object]]) -> None:
        name, future, then = result
        if self._newest.get(name) is not future:
            return
        del self._newest[name]
        self._stops.pop(name, None)
        try:
            value = future.result()
        except HydraPickerError as error:
            self.failed.emit(str(error))
            return
        then(value)


def work_in_parts(
    parts: Parts[Any], then: Callable[[Any], object], failed: Callable[[str], object], parent: QObject
) -> None:
    """Make a change of the project, a little each time the GUI thread has nothing else to do.

    A small one is made before this returns. `then` is called with its result, or `failed` with the reason why
    there is none.
    """

    def go_on(steps: int = 1) -> None:
        try:
            if not parts.work(_PART_S, steps):
                timer.start()
                return
            result = parts.result()
        except HydraPickerError as error:
            timer.deleteLater()
            failed(str(error))
            return
        timer.deleteLater()
        then(result)

    timer = once_after(0, go_on, parent)
    go_on(_AT_ONCE)


def once_after(ms: int, action: Callable[[], object], parent: QObject) -> QTimer:
    """Return a timer that does something `ms` milliseconds after it was last started."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(action)
    return timer
