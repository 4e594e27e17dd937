"""The dock follows the guide: the line at the top, the marks, and what is enabled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.gui.dock import HydraPickerWidget
from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.sections.section import Mark
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.worker.messages import Made

Wait = Callable[..., None]


@pytest.fixture
def empty(viewer: Any) -> Any:
    """A dock with nothing open."""
    made = HydraPickerWidget(viewer)
    yield made
    made.close_session()
    made.deleteLater()


def marked(dock: Any) -> list[Step]:
    return [one.step for one in dock.column.sections if one._mark is Mark.NEXT]


def test_every_action_has_a_widget_and_every_step_a_section(empty: Any) -> None:
    sections = empty.column.sections
    assert {action for one in sections for action in one.actions} == set(Action)
    steps = [one.step for one in sections if one.step is not None]
    assert steps == list(Step), "in the order of the work"


def test_an_empty_window_says_what_to_do(empty: Any) -> None:
    assert empty.guide.text.text() == "Open a folder of micrographs, or drop one here"
    assert empty.guide.follow.text() == "Folder…"
    assert marked(empty) == [Step.OPEN]
    assert empty.micrographs.table.view.hint == "Open a folder of micrographs, or drop one here"
    refused = [empty.pick.buttons[0], empty.correct.undo, empty.train.train, empty.export.write]
    assert not any(one.isEnabled() for one in refused)
    assert empty.pick.buttons[0].toolTip().startswith("Open micrographs first\nPick the micrograph")


def test_an_image_of_naparis_can_be_picked_with_nothing_open(empty: Any, wait: Wait) -> None:
    layer = empty.viewer.add_image(np.arange(6.0).reshape(2, 3))
    wait(empty.pick.buttons[0].isEnabled)
    assert "image that is open in napari" in empty.guide.text.text()
    empty.viewer.layers.remove(layer)
    wait(lambda: not empty.pick.buttons[0].isEnabled())


def test_the_guide_leads_from_opening_to_training(dock: Any, wait: Wait) -> None:
    session = dock.session
    assert marked(dock) == [Step.PICK]
    assert dock.guide.follow.text() == "Pick this"
    assert dock.pick.buttons[0].isEnabled()
    assert not dock.export.write.isEnabled()
    number = session.current
    session.add(number, [[100.0, 500.0], [300.0, 200.0]])
    wait(lambda: marked(dock) == [Step.TRAIN])
    session.set_status(number, Status.COMPLETE)
    wait(lambda: dock.correct._mark is Mark.DONE)
    assert dock.train.header.text() == "Train  (next)"
    assert dock.correct.header.text() == "Correct  ✓"
    asked: list[str] = []
    dock.training_controller.train = asked.append  # type: ignore[method-assign]
    dock.train.train_requested.disconnect()
    dock.train.train_requested.connect(asked.append)
    dock.guide.follow.click()
    assert asked == ["micrographs-1"]
    assert dock.train.is_open


def test_picking_disables_its_buttons_and_a_failure_is_pointed_at(dock: Any, wait: Wait) -> None:
    dock.jobs.started.emit(3)
    assert "under way" in dock.pick.buttons[2].toolTip()
    assert not dock.pick.buttons[2].isEnabled()
    dock.jobs.finished.emit(False, ["m0: gone"])
    assert dock.pick.buttons[2].isEnabled()
    assert dock.pick.buttons[2].toolTip() == "Pick all micrographs but complete and excluded ones"
    assert dock.guide.text.text() == "Not everything was picked: the section Pick says why"
    dock.pick.set_open(False)
    dock.guide.follow.click()
    assert dock.pick.is_open
    wait(lambda: dock.guide.text.text() == "Check the diameter, then pick")


@pytest.mark.parametrize(("jobs", "button"), [("training", "train"), ("making", "make")])
def test_one_training_of_a_kind_at_a_time(picked: Any, wait: Wait, jobs: str, button: str) -> None:
    picked.session.add(picked.session.current, [[50.0, 60.0]])
    widget = getattr(getattr(picked, button), button)
    wait(lambda: picked.train.train.isEnabled() and picked.make.make.isEnabled())
    getattr(picked, jobs).started.emit()
    assert not widget.isEnabled()
    if jobs == "making":
        getattr(picked, jobs).trained.emit(Made(1, "mine", 0.5, 0.5, 10, 1, 3.0))
    getattr(picked, jobs).finished.emit(False, "")
    assert widget.isEnabled()
    getattr(picked, jobs).started.emit()
    getattr(picked, jobs).left.emit("mine")
    assert widget.isEnabled()


def test_after_an_export_there_is_nothing_left_until_something_changes(
    picked: Any, tmp_path: Path, wait: Wait
) -> None:
    wait(lambda: "no picks" not in picked.export.write.toolTip())
    assert picked.export.write.toolTip().startswith("Choose a folder to export to first")
    picked.export.folder.setText(str(tmp_path / "out"))
    assert picked.export.write.isEnabled()
    picked.export.write.click()
    assert not picked.export.write.isEnabled(), "an export is under way"
    wait(lambda: picked.guide.text.text().startswith("Exported"))
    assert picked.export.write.isEnabled()
    assert picked.guide.follow.isHidden()
    picked.session.add(picked.session.current, [[50.0, 60.0]])
    wait(lambda: not picked.guide.text.text().startswith("Exported"))


def test_unknown_pixel_sizes_are_asked_for(picked: Any, wait: Wait) -> None:
    session = picked.session
    for record in session.records:
        session._change_record(record.id, pixel_size_angstrom=None)
    wait(lambda: "pixel size is unknown" in picked.guide.text.text())
    assert "pixel size" in picked.pick.buttons[0].toolTip()
    session.set_pixel_size([record.id for record in session.records], 3.0)
    wait(picked.pick.buttons[0].isEnabled)


def test_a_head_counts_as_in_use_in_a_consensus_too(picked: Any, wait: Wait) -> None:
    picked.session.update(picker="consensus", head="mine", joined=("hydra", "cgan"))
    wait(lambda: picked.train.header.text() == "Train  ✓")
    picked.session.update(joined=("cgan",))
    wait(lambda: "✓" not in picked.train.header.text())


def test_closing_the_project_starts_anew(picked: Any) -> None:
    picked.session.close()
    assert marked(picked) == [Step.OPEN]
    assert picked.micrographs.project_name.text() == "Open a folder of micrographs, or drop one here"
    assert not picked.correct.complete.isEnabled()
