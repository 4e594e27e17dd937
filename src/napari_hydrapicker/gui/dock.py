"""The dock widget "HydraPicker": its sections, joined to one another and to the canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_hydrapicker.gui.controllers.classes import ClassesController
from napari_hydrapicker.gui.controllers.commands import Commands
from napari_hydrapicker.gui.controllers.elsewhere import ElsewhereController
from napari_hydrapicker.gui.controllers.gallery import GalleryController
from napari_hydrapicker.gui.controllers.guide import GuideController
from napari_hydrapicker.gui.controllers.importing import ImportController
from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.gui.controllers.lasting_jobs import TrainJobs
from napari_hydrapicker.gui.controllers.live import LiveController
from napari_hydrapicker.gui.controllers.making import MakeController, MakeJobs
from napari_hydrapicker.gui.controllers.mask import MaskController
from napari_hydrapicker.gui.controllers.opening import Opener
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.controllers.summary import Summary
from napari_hydrapicker.gui.controllers.training import TrainingController
from napari_hydrapicker.gui.controllers.worth import WorthController
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.layers.layer_images import PassingProject
from napari_hydrapicker.gui.layers.mask_layer import Brush
from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers
from napari_hydrapicker.gui.layers.tools import Tool, Tools
from napari_hydrapicker.gui.preferences import preferred_low_pass, preferred_settings
from napari_hydrapicker.gui.sections.classes import ClassesSection
from napari_hydrapicker.gui.sections.correct import CorrectSection
from napari_hydrapicker.gui.sections.export import ExportSection
from napari_hydrapicker.gui.sections.make import MakeSection
from napari_hydrapicker.gui.sections.micrographs import MicrographsSection
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.sections.section import SectionColumn
from napari_hydrapicker.gui.sections.train import TrainSection
from napari_hydrapicker.gui.sections.view import ViewSection
from napari_hydrapicker.gui.widgets import keys
from napari_hydrapicker.gui.widgets.focus import Focus
from napari_hydrapicker.gui.widgets.guide_bar import GuideBar
from napari_hydrapicker.gui.widgets.help_window import HelpWindow
from napari_hydrapicker.gui.widgets.keys import bind_keys, unbind_keys
from napari_hydrapicker.gui.widgets.parts import inform, warn
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.project.export import ExportItem
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph

if TYPE_CHECKING:
    import napari


class HydraPickerWidget(QWidget):
    """Browse, pick, slide, correct and export."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self._docked = self._closed = False
        self._help: HelpWindow | None = None
        self.session = Session(preferred_settings)
        self.jobs = PickJobs(self.session, self)
        self.tasks = Tasks(self)
        self.recent = Recent()
        self.opener = Opener(napari_viewer, self.session, self.tasks, self.recent, self)
        self.layers = PluginLayers(napari_viewer, self)
        self.canvas = Canvas(napari_viewer, self.layers, self.session, self)
        self.tools = Tools(napari_viewer, self.layers, self.canvas, self)
        self.micrographs = MicrographsSection(self.session, self.recent, self.opener.image_names)
        self.view = ViewSection(preferred_low_pass())
        self.pick = PickSection(self.session, self.jobs, self.recent)
        self.mask_controller = MaskController(
            napari_viewer, self.session, self.canvas, self.layers, self.tools, self.tasks, self.pick, self
        )
        self.live = LiveController(self.session, self.jobs, self.tasks, self)
        self.pick.add(self.live.button)
        self.import_controller = ImportController(self.session, self.tasks, self.recent, self.pick, self)
        self.elsewhere = ElsewhereController(self.session, self.tasks, self.pick, self)
        self.correct = CorrectSection()
        self.classes = ClassesSection()
        self.classes_controller = ClassesController(self.session, self.classes, self.canvas, self)
        self.training = TrainJobs(self.session, self)
        self.train = TrainSection(self.training)
        self.making = MakeJobs(self.session, self)
        self.make = MakeSection()
        self.make_controller = MakeController(self.session, self.making, self.make, self.pick, self)
        self.export = ExportSection(self._export_items, self.tasks, self.session, self.recent)
        self.gallery_controller = GalleryController(
            self.session, self.canvas, self.correct.gallery, self.tasks, self
        )
        self.commands = Commands(
            self.session, self.canvas, self.jobs, self.micrographs.table, self.opener.open_layer, self
        )
        self.worth = WorthController(
            self.session, self.micrographs.table.model, self.commands, self.tasks, self.recent, self
        )
        self.summary = Summary(
            self.session, self.micrographs, self.view, self.pick, self.correct, self.export, self
        )
        self.training_controller = TrainingController(
            self.layers, self.session, self.canvas, self.training, self.train, self.pick, self.micrographs,
            self,
        )  # fmt: skip
        self._lay_out()
        self.guide_controller = GuideController(
            napari_viewer, self.session, self.opener.image_names, self.guide, self.column, self.export,
            self.training_controller, self.make_controller, self.classes_controller,
            (self.jobs, self.training, self.making), self,
        )  # fmt: skip
        self._connect()
        bind_keys(napari_viewer, self._actions())
        self.layers.bind(self._actions())
        self.focus = Focus(self, napari_viewer, self.layers)
        self.setAcceptDrops(True)
        # The dock may be destroyed with the window, without a close event of its own.
        self._end = _closer(
            self.session,
            self.canvas,
            self.opener.passing,
            self.jobs,
            self.training,
            self.making,
            self.classes_controller,
            self.tasks,
        )
        self.destroyed.connect(self._end)

    def dragEnterEvent(self, event: Any) -> None:
        """Take folders and files that are dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Open what was dropped."""
        self.opener.open([url.toLocalFile() for url in event.mimeData().urls()])

    def changeEvent(self, event: Any) -> None:
        """Close with the dock: napari takes the widget out of it and then leaves it alone."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.close_session()
                self.deleteLater()
            self._docked = self.parent() is not None

    def close_session(self) -> None:
        """Stop all work and close the project; the widget can be thrown away afterwards."""
        if self._closed:
            return
        self._closed = True
        unbind_keys(self.viewer, self._actions())
        self.live.stop()
        self.elsewhere.close()
        self.jobs.stop()  # its process dies while the layers are removed
        self.mask_controller.close()
        self.layers.close()  # all leave together
        self.tools.close()
        self.guide_controller.close()
        self.worth.close()
        self.training_controller.close()
        self.canvas.clear()
        self._end()

    def _actions(self) -> dict[str, Callable[[], object]]:
        do, mask = self.commands, self.mask_controller
        return {
            keys.PREVIOUS: lambda: do.step(-1),
            keys.NEXT: lambda: do.step(1),
            keys.PICK: lambda: do.pick("this"),
            keys.BROWSE: lambda: self.tools.choose(Tool.BROWSE),
            keys.ADD: self._of_mask(lambda: mask.use(Brush.PAINT), lambda: self.tools.choose(Tool.ADD)),
            keys.MOVE: lambda: self.tools.choose(Tool.MOVE),
            keys.ERASE: self._of_mask(lambda: mask.use(Brush.ERASE), lambda: self.tools.choose(Tool.ERASE)),
            keys.COMPLETE: self._toggle_complete,
            keys.ORIGINAL: self.view.toggle_original,
            keys.MASK: mask.toggle,
            keys.UNDO: self._of_mask(mask.undo, do.undo),
            keys.REDO: self._of_mask(mask.redo, do.redo),
            keys.COMPARE: self.worth.open,
            keys.HELP: self._show_help,
        }

    def _of_mask(self, on_mask: Callable[[], object], else_do: Callable[[], object]) -> Callable[[], object]:
        """Return what does the one thing while the mask is painted on, and the other else."""
        return lambda: on_mask() if self.mask_controller.editing else else_do()

    def _lay_out(self) -> None:
        self.guide = GuideBar()
        learning = (self.train, self.make)
        self.column = SectionColumn(
            (self.micrographs, self.view, self.pick, self.classes, self.correct, *learning, self.export)
        )
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        outer.addWidget(self.guide)
        outer.addWidget(self.column)
        self.setMinimumWidth(350)

    def _connect(self) -> None:
        links = (
            self.training_controller, self.make_controller, self.import_controller, self.elsewhere,
            self.worth,
        )  # fmt: skip
        parts = (self.opener, self.micrographs, self.pick, self.export, self.canvas, self.tools)
        sources = (*parts, self.mask_controller, self.classes_controller, self.live, *links)
        for source in sources:
            source.problem.connect(warn)
        for link in links:
            link.message.connect(inform)
        self.classes_controller.train_requested.connect(self._train_from_classes)
        self.tasks.failed.connect(warn)
        self.export.done.connect(inform)
        self.micrographs.open_requested.connect(self.opener.ask)
        self.micrographs.layer_requested.connect(self.opener.open_layer)
        self.opener.picks_found.connect(self.import_controller.take)
        self.opener.layer_opened.connect(self._on_layer_opened)
        self.micrographs.reopen_requested.connect(lambda path: self.opener.open([path]))
        self.micrographs.measure_requested.connect(lambda: self.tools.choose(Tool.MEASURE))
        do = self.commands
        self.micrographs.exclude_requested.connect(do.toggle_excluded)
        self.micrographs.worth_requested.connect(self.worth.open)
        self.micrographs.estimate_requested.connect(do.estimate)
        self.jobs.estimated.connect(do.estimated)
        do.import_replayed.connect(self.import_controller.note)
        self.micrographs.step_requested.connect(do.step)
        self.guide.help_requested.connect(self._show_help)
        self.layers.came_back.connect(self._on_came_back)
        self.micrographs.table.activated.connect(do.go_to)
        self.view.filter_changed.connect(self.canvas.set_filter)
        self.canvas.set_filter(self.view.filter)
        self.pick.pick_requested.connect(do.pick)
        self.correct.tool_chosen.connect(self.tools.choose)
        self.correct.undo_requested.connect(self._of_mask(self.mask_controller.undo, do.undo))
        self.correct.redo_requested.connect(self._of_mask(self.mask_controller.redo, do.redo))
        self.correct.complete_toggled.connect(lambda _: self._toggle_complete())
        self.correct.gallery_wanted.connect(self.gallery_controller.set_active)
        self.tools.tool_changed.connect(self.correct.show_tool)
        self.tools.measured.connect(do.measured)
        self.canvas.settled.connect(lambda _: self.summary.show())
        self.canvas.emptied.connect(self.summary.show)
        self.session.settings_changed.connect(self._on_settings)

    def _train_from_classes(self, micrographs: tuple[AnnotatedMicrograph, ...]) -> None:
        self.training_controller.train_from_classes(micrographs)
        self.column.bring_into_view(self.train)

    def _on_settings(self, names: frozenset[str]) -> None:
        if "diameter_angstrom" in names:
            self.tools.show_ring(self.canvas.diameter_px())

    def _on_layer_opened(self) -> None:
        """Pick the image of napari's that was asked for, if all that it takes is known."""
        if all(record.pixel_size_angstrom is not None for record in self.session.records):
            self.commands.pick("this")

    def _on_came_back(self) -> None:
        """Say once why a layer that was deleted is there again."""
        self.layers.came_back.disconnect(self._on_came_back)
        inform(
            "HydraPicker needs its layers while a project is open: hide one with its eye, in the layer list"
        )

    def _show_help(self) -> None:
        """Show keys and guide, and let the user go on with them open."""
        if self._help is None:
            self._help = HelpWindow(self)
        self._help.show()

    def _toggle_complete(self) -> None:
        self.commands.toggle_complete()
        self.summary.show()  # the button shows what came of it

    def _export_items(self) -> list[ExportItem]:
        s = self.session
        return [
            ExportItem(
                r.micrograph(), s.picks(r.id), r.status is Status.COMPLETE, s.settings.diameter_angstrom
            )
            for r in s.records
            if r.status is not Status.EXCLUDED
        ]


def _closer(
    session: Session, canvas: Canvas, passing: PassingProject, *workers: Jobs | Tasks
) -> Callable[..., None]:
    """Return what ends all work; it must not need the widget, which may be half gone by then."""

    def close(*_: object) -> None:
        session.disconnect_all()
        canvas.close()
        for worker in workers:
            worker.close()
        session.close()
        passing.close()

    return close
