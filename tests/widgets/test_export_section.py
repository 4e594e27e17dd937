"""The section that exports (its work is tested with the dock)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.export import PRESETS


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
    assert section.preview.text() == "2 picks on 3 micrographs, 1 files"
    section.only_complete.setChecked(True)
    assert section.preview.text() == "nothing to export: no micrograph is marked complete"


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
    assert "choose a folder" in told[0]
    assert not picked.tasks.busy
    assert set(tmp_path.iterdir()) == before
