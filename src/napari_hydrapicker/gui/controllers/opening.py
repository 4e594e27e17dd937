"""Opening micrographs and projects, by button and by dropping them on the dock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.layers import image_layer
from napari_hydrapicker.gui.layers.layer_images import (
    LayerImage,
    PassingProject,
    file_of,
    image_layers,
    picture_of,
)
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.io.lists import open_any
from napari_hydrapicker.io.micrograph import Micrograph, open_micrographs
from napari_hydrapicker.project.importing import holds_coordinates
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.records import MicrographRecord
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.wording import by_number, counted, first_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


_MICROGRAPHS = "micrographs"
_LOOKED_INTO = 50  # files of a folder without micrographs
Found = tuple[list[Micrograph], list[str]]

OWN_IMAGES = (image_layer.NAME,)


class Opener(QObject):
    """Brings micrographs into the session, in the project that lies beside them.

    Signals
    -------
    problem (str)
        Something that the user should read.
    layer_opened ()
        An image that was open in napari is there as a micrograph.
    picks_found (Path)
        What was to be opened are no micrographs, but picks of such.
    """

    problem = Signal(str)
    layer_opened = Signal()
    picks_found = Signal(object)

    def __init__(
        self, viewer: Viewer, session: Session, tasks: Tasks, recent: Recent, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._viewer, self._recent = viewer, recent
        self.passing = PassingProject(session)
        self._window, self._session, self._tasks = parent, session, tasks

    def open(self, paths: Sequence[str], project: Path | None = None) -> None:
        """Open what is named by files, folders, patterns, lists of micrographs, or one project file.

        `project` is where the project lies or is begun; by default beside the micrographs.
        """
        names = list(paths)
        if len(names) == 1 and Path(names[0]).suffix == Project.SUFFIX:
            self._attempt(lambda: self._use(Project.open(Path(names[0]))))
        elif len(names) == 1 and self._lost_in(Path(names[0])):
            old = self._lost()[0].parent
            self._attempt(lambda: self._session.relocate(old, Path(names[0])))
        else:
            self._tasks.run(
                "open",
                lambda: _micrographs_or_picks(names),
                lambda found: self._opened(names, found, project),
            )

    def image_names(self) -> list[str]:
        """Names of the user's own images in napari, the likeliest first."""
        return [layer.name for layer in image_layers(self._viewer, OWN_IMAGES)]

    def open_layer(self, name: str | None = None) -> bool:
        """Open an image that is in napari, by default the active one; False if there is none.

        One that was read from a file is opened from that; another is written to a passing file, and may be
        saved as a project later.
        """
        found = image_layers(self._viewer, OWN_IMAGES)
        layer = next((one for one in found if name in (None, one.name)), None)
        if layer is None:
            return False
        step = tuple(self._viewer.dims.current_step)
        self._tasks.run("open", lambda: _from_layer(layer, step, self.passing), self._layer_opened(layer))
        return True

    def _layer_opened(self, layer: Image) -> Callable[[Path | tuple[LayerImage, Path]], None]:
        def opened(found: Path | tuple[LayerImage, Path]) -> None:
            if isinstance(found, Path):
                self._opened([str(found)], open_any([found]), None)
            else:
                self._attempt(lambda: self._begin_passing(*found))
            if self._session.records:
                layer.visible = False  # the same is shown as a micrograph
                self.layer_opened.emit()

        return opened

    def _begin_passing(self, image: LayerImage, file: Path) -> None:
        self.passing.use(Project.create(file.with_suffix(Project.SUFFIX)))
        self._session.add_micrographs(open_micrographs(file))
        if image.diameter_angstrom is not None:
            self._session.update(diameter_angstrom=image.diameter_angstrom)
        if image.micrograph.pixel_size_angstrom is None:
            name = image.micrograph.name
            self.problem.emit(f"{name} states no pixel size: enter it in the table (Å/px), then pick")

    def ask(self, what: str) -> None:
        """Ask for a "folder", for "files" or for a "project", and open it."""
        if what == "folder":
            folder = QFileDialog.getExistingDirectory(self._window, "Folder of micrographs", self._start())
            if folder:
                self._recent.add_folder(_MICROGRAPHS, Path(folder).parent)
                self.open([folder])
        elif what == "files":
            title = "Micrographs, or a list of them"
            files, _ = QFileDialog.getOpenFileNames(self._window, title, self._start())
            if files:
                self._recent.add_folder(_MICROGRAPHS, Path(files[0]).parent)
                self.open(files)
        else:
            self._ask_project()

    def _ask_project(self) -> None:
        file, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save as a project" if self._session.passing else "Open a project, or name a new one",
            str(self._session.project.path.parent) if self._is_kept() else self._start(),
            f"HydraPicker project (*{Project.SUFFIX})",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if file:
            path = Path(file).with_suffix(Project.SUFFIX)
            if self._session.passing:
                self._attempt(lambda: self._use(Project.open(self.passing.save(path))))
            else:
                self._attempt(lambda: self._begin(path, []))

    def _is_kept(self) -> bool:
        return self._session.is_open and not self._session.passing

    def _start(self) -> str:
        """Where a dialog begins: beside the folder chosen last."""
        return str(self._recent.folder(_MICROGRAPHS))

    def _opened(self, names: Sequence[str], found: Found | Path, project: Path | None) -> None:
        if isinstance(found, Path):
            self.picks_found.emit(found)
            return
        micrographs, problems = found
        if problems:
            self.problem.emit(f"Not opened: {first_of(problems)}")
        if micrographs:
            first = Path(names[0]).expanduser()
            folder = first if first.is_dir() else micrographs[0].path.parent
            self._attempt(lambda: self._begin(project or Project.default_path(folder), micrographs))

    def _begin(self, path: Path, micrographs: Sequence[Micrograph]) -> None:
        if not (self._session.is_open and self._session.project.path == path):
            self._use(Project.open(path) if path.exists() else Project.create(path))
        if micrographs and not self._session.read_only:
            replaced = self._session.follow_files(micrographs)
            if replaced:
                self.problem.emit(_replaced(replaced))
            self._session.add_micrographs(micrographs)
        unknown = [record for record in self._session.records if record.pixel_size_angstrom is None]
        if unknown:
            self.problem.emit(_without_pixel_size(unknown))

    def _use(self, project: Project) -> None:
        self._session.use(project)
        self._recent.add_project(project.path)
        if project.read_only:
            self.problem.emit(f"{project.path.name} is read-only: another napari window has it open")
        if self._session.unknown_settings:
            self.problem.emit(self._session.unknown_settings)
        lost = self._lost()
        if lost:
            are = by_number(len(lost), "is", "are")
            self.problem.emit(
                f"{counted(len(lost), 'micrograph')} {are} missing: open the new folder ({lost[0]})"
            )

    def _lost(self) -> list[Path]:
        """Files of the project that are not where they were."""
        records = self._session.records if self._session.is_open else []
        return [record.path for record in records if record.missing]

    def _lost_in(self, folder: Path) -> bool:
        """Whether a folder holds the project's missing micrographs."""
        lost = self._lost() if folder.is_dir() else []
        return bool(lost) and (folder / lost[0].name).is_file()

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except HydraPickerError as error:
            self.problem.emit(str(error))


