"""The section that picks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.library import bundled_generator
from napari_hydrapicker.picks import Source
from napari_hydrapicker.simulation.sample import Sample

Wait = Callable[..., None]


def test_fields_and_settings_follow_one_another(dock: Any) -> None:
    section, session = dock.pick, dock.session
    distance, border, mask = map(
        section.parameters.field, ("min_distance_angstrom", "border_angstrom", "use_mask")
    )
    distance.setValue(90)
    border.setValue(0)
    mask.setChecked(False)
    settings = session.settings
    assert (settings.min_distance_angstrom, settings.border_angstrom, settings.use_mask) == (90, 0, False)
    session.update(min_distance_angstrom=None, border_angstrom=None, use_mask=True, threshold=0.25)
    assert section.slider.title.text() == "Confidence of HydraPicker"
    assert (distance.text(), border.text()) == ("automatic", "automatic")
    assert mask.isChecked()
    assert section.slider.value == 0.25


def test_what_is_rarely_changed_folds_away_and_opens_for_the_brush(dock: Any) -> None:
    section = dock.pick
    assert not section.advanced.is_open
    section.show_mask_editing(True)
    assert section.advanced.is_open, "its hint is in there"
    contrast = section.parameters.field("contrast")
    contrast.setCurrentIndex(contrast.findText("light particles"))
    assert dock.session.settings.contrast == "light"


def test_the_picker_is_chosen_and_has_no_heads_if_it_is_cgan(dock: Any) -> None:
    section, session = dock.pick, dock.session
    assert (section.picker.currentText(), session.settings.picker) == ("HydraPicker", "hydra")
    section.picker.setCurrentText("cGAN")
    assert session.settings.picker == "cgan"
    assert session.project.setting("pick", {})["picker"] == "cgan"
    assert section.head.isHidden()
    assert not section.choices.generator.isHidden()
    session.update(picker="hydra")
    assert section.picker.currentText() == "HydraPicker"
    assert not section.head.isHidden()


def test_the_other_picker_picks_and_its_picks_are_corrected_and_exported(
    dock: Any, samples: list[Sample], tmp_path: Path, wait: Wait
) -> None:
    dock.pick.picker.setCurrentText("cGAN")
    QTest.mouseClick(dock.pick.buttons[0], Qt.MouseButton.LeftButton)
    wait(lambda: not dock.jobs.running, 90)
    session, number = dock.session, dock.session.records[0].id
    generator = bundled_generator()
    assert generator is not None
    own = generator_file.read_metadata(generator).threshold
    assert session.threshold(number) == own
    assert session.settings.thresholds == {}, "the user has set none"
    assert dock.pick.device_name.text().startswith("CPU")
    session.set_threshold(0.0)
    labels = session.labels(number)
    assert set(labels.source.tolist()) == {Source.PICKER}
    gap = np.linalg.norm(labels.yx[:, None] - samples[0].picks.yx[None], axis=2).min(axis=1)
    near = gap < session.diameter_px(number) / 4
    best = np.argsort(-labels.score)
    assert near[best[:10]].mean() > 0.6
    session.delete(number, labels.id[best[:1]])
    dock.export.folder.setText(str(tmp_path / "out"))
    dock.export.write.click()
    wait(lambda: not dock.tasks.busy)
    written = formats.read(tmp_path / "out" / "m0_autopick.star")["m0"]
    np.testing.assert_allclose(written.yx, session.picks(number).yx, atol=1e-3)
    assert len(written) == len(labels) - 1


def test_the_users_threshold_is_remembered_as_his(dock: Any) -> None:
    dock.pick.slider.value_changed.emit(0.33)
    assert dock.session.settings.thresholds == {"hydra/generic": 0.33}


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
    assert told == [section.trouble.text()] == ["Not picked: a.mrc: truncated (and 1 more)"]
    assert not section.trouble.isHidden(), "it stays: nobody may be there to see a notification"
    jobs.started.emit(12)
    assert section.trouble.isHidden()


def test_showing_settings_does_not_change_them(dock: Any) -> None:
    dock.session.update(min_distance_angstrom=33.3, border_angstrom=12.5)
    settings = dock.session.settings
    assert (settings.min_distance_angstrom, settings.border_angstrom) == (33.3, 12.5)
    dock.session.update(min_distance_angstrom=0.0)
    assert dock.session.settings.min_distance_angstrom == 0
