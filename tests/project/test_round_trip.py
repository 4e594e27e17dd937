"""Picks of other programs imported, corrected and exported: each row, as `benchmarks/round_trip.py` does."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.picks import Picks

SHAPE = (210, 330)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The script's functions."""
    return runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "round_trip.py"))


@pytest.fixture
def truth(tmp_path: Path) -> dict[str, Picks]:
    """Three micrographs, 210 x 330, with a few picks each."""
    rng = np.random.default_rng(4)
    folder = tmp_path / "Micrographs"
    folder.mkdir()
    made = {}
    for i, n in enumerate((5, 9, 7)):
        with mrcfile.new(folder / f"grid_{i}.mrc") as file:
            file.set_data(rng.normal(0, 1, SHAPE).astype(np.float32))
            file.voxel_size = 4.0
        # On a grid: no two are so near that they are one particle.
        places = rng.permutation(40)[:n]
        yx = np.stack([20 + places // 8 * 40, 22 + places % 8 * 40], 1) + rng.uniform(-8, 8, (n, 2))
        made[f"grid_{i}"] = Picks(yx, np.linspace(0.9, 0.2, n).astype(np.float32))
    return made


@pytest.mark.parametrize("program", ["RELION", "cryoSPARC", "crYOLO"])
def test_every_row_comes_through(
    script: dict[str, Any], tmp_path: Path, truth: dict[str, Picks], program: str
) -> None:
    assert script["round_trip"](tmp_path / "work", program, tmp_path / "Micrographs", truth, 80.0, 0) == []


def test_what_differs_is_found(script: dict[str, Any], tmp_path: Path) -> None:
    rows = np.array([[10.0, 200.0], [30.0, 90.0]])
    said = script["differences"]("here", {"a": rows[:, ::-1], "b": rows}, {"a": rows, "c": rows}, 1.0)
    assert len(said) == 2 + 2 + 2, "two are missing, two too many, and a micrograph each"
    assert script["differences"]("here", {"a": rows[::-1] + 0.5}, {"a": rows}, 1.0) == []
