"""Joins the window that compares micrographs to the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.commands import Commands
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.widgets import scatter
from napari_hydrapicker.gui.widgets.micrograph_model import MicrographModel
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.gui.widgets.worth_window import WorthWindow
from napari_hydrapicker.io.ctf import read_figures
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.worth import as_table, take_list
from napari_hydrapicker.wording import counted

_FOLDER = "lists"


class WorthController(QObject):
    """Opens the window, and does what is asked for in it.

    Signals
    -------
    problem, message (str)
        What went wrong, and what was done.
    """

    problem = Signal(str)
    message = Signal(str)

    def __init__(
        self, session: Session, model: MicrographModel, commands: Commands, tasks: Tasks, recent: Recent,
        parent: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._model, self._commands = session, model, commands
        self._tasks, self._recent, self._dock = tasks, recent, parent
        self.window: WorthWindow | None = None
        session.current_changed.connect(self._show_current)
        session.micrographs_changed.connect(self._on_project)

    def open(self) -> None:
        """Show the window; the plot follows when what draws it is loaded."""
        if not self._session.is_open:
            self.problem.emit("There are no micrographs to compare: open a folder of them first")
            return
        if self.window is None:
            self.window = window = WorthWindow(self._model, self._dock)
            window.activated.connect(self._commands.go_to)
            window.excluded.connect(self._exclude)
            window.included.connect(lambda numbers: self._commands.set_excluded(numbers, False))
            window.undo_requested.connect(self._commands.undo)
            window.redo_requested.connect(self._commands.redo)
            window.list_requested.connect(self._ask_for_list)
            window.save_requested.connect(self._ask_and_save)
            # Two at once would wait for one another's import.
            self._tasks.run("plot", scatter.load, lambda _: window.scatter.begin())
        self._on_project()
        self._show_current()
        self.window.show()
        self.window.raise_()

    def close(self) -> None:
        """Close the window."""
        self._session.current_changed.disconnect(self._show_current)
        self._session.micrographs_changed.disconnect(self._on_project)
        if self.window is not None:
            self.window.close()

    def read_list(self, path: Path) -> None:
        """Take what another program's list states of the micrographs."""
        project = self._session.project.path

        def take(listed: object) -> None:
            if self._session.is_open and self._session.project.path == project:
                self._attempt(lambda: self._taken(path, take_list(self._session, path, listed)))  # type: ignore[arg-type]

        self._tasks.run("list", lambda: read_figures(path), take)

    def save(self, path: Path) -> None:
        """Write the table as CSV."""
        self._attempt(lambda: write_files({path: as_table(self._session).encode()}, overwrite=True))

    def _taken(self, path: Path, n: int) -> None:
        self.message.emit(f"{path.name} states something of {counted(n, 'micrograph')}")

    def _exclude(self, numbers: list[int]) -> None:
        assert self.window is not None
        of_range = numbers and numbers == self.window.outside_ids()
        self._commands.set_excluded(numbers, True, self.window.unknown_in_range() if of_range else 0)

    def _ask_for_list(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self.window, "List with the CTF", str(self._recent.folder(_FOLDER)), "Lists (*.star *.cs)"
        )
        if name:
            self._recent.add_folder(_FOLDER, Path(name).parent)
            self.read_list(Path(name))

    def _ask_and_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self.window, "Save the table", "micrographs.csv", "CSV (*.csv)")
        if name:
            self.save(Path(name))

    def _show_current(self) -> None:
        if self.window is not None:
            self.window.show_current(self._session.current)

    def _on_project(self) -> None:
        if self.window is not None:
            self.window.show_refusal(READ_ONLY if self._session.read_only else None)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except HydraPickerError as error:
            self.problem.emit(str(error))
