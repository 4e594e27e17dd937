"""Which files are taken for projects."""

import sqlite3
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.project import database as schema
from napari_hydrapicker.project.project import Project


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound project file."""
    schema.create(tmp_path / "p.hydrapicker").close()
    return tmp_path / "p.hydrapicker"


def test_a_new_file_is_whole(path: Path) -> None:
    connection = schema.connect(path, read_only=False)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_existing_file_is_never_replaced(path: Path) -> None:
    with pytest.raises(ProjectError, match="exists already"):
        schema.create(path)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "not a HydraPicker project"), (b"no database at all" * 100, "damaged")]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    other = tmp_path / "other.hydrapicker"
    other.write_bytes(content)
    with pytest.raises(ProjectError, match=reason):
        Project.open(other)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.hydrapicker"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(ProjectError, match="not a HydraPicker project"):
        Project.open(other)


def test_a_newer_version_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(ProjectError, match="newer version"):
        Project.open(path)


def test_a_cut_off_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ProjectError, match="damaged"):
        Project.open(path)


def test_a_name_that_is_no_text_is_damage_and_leaves_no_lock(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"CREATE TABLE edit", b"CREATE T\xffBLE edit"))
    with pytest.raises(ProjectError, match="damaged"):
        Project.open(path)
    path.write_bytes(whole)
    again = Project.open(path)
    assert not again.read_only
    again.close()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"gone\.hydrapicker: no such"):
        Project.open(tmp_path / "gone.hydrapicker")
