"""The section that makes a cGAN picker."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.sections.make import STEPS, MakeSection, described
from napari_hydrapicker.worker.messages import Made, MakeRequest, Training

LEFT = Qt.MouseButton.LeftButton
BEGUN = MakeRequest(1, "mine", (), 300.0, 80, 4000, "cpu", (), Path("folder"))


@pytest.fixture
def section(qapp_exists: None) -> MakeSection:
    made = MakeSection()
    made.show_particles(300.0, 5)
    return made


def heard(signal: object) -> list[object]:
    told: list[object] = []
    signal.connect(lambda *values: told.append(values))  # type: ignore[attr-defined]
    return told


def test_it_says_what_it_makes_a_picker_for_and_how_long_that_takes(section: MakeSection) -> None:
    assert "300 Å" in section.about.text()
    assert "5 of your micrographs" in section.about.text()
    assert section.length.currentText() == "normal, about 14 min"
    assert section.length.currentData(Qt.ItemDataRole.ToolTipRole).startswith("1,200 steps")
    section.show_particles(300.0, 0)
    assert "Open micrographs" in section.about.text()


def test_what_the_user_gives_is_asked_for(section: MakeSection) -> None:
    asked = heard(section.make_requested)
    QTest.mouseClick(section.make, LEFT)
    section.name.clear()
    QTest.keyClicks(section.name, " ribo ")
    section.number.setValue(80)
    section.length.setCurrentIndex(0)
    QTest.mouseClick(section.make, LEFT)
    assert asked == [("my-picker", None, STEPS["normal"]), ("ribo", 80, STEPS["short"])]


def test_an_unfinished_one_is_gone_on_with_or_discarded(section: MakeSection) -> None:
    assert section.discard.isHidden()
    section.name.setText("mine")
    section.show_unfinished(BEGUN)
    assert section.make.text() == "Resume"
    assert (section.number.value(), section.length.currentData()) == (80, 4000)
    assert not section.number.isEnabled()
    assert "discard it" in section.number.toolTip()
    assert "can be resumed" in section.result.text()
    assert not section.result.isHidden()
    discarded = heard(section.discard_requested)
    QTest.mouseClick(section.discard, LEFT)
    assert discarded == [("mine",)]
    section.show_unfinished(None)
    assert section.make.text() == "Make a picker"
    assert section.number.isEnabled()
    assert section.result.isHidden(), "it speaks of another one"


def test_progress_counts_steps_and_the_time_that_is_left(section: MakeSection) -> None:
    section.on_started()
    assert not section.progress.isHidden()
    bar = section.progress.bar
    section.on_progress(Training(1, "backgrounds", 2, 5, 1.0, None, None))
    assert bar.format() == "looking for backgrounds: 2 of 5"
    section.on_progress(Training(1, "training", 300, 1200, 10.0, None, None))
    assert bar.format() == "step 300 of 1,200", "gone on with: how fast it is is not known yet"
    section.on_progress(Training(1, "training", 400, 1200, 60.0, 0.02, None))
    assert bar.format() == "step 400 of 1,200, 7 min left"
    assert (bar.value(), section.curve.loss) == (33, [(400, 0.02)])
    section.on_progress(Training(1, "testing", 0, 1, 500.0, None, None))
    assert (bar.value(), bar.format()) == (100, "testing on new images")
    section.on_finished(cancelled=False)
    assert section.progress.isHidden()


def test_cancel_is_passed_on(section: MakeSection) -> None:
    section.on_started()
    asked = heard(section.cancel_requested)
    section.progress.cancel.click()
    assert asked == [()]
    section.on_finished(cancelled=True)
    assert section.curve.isHidden()


def test_the_result_is_offered(section: MakeSection) -> None:
    chosen = heard(section.picker_chosen)
    section.show_result(Made(1, "mine-2", 0.98, 0.63, 5, 60, 9.0))
    assert "finds 63% of the particles" in section.result.text()
    QTest.mouseClick(section.use, LEFT)
    assert chosen == [("mine-2",)]
    assert section.use.isHidden()


def test_the_result_of_one_that_was_gone_on_with_stays(section: MakeSection) -> None:
    section.show_unfinished(BEGUN)
    section.on_started()
    section.show_result(Made(1, "mine", 0.98, 0.63, 5, 60, 9.0))
    section.on_finished(cancelled=False)
    section.show_unfinished(None)
    assert not section.result.isHidden()
    assert "is ready" in section.result.text()


def test_what_is_wrong_with_a_picker_is_said() -> None:
    assert "no empty areas" in described(Made(1, "mine", 0.9, 0.9, 0, 60, 9.0))
    assert "train longer" in described(Made(1, "mine", None, None, 5, 60, 9.0))
