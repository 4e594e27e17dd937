"""The section that makes a head of the corrections, and compares it with the one before."""

from __future__ import annotations

import math
import re

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit

from napari_hydrapicker.background.messages import CorrectedRef, Trained, Training
from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.heads.names import check_head_name
from napari_hydrapicker.heads.record import GENERIC
from napari_hydrapicker.widgets.curves import TrainingCurves
from napari_hydrapicker.widgets.live_progress import LiveProgress, in_words
from napari_hydrapicker.widgets.parts import button, row
from napari_hydrapicker.widgets.section import Section
from napari_hydrapicker.widgets.train_jobs import TrainJobs

_FEATURE_SHARE = 0.2  # of the time: the bar shows both stages as one


class TrainSection(Section):
    """Name, button, progress, curves, and what to do with the new head.

    Signals
    -------
    train_requested (str)
        Train a head of this name.
    head_chosen (str)
        The user takes the new head.
    next_requested ()
        Show the micrograph on which a correction would teach most.
    problem (str)
        Something that the user should read.
    """

    train_requested = Signal(str)
    head_chosen = Signal(str)
    next_requested = Signal()
    problem = Signal(str)

    def __init__(self, jobs: TrainJobs) -> None:
        super().__init__("Train", open=False)
        self._jobs = jobs
        self.labels = QLabel()
        self.labels.setWordWrap(True)
        self.add(self.labels)
        form = self.form()
        self.name = QLineEdit()
        self.name.setToolTip("Name of the new head: letters, digits, '-' and '_'")
        form.addRow("New head", self.name)
        self.train = button("Train a head", "Make a head for this protein from your corrections", self._ask)
        self.next = button(
            "Next to correct", "Go to the micrograph where a correction would teach most",
            lambda: self.next_requested.emit(),
        )  # fmt: skip
        self.add(row([self.train, self.next]))
        self.progress = LiveProgress()
        self.progress.cancelled.connect(self._cancel)
        self.curves = TrainingCurves()
        self.result = QLabel()
        self.result.setWordWrap(True)
        self.use = button("Use it", "Pick with the new head from now on", self._take)
        self.comparison = QLabel()
        self.comparison.setWordWrap(True)
        for widget in (self.progress, self.curves, self.result, self.use, self.comparison):
            self.add(widget).setVisible(False)
        self._made: Trained | None = None
        self._in_use = ""
        jobs.started.connect(self._on_started)
        jobs.progressed.connect(self._on_progress)
        jobs.trained.connect(self._on_trained)
        jobs.found.connect(self._show_result)
        jobs.finished.connect(self._on_finished)
        jobs.left.connect(lambda _: self._on_finished(True, ""))
        self.show_corrections(())

    def show_corrections(self, corrected: tuple[CorrectedRef, ...]) -> None:
        """Say what there is to train on."""
        complete = [one for one in corrected if one.complete]
        partial = [one for one in corrected if not one.complete]
        particles = sum(len(one.yx) for one in corrected)
        rejected = sum(len(one.negative_yx) for one in corrected)
        if not corrected:
            text = "Correct a micrograph and mark it complete (key Q): that is enough to begin with."
        else:
            text = (
                f"{len(complete)} complete and {len(partial)} partly corrected micrographs, {particles:,} "
                f"particles, {rejected:,} deleted picks"
            )
            if len(corrected) == 1:
                text += ". With a second one the new head can be compared with the old"
        self.labels.setText(text)
        self.train.setEnabled(particles > 0 and not self._jobs.running)

    def show_comparison(self, text: str) -> None:
        """Say how the new head's picks differ; "" for nothing to compare."""
        self.comparison.setText(text)
        self.comparison.setVisible(bool(text))

    def show_head(self, name: str) -> None:
        """Say of the new head whether it is the one in use, whichever way the user chose that."""
        self._in_use = name
        if self._made is not None:
            used = name == self._made.name
            self.result.setText(verdict(self._made, used))
            self.use.setVisible(not used)

    def suggest_name(self, text: str) -> None:
        """Propose a name made of some text, such as the project's, unless the user has typed one."""
        if not self.name.isModified():
            self.name.setText(re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60] or "my-head")

    def _ask(self) -> None:
        name = self.name.text().strip()
        try:
            check_head_name(name)
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return
        if name == GENERIC:
            self.problem.emit(f"{GENERIC!r} is the network's own head: give the new one another name")
            return
        self.train_requested.emit(name)

    def _cancel(self) -> None:
        try:
            self._jobs.cancel()
        except HydraPickerError as error:
            self.problem.emit(str(error))

    def _take(self) -> None:
        if self._made is not None:
            self.use.setVisible(False)
            self.head_chosen.emit(self._made.name)

    def _on_started(self) -> None:
        self._made = None
        self.curves.clear()
        self.result.setVisible(False)
        self.use.setVisible(False)
        self.train.setEnabled(False)
        # Not 0 of 0, which is drawn as something that moves: without a graphics card each of its thirty
        # pictures a second costs the window more than anything else.
        self.progress.set_progress(0, 100, math.nan)
        self.progress.bar.setFormat("starting")
        self.progress.setVisible(True)
        self.curves.setVisible(True)

    def _on_progress(self, p: Training) -> None:
        if p.total == 0:
            return
        share = p.done / p.total
        done = _FEATURE_SHARE * share
        if p.stage == "training":
            done = _FEATURE_SHARE + (1 - _FEATURE_SHARE) * share
            self.curves.add(p.done, p.total, p.loss, p.validation_ap)
        left = p.seconds * (1 - done) / done if done else math.nan
        self.progress.set_progress(round(100 * done), 100, left)
        said = "" if math.isnan(left) else f", {in_words(left)} left"
        self.progress.bar.setFormat(f"{p.stage} {p.done} of {p.total}{said}")

    def _on_trained(self, t: Trained) -> None:
        """Take the head if it is better; else, and whenever the user has been away, it is offered."""
        self._show_result(t)
        if is_better(t):
            self._take()

    def _show_result(self, t: Trained) -> None:
        self._made = t
        self.show_head(self._in_use)
        self.result.setVisible(True)

    def _on_finished(self, cancelled: bool, problem: str) -> None:
        self.progress.setVisible(False)
        self.train.setEnabled(True)
        if cancelled:
            self.curves.setVisible(False)
        if problem:
            self.problem.emit(problem)


def is_better(t: Trained) -> bool:
    """Whether a head is known to be better than the one that it started from."""
    return t.held_out and t.ap_after > t.ap_before


def verdict(t: Trained, in_use: bool = False) -> str:
    """Say how a head compares with the one that it started from, and what to do with it."""
    on = "held-out micrographs" if t.held_out else "the micrographs trained on"
    text = f"Head {t.name!r}: AP on {on} {t.ap_before:.3f} before, {t.ap_after:.3f} now"
    if is_better(t):
        return f"{text}. It is better than the generic head"
    if t.held_out:
        rest = ": correct more" if in_use else ", and is not in use: correct more, or try it"
        return f"{text}. It is no better than the generic head{rest}"
    return text
