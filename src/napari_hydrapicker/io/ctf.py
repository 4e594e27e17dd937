"""The contrast transfer that other programs have found on micrographs: RELION's and cryoSPARC's lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.star_syntax import star_tables
from napari_hydrapicker.io.coordinates.structured_arrays import load_records
from napari_hydrapicker.io.files import bad_line
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


def ctf_of(micrographs: Sequence[Micrograph], listed: dict[str, Ctf]) -> list[Ctf | None]:
    """Find each micrograph's contrast transfer by its name; None where the list has none.

    Raises
    ------
    ParameterError
        If it cannot be told which of the list belongs to a micrograph.
    """
    match = match_names({i: one.full_name for i, one in enumerate(micrographs)}, {key: key for key in listed})
    match.check_unambiguous("micrographs", "those in the list of defocus")
    found: list[Ctf | None] = [None] * len(micrographs)
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
