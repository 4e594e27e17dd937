"""The contrast transfer in lists of RELION and cryoSPARC."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.ctf import ctf_of, read_ctf
from napari_hydrapicker.io.micrograph import Micrograph

STAR = """data_optics

loop_
_rlnOpticsGroup #1
_rlnVoltage #2
_rlnSphericalAberration #3
_rlnAmplitudeContrast #4
1 300.0 2.7 0.1
2 200.0 2.0 0.07

data_micrographs

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnDefocusU #3
_rlnDefocusV #4
_rlnDefocusAngle #5
_rlnCtfMaxResolution #6
MotionCorr/job002/grid1_0001.mrc 1 18000.0 16000.0 45.0 3.5
MotionCorr/job002/grid1_0002.mrc 2 9000.0 9000.0 0.0 4.0
"""


def micrograph(name: str) -> Micrograph:
    return Micrograph.from_array(np.zeros((64, 96), np.float32), 1.0, name)


def test_relion(tmp_path: Path) -> None:
    (tmp_path / "micrographs_ctf.star").write_text(STAR)
    listed = read_ctf(tmp_path / "micrographs_ctf.star")
    first, second, none = ctf_of(
        [micrograph("grid1_0001"), micrograph("grid1_0002_DW"), micrograph("grid2_0001")], listed
    )
    assert first is not None
    assert (first.defocus_um, first.astigmatism_um) == pytest.approx((1.7, 0.1))
    assert first.angle == pytest.approx(math.pi / 4)
    assert (first.voltage_kv, first.cs_mm, first.amplitude_contrast) == (300, 2.7, 0.1)
    assert first.resolution_angstrom == 3.5
    assert second is not None
    assert (second.voltage_kv, second.defocus_um) == (200, pytest.approx(0.9))
    assert none is None


def test_relion_3_0_has_the_optics_in_each_row(tmp_path: Path) -> None:
    columns = (
        "MicrographName",
        "DefocusU",
        "DefocusV",
        "Voltage",
        "SphericalAberration",
        "AmplitudeContrast",
    )
    labels = "\n".join(f"_rln{column}" for column in columns)
    (tmp_path / "a.star").write_text(f"data_\nloop_\n{labels}\na.mrc 20000 20000 300 2.7 0.1\n")
    [(name, found)] = read_ctf(tmp_path / "a.star").items()
    assert (name, found.defocus_um, found.resolution_angstrom) == ("a", 2.0, None)


def test_cryosparc(tmp_path: Path) -> None:
    names = ("df1_A", "df2_A", "df_angle_rad", "accel_kv", "cs_mm", "amp_contrast", "phase_shift_rad")
    fields = [("micrograph_blob/path", "S40"), *((f"ctf/{name}", "<f4") for name in names)]
    path = b">J1/motion/123456789012345678901_a.mrc"
    rows = np.array([(path, 15000, 13000, 0.5, 300, 2.7, 0.1, 0.2)], fields)
    with (tmp_path / "exposures.cs").open("wb") as file:
        np.save(file, rows)
    [found] = ctf_of([micrograph("a")], read_ctf(tmp_path / "exposures.cs"))
    assert found is not None
    assert (found.defocus_um, found.astigmatism_um) == pytest.approx((1.4, 0.1))
    assert (found.angle, found.phase_shift) == pytest.approx((0.5, 0.2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STAR.replace("_rlnDefocusU", "_rlnOther"), "states no defocus"),
        (STAR.replace("_rlnVoltage", "_rlnOther"), "no rlnVoltage"),
        (STAR.replace("18000.0", "deep"), "line 20: 'deep' is not a number"),
        (STAR.replace("18000.0", "nan"), "'nan' is not a number"),
    ],
)
def test_what_it_cannot_use_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text(text)
    with pytest.raises(CoordinateFileError, match=message):
        read_ctf(tmp_path / "a.star")


def test_a_list_of_exposures_without_defocus(tmp_path: Path) -> None:
    with (tmp_path / "a.cs").open("wb") as file:
        np.save(file, np.array([(b"a.mrc",)], [("micrograph_blob/path", "S9")]))
    with pytest.raises(CoordinateFileError, match="states no defocus"):
        read_ctf(tmp_path / "a.cs")


def test_one_name_twice_is_ambiguous(tmp_path: Path) -> None:
    text = STAR.replace("job002/grid1_0002", "job003/grid1_0001")
    (tmp_path / "a.star").write_text(text)
    with pytest.raises(ParameterError, match="grid1_0001"):
        ctf_of([micrograph("grid1_0001")], read_ctf(tmp_path / "a.star"))
