"""How large particles are on micrographs."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.rescale import diameter_on, pixel_angstrom
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph


def micrograph(path: Path, pixel_size: float) -> Micrograph:
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((20, 30), np.float32))
        file.voxel_size = pixel_size
    return open_micrograph(path)


def test_the_file_s_pixel_size_unless_another_is_stated(tmp_path: Path) -> None:
    one = micrograph(tmp_path / "a.mrc", 2.5)
    assert pixel_angstrom(one) == pytest.approx(2.5)
    assert pixel_angstrom(one, 1.25) == 1.25
    assert diameter_on(one, 100) == pytest.approx(40)
    assert diameter_on(one, 100, 1.25) == pytest.approx(80)


def test_lengths_must_be_known_and_positive(tmp_path: Path) -> None:
    one = micrograph(tmp_path / "a.mrc", 0.0)
    with pytest.raises(ParameterError, match=r"a\.mrc.*states no pixel size"):
        diameter_on(one, 100)
    for diameter, stated, said in ((-3, 1.0, "diameter of -3"), (100, 0.0, "pixel size of 0")):
        with pytest.raises(ParameterError, match=rf"{said}.*positive"):
            diameter_on(one, diameter, stated)
