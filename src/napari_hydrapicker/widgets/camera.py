"""Where a viewer's camera is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer


def camera_of(viewer: Viewer) -> Any:
    """Return a viewer's camera, which napari 0.9 has moved into the scene."""
    return getattr(viewer, "scene", viewer).camera
