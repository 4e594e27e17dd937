"""Picking in the background: requests go to the child process, answers into the session."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.picking.parameters import HydraSpec
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.generators import generator_file
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import head_libraries
from napari_hydrapicker.worker.job_directory import picking_folder
from napari_hydrapicker.worker.messages import (
    Broken,
    Estimated,
    Failed,
    Finished,
    Message,
    Picked,
    PickRequest,
    Ready,
)

_POLL_MS = 25
_ESTIMATED_ON = 3  # micrographs
_TURN_SECONDS = 0.02  # answers taken in at a time: the GUI has the rest


class PickJobs(Jobs):
    """One picking job at a time.

    Signals
    -------
    started (int)
        Number of micrographs.
    advanced (int, int, float)
        Micrographs done, their number, seconds left (NaN while unknown).
    device_known (str)
        What the network runs on.
    remarked (str)
        Something that the user should know of it.
    estimated (Estimated)
        What was found of the particles' diameter.
    finished (bool, list of str)
        Whether it was cancelled, and what went wrong: a line each.
    """

    started = Signal(int)
    advanced = Signal(int, int, float)
    device_known = Signal(str)
    remarked = Signal(str)
    estimated = Signal(object)
    finished = Signal(bool, list)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, _POLL_MS, parent)
        self._total = self._done = self._computed = 0
        self._picker = ""  # of the job: the choice may be another one by the time of an answer
        self._failed = False
        self._problems: list[str] = []
        self._began = 0.0
        self._waiting: deque[Message] = deque()

    def pick(self, micrograph_ids: Sequence[int]) -> None:
        """Pick micrographs with the session's settings; those of unknown pixel size are reported."""
        if self.running:
            return
        self._begin(micrograph_ids, estimate=False)

    def estimate(self, micrograph_ids: Sequence[int]) -> None:
        """Look for the particles' diameter on a few of the micrographs; `estimated` says what was found."""
        if self.running:
            return
        known = [n for n in micrograph_ids if self._session.record(n).pixel_size_angstrom is not None]
        few = dict.fromkeys(
            known[i * (len(known) - 1) // (_ESTIMATED_ON - 1)] for i in range(_ESTIMATED_ON) if known
        )
        self._begin(list(few) or micrograph_ids, estimate=True)

    def _begin(self, micrograph_ids: Sequence[int], estimate: bool) -> None:
        records = [self._session.record(number) for number in micrograph_ids]
        self._problems = [
            f"{r.name}: the pixel size is unknown: enter it in the table"
            for r in records
            if r.pixel_size_angstrom is None
        ]
        known = {r.id: r.micrograph() for r in records if r.pixel_size_angstrom is not None}
        self._job += 1
        self._total, self._began = len(known), time.monotonic()
        self._done = self._computed = 0
        self._failed = False
        self.started.emit(self._total)
        if not known:
            self._end(cancelled=False)
            return
        s = self._session.settings
        self._picker = s.picker_key
        try:
            libraries = [one.folder for one in head_libraries(self._session)]
            spec = s.spec(generator_file(self._session), libraries)
        except HydraPickerError as error:
            self._problems.append(str(error))
            self._end(cancelled=False)
            return
        if estimate:  # by the head that knows no diameter of its own
            spec = HydraSpec(weights=None if s.weights is None else Path(s.weights), contrast=s.contrast)
        folder = picking_folder(self._session.project.path)
        self._send(PickRequest(self._job, known, s.parameters, spec, s.device, folder, estimate))

    def stop(self) -> None:
        """Begin to close: the process is ended, and has a moment to die in until `close` waits for it."""
        self._timer.stop()
        self._child.stop()

    def _on_project(self) -> None:
        """End the job if its project is gone: another project's micrographs have the same numbers."""
        if self.running:
            self._child.stop()
            self._end(cancelled=True)

    def _poll(self) -> None:
        self._waiting += self._messages()
        if self._session.changing:
            return  # what is picked does not have an import finished at one go
        deadline = time.monotonic() + _TURN_SECONDS
        while self._waiting and time.monotonic() < deadline:
            self._take(self._waiting.popleft())

    def _take(self, message: Message) -> None:
        if isinstance(message, Ready):
            self.device_known.emit(message.device)
            if message.remark:
                self.remarked.emit(message.remark)
            self._attempt(lambda: self._session.suggest_threshold(message.threshold, self._picker))
        elif isinstance(message, Broken):
            self._problems.append(message.text)
            self._end(cancelled=False)
        elif isinstance(message, Picked):
            self._put(message)
            self._advance(message.earlier)
        elif isinstance(message, Estimated):
            self._advance_all()
            self.estimated.emit(message)
        elif isinstance(message, Failed):
            self._problems.append(message.error)
            self._failed = True
            self._advance()
        elif isinstance(message, Finished):
            self._end(message.cancelled)

    def _put(self, message: Picked) -> None:
        picks = Picks(
            np.array(message.yx).reshape(-1, 2), np.array(message.score, np.float32),
            masked_share=message.masked_share,
        )  # fmt: skip
        try:
            self._session.record(message.micrograph_id)
        except KeyError:  # it was removed from the project meanwhile
            return
        self._attempt(lambda: self._put_on(message.micrograph_id, picks))

    def _put_on(self, number: int, picks: Picks) -> None:
        self._session.put_picks(number, picks, picker=self._picker)

    def _advance_all(self) -> None:
        self._done = self._total
        self.advanced.emit(self._done, self._total, 0.0)

    def _attempt(self, change: Callable[[], object]) -> None:
        try:
            change()
        except HydraPickerError as error:
            self._problems.append(str(error))

    def _advance(self, earlier: bool = False) -> None:
        self._done += 1
        self._computed += (
            not earlier
        )  # what a job before has found takes no time, and says nothing of the rest
        each = (time.monotonic() - self._began) / self._computed if self._computed else float("nan")
        seconds = each * (self._total - self._done)
        self.advanced.emit(self._done, self._total, seconds)

    def _end(self, cancelled: bool) -> None:
        self._timer.stop()
        self._waiting.clear()
        problems, self._problems = self._problems, []
        if self._failed:  # one that memory was too short for may fail ever after: the next job has another
            self._child.stop()
        self.finished.emit(cancelled, problems)
