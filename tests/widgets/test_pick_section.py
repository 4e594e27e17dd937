"""The section that picks."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest


def test_fields_and_settings_follow_one_another(dock: Any) -> None:
    section, session = dock.pick, dock.session
    section.distance.setValue(90)
    section.border.setValue(0)
    section.mask.setChecked(False)
    settings = session.settings
    assert (settings.min_distance_angstrom, settings.border_angstrom, settings.use_mask) == (90, 0, False)
    session.update(min_distance_angstrom=None, border_angstrom=None, use_mask=True, threshold=0.25)
    assert (section.distance.text(), section.border.text()) == ("automatic", "automatic")
    assert section.mask.isChecked()
    assert section.slider.value == 0.25


def test_the_users_threshold_is_remembered_as_his(dock: Any) -> None:
    dock.pick.slider.value_changed.emit(0.33)
    assert dock.session.settings.threshold == 0.33
    assert dock.session.settings.threshold_chosen


@pytest.mark.parametrize(("button", "which"), [(0, "this"), (1, "selected"), (2, "all")])
def test_buttons_say_what_to_pick(dock: Any, button: int, which: str) -> None:
    asked: list[str] = []
    dock.pick.pick_requested.disconnect()
    dock.pick.pick_requested.connect(asked.append)
    QTest.mouseClick(dock.pick.buttons[button], Qt.MouseButton.LeftButton)
    assert asked == [which]


def test_while_picking_there_is_progress_and_cancel(dock: Any) -> None:
    section, jobs = dock.pick, dock.jobs
    jobs.started.emit(12)
    assert not section.progress.isHidden()
    assert not section.buttons[0].isEnabled()
    jobs.advanced.emit(3, 12, 60.0)
    assert section.progress.bar.text() == "3 of 12, 60 s left"
    told: list[str] = []
    section.problem.disconnect()
    section.problem.connect(told.append)
    jobs.finished.emit(False, ["a.mrc: truncated", "b.mrc: gone"])
    assert section.progress.isHidden()
    assert section.buttons[0].isEnabled()
    assert told == ["Not picked: a.mrc: truncated (and 1 more)"]


def test_showing_settings_does_not_change_them(dock: Any) -> None:
    dock.session.update(min_distance_angstrom=33.3, border_angstrom=12.5)
    settings = dock.session.settings
    assert (settings.min_distance_angstrom, settings.border_angstrom) == (33.3, 12.5)
    dock.session.update(min_distance_angstrom=0.0)
    assert dock.session.settings.min_distance_angstrom == 0