def _replaced(before: Sequence[MicrographRecord]) -> str:
    """What to say of files that were replaced by others of another size."""
    rows, cols = before[0].shape
    more = f" and {counted(len(before) - 1, 'other micrograph')}" if len(before) > 1 else ""
    were = by_number(len(before), "was", "were")
    return (
        f"{before[0].name}{more} {were} replaced by another image (before: {rows} x {cols} pixels). "
        "Their picks and edits were made on the old one: pick again, or put it back"
    )


def _without_pixel_size(records: Sequence[MicrographRecord]) -> str:
    """Say that micrographs have no pixel size, why the first one has none, and what to do."""
    first, why = records[0].name, records[0].micrograph().why_no_pixel_size()
    if len(records) == 1:
        return f"{first} has no pixel size: {why}; enter it in the table"
    return (
        f"{counted(len(records), 'micrograph')} have no pixel size ({first}: {why}): select them, enter it "
        "in the table"
    )


def _from_layer(
    layer: Image, step: tuple[int, ...], passing: PassingProject
) -> Path | tuple[LayerImage, Path]:
    """Return the file of a layer, or its picture and where that is kept; not for the GUI's thread."""
    file = file_of(layer)
    if file is not None:
        return file
    picture = picture_of(layer, step)
    return picture, picture.write(passing.begin())


def _micrographs_or_picks(names: Sequence[str]) -> Found | Path:
    """Open micrographs, or return the file or folder if it holds picks instead; not for the GUI's thread."""
    found = open_any(names)
    path = Path(names[0]).expanduser()
    if not found[0] and len(names) == 1 and (holds_coordinates(path) or _is_folder_of_picks(path)):
        return path
    return found


def _is_folder_of_picks(path: Path) -> bool:
    return path.is_dir() and any(holds_coordinates(file) for file in sorted(path.iterdir())[:_LOOKED_INTO])
