"""Functions run off the GUI thread, and what is done a moment later."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_hydrapicker.errors import HydraPickerError


class Tasks(QObject):
    """One background thread; of tasks with the same name only the newest counts.

    Signals
    -------
    failed (str)
        A task could not be done; in words.
    """

    failed = Signal(str)
    _done = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hydrapicker-task")
        self._newest: dict[str, Future[Any]] = {}
        # Queued even if the work is done at once: nobody expects `then` before `run` has returned.
        self._done.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def run(self, name: str, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Do `work` in the background, then call `then` with its result in the GUI thread."""
        if name in self._newest:
            self._newest[name].cancel()
        future = self._newest[name] = self._pool.submit(work)
        future.add_done_callback(lambda f: None if f.cancelled() else self._done.emit((name, f, then)))

    @property
    def busy(self) -> bool:
        """Whether a task is under way."""
        return bool(self._newest)

    def close(self) -> None:
        """Wait for the task under way and drop the others; no result is delivered any more."""
        self._newest.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, result: tuple[str, Future[Any], Callable[[Any], object]]) -> None:
        name, future, then = result
        if self._newest.get(name) is not future:
            return
        del self._newest[name]
        try:
            value = future.result()
        except HydraPickerError as error:
            self.failed.emit(str(error))
            return
        then(value)


AFTER_FRAME_MS = 30  # after a change of the canvas: its frame comes first, then the rest of the window


def once_after(ms: int, action: Callable[[], object], parent: QObject) -> QTimer:
    """Return a timer that does something `ms` milliseconds after it was last started."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(action)
    return timer
