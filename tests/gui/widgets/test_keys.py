"""Keys of the viewer."""

from napari.components import ViewerModel

from napari_hydrapicker.gui.widgets import keys
from napari_hydrapicker.gui.widgets.keys import bind_keys, unbind_keys


def test_keys_are_bound_and_given_back() -> None:
    viewer, pressed = ViewerModel(), []
    actions = {keys.NEXT: lambda: pressed.append("next"), keys.UNDO: lambda: pressed.append("undo")}
    bind_keys(viewer, actions)
    for action in viewer.keymap.values():
        action(viewer)
    assert sorted(pressed) == ["next", "undo"]
    unbind_keys(viewer, actions)
    assert not viewer.keymap


def test_no_key_is_one_of_naparis_own() -> None:
    from napari.utils.shortcuts import default_shortcuts

    ours = {keys.PREVIOUS, keys.NEXT, keys.PICK, keys.ERASE, keys.COMPLETE, keys.ORIGINAL, keys.MASK}
    # Layers of other kinds are not active while picks are corrected.
    others = ("label", "shape", "polygon", "polyline", "ellipse", "vertex", "brush", "path")
    theirs = {
        str(key)
        for name, bound in default_shortcuts.items()
        for key in bound
        if not any(kind in name for kind in others)
    }
    assert not ours & theirs
