"""The section that makes a cGAN picker for particles of the user's size and number, without a single pick."""

from __future__ import annotations

import math

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLineEdit, QSpinBox

from napari_hydrapicker.gui.guide import Action
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.curves import TrainingCurves
from napari_hydrapicker.gui.widgets.live_progress import LiveProgress, in_words
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, choice, enable, in_window_words, row
from napari_hydrapicker.wording import counted
from napari_hydrapicker.worker.messages import Made, MakeRequest, Training

STEPS = {"short": 400, "normal": 1200, "long": 4000}
_STEP_SECONDS = 0.7  # on a laptop without a graphics card
_STAGES = {
    "starting": "starting",
    "backgrounds": "looking for backgrounds: {done} of {total}",
    "training": "step {done:,} of {total:,}",
    "testing": "testing on new images",
}


_AS_BEGUN = "A picker is resumed with the settings it was started with: discard it to change them"


class MakeSection(Section):
    """Name, number, length, button, progress, loss, and what to do with the new picker.

    Signals
    -------
    make_requested (str, object, int)
        Make a picker of this name, for so many particles on a micrograph (None: unknown), in so many steps.
    discard_requested (str)
        Throw away the unfinished picker of this name.
    cancel_requested ()
        End the training that is under way.
    picker_chosen (str)
        The user takes the new picker.
    name_changed (str)
        Another name was typed.
    """

    make_requested = Signal(str, object, int)
    discard_requested = Signal(str)
    cancel_requested = Signal()
    picker_chosen = Signal(str)
    name_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__("Make a picker (no picks needed)", open=False)
        self.header.setToolTip("Train a cGAN picker for particles of your size and number")
        self.about = WrappedLabel()
        self.add(self.about)
        form = self.form()
        self.name = QLineEdit("my-picker")
        self.name.setToolTip("Name of the new picker: letters, digits, '-' and '_'")
        form.addRow("Picker name", self.name)
        self.number = QSpinBox()
        self.number.setRange(0, 100_000)
        self.number.setSingleStep(50)
        self.number.setSpecialValueText("unknown")
        self.number.setToolTip("Particles on one micrograph, approximately")
        form.addRow("Particles", self.number)
        self.length = choice("How long to train; a training can be cancelled and resumed")
        for label, steps in STEPS.items():
            self.length.addItem(f"{label}, about {in_words(steps * _STEP_SECONDS)}", steps)
            tip = f"{counted(steps, 'step')}; the time is for a laptop without a GPU"
            self.length.setItemData(self.length.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.length.setCurrentIndex(1)
        form.addRow("Training", self.length)
        self.make = button("Make a picker", "Train it in the background", self._ask)
        self.discard = button(
            "Discard", "Delete the checkpoint of this picker",
            lambda: self.discard_requested.emit(self.name.text().strip()),
        )  # fmt: skip
        self.add(row([self.make, self.discard]))
        self.progress = LiveProgress()
        self.progress.cancelled.connect(self.cancel_requested)
        self.curve = TrainingCurves()
        self.curve.setToolTip("Loss: how far predicted masks are from the true ones, on new synthetic images")
        self.result = WrappedLabel()
        self.use = button("Use it", "Pick with the new picker", self._take)
        for widget in (self.progress, self.curve, self.result, self.use):
            self.add(widget).setVisible(False)
        self._made, self._running = "", False
        self.actions = {Action.MAKE: self.make, Action.DISCARD: self.discard}
        self._is_of_unfinished = False  # the line that says what came of it
        self._first: Training | None = None  # report on its steps, since it was begun or gone on with
        self.name.textChanged.connect(lambda text: self.name_changed.emit(text.strip()))
        self.show_unfinished(None)

    def show_particles(self, diameter_angstrom: float, micrographs: int) -> None:
        """Say what a picker would be made for, and from how many micrographs."""
        self.about.setText(
            f"For particles of {diameter_angstrom:g} Å (the diameter above), on the empty areas of "
            f"{micrographs:,} of your micrographs"
            if micrographs
            else "Open micrographs and set the diameter first"
        )

    def show_unfinished(self, begun: MakeRequest | None) -> None:
        """Offer to go on with the picker of this name, if it was begun and is unfinished."""
        self.make.setText("Make a picker" if begun is None else "Resume")
        self.discard.setVisible(begun is not None)
        for field in (self.number, self.length):
            enable(field, None if begun is None else _AS_BEGUN)
        if self._is_of_unfinished:
            self.result.setVisible(False)
            self._is_of_unfinished = False
        if begun is not None:
            self.number.setValue(begun.number or 0)
            self.length.setCurrentIndex(self.length.findData(begun.steps))
            if not self._running:
                self.show_report(
                    f"Picker {begun.name!r} (particles of {begun.diameter_angstrom:g} Å) can be resumed, "
                    "or discarded"
                )
                self._is_of_unfinished = True

    def on_started(self) -> None:
        """Show progress."""
        self._running, self._first = True, None
        self.curve.clear()
        self.result.setVisible(False)
        self.use.setVisible(False)
        self.progress.set_progress(0, 100, math.nan)  # not 0 of 0, which is drawn as something that moves
        self.progress.bar.setFormat("starting")
        self.progress.setVisible(True)
        self.curve.setVisible(True)

    def on_progress(self, p: Training) -> None:
        """Show how far a training is, and how long it goes on."""
        text = _STAGES.get(p.stage, p.stage).format(done=p.done, total=p.total)
        left = math.nan
        if p.stage == "training":
            self.curve.add(p.done, p.total, p.loss, None)
            self._first = self._first or p
            done_since = p.done - self._first.done
            if done_since:
                left = (p.total - p.done) * (p.seconds - self._first.seconds) / done_since
                text += f", {in_words(left)} left"
        share = {"training": p.done / max(1, p.total), "testing": 1.0}.get(p.stage, 0.0)
        self.progress.set_progress(round(100 * share), 100, left)
        self.progress.bar.setFormat(text)

    def on_finished(self, cancelled: bool) -> None:
        """Show that nothing is under way any more."""
        self._running = False
        self.progress.setVisible(False)
        self.curve.setVisible(not cancelled and bool(self.curve.loss))

    def show_result(self, made: Made) -> None:
        """Say what came of it, and offer the picker."""
        self._made = made.name
        self.show_report(described(made), take=True)

    def show_report(self, text: str, take: bool = False) -> None:
        """Say what there is, or why there is none: a notification is short, and soon gone."""
        self._is_of_unfinished = False
        self.result.setText(in_window_words(text))
        self.result.setVisible(True)
        self.use.setVisible(take)

    def _ask(self) -> None:
        number = self.number.value() or None
        self.make_requested.emit(
            self.name.text().strip(), number, self.length.currentData() or STEPS["normal"]
        )

    def _take(self) -> None:
        self.use.setVisible(False)
        self.picker_chosen.emit(self._made)


def described(made: Made) -> str:
    """Say how good a picker is, as far as that is known without a single label."""
    text = f"Picker {made.name!r} is ready ({counted(made.steps, 'step')})"
    if made.backgrounds == 0:
        text += ". Your micrographs have no empty areas: it was trained on simulated backgrounds"
    if made.precision is None or made.recall is None:
        return f"{text}. It finds nothing on test images: train longer, or check the number of particles"
    return (
        f"{text}. On synthetic test images it finds {made.recall:.0%} of the particles, and "
        f"{made.precision:.0%} of its picks are right. Check its picks on your micrographs"
    )
