"""What the user is told: napari's own notifications, which show the first lines of a text."""

from __future__ import annotations

import re

from napari.utils.notifications import show_info, show_warning

# The command line's names of what has another one here.
_LABELS = {
    "--device": "Device (in Pick)",
    "--pixel-size": "the pixel size (in the table)",
    "--border": "Border (in Pick)",
    "--min-distance": "Distance (in Pick)",
    "--diameter": "Diameter",
    "--head": "Head (in Pick)",
    "--picker": "Picker (in Pick)",
    "--weights": "Generator (in Pick)",
    "--overwrite": "Replace",
    "--threshold": "Confidence",
}
_OPTION = re.compile(r"--[a-z][a-z-]*[a-z]")
_PATH_FIRST = re.compile(
    r"(?P<lead>(?:[A-Z][a-z ]+: )?)(?P<path>(?:/|[A-Za-z]:\\)[^:\n]*): (?P<reason>.+)", re.DOTALL
)


def inform(text: str) -> None:
    """Say that something was done."""
    show_info(in_window_words(text))


def warn(text: str) -> None:
    """Say what is wrong and what to do."""
    show_warning(in_window_words(text))


def in_window_words(text: str) -> str:
    """Return a message with the reason before the path, and with the window's names for options."""
    found = _PATH_FIRST.fullmatch(text)
    if found is not None:
        text = f"{found['lead']}{found['reason']}\n{found['path']}"
    return _OPTION.sub(lambda option: _LABELS.get(option[0], option[0].lstrip("-").replace("-", " ")), text)
