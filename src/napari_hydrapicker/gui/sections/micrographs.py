"""The section that lists the micrographs and says how large the particle is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.micrograph_table import MicrographTable, TableRow
from napari_hydrapicker.gui.widgets.parts import MiddleLabel, button, length, row, show_value
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after
from napari_hydrapicker.imaging.rescale import is_doubtful_pixel_size
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.worth import worth_of

_NO_PROJECT = "Open a folder of micrographs, or drop one here"
_EMPTY = "No micrographs in this project yet: open their folder"


class MicrographsSection(Section):
    """Table, next and previous, diameter and the measuring tool.

    Signals
    -------
    open_requested (str)
        "folder", "files" or "project".
    reopen_requested (str)
        A project that was open before.
    layer_requested (str)
        An image that is open in napari.
    measure_requested ()
        The user wants to drag over a particle.
    estimate_requested ()
        The diameter is to be found by the network.
    exclude_requested ()
        The selected micrographs are to be left out, or taken back.
    worth_requested ()
        The micrographs are to be compared by their numbers.
    step_requested (int)
        The user wants to go so many micrographs on.
    problem (str)
        Something that the user should read.
    """

    open_requested = Signal(str)
    reopen_requested = Signal(str)
    layer_requested = Signal(str)
    measure_requested = Signal()
    estimate_requested = Signal()
    exclude_requested = Signal()
    worth_requested = Signal()
    step_requested = Signal(int)
    problem = Signal(str)
    step = Step.OPEN

    def __init__(self, session: Session, recent: Recent, images: Callable[[], list[str]]) -> None:
        super().__init__("Micrographs")
        self._session, self._recent, self._images = session, recent, images
        self._uses: Mapping[str, str] = {}
        self._changed: set[int] = set()  # micrographs of which the table does not know yet
        choices = (
            ("Folder…", "folder", "Open all micrographs of a folder"),
            ("Files…", "files", "Open micrographs, or a STAR or .cs file that lists them"),
            ("Project…", "project", "Open a project file, or start one anywhere"),
        )
        self.recent = QPushButton("Recent")
        self.recent.setToolTip("Recent projects, and images that are open in napari")
        self._projects = QMenu(self.recent)
        self._projects.aboutToShow.connect(self._list_projects)
        self.recent.setMenu(self._projects)
        openers = [button(t, tip, partial(self.open_requested.emit, w)) for t, w, tip in choices]
        self.add(row([*openers, self.recent]))
        self.project_name = MiddleLabel(_NO_PROJECT)
        self.add(self.project_name)
        self.table = MicrographTable()
        self.table.setMinimumHeight(180)
        self.add(self.table)
        previous = button("◀ Previous", "Key ,", partial(self.step_requested.emit, -1))
        following = button("Next ▶", "Key .", partial(self.step_requested.emit, 1))
        exclude = button("Exclude", "Leave the selected micrographs out of picking, training, classes and "
                         "export, or include them again", self.exclude_requested.emit)  # fmt: skip
        worth = button("Sort by worth…", "Compare micrographs by picks, doubt, defocus and more, and exclude "
                       "the bad ones (key W)", self.worth_requested.emit)  # fmt: skip
        self.add(row([previous, following]))
        self.add(row([exclude, worth]))
        self.diameter = length(1, 5000, 5, 0, "The particle's longest diameter")
        # "5000 Å" between the buttons of napari's style, which sets a width of its own.
        self.diameter.setStyleSheet("QDoubleSpinBox { min-width: 76px; }")
        measure = button("Measure", "Drag across a particle on the canvas", self.measure_requested.emit)
        self.estimate = button(
            "Estimate", "Pick three micrographs at several diameters, and choose the best one",
            self.estimate_requested.emit,
        )  # fmt: skip
        self.form().addRow("Diameter", row([self.diameter, measure, self.estimate], widest=0))
        self.actions = {
            Action.OPEN_FOLDER: openers[0], Action.PREVIOUS: previous, Action.NEXT: following,
            Action.EXCLUDE: exclude, Action.COMPARE: worth, Action.MEASURE: measure,
            Action.ESTIMATE: self.estimate,
        }  # fmt: skip
        self.diameter.valueChanged.connect(self._set_diameter)
        self.table.pixel_size_edited.connect(self._set_pixel_size)
        self.table.problem.connect(self.problem)
        session.micrographs_changed.connect(self._fill)
        self._update = once_after(AFTER_FRAME_MS, self._update_rows, self)
        session.micrograph_changed.connect(self._on_micrograph)
        self._follow = once_after(AFTER_FRAME_MS, self._follow_current, self)
        session.current_changed.connect(self._on_current)
        session.settings_changed.connect(self._follow_settings)
        self._follow_settings(frozenset({"diameter_angstrom"}))
        self._fill()

    def _list_projects(self) -> None:
        self._projects.clear()
        paths = self._recent.projects
        for path in paths:
            entry = self._projects.addAction(f"{path.stem}  ({path.parent})")
            entry.triggered.connect(partial(self.reopen_requested.emit, str(path)))
        if not paths:
            self._projects.addAction("no recent projects").setEnabled(False)
        names = self._images()
        if names:
            self._projects.addSection("Images in napari")
        for name in names:
            entry = self._projects.addAction(f"the image {name}")
            entry.triggered.connect(partial(self.layer_requested.emit, name))

    def refresh_counts(self) -> None:
        """Count all rows again: the threshold has changed."""
        self.table.update_rows([self._row(record.id) for record in self._session.records])

    def show_uses(self, uses: Mapping[str, str]) -> None:
        """Say what micrographs, by name, were used for by the head that picks."""
        self._uses = uses
        self.refresh_counts()

    def _row(self, number: int) -> TableRow:
        record = self._session.record(number)
        return TableRow(
            id=number, name=record.name, picks=self._session.count(number),
            mean_score=self._session.mean_score(number), status=record.status.value,
            pixel_size_angstrom=record.pixel_size_angstrom, use=self._uses.get(record.name, ""),
            worth=worth_of(self._session, number),
        )  # fmt: skip

    def _fill(self) -> None:
        self.table.set_rows([self._row(record.id) for record in self._session.records])
        if self._session.is_open:
            mode = "  (read-only: open in another napari)" if self._session.read_only else ""
            path = self._session.project.path
            passing = self._session.passing
            self.project_name.setText(
                "Not saved: save it with “Project…”" if passing else f"{path.name}{mode}"
            )
            self.project_name.setToolTip("" if passing else str(path))
        else:
            self.project_name.setText(_NO_PROJECT)
            self.project_name.setToolTip("")
        self.table.show_hint(_EMPTY if self._session.is_open else _NO_PROJECT)
        self._follow_current()

    def _on_micrograph(self, number: int) -> None:
        self._changed.add(number)
        self._update.start()

    def _update_rows(self) -> None:
        changed, self._changed = self._changed, set()
        self.table.update_rows(
            [self._row(record.id) for record in self._session.records if record.id in changed]
        )

    def _on_current(self) -> None:
        self._follow.start()

    def _follow_current(self) -> None:
        if self._session.current is not None:
            self.table.set_current(self._session.current)

    def _follow_settings(self, names: frozenset[str]) -> None:
        if "diameter_angstrom" in names:
            show_value(self.diameter, self._session.settings.diameter_angstrom)

    def _set_diameter(self, angstrom: float) -> None:
        self._try(lambda: self._session.update(diameter_angstrom=angstrom))

    def _set_pixel_size(self, number: int, angstrom: float) -> None:
        selected = self.table.selected_ids()
        chosen = selected if number in selected else [number]
        known = self._session.record(number).pixel_size_angstrom

        def change() -> None:
            self._session.set_pixel_size(chosen, angstrom)
            if is_doubtful_pixel_size(known, angstrom):
                self.problem.emit(
                    f"The pixel size was {known:.4g} Å, and is {angstrom:.4g} Å now. If that is of "
                    f"unbinned images, or in nanometre, type {known:.4g} again"
                )

        self._try(change)

    def _try(self, change: Callable[[], object]) -> None:
        try:
            change()
        except HydraPickerError as error:
            self.problem.emit(str(error))
