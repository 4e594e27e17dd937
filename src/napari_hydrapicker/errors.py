"""Errors whose text is shown to the user as it stands.

Each message names the file or the parameter, what is wrong and what to do; a parameter stands in backticks
(`with_parameters` of `wording.py`). The command line prints it as one line and exits with 2; the napari side
shows it as a notification.
"""

from __future__ import annotations

import math


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
