"""What the user is told: napari's own notifications."""

from __future__ import annotations

from napari.utils.notifications import show_info, show_warning


def inform(text: str) -> None:
    """Say that something was done."""
    show_info(text)


def warn(text: str) -> None:
    """Say what is wrong and what to do."""
    show_warning(text)
