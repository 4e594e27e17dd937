"""One job at a time in a process of its own, and its answers in the window's event loop."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer

from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.messages import Broken, Message, Request


class Jobs(QObject):
    """What jobs have in common: subclasses say what to ask for, and what to do with the answers."""

    def __init__(self, session: Session, poll_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._child = WorkerClient()
        self._job = 0
        self._project = self._open_project()
        self._timer = QTimer(self)
        self._timer.setInterval(poll_ms)
        self._timer.timeout.connect(self._poll)
        session.micrographs_changed.connect(self._follow_project)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return bool(self._timer.isActive())

    def cancel(self) -> None:
        """Stop the job; what is done already stays."""
        if self.running:
            self._child.cancel(self._job)

    def close(self) -> None:
        """End the process; nothing is left running when this returns."""
        self._timer.stop()
        self._child.close()

    def _send(self, request: Request) -> None:
        self._child.send(request)
        self._timer.start()

    def _messages(self) -> list[Message]:
        """What has been said since the last call; of a job that was cancelled a tail may come late."""
        said = self._child.poll()
        return [one for one in said if isinstance(one, Broken) or getattr(one, "job", self._job) == self._job]

    def _follow_project(self) -> None:
        project = self._open_project()
        if project is not self._project:
            self._project = project
            self._on_project()

    def _open_project(self) -> Project | None:
        return self._session.project if self._session.is_open else None

    def _poll(self) -> None:
        raise NotImplementedError

    def _on_project(self) -> None:
        """Another project is open, or none: it numbers its micrographs from 1 again."""
        raise NotImplementedError
