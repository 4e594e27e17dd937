"""What was open last."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.project.recent import Recent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _project(folder: Path, name: str) -> Path:
    path = folder / f"{name}.hydrapicker"
    path.touch()
    return path


def test_projects_are_known_to_the_next_window_the_newest_first(home: Path, tmp_path: Path) -> None:
    paths = [_project(tmp_path, str(i)) for i in range(13)]
    for path in (*paths, paths[5]):
        Recent().add_project(path)
    assert Recent().projects[:3] == [paths[5], paths[12], paths[11]]
    assert len(Recent().projects) == 10
    paths[5].unlink()
    assert paths[5] not in Recent().projects


def test_dialogs_begin_where_the_last_of_their_kind_ended(home: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    recent = Recent()
    assert recent.folder("micrographs") == Path.home()
    recent.add_folder("micrographs", one)
    recent.add_folder("export", other)
    assert (recent.folder("micrographs"), recent.folder("export")) == (one, other)
    one.rmdir()
    assert recent.folder("micrographs") == Path.home()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"projects": 3}', '{"projects": [1, null]}'])
def test_a_damaged_file_is_as_good_as_none(home: Path, tmp_path: Path, text: str) -> None:
    home.mkdir()
    (home / "recent.json").write_text(text)
    assert Recent().projects == []
    Recent().add_project(_project(tmp_path, "a"))
    assert len(Recent().projects) == 1


def test_where_nothing_can_be_written_this_window_remembers(home: Path, tmp_path: Path) -> None:
    home.write_text("a file where the folder would be")
    recent = Recent()
    recent.add_project(_project(tmp_path, "a"))
    assert [path.stem for path in recent.projects] == ["a"]
