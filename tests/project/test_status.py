"""Statuses are stored and shown as plain words."""

from napari_hydrapicker.project.records import Status


def test_statuses_are_words() -> None:
    assert [str(s) for s in Status] == ["new", "picked", "corrected", "complete", "excluded"]
