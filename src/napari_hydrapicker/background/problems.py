"""What went wrong in the worker process, in words that the user can act on."""

from __future__ import annotations

from napari_hydrapicker.errors import HydraPickerError


def in_words(error: Exception) -> str:
    """Say what went wrong, and what to do if that is known."""
    from napari_hydrapicker.picking.dense import is_out_of_memory

    if isinstance(error, HydraPickerError):
        return str(error)
    if is_out_of_memory(error):
        return f"memory ran out: close other programs, then try again ({str(error) or 'no memory left'})"
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
