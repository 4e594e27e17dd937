"""What other programs have found out of micrographs' images: RELION's and cryoSPARC's lists.

`read_ctf` reads the contrast transfer to compute with, and refuses what is incomplete; `read_figures` what
there is to look at, and leaves out what is not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.star_syntax import star_tables
from napari_hydrapicker.io.coordinates.structured_arrays import load_records
from napari_hydrapicker.io.files import bad_line
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import match_names, micrograph_path

_ANGSTROM_PER_UM = 1e4
_NAME, _GROUP = "rlnMicrographName", "rlnOpticsGroup"
_U, _V, _ANGLE, _PHASE = "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift"
_OPTICS = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
_RESOLUTION = "rlnCtfMaxResolution"
_CS_PATHS = ("micrograph_blob/path", "location/micrograph_path")
_CS = ("ctf/df1_A", "ctf/df2_A", "ctf/df_angle_rad", "ctf/accel_kv", "ctf/cs_mm", "ctf/amp_contrast")
_CS_PHASE, _CS_RESOLUTION = "ctf/phase_shift_rad", "ctf_stats/ctf_fit_to_A"
_ICE, _CS_ICE = "rlnCtfIceRingDensity", "ctf_stats/ice_thickness_rel"
_Stated = TypeVar("_Stated")


@dataclass(frozen=True)
class Ctf:
    """The contrast transfer of one micrograph, as a program has estimated it.

    Attributes
    ----------
    defocus_um : float
        Mean underfocus, micrometres; positive.
    astigmatism_um : float
        Half the difference between the largest and the smallest underfocus, micrometres.
    angle : float
        Direction of the largest underfocus from the columns' axis towards the rows', radians.
    voltage_kv, cs_mm, amplitude_contrast : float
        Of the microscope.
    phase_shift : float
        Of a phase plate, radians.
    resolution_angstrom : float or None
        To which the estimate fits; None where the list does not say.
    """

    defocus_um: float
    astigmatism_um: float = 0.0
    angle: float = 0.0
    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    phase_shift: float = 0.0
    resolution_angstrom: float | None = None


def read_ctf(path: str | Path) -> dict[str, Ctf]:
    """Read the contrast transfer of the micrographs in RELION's micrographs_ctf.star or a cryoSPARC .cs file.

    Returns
    -------
    dict of str to Ctf
        By the micrographs' paths as the list has them, without extensions.

    Raises
    ------
    CoordinateFileError
        If the file is missing or damaged, or states no defocus.
    """
    path = Path(path)
    found = _from_cs(path) if path.suffix.lower() == ".cs" else _from_star(path)
    if not found:
        raise CoordinateFileError(
            f"{path}: states no defocus of micrographs; choose the list that CTF estimation has written, "
            "such as micrographs_ctf.star"
        )
    return found


def read_figures(path: str | Path) -> dict[str, ListedFigures]:
    """Read what a RELION STAR or a cryoSPARC .cs file states of its micrographs' images.

    Returns
    -------
    dict of str to ListedFigures
        By the micrographs' paths as the list has them, without extensions; those of which it states nothing
        are left out, as is a number that is none.

    Raises
    ------
    CoordinateFileError
        If the file is missing or damaged.
    """
    path = Path(path)
    found = _figures_of_cs(path) if path.suffix.lower() == ".cs" else _figures_of_star(path)
    return {name: figures for name, figures in found.items() if figures}


def ctf_of(micrographs: Sequence[Micrograph], listed: Mapping[str, _Stated]) -> list[_Stated | None]:
    """Find what a list states of each micrograph by its name; None where it states nothing.

    Raises
    ------
    ParameterError
        If it cannot be told which of the list belongs to a micrograph.
    """
    match = match_names({i: one.full_name for i, one in enumerate(micrographs)}, {key: key for key in listed})
    match.check_unambiguous("micrographs", "those in the list of defocus")
    found: list[_Stated | None] = [None] * len(micrographs)
    for i, key in match.pairs:
        found[i] = listed[key]
    return found


def _from_star(path: Path) -> dict[str, Ctf]:
    optics: dict[str, dict[str, float]] = {}
    found: dict[str, Ctf] = {}
    for table in star_tables(path):
        is_list = all(table.index(label) is not None for label in (_NAME, _U, _V))
        for line, values in table.rows:
            row = dict(zip(table.columns, values, strict=True))
            stated = {
                label: _number(path, line, row[label])
                for label in (*_OPTICS, _U, _V, _ANGLE, _PHASE, _RESOLUTION)
                if label in row
            }
            if is_list:
                stated = optics.get(row.get(_GROUP, ""), {}) | stated
                found.setdefault(micrograph_path(row[_NAME]), _ctf(path, stated))
            elif _GROUP in row:
                optics[row[_GROUP]] = stated
    return found


def _ctf(path: Path, stated: dict[str, float]) -> Ctf:
    voltage, cs, contrast = (stated.get(label) for label in _OPTICS)
    if voltage is None or cs is None or contrast is None:
        lacking = next(label for label in _OPTICS if label not in stated)
        raise CoordinateFileError(f"{path}: states the defocus, but no {lacking}")
    u, v = stated[_U] / _ANGSTROM_PER_UM, stated[_V] / _ANGSTROM_PER_UM
    return Ctf(
        (u + v) / 2, (u - v) / 2, math.radians(stated.get(_ANGLE, 0.0)), voltage, cs, contrast,
        math.radians(stated.get(_PHASE, 0.0)), stated.get(_RESOLUTION),
    )  # fmt: skip


def _number(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise bad_line(path, line, f"{text!r:.40} is not a number")
    return value


def _from_cs(path: Path) -> dict[str, Ctf]:
    records = load_records(path)
    columns = records.dtype.names or ()
    name = next((column for column in _CS_PATHS if column in columns), None)
    if name is None or any(column not in columns for column in _CS):
        return {}
    for column in (*_CS, _CS_PHASE, _CS_RESOLUTION):
        if column in columns and (records.dtype[column].kind != "f" or records.dtype[column].shape):
            raise CoordinateFileError(f"{path}: column {column} has the wrong type {records.dtype[column]}")
    if records.dtype[name].kind != "S":
        raise CoordinateFileError(f"{path}: column {name} has the wrong type {records.dtype[name]}")
    found: dict[str, Ctf] = {}
    for row in records:
        u, v, angle, voltage, cs, contrast = (float(row[column]) for column in _CS)
        if not all(map(math.isfinite, (u, v, angle, voltage, cs, contrast))):
            raise CoordinateFileError(
                f"{path}: the defocus of {row[name].decode(errors='replace')} is no number"
            )
        u, v = u / _ANGSTROM_PER_UM, v / _ANGSTROM_PER_UM
        phase = float(row[_CS_PHASE]) if _CS_PHASE in columns else 0.0
        fit = float(row[_CS_RESOLUTION]) if _CS_RESOLUTION in columns else None
        key = micrograph_path(row[name].decode(errors="replace"))
        found.setdefault(key, Ctf((u + v) / 2, (u - v) / 2, angle, voltage, cs, contrast, phase, fit))
    return found


def _figures_of_star(path: Path) -> dict[str, ListedFigures]:
    found: dict[str, ListedFigures] = {}
    for table in star_tables(path):
        name = table.index(_NAME)
        columns = [table.index(label) for label in (_U, _V, _RESOLUTION, _ICE)]
        if name is None or all(column is None for column in columns):
            continue
        for _, values in table.rows:
            u, v, fit, ice = (math.nan if at is None else _number_or_nan(values[at]) for at in columns)
            found.setdefault(micrograph_path(values[name]), _figures(u, v, fit, ice))
    return found


def _figures_of_cs(path: Path) -> dict[str, ListedFigures]:
    records = load_records(path)
    columns = records.dtype.names or ()
    name = next((one for one in _CS_PATHS if one in columns and records.dtype[one].kind == "S"), None)
    if name is None:
        return {}
    names = [micrograph_path(one.decode(errors="replace")) for one in records[name].tolist()]
    stated = zip(*(_column(records, one) for one in (*_CS[:2], _CS_RESOLUTION, _CS_ICE)), strict=True)
    found: dict[str, ListedFigures] = {}
    for one, values in zip(names, stated, strict=True):
        found.setdefault(one, _figures(*values))
    return found


def _column(records: NDArray[np.void], name: str) -> list[float]:
    """Numbers (N,) of a column; NaN where there is none of that name, or one that holds something else."""
    columns = records.dtype.names or ()
    if name not in columns or records.dtype[name].kind not in "fiu" or records.dtype[name].shape:
        return [math.nan] * len(records)
    numbers: list[float] = records[name].astype(np.float64).tolist()
    return numbers


def _figures(u_angstrom: float, v_angstrom: float, fit_angstrom: float, ice: float) -> ListedFigures:
    """What is known, as it is shown; programs write 0 where they have found no resolution."""
    fit = fit_angstrom if fit_angstrom > 0 else math.nan
    stated: tuple[Any, ...] = ((u_angstrom + v_angstrom) / 2 / _ANGSTROM_PER_UM, fit,
                               abs(u_angstrom - v_angstrom), ice)  # fmt: skip
    return ListedFigures(*(value if math.isfinite(value) else None for value in stated))


def _number_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
