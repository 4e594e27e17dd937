"""Loads display copies of micrographs off the GUI thread, the neighbours ahead of time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from qtpy.QtCore import QObject, Qt, Signal

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.imaging.display import DisplayFilter, DisplayImage, display_image
from napari_hydrapicker.project.records import MicrographRecord

_KEPT = 9  # display copies held; 4 to 16 MB each
_Key = tuple[int, Path, int, tuple[int, int], float | None, DisplayFilter]


class DisplayLoader(QObject):
    """A small cache of display copies, filled by one background thread.

    Signals
    -------
    loaded (int, DisplayImage)
        The copy last asked for is there.
    failed (int, str)
        It cannot be made; in words.
    """

    loaded = Signal(int, object)
    failed = Signal(int, str)
    _done = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hydrapicker-display")
        self._images: OrderedDict[_Key, DisplayImage] = OrderedDict()
        self._pending: dict[_Key, Future[DisplayImage]] = {}
        self._wanted: _Key | None = None
        # The worker thread emits, the GUI thread receives.
        self._done.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def request(
        self, record: MicrographRecord, filter: DisplayFilter, ahead: Sequence[MicrographRecord] = ()
    ) -> None:
        """Ask for a micrograph's display copy, and for those `ahead` to be made after it."""
        self._wanted = _key(record, filter)
        for future in self._pending.values():
            future.cancel()  # what has not begun is out of date
        self._pending = {key: future for key, future in self._pending.items() if not future.cancelled()}
        if self._wanted in self._images:
            self._images.move_to_end(self._wanted)
            self.loaded.emit(record.id, self._images[self._wanted])
        for one in (record, *ahead):
            self._submit(one, filter)

    def forget(self) -> None:
        """Drop all copies, those that are still under way too."""
        self._wanted = None
        for future in self._pending.values():
            future.cancel()
        self._pending.clear()
        self._images.clear()

    def close(self) -> None:
        """Stop the thread; waits for the one copy that it may be at."""
        self.forget()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, record: MicrographRecord, filter: DisplayFilter) -> None:
        key = _key(record, filter)
        if key in self._images or key in self._pending:
            return
        future = self._pool.submit(_make, record, filter)
        self._pending[key] = future
        future.add_done_callback(lambda done: None if done.cancelled() else self._done.emit((key, done)))

    def _take(self, result: tuple[_Key, Future[DisplayImage]]) -> None:
        key, future = result
        if self._pending.get(key) is not future:
            return  # forgotten while it was made
        del self._pending[key]
        try:
            image = future.result()
        except HydraPickerError as error:
            if key == self._wanted:
                self.failed.emit(key[0], str(error))
            return
        self._images[key] = image
        while len(self._images) > _KEPT:
            self._images.popitem(last=False)
        if key == self._wanted:
            self.loaded.emit(key[0], image)


def _key(record: MicrographRecord, filter: DisplayFilter) -> _Key:
    # The path too: another project numbers its micrographs from 1 again. The shape: files are replaced.
    return (record.id, record.path, record.frame, record.shape, record.pixel_size_angstrom, filter)


def _make(record: MicrographRecord, filter: DisplayFilter) -> DisplayImage:
    return display_image(record.micrograph().pixels(), record.pixel_size_angstrom, filter)
