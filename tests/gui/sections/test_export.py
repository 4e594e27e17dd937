"""The section that exports (its work is tested with the dock)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QPushButton, QStyle, QStyleOptionComboBox

from napari_hydrapicker.project.export import PRESETS


def test_every_preset_can_be_chosen(picked: Any) -> None:
    box = picked.export.preset
    assert [box.itemData(i) for i in range(box.count())] == list(PRESETS)


def test_the_preview_follows_the_choices(picked: Any, tmp_path: Path) -> None:
    section = picked.export
    assert section.preview.text() == "", "folded, it counts nothing"
    section.set_open(True)
    section.folder.setText(str(tmp_path / "out"))
    assert section.preview.text() == "2 picks on 3 micrographs, 4 files"
    section.preset.setCurrentIndex(list(PRESETS).index("csv"))
    assert section.preview.text() == "2 picks on 3 micrographs, 1 file"
    section.only_complete.setChecked(True)
    assert section.preview.text() == "nothing to export: no micrograph is marked complete"


def test_every_title_can_be_read_in_a_narrow_dock(picked: Any) -> None:
    picked.export.set_open(True)
    picked.resize(picked.minimumWidth(), 900)
    picked.grab()  # lays it out
    box = picked.export.preset
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    field = box.style().subControlRect(
        QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, box
    )
    widths = {preset.title: box.fontMetrics().horizontalAdvance(preset.title) for preset in PRESETS.values()}
    assert {title for title, width in widths.items() if width > field.width()} == set()


def test_the_folder_has_the_room_that_its_button_leaves(picked: Any) -> None:
    section = picked.export
    section.set_open(True)
    picked.resize(picked.minimumWidth(), 900)
    picked.grab()
    (choose,) = (b for b in section.findChildren(QPushButton) if b.text() == "Choose…")
    assert choose.width() == choose.sizeHint().width()
    assert section.folder.width() > 1.5 * choose.width()


def test_after_writing_it_says_what_was_written(picked: Any, tmp_path: Path, wait: Any) -> None:
    section, told = picked.export, []
    section.done.disconnect()
    section.done.connect(told.append)
    section.set_open(True)
    section.folder.setText(str(tmp_path / "out"))
    section.export()
    wait(lambda: told)
    assert section.preview.text() == "2 picks on 3 micrographs written, read back and found the same"
    assert told == [f"{section.preview.text()}: {tmp_path / 'out'}"]
    section.preset.setCurrentIndex(list(PRESETS).index("csv"))
    assert section.preview.text() == "2 picks on 3 micrographs, 1 file"
    section.preset.setCurrentIndex(list(PRESETS).index("relion-job"))
    assert section.preview.text() == "2 picks on 3 micrographs, 4 files; 4 exist already"


def test_a_late_count_does_not_take_back_what_was_said_of_the_files(
    picked: Any, tmp_path: Path, wait: Any
) -> None:
    section, told = picked.export, []
    section.done.disconnect()
    section.done.connect(told.append)
    section.set_open(True)
    section.folder.setText(str(tmp_path / "out"))
    section.export()
    wait(lambda: told)
    section.refresh()
    assert section.preview.text().endswith("found the same")
    number = picked.session.current
    picked.session.move(number, picked.session.labels(number).id[:1], [[102.0, 503.0]])
    section.refresh()
    assert section.preview.text() == "2 picks on 3 micrographs, 4 files; 4 exist already", (
        "not the same any more"
    )


def test_an_export_of_nothing_is_no_success(picked: Any, tmp_path: Path) -> None:
    told: list[str] = []
    picked.export.problem.disconnect()
    picked.export.problem.connect(told.append)
    picked.session.update(threshold=1.0)
    picked.export.folder.setText(str(tmp_path / "out"))
    picked.export.export()
    assert told == ["There is nothing to export: no picks are shown on these micrographs"]
    assert not (tmp_path / "out").exists()


def test_each_project_has_choices_of_its_own(picked: Any, folder: Path, tmp_path: Path, wait: Any) -> None:
    section, first = picked.export, picked.session.project.path
    section.folder.setText("/data/out")
    section.preset.setCurrentIndex(list(PRESETS).index("csv"))
    section.only_complete.setChecked(True)
    picked.opener.open([str(folder)], tmp_path / "other.hydrapicker")
    wait(lambda: picked.session.is_open and picked.session.project.path.stem == "other")
    assert (section.folder.text(), section.preset.currentIndex()) == ("", 0)
    assert not section.only_complete.isChecked()
    picked.opener.open([str(first)])
    wait(lambda: picked.session.is_open and picked.session.project.path == first)
    assert (section.folder.text(), section.preset.currentData()) == ("/data/out", "csv")
    assert section.only_complete.isChecked()


def test_without_micrographs_there_is_nothing_to_export(picked: Any) -> None:
    told: list[str] = []
    picked.export.problem.disconnect()
    picked.export.problem.connect(told.append)
    picked.session.close()
    picked.export.export()
    assert told == ["nothing to export: there are no micrographs"]


def test_nothing_is_written_where_the_user_has_not_said(
    picked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    picked.export.problem.disconnect()
    picked.export.problem.connect(told.append)
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    picked.export.export()
    assert "Choose a folder" in told[0]
    assert not picked.tasks.busy
    assert set(tmp_path.iterdir()) == before
