"""Keys that work wherever the viewer has the focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

# Free in napari for the viewer, for points and for images.
PREVIOUS, NEXT, PICK, ERASE, COMPLETE, ORIGINAL = ",", ".", "G", "E", "Q", "H"
UNDO, REDO = "Control-Z", "Control-Shift-Z"


def bind_keys(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind keys to actions; of two docks the newer gets them."""
    for key, action in actions.items():
        viewer.bind_key(key, lambda _viewer, action=action: action(), overwrite=True)


def unbind_keys(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Give the keys back."""
    for key in actions:
        viewer.bind_key(key, None, overwrite=True)
