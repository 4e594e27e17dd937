"""What went wrong in the worker process, in words that the user can act on."""

from __future__ import annotations

import re

from napari_hydrapicker.errors import HydraPickerError, out_of_memory_message

LOG_MARK = "log: "  # before what the worker process logs: no last words
# What libraries write that end the process themselves, OpenBLAS for one.
_NO_MEMORY = re.compile(
    r"memory allocation|(allocate|out of|not enough) memory|MemoryError|bad_alloc", re.IGNORECASE
)


def in_words(error: Exception) -> str:
    """Say what went wrong, and what to do if that is known."""
    if isinstance(error, HydraPickerError):
        return str(error)
    if message := out_of_memory_message(error):
        return message
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def reports_no_memory(last_words: str) -> bool:
    """Whether a process' last words say that memory ran out."""
    return _NO_MEMORY.search(last_words) is not None
