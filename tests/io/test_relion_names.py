"""What RELION calls a micrograph."""

from pathlib import Path

import pytest

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.relion_names import relion_name, relion_project, written_name


@pytest.fixture
def movies(tmp_path: Path) -> Path:
    """A folder in a project of RELION."""
    movies = tmp_path / "MotionCorr" / "job002"
    movies.mkdir(parents=True)
    (tmp_path / "default_pipeline.star").touch()
    return movies


def test_names_are_relative_to_the_project(movies: Path, tmp_path: Path) -> None:
    assert written_name(movies / "m1.mrc") == "MotionCorr/job002/m1.mrc"
    assert relion_project(movies) == relion_project(tmp_path) == tmp_path


def test_the_innermost_project_counts(movies: Path) -> None:
    (movies / "default_pipeline.star").touch()
    assert relion_project(movies) == movies
    assert written_name(movies / "m1.mrc") == "m1.mrc"


def test_without_a_project_a_name_is_the_files(tmp_path: Path) -> None:
    (tmp_path / "default_pipeline.star").mkdir()  # a folder of that name makes none
    assert relion_project(tmp_path) is None
    assert written_name(tmp_path / "m1.mrc") == "m1.mrc"


def test_frames_of_a_stack_get_a_name_each(movies: Path) -> None:
    one = Micrograph(movies / "m1.mrc", (120, 350), 2.0)
    assert relion_name(one) == "MotionCorr/job002/m1.mrc"
    third = Micrograph(movies / "s.mrcs", (120, 350), 2.0, frame=2, n_frames=3)
    assert relion_name(third) == "MotionCorr/job002/s_0003.mrc"
