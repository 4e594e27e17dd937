"""The lock of a project."""

from pathlib import Path

from napari_hydrapicker.project.database import ProjectLock


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = ProjectLock(tmp_path / "p"), ProjectLock(tmp_path / "p")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    assert not second.held


def test_releasing_twice_does_no_harm(tmp_path: Path) -> None:
    lock = ProjectLock(tmp_path / "p")
    lock.release()
    assert lock.acquire()
    lock.release()
    lock.release()
    assert not lock.held
