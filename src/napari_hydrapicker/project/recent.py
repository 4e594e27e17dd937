"""What the user had open last, for the next time: projects, and folders that dialogs begin in."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from napari_hydrapicker.picking.library import user_folder

_KEPT = 10
_FILE = "recent.json"


class Recent:
    """A small file in the user's data folder; where that cannot be written to, this window's memory.

    Two windows may write it: each reads it anew before, and replaces it as a whole.
    """

    def __init__(self) -> None:
        self._path = user_folder().parent / _FILE
        self._known: dict[str, list[str]] = {}

    @property
    def projects(self) -> list[Path]:
        """Projects that are still there, the newest first."""
        return [Path(name) for name in self._read().get("projects", []) if Path(name).is_file()]

    def add_project(self, path: Path) -> None:
        """Remember a project that was opened."""
        self._add("projects", path)

    def folder(self, purpose: str) -> Path:
        """Where a dialog for some purpose begins: where the last one ended, or at home."""
        known = (Path(name) for name in self._read().get(purpose, []))
        return next((folder for folder in known if folder.is_dir()), Path.home())

    def add_folder(self, purpose: str, folder: Path) -> None:
        """Remember a folder that was chosen."""
        self._add(purpose, folder)

    def _add(self, kind: str, path: Path) -> None:
        name = str(Path(path).absolute())
        known = self._read()
        known[kind] = [name, *(one for one in known.get(kind, []) if one != name)][:_KEPT]
        self._known = known
        draft = self._path.with_name(f".{_FILE}.{os.getpid()}")
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(known, indent=1))
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):  # a convenience, not worth a word
                draft.unlink()

    def _read(self) -> dict[str, list[str]]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return dict(self._known)
        if not isinstance(found, dict):
            return dict(self._known)
        return {
            str(kind): [name for name in names if isinstance(name, str)]
            for kind, names in found.items()
            if isinstance(names, list)
        }
