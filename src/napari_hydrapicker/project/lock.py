"""One writer a project: a lock that the operating system releases when its process dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


class ProjectLock:
    """Lock of one project file."""

    def __init__(self, project: Path) -> None:
        self._lock = FileLock(project.with_name(f".{project.name}.lock"), timeout=0)
        self.held = False

    def acquire(self) -> bool:
        """Try to get the lock; False if another process or window has it, or the folder is read-only."""
        try:
            self._lock.acquire()
        except (Timeout, OSError):
            return False
        self.held = True
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self.held:
            self._lock.release()
            self.held = False
