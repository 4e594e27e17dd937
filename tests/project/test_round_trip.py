"""Picks of other programs imported, corrected and exported: each row, as `benchmarks/round_trip.py` does."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.importing import plan_import, run_import
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session

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


@pytest.mark.parametrize("program", ["cryolo_box", "topaz_box"])
def test_the_own_files_of_other_programs_on_real_micrographs(
    script: dict[str, Any], shared_data: Path, tmp_path: Path, program: str
) -> None:
    """Files as crYOLO and Topaz wrote them, upside down against these images, which is noticed."""
    whole = ("15_17_31", "15_30_21")  # the third is of a micrograph that is here binned
    files = [shared_data / "formats" / program / f"Falcon_2012_06_12-{name}_0.box" for name in whole]
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    session = Session()
    session.use(Project.create(tmp_path / "p.hydrapicker"))
    rows = {}
    for file in files:
        shutil.copy(file, theirs)
        image = open_micrograph(shared_data / "micrographs" / "empiar10017" / f"{file.stem}.mrc")
        session.add_micrographs([image])
        low_x, low_y, width, height = np.loadtxt(file)[:, :4].T
        yx = np.stack([image.shape[0] - 1 - (low_y + height / 2), low_x + width / 2], axis=1)
        rows[image.name] = yx[((yx > -0.5) & (yx < np.array(image.shape) - 0.5)).all(axis=1)]
    session.update(diameter_angstrom=180)
    plan = plan_import(theirs, session.records)
    assert plan.better is not None
    assert plan.better.options == "--flip-y"
    run_import(plan.read_as(plan.better), session)
    found = {record.name: session.picks(record.id).yx for record in session.records}
    assert script["differences"]("imported", found, rows, 1e-3) == []
    expected = script["correct"](session, np.array([0.37, 0.81]))
    assert script["trained"](session, expected, 0) == []
    particles = {name: own for name, (own, _) in expected.items()}
    assert script["exported"](session, particles, tmp_path / "ours") == []
    session.close()
