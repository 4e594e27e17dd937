"""How large a particle is on a micrograph."""

from __future__ import annotations

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.micrograph import Micrograph


def pixel_angstrom(micrograph: Micrograph, stated: float | None = None) -> float:
    """Pixel size of a micrograph in Angstrom: the one stated, else the file's own.

    Raises
    ------
    ParameterError
        If neither is known, or the one stated is not positive.
    """
    size = micrograph.pixel_size_angstrom if stated is None else stated
    if size is None:
        raise ParameterError(f"{micrograph.path}: the file states no pixel size; give it in Angstrom")
    if not size > 0:
        raise ParameterError(f"a pixel size of {size:g} Angstrom: give a positive number")
    return size


def diameter_on(micrograph: Micrograph, diameter_angstrom: float, stated: float | None = None) -> float:
    """Particle diameter in pixels of a micrograph.

    Parameters
    ----------
    micrograph
        The micrograph.
    diameter_angstrom
        The particle's longest diameter, Angstrom.
    stated
        Pixel size in Angstrom, if the file's own shall not count.

    Raises
    ------
    ParameterError
        If no pixel size is known, or a length is not positive.
    """
    if not diameter_angstrom > 0:
        raise ParameterError(f"a diameter of {diameter_angstrom:g} Angstrom: give a positive number")
    return diameter_angstrom / pixel_angstrom(micrograph, stated)
