"""The section that makes a head of the corrections, and compares it with the one before."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.lasting_jobs import TrainJobs
from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.curves import TrainingCurves
from napari_hydrapicker.gui.widgets.live_progress import LiveProgress, in_words
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, in_window_words, row
from napari_hydrapicker.hydra.head_record import GENERIC, check_head_name
from napari_hydrapicker.project.training_set import Suggestion
from napari_hydrapicker.training.annotated_micrograph import MARKS_DO_NOT_TELL, AnnotatedMicrograph, is_gain
from napari_hydrapicker.wording import counted, shortened
from napari_hydrapicker.worker.messages import Trained, Training

_STAGES = {"features": "preparing micrograph {done} of {total}", "training": "step {done} of {total}"}
_FEATURE_SHARE = 0.2  # of the time: the bar shows both stages as one


def labels(corrected: Sequence[AnnotatedMicrograph], held_out: Sequence[str] = ()) -> str:
    """Say what there is to train on, what of it counts, and which micrographs are to judge the head."""
    if not corrected:
        return "Correct a micrograph and mark it complete (key Q): one is enough to start"
    kinds = [
        f"{len(some)} {word}: {_in_words(some)}"
        for word, some in (
            ("complete", [one for one in corrected if one.complete]),
            ("partly corrected", [one for one in corrected if not one.complete]),
        )
        if some
    ]
    sentences = ["; ".join(kinds)]
    if not all(one.complete for one in corrected):
        sentences.append("Of partly corrected ones, only what you added, moved or deleted counts")
    if not any(len(one.yx) for one in corrected):
        sentences.append("There are no particles to learn from: add some, or complete a micrograph (key Q)")
    elif held_out:
        sentences.append(f"Held out for validation: {shortened(held_out)}")
    else:
        sentences.append("None is held out for validation: that needs a second one with particles")
    return ". ".join(sentences)


def _in_words(some: Sequence[AnnotatedMicrograph]) -> str:
    particles, deleted = sum(len(one.yx) for one in some), sum(len(one.negative_yx) for one in some)
    return f"{counted(particles, 'particle')}, {counted(deleted, 'deleted pick')}"


def is_better(t: Trained) -> bool:
    """Whether a head is known to be better than the one that it started from: by more than chance.

    Marks alone do not show it: most of them are the other head's mistakes.
    """
    return t.held_out and not t.marks_only and is_gain(t.ap_before, t.ap_after, t.ap_error)


def verdict(t: Trained, in_use: bool = False) -> str:
    """Say how a head compares with the one that it started from, what to do with it, and where it is not."""
    on = "held-out micrographs" if t.held_out else "the micrographs trained on"
    marks = "the marks of " if t.marks_only else ""
    text = f"Head {t.name!r}: AP on {marks}{on} {t.ap_before:.3f} before, {t.ap_after:.3f} now"
    if is_better(t):
        text += ". It is better than the generic head"
    elif t.marks_only:
        rest = "look at its picks" if in_use else "use it and look"
        text += f". {MARKS_DO_NOT_TELL.format(rest)}"
    elif t.held_out:
        rest = ": correct more" if in_use else ", and is not in use: correct more, or try it"
        chance = f", a difference that may be chance (±{t.ap_error:.3f})" if t.ap_after > t.ap_before else ""
        text += f"{chance}. It is {'not clearly' if chance else 'no'} better than the generic head{rest}"
    return f"{text}. {t.remark}" if t.remark else text


def reason(name: str, why: Suggestion) -> str:
    """Say why the micrograph of this name is suggested."""
    text = f"{name}: about {100 * why.errors:.0f} wrong or missing picks in 100 are expected here"
    if why.disagreement is None:
        return text
    return f"{text}, and {why.disagreement:.0%} of the picks are by only one of the two heads"


class TrainSection(Section):
    """Name, button, progress, curves, and what to do with the new head.

    Signals
    -------
    train_requested (str)
        Train a head of this name.
    head_chosen (str)
        The user takes the new head.
    back_requested ()
        Pick with what was in use before the new head.
    next_requested ()
        Show the micrograph on which a correction would teach most.
    problem (str)
        Something that the user should read.
    """

    train_requested = Signal(str)
    head_chosen = Signal(str)
    back_requested = Signal()
    next_requested = Signal()
    problem = Signal(str)
    step = Step.TRAIN

    def __init__(self, jobs: TrainJobs) -> None:
        super().__init__("Train", open=False)
        self._jobs = jobs
        self.labels = self._text()
        form = self.form()
        self.name = QLineEdit()
        self.name.setToolTip("Name of the new head: letters, digits, '-' and '_'")
        form.addRow("Head name", self.name)
        self.train = button("Train a head", "Train a head for your particle on your corrections", self._ask)
        self.next = button(
            "Next to correct", "Go to the micrograph where a correction would teach most",
            lambda: self.next_requested.emit(),
        )  # fmt: skip
        self.add(row([self.train, self.next]))
        self.suggestion = self._text()
        self.progress = LiveProgress()
        self.progress.cancelled.connect(self._cancel)
        self.curves = TrainingCurves()
        self.add(self.progress)
        self.add(self.curves)
        self.result = self._text()
        self.use = button("Use it", "Pick with the new head", self._take)
        self.add(self.use)
        self.back = button(
            "Back", "Take the new head back: the one before picks again", self.back_requested.emit
        )
        self.add(self.back)
        self.comparison = self._text()
        unneeded = (
            self.suggestion, self.progress, self.curves, self.result, self.use, self.back, self.comparison,
        )  # fmt: skip
        for widget in unneeded:  # at first
            widget.setVisible(False)
        self._made: Trained | None = None
        self._in_use = ""
        self.actions = {Action.TRAIN: self.train, Action.SUGGEST: self.next}
        jobs.started.connect(self._on_started)
        jobs.progressed.connect(self._on_progress)
        jobs.trained.connect(self._on_trained)
        jobs.found.connect(self._show_result)
        jobs.finished.connect(self._on_finished)
        jobs.left.connect(lambda _: self._on_finished(True, ""))
        self.show_corrections(())

    def show_corrections(
        self, corrected: tuple[AnnotatedMicrograph, ...], held_out: tuple[str, ...] = ()
    ) -> None:
        """Say what there is to train on; of what is held out the names."""
        self.labels.setText(labels(corrected, held_out))

    def show_comparison(self, text: str) -> None:
        """Say how the new head's picks differ; "" for nothing to compare."""
        self.comparison.setText(text)
        self.comparison.setVisible(bool(text))

    def show_suggestion(self, name: str, why: Suggestion) -> None:
        """Say why the micrograph of a name is the next to correct."""
        self.suggestion.setText(reason(name, why))
        self.suggestion.setVisible(True)

    def show_head(self, name: str) -> None:
        """Say of the new head whether it is the one in use, whichever way the user chose that."""
        self._in_use = name
        if self._made is not None:
            used = name == self._made.name
            self.result.setText(verdict(self._made, used))
            self.use.setVisible(not used)

    def show_previous(self, name: str) -> None:
        """Offer the way back to the head that was in use before; "" where there is none."""
        self.back.setText(f"Back to {name}")
        self.back.setVisible(bool(name))

    def forget(self) -> None:
        """Show nothing of the last training: another one begins, or it was of another project."""
        self._made = None
        self.curves.clear()
        for widget in (self.curves, self.result, self.use, self.back, self.suggestion):
            widget.setVisible(False)

    def show_problem(self, text: str) -> None:
        """Say why there is no new head: here too, since a notification is short, and soon gone."""
        self._made = None
        self.use.setVisible(False)
        self.result.setText(in_window_words(text))
        self.result.setVisible(True)
        self.problem.emit(text)

    def suggest_name(self, text: str) -> None:
        """Propose a name made of some text, such as the project's, unless the user has typed one."""
        if not self.name.isModified():
            self.name.setText(re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60] or "my-head")

    @property
    def proposed_name(self) -> str:
        """What a head that the user does not name is called after; "my-head" where he has typed no name."""
        name: str = self.name.text().strip()
        try:
            check_head_name(name)
        except HydraPickerError:
            return "my-head"
        return name

    def _text(self) -> WrappedLabel:
        label = WrappedLabel()
        self.add(label)
        return label

    def _ask(self) -> None:
        name = self.name.text().strip()
        try:
            check_head_name(name)
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return
        if name == GENERIC:
            self.problem.emit(f"{GENERIC!r} is the network's own head: choose another name")
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
        self.forget()
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
        doing = _STAGES.get(p.stage, p.stage).format(done=p.done, total=p.total)
        self.progress.bar.setFormat(f"{doing}{said}")

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
        self.curves.setVisible(bool(self.curves.loss) and not cancelled)
        if problem:
            self.show_problem(problem)
