"""A session's micrographs, and which of them is shown."""

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session


@pytest.fixture
def opened(tmp_path: Path) -> Session:
    """No micrographs yet."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    return made


def test_the_first_micrograph_added_is_shown(opened: Session, tmp_path: Path) -> None:
    heard: list[str] = []
    opened.micrographs_changed.connect(lambda: heard.append("micrographs"))
    opened.current_changed.connect(lambda: heard.append("current"))
    added = [Micrograph(tmp_path / f"{name}.mrc", (10, 20), 1.0) for name in ("b", "a")]
    assert opened.add_micrographs(added) == 2
    assert opened.add_micrographs(added) == 0
    assert [r.name for r in opened.records] == ["a", "b"]
    assert opened.record(opened.current or 0).name == "a"
    assert heard == ["micrographs", "current", "micrographs"]
    opened.project.close()


def test_nothing_is_open_at_first() -> None:
    nothing = Session()
    assert not nothing.is_open
    assert not nothing.read_only
    assert nothing.records == []
    assert nothing.neighbour(1) is None
    with pytest.raises(ProjectError, match="open a folder"):
        _ = nothing.project


def test_where_the_user_is_changes_even_if_it_cannot_be_noted(opened: Session, tmp_path: Path) -> None:
    opened.add_micrographs([Micrograph(tmp_path / f"{name}.mrc", (10, 20), 1.0) for name in ("a", "b")])
    shown: list[int | None] = []
    opened.current_changed.connect(lambda: shown.append(opened.current))
    opened.project._db.execute("PRAGMA query_only = ON")
    second = opened.records[1].id
    with pytest.raises(ProjectError, match="cannot be written"):
        opened.set_current(second)
    assert (shown, opened.current) == ([second], second)
    opened.project.close()
