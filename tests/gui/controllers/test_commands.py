"""What buttons and keys do, and to which micrograph."""

from collections.abc import Callable
from typing import Any

import pytest

from napari_hydrapicker.gui.controllers import commands
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.worker.messages import Estimated

Wait = Callable[..., None]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told."""
    texts: list[str] = []
    monkeypatch.setattr(commands, "warn", texts.append)
    return texts


def test_corrections_act_on_what_is_seen(picked: Any, wait: Wait, told: list[str]) -> None:
    session, do = picked.session, picked.commands
    first, second = (record.id for record in session.records[:2])
    for number in (first, second):
        session.add(number, [[50.0, 60.0]])
    picked.canvas._loader.forget()  # nothing was loaded ahead
    do.step(1)
    assert (session.current, picked.canvas.micrograph_id) == (second, first), "it is being loaded"
    do.undo()
    do.toggle_complete()
    assert [len(session.labels(number)) for number in (first, second)] == [3, 1]
    assert session.record(first).status is Status.COMPLETE
    assert session.record(second).status is Status.CORRECTED
    wait(lambda: picked.canvas.micrograph_id == second)
    do.undo()
    assert len(session.labels(second)) == 0
    do.redo()
    assert len(session.labels(second)) == 1
    assert told == []


def test_a_full_disk_is_told_and_does_not_stop_browsing(picked: Any, wait: Wait, told: list[str]) -> None:
    picked.session.project._db.execute("PRAGMA query_only = ON")
    picked.commands.step(1)
    wait(lambda: picked.canvas.micrograph_id == picked.session.records[1].id)
    assert ["cannot be written" in text for text in told] == [True]
    picked.session.project._db.execute("PRAGMA query_only = OFF")


def test_there_has_to_be_something_to_pick(dock: Any, told: list[str]) -> None:
    dock.session.close()
    for which in ("this", "selected", "all"):
        dock.commands.pick(which)
    assert len(told) == 3
    assert all("Nothing to pick" in text for text in told)
    dock.commands.step(1)
    dock.commands.undo()
    assert len(told) == 3


def test_an_estimated_diameter_is_taken(dock: Any, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(commands, "inform", said.append)
    before = dock.session.settings.diameter_angstrom
    dock.jobs.estimated.emit(Estimated(1, None, "dark"))
    assert dock.session.settings.diameter_angstrom == before
    assert "No diameter fits" in told[0]
    dock.jobs.estimated.emit(Estimated(1, 143.2, "light"))
    assert dock.session.settings.diameter_angstrom == 145
    assert dock.micrographs.diameter.value() == 145
    assert "145 Å across, and light" in said[0]


def test_all_but_excluded_micrographs_may_be_looked_at(dock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(dock.jobs, "estimate", asked.append)
    first, *others = [record.id for record in dock.session.records]
    dock.session.set_status(first, Status.EXCLUDED)
    dock.micrographs.estimate.click()
    assert asked == [others]


def test_a_diameter_of_a_few_pixels_is_doubted(
    picked: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(picked.jobs, "pick", asked.append)
    pixel = picked.session.records[0].pixel_size_angstrom
    for diameter_px, said in ((11, 1), (14, 1)):
        picked.session.update(diameter_angstrom=diameter_px * pixel)
        picked.commands.pick("this")
        assert ["nanometre" in text for text in told] == [True] * said
    assert len(asked) == 2, "it is picked all the same"
