"""The section that picks: what with, which micrographs, and from which confidence on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QMenu, QPushButton

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.import_question import ImportQuestion
from napari_hydrapicker.gui.widgets.live_progress import LiveProgress
from napari_hydrapicker.gui.widgets.model_form import ModelForm
from napari_hydrapicker.gui.widgets.parts import (
    MiddleLabel,
    WrappedLabel,
    button,
    choice,
    enable,
    in_window_words,
    row,
)
from napari_hydrapicker.gui.widgets.picker_choices import PickerChoices, devices, picker_name
from napari_hydrapicker.gui.widgets.score_slider import ScoreSlider
from napari_hydrapicker.io.safetensors import GENERATOR, read_header
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import PickSettings
from napari_hydrapicker.wording import counted, first_of

_SHOW_MASK = "Show mask"
_PAINT_HINT = (
    "Paint the areas to mask. 2: brush, E: eraser, [ and ]: size, space bar: pan, Ctrl+Z: undo, M: finish. "
    "The mask applies when you pick again, and when a head is trained."
)
_NOTHING_PAINTED = "The mask of this micrograph was not edited"
_NOT_IN_USE = "Picking ignores it now: tick \u201cMask carbon, bad ice and blank areas\u201d."
_DEVICES = {"auto": "automatic", "cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "GPU (Apple)"}


class PickSection(Section):
    """Picker, head, device, options, buttons, progress and the confidence slider.

    Signals
    -------
    pick_requested (str)
        "this", "selected" or "all".
    import_requested (str)
        Picks are to be brought in from a "file" or a "folder".
    import_cancelled ()
        The import that is being prepared is not wanted.
    edit_mask_toggled (bool)
        What is left out is to be painted on, or no longer.
    find_mask_requested ()
        What is left out is to be found, in place of what was painted.
    offer_taken (Path)
        The picks that were offered are wanted.
    results_taken ()
        So are those that were made elsewhere.
    problem (str)
        Something that the user should read.
    """

    pick_requested = Signal(str)
    import_requested = Signal(str)
    import_cancelled = Signal()
    edit_mask_toggled = Signal(bool)
    find_mask_requested = Signal()
    offer_taken = Signal(object)
    results_taken = Signal()
    problem = Signal(str)
    step = Step.PICK

    def __init__(self, session: Session, jobs: PickJobs, recent: Recent) -> None:
        super().__init__("Pick")
        self._offered: Path | None = None
        self._session, self._jobs = session, jobs
        self._build_choices(recent)
        self.buttons = [
            button("Pick this", "Pick the micrograph on the canvas (key G)", lambda: self._ask("this")),
            button("Pick selected", "Pick the rows selected in the table", lambda: self._ask("selected")),
            button(
                "Pick all", "Pick all micrographs but complete and excluded ones", lambda: self._ask("all")
            ),
        ]
        self.add(row(self.buttons))
        self._build_import()
        self.progress = LiveProgress()
        self.progress.setVisible(False)
        self.add(self.progress)
        self.trouble = WrappedLabel()
        self.trouble.setVisible(False)
        self.add(self.trouble)
        self.slider = ScoreSlider()
        self.slider.setToolTip("Confidence: the probability that a pick is a particle")
        self.add(self.slider)
        self.count = QLabel()
        self.add(self.count)
        self.actions = {
            **dict(zip((Action.PICK_THIS, Action.PICK_SELECTED, Action.PICK_ALL), self.buttons, strict=True)),
            Action.IMPORT: self.importing, Action.SHOW_MASK: self.show_mask, Action.EDIT_MASK: self.edit_mask,
        }  # fmt: skip
        self._connect()
        self.follow_settings(frozenset(type(session.settings).model_fields))

    def show_count(self, here: int, everywhere: int) -> None:
        """Say how many picks are shown."""
        self.count.setText(f"{counted(here, 'pick')} here, {everywhere:,} in all")

    def show_offer(self, folder: Path | None) -> None:
        """Offer the picks that a folder has; None for no more."""
        self._offered = folder
        self.offer.setVisible(folder is not None)
        if folder is not None:
            self._offer_text.setText("The folder has picks of these")
            self.offer.setToolTip(str(folder))

    def show_results(self, n: int) -> None:
        """Offer the picks of so many micrographs, made elsewhere; 0 for no more."""
        self.results.setVisible(n > 0)
        self._results_text.setText(f"Picked elsewhere: {counted(n, 'micrograph')}")

    def show_import(self, done: int, total: int) -> None:
        """Show how many micrographs an import has looked at; of 0 while that is not known."""
        self.import_progress.set_progress(done, total, float("nan"))
        self.import_progress.setVisible(True)

    def end_import(self) -> None:
        """Show no longer that an import is being prepared."""
        self.import_progress.setVisible(False)

    def show_report(self, text: str) -> None:
        """Say what came of it, for longer than a notification is there; "" for nothing."""
        self.trouble.setText(in_window_words(text))
        self.trouble.setVisible(bool(text))

    def show_masked_share(self, share: float | None, edited: bool = False) -> None:
        """Say how much of the micrograph is left out, and whether that is painted; None for unknown."""
        known = [] if share is None else [f"{share:.0%}"]
        known += ["edited"] if edited else []
        self.show_mask.setText(f"{_SHOW_MASK}: {', '.join(known)}" if known else _SHOW_MASK)
        enable(self.find_mask, None if edited else _NOTHING_PAINTED)

    def show_mask_editing(self, on: bool) -> None:
        """Show whether what is left out is being painted on, and how that is done."""
        self.edit_mask.setChecked(on)
        self._editing_mask = on
        if on:
            self.advanced.set_open(True)  # the hint is in there
        self._show_mask_hint()

    def _show_mask_hint(self) -> None:
        in_use = self._session.settings.use_mask
        self.mask_hint.setText(_PAINT_HINT if in_use else f"{_PAINT_HINT} {_NOT_IN_USE}")
        self.mask_hint.setVisible(self._editing_mask)

    def show_threshold(self) -> None:
        """Show the threshold for the scores of the current micrograph's picks, and whose they are."""
        self.slider.set_value(self._session.slider_threshold)
        self.slider.show_picker(picker_name(self._session.slider_picker))

    def follow_settings(self, names: frozenset[str]) -> None:
        """Show the session's settings, as far as they changed."""
        settings = self._session.settings
        if names & {"threshold", "picker", "head", "generator", "weights"}:
            self.show_threshold()
        self.parameters.show(
            {name: getattr(settings, name) for name in names & self.parameters.widgets.keys()}
        )
        if "use_mask" in names:
            self._show_mask_hint()
        if "device" in names:
            self._show_device(settings.device)
        if names & {"picker", "head", "generator", "joined", "imported", "votes"}:
            self.choices.show_settings(settings)

    def show_heads(self, names: Sequence[str], chosen: str) -> None:
        """Offer these heads of HydraPicker."""
        self.choices.show_heads(names, chosen)

    def _build_import(self) -> None:
        self.importing = QPushButton("Import picks…")
        self.importing.setToolTip(
            "Picks from RELION, cryoSPARC, crYOLO, Topaz, EMAN or the command line, to be corrected"
        )
        menu = QMenu(self.importing)
        for text, what in (("a file…", "file"), ("a folder…", "folder")):
            menu.addAction(text).triggered.connect(partial(self.import_requested.emit, what))
        self.importing.setMenu(menu)
        self.add(self.importing)
        self.import_progress = LiveProgress()
        self.import_progress.cancelled.connect(self.import_cancelled)
        self.import_progress.setVisible(False)
        self.add(self.import_progress)
        self._offer_text = MiddleLabel()
        take = button("Import them", "Import them, to be corrected", self._take_offer)
        self.offer = row([self._offer_text, take], widest=0)
        self.offer.setVisible(False)
        self.add(self.offer)
        self._results_text = MiddleLabel()
        take = button(
            "Take them in",
            "Take in the picks of `hydrapicker pick` for this project; your corrections stay, one undo takes "
            "them back",
            self.results_taken.emit,
        )
        self.results = row([self._results_text, take], widest=0)
        self.results.setVisible(False)
        self.add(self.results)
        self.question = ImportQuestion()
        self.add(self.question)

    def _take_offer(self) -> None:
        if self._offered is not None:
            self.offer_taken.emit(self._offered)

    def _show_device(self, name: str) -> None:
        """Show which device is set; one that this computer lacks is seen to be missed."""
        if self.device.findData(name) < 0:
            self.device.addItem(f"{_DEVICES[name]} (not on this computer)", name)
        self.device.setCurrentIndex(self.device.findData(name))

    def _build_choices(self, recent: Recent) -> None:
        self.choices = PickerChoices(recent)
        self.add(self.choices)
        self.picker, self.head = self.choices.picker, self.choices.head
        self.advanced = Section("Advanced", open=False)
        self.add(self.advanced)
        form = self.advanced.form()
        self.device = choice("What to compute on; automatic uses a GPU if there is one")
        for name in devices():
            self.device.addItem(_DEVICES[name], name)
        form.addRow("Device", self.device)
        self.device_name = MiddleLabel("not started yet")
        self.device_name.setToolTip("The device in use, known once a picker has run")
        form.addRow("Runs on", self.device_name)
        self.parameters = ModelForm(
            form, [PickSettings], lambda name, value: self._update(**{name: value}), ["diameter_angstrom"]
        )
        self.show_mask = QCheckBox(_SHOW_MASK)
        self.show_mask.setToolTip(
            "Show on the micrograph what is masked at this diameter, or as you edited it"
        )
        form.addRow(self.show_mask)
        self._build_mask_editing()

    def _build_mask_editing(self) -> None:
        self._editing_mask = False
        self.edit_mask: QPushButton = button(
            "Edit mask",
            "Correct the mask of this micrograph with a brush and an eraser (key M)",
            lambda: self.edit_mask_toggled.emit(self.edit_mask.isChecked()),
            checkable=True,
        )
        self.find_mask = button(
            "Reset mask",
            "Go back to the automatic mask of this micrograph",
            self.find_mask_requested.emit,
        )
        enable(self.find_mask, _NOTHING_PAINTED)
        self.advanced.add(row([self.edit_mask, self.find_mask]))
        self.mask_hint = WrappedLabel(_PAINT_HINT)
        self.mask_hint.setVisible(False)
        self.advanced.add(self.mask_hint)

    def _connect(self) -> None:
        self.slider.value_changed.connect(self._set_threshold)
        self.choices.changed.connect(lambda changes: self._update(**changes))
        self.choices.generator_file_chosen.connect(self._take_file)
        self.device.activated.connect(lambda _: self._update(device=self.device.currentData()))
        self.progress.cancelled.connect(self._jobs.cancel)
        self._jobs.started.connect(self._on_started)
        self._jobs.advanced.connect(self.progress.set_progress)
        self._jobs.device_known.connect(self.device_name.setText)
        self._jobs.remarked.connect(self.problem)
        self._jobs.finished.connect(self._on_finished)
        self._session.settings_changed.connect(self.follow_settings)

    def _ask(self, which: str) -> None:
        self.pick_requested.emit(which)

    def _take_file(self, path: str) -> None:
        """Pick with a generator of the user's own from now on, if the file is one."""
        try:
            read_header(Path(path), GENERATOR)
        except HydraPickerError as error:
            self.problem.emit(str(error))
        else:
            self._update(generator=path)

    def _set_threshold(self, value: float) -> None:
        self._try(lambda: self._session.set_threshold(value))

    def _update(self, **changes: object) -> None:
        self._try(lambda: self._session.update(**changes))

    def _try(self, change: Callable[[], object]) -> None:
        try:
            change()
        except HydraPickerError as error:
            self.problem.emit(str(error))

    def _on_started(self, total: int) -> None:
        self.progress.set_progress(0, total, float("nan"))
        self.progress.setVisible(True)
        self.trouble.setVisible(False)

    def _on_finished(self, cancelled: bool, problems: list[str]) -> None:
        self.progress.setVisible(False)
        if problems:
            text = in_window_words(f"Not picked: {first_of(problems)}")
            self.trouble.setText(text)  # a notification is gone after a few seconds
            self.trouble.setVisible(True)
            self.problem.emit(text)
