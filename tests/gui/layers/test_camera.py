"""The camera of a viewer, old or new."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from napari.components import ViewerModel

from napari_hydrapicker.gui.layers.canvas import camera_of


def test_the_camera_moves_what_is_seen() -> None:
    viewer: Any = ViewerModel()
    camera_of(viewer).center = (0, 20.0, 35.0)
    assert tuple(camera_of(viewer).center)[-2:] == (20, 35)


def test_it_is_found_in_the_scene_of_a_newer_viewer() -> None:
    camera = SimpleNamespace()
    viewer: Any = SimpleNamespace(scene=SimpleNamespace(camera=camera))
    assert camera_of(viewer) is camera
