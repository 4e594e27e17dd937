"""Picks of `hydrapicker pick --project` in a window that has the project open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

from napari_hydrapicker.cluster.project import Handed, leave_note, note_path, results_folder
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import HydraSpec, NetworkFile, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.project import Project

Wait = Callable[..., None]
PICKS = Picks(np.array([[100.0, 500.0], [300.0, 200.0]]), np.array([0.9, 0.8], np.float32), diameter_px=40.0)


@pytest.fixture
def told(dock: Any) -> list[str]:
    """What was said."""
    texts: list[str] = []
    for signal in (dock.elsewhere.message, dock.elsewhere.problem, dock.tasks.failed):
        signal.disconnect()
        signal.connect(texts.append)
    return texts


def _picked_elsewhere(dock: Any) -> None:
    """Do what the command does, but for the network: all micrographs have the same two picks."""
    session, path = dock.session, dock.session.project.path
    config = RunConfig(
        picker="hydra", weights=NetworkFile(name="n"), diameter_angstrom=100.0, threshold=0.0, format=()
    )
    folder = results_folder(path)
    folder.mkdir(exist_ok=True)
    manifest = Manifest(folder)
    with manifest.locked():
        key = manifest.begin(config)
        for record in session.records:
            result = MicrographResult.of(record.micrograph(), run=key, n_picks=2)
            manifest.add(replace(result, diameter_px=40.0), PICKS)
    leave_note(path, Handed(session.settings, HydraSpec(), ()), folder, 0.5)


def _take(dock: Any) -> None:
    next(one for one in dock.pick.results.findChildren(QPushButton)).click()


def test_they_are_offered_by_themselves_and_taken_in_without_a_click_lost(
    dock: Any, told: list[str], wait: Wait
) -> None:
    session = dock.session
    first, second = (one.id for one in session.records[:2])
    assert dock.pick.results.isHidden()
    dock.elsewhere._timer.setInterval(10)
    session.add(first, [[200.0, 400.0]])
    _picked_elsewhere(dock)
    wait(lambda: not dock.pick.results.isHidden())
    assert told == [told[0]]
    assert "Take the picks in under Pick; your corrections stay" in told[0]
    session.add(second, [[300.0, 203.0]])  # meanwhile, on a particle that was picked as well
    _take(dock)
    wait(lambda: len(told) == 2)
    assert told[1] == "Taken in: picks of 3 micrographs. Your corrections stayed (Ctrl+Z undoes it)"
    assert dock.pick.results.isHidden()
    assert not note_path(session.project.path).exists()
    assert session.labels(first).source.tolist().count(Source.MANUAL) == 1
    assert sorted(session.labels(first).yx.tolist()) == [[100.0, 500.0], [200.0, 400.0], [300.0, 200.0]]
    assert sorted(session.labels(second).yx.tolist()) == [[100.0, 500.0], [300.0, 203.0]]
    wait(lambda: len(dock.canvas.picks.layer.data) == 3)
    dock.commands.undo()
    wait(lambda: len(session.labels(second)) == 1)
    assert session.labels(first).yx.tolist() == [[200.0, 400.0]]


def test_they_are_offered_when_the_project_is_opened(dock: Any, told: list[str], wait: Wait) -> None:
    path = dock.session.project.path
    _picked_elsewhere(dock)
    dock.session.close()
    assert dock.pick.results.isHidden()
    dock.session.use(Project.open(path))
    wait(lambda: not dock.pick.results.isHidden())
    # The command, run again once the window is closed, takes them in itself: then nothing is left to offer.
    note_path(path).unlink()
    dock.elsewhere.look()
    wait(lambda: dock.pick.results.isHidden())
    _picked_elsewhere(dock)
    dock.elsewhere.look()
    wait(lambda: not dock.pick.results.isHidden())
    assert len(told) == 2, "new results are a new offer"


def test_what_cannot_be_read_is_said_once(dock: Any, told: list[str], wait: Wait) -> None:
    note_path(dock.session.project.path).write_text("{")
    for _ in range(2):
        dock.elsewhere.look()
        wait(lambda: not dock.tasks.busy)
    assert [text.partition(":")[0] for text in told] == [told[0].partition(":")[0]]
    assert "its note cannot be read" in told[0]
    assert dock.pick.results.isHidden()


def test_what_cannot_be_taken_in_is_offered_still(dock: Any, told: list[str], wait: Wait) -> None:
    _picked_elsewhere(dock)
    dock.elsewhere.look()
    wait(lambda: not dock.pick.results.isHidden())
    manifest = results_folder(dock.session.project.path) / "picking.jsonl"
    content: bytes = manifest.read_bytes()
    manifest.write_bytes(b"")
    _take(dock)
    wait(lambda: len(told) == 2)
    assert "cannot be read" in told[1]
    assert not any(len(dock.session.labels(one.id)) for one in dock.session.records)
    manifest.write_bytes(content)
    _take(dock)
    wait(lambda: len(told) == 3)
    assert all(len(dock.session.labels(one.id)) == 2 for one in dock.session.records)


def test_another_projects_results_are_not_offered(
    dock: Any, told: list[str], wait: Wait, tmp_path: Path
) -> None:
    _picked_elsewhere(dock)
    dock.elsewhere.look()
    wait(lambda: not dock.pick.results.isHidden())
    dock.session.use(Project.create(tmp_path / "other.hydrapicker"))
    assert dock.pick.results.isHidden()
    dock.elsewhere.take()
    assert len(told) == 1
