"""Errors whose text is shown to the user as it stands.

Each message names the file or the parameter, what is wrong and what to do; a parameter stands in backticks
(`with_parameters` of `wording.py`). The command line prints it as one line and exits with 2; the napari side
shows it as a notification.
"""

from __future__ import annotations

import math
import re

_PLACE = re.compile(r"^\[enforce fail at [^]]*\][^.]*\. ")  # in torch's own source
_NO_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory",
    "could not create a primitive",  # what oneDNN says then
    "can't start new thread", "resource temporarily unavailable",  # there is no room for its stack
    "failed to map segment from shared object",  # nor for a library that is imported only now
)  # fmt: skip
_NOT_PERMITTED = "not permitted"  # the same of a library on a disk that nothing may be run from


class HydraPickerError(Exception):
    """Base of all errors that this package raises on purpose."""


class MicrographError(HydraPickerError):
    """A micrograph cannot be read, or is not a micrograph."""


class CoordinateFileError(HydraPickerError):
    """A coordinate file cannot be read or written, or is not what it claims to be."""


class NotCoordinatesError(CoordinateFileError):
    """A file holds no particle positions, as far as is known here."""


class WeightsError(HydraPickerError):
    """A network file is not ours, is damaged, or comes from a newer version."""


class StructureError(HydraPickerError):
    """A molecular structure or density map cannot be read."""


class ParameterError(HydraPickerError):
    """A parameter is out of its range, or two of them contradict each other."""


class OutOfMemoryError(HydraPickerError):
    """The work does not fit into memory, even in its smallest pieces."""


class ProjectError(HydraPickerError):
    """A project file cannot be opened or written, or is not one."""


class ClusterError(HydraPickerError):
    """A cluster cannot be reached, or is gone."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; many libraries, torch on the CPU too, do so in its text."""
    said = str(error).lower()
    if isinstance(error, ImportError) and _NOT_PERMITTED in said:
        return False
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)


def out_of_memory_message(error: BaseException) -> str:
    """Say that memory ran out, and what to do, if that is what an error means; else ""."""
    kinds = MemoryError | RuntimeError | OSError | ImportError
    if not (isinstance(error, kinds) and is_out_of_memory(error)):
        return ""
    detail = _PLACE.sub("", str(error)) or "no memory left"
    return f"memory ran out: close other programs, then try again ({detail})"


def check_positive(**values: float | None) -> None:
    """Refuse parameters, given by their names, that are not positive and finite numbers; None passes.

    Raises
    ------
    ParameterError
        That names the parameter.
    """
    for name, value in values.items():
        if value is None:
            continue
        try:
            good = not isinstance(value, bool) and 0 < float(value) < math.inf
        except (TypeError, ValueError):
            good = False
        if not good:
            raise ParameterError(f"`{name}`: {value!r} is not a positive number")
