"""The cGAN pickers of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project import generators as own_generators
from napari_hydrapicker.project.generators import (
    background_micrographs,
    generator_file,
    generator_names,
)
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"m{i}.mrc", (100, 200), 1.5) for i in range(7)])
    yield made
    made.close()


def keep(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    path.touch()
    return path


def test_both_libraries_are_listed_and_the_projects_comes_first(session: Session, tmp_path: Path) -> None:
    assert generator_names(session) == []
    own = keep(tmp_path / "p.hydrapicker-generators", "mine")
    keep(tmp_path / "home" / "generators", "mine")
    other = keep(tmp_path / "home" / "generators", "other")
    assert generator_names(session) == ["mine", "other"]
    session.update(picker="cgan", generator="mine")
    assert generator_file(session) == own
    session.update(generator="other")
    assert generator_file(session) == other
    assert session.project.setting("pick", {})["generator"] == "other"


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        ({"picker": "hydra"}, False),
        ({"picker": "cgan"}, True),
        ({"picker": "consensus"}, True),
        ({"picker": "consensus", "joined": ("hydra",)}, False),
    ],
)
def test_a_generator_that_is_gone_is_missed_only_where_it_picks(
    session: Session, settings: dict[str, object], used: bool
) -> None:
    session.update(generator="gone", **settings)
    if used:
        with pytest.raises(ParameterError, match="'gone'"):
            generator_file(session)
    else:
        assert generator_file(session) is None
    session.update(generator=None)
    assert generator_file(session) is None


def test_backgrounds_are_spread_over_the_project(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.set_status(session.records[0].id, Status.EXCLUDED)
    names = [Path(one.path).stem for one in background_micrographs(session)]
    assert names == ["m1", "m2", "m3", "m4", "m5", "m6"]
    monkeypatch.setattr(own_generators, "_MOST_BACKGROUNDS", 3)
    assert [Path(one.path).stem for one in background_micrographs(session)] == ["m1", "m3", "m5"]


def test_micrographs_of_unknown_pixel_size_are_no_backgrounds(tmp_path: Path) -> None:
    session = Session()
    session.use(Project.create(tmp_path / "q.hydrapicker"))
    session.add_micrographs([Micrograph(tmp_path / "a.mrc", (100, 200), None)])
    with pytest.raises(ParameterError, match="pixel size"):
        background_micrographs(session)
    session.close()
