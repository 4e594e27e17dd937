"""Keys that work wherever the window has the focus, but in fields that one types into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer


# Free in napari for the viewer, for points and for images.
PREVIOUS, NEXT, PICK, ERASE, COMPLETE, ORIGINAL, MASK = ",", ".", "G", "E", "Q", "H", "M"
COMPARE = "W"
UNDO, REDO, HELP = "Control-Z", "Control-Shift-Z", "F1"
ADD, MOVE, BROWSE = "2", "3", "4"  # as napari has them for points

# What they do, as the list of keys says it.
MEANING = {
    PREVIOUS: "previous micrograph", NEXT: "next micrograph", PICK: "pick this micrograph",
    BROWSE: "browse: pan and zoom", ADD: "add picks", MOVE: "select and move picks",
    ERASE: "erase picks", "Delete": "delete the selected picks", UNDO: "undo", REDO: "redo",
    COMPLETE: "mark as complete, or unmark", ORIGINAL: "show the original or the filtered micrograph",
    MASK: "edit the mask, or finish; meanwhile 2 paints, E erases, [ and ] change the brush",
    COMPARE: "sort micrographs by worth, and exclude some",
    HELP: "this help", "Escape": "leave a field, back to the micrograph",
}  # fmt: skip


def bind_keys(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind keys to actions; of two docks the newer gets them."""
    for key, action in actions.items():
        viewer.bind_key(key, _pressed(action), overwrite=True)


def unbind_keys(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Give the keys back."""
    for key in actions:
        viewer.bind_key(key, None, overwrite=True)


def bind_on_layer(layer: Any, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind keys on one layer too: its kind has keys of its own, which would come first while it is active."""
    for key, action in actions.items():
        layer.bind_key(key, _pressed(action), overwrite=True)


def _pressed(action: Callable[[], object]) -> Callable[[Any], Callable[[], None]]:
    """Return what a key calls, which returns what it calls when it is let go: nothing.

    Napari keeps what the key called before, and a tool that was taken up with it on another layer would be
    laid down at once.
    """

    def press(_provider: Any) -> Callable[[], None]:
        action()
        return _let_go

    return press


def _let_go() -> None:
    """Do nothing: no key has to be held."""


def as_html() -> str:
    """Return the list of keys as a table."""
    rows = "".join(f"<tr><td><b>{_shown(key)}</b></td><td>{text}</td></tr>" for key, text in MEANING.items())
    return f"<table cellpadding=3>{rows}</table>"


def _shown(key: str) -> str:
    return key.replace("Control", "Ctrl").replace("Escape", "Esc").replace("-", "+")
