"""Importing picks in the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.widgets import tasks
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.frame_check import Fit, FrameCheck, Reading, check_frame
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project import importing
from napari_hydrapicker.project.importing import ImportPlan
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.simulation.sample import Sample

Wait = Callable[..., None]
PICKS = Picks(np.array([[100.0, 500.0], [300.0, 200.0]]), np.array([0.9, 0.3]))


@pytest.fixture
def told(dock: Any) -> list[str]:
    """What was said of imports."""
    texts: list[str] = []
    for signal in (dock.import_controller.message, dock.import_controller.problem, dock.tasks.failed):
        signal.disconnect()
        signal.connect(texts.append)
    return texts


def test_a_chosen_file_is_imported(
    dock: Any, told: list[str], tmp_path: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write({"m0": PICKS, "other": PICKS}, tmp_path / "picks.csv", "csv")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "picks.csv"), ""))
    dock.pick.importing.menu().actions()[0].trigger()
    wait(lambda: bool(told))
    assert told[0].startswith("2 picks imported on 1 micrograph")
    assert "Not here: other" in dock.pick.trouble.text()
    assert dock.session.count(dock.session.records[0].id) == 2
    wait(lambda: dock.pick.slider.title.text() == "Confidence of picks.csv")
    assert len(dock.canvas.picks.layer.data) == 2


@pytest.mark.parametrize("what", ["file", "folder"])
def test_dropped_picks_are_imported_and_not_taken_for_micrographs(
    dock: Any, told: list[str], tmp_path: Path, wait: Wait, what: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    formats.write({"m0": PICKS, "m1": PICKS}, out, "star-particles")
    (file,) = out.iterdir()
    project = dock.session.project.path
    dock.opener.open([str(file if what == "file" else out)])
    wait(lambda: bool(told))
    assert told[0].startswith("4 picks imported on 2 micrographs")
    assert dock.session.project.path == project


def test_picks_that_lie_beside_micrographs_are_offered(
    dock: Any, told: list[str], folder: Path, wait: Wait
) -> None:
    project = dock.session.project.path
    dock.session.close()
    project.unlink()
    assert dock.pick.offer.isHidden()
    formats.write({"m1": PICKS}, folder, "star")
    dock.opener.open([str(folder)])
    wait(lambda: not dock.pick.offer.isHidden())
    next(b for b in dock.pick.offer.findChildren(QPushButton)).click()
    wait(lambda: bool(told))
    assert dock.session.count(dock.session.records[1].id) == 2
    assert dock.pick.offer.isHidden()


def test_without_micrographs_there_is_nothing_to_import_to(
    dock: Any, told: list[str], tmp_path: Path
) -> None:
    dock.session.close()
    dock.import_controller.take(tmp_path / "picks.csv")
    assert "open a folder" in told[0]


def test_a_file_that_cannot_be_read_is_said(dock: Any, told: list[str], tmp_path: Path, wait: Wait) -> None:
    (tmp_path / "picks.csv").write_text("not,a\ntable,of,picks\n")
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: bool(told))
    assert "picks.csv" in told[0]
    assert "picks.csv" in dock.pick.trouble.text()


# ---- positions that the images speak against


@pytest.fixture
def asked(
    dock: Any, told: list[str], samples: list[Sample], tmp_path: Path, wait: Wait
) -> dict[str, np.ndarray]:
    """The truth by micrograph, whose positions upside down are to be imported: the window has asked."""
    truth = {f"m{i}": sample.picks for i, sample in enumerate(samples)}
    upside_down = {
        name: picks.flipped_y(samples[int(name[1])].image.shape[0]) for name, picks in truth.items()
    }
    formats.write(upside_down, tmp_path / "picks.csv", "csv")
    dock.pick.set_open(False)
    dock.import_controller.take(tmp_path / "picks.csv")
    assert dock.pick.question.isHidden()
    assert "Reading picks.csv" in dock.pick.trouble.text()
    wait(lambda: not dock.pick.question.isHidden())
    return {name: picks.yx for name, picks in truth.items()}


def _rows(dock: Any) -> dict[str, list[list[float]]]:
    return {one.name: sorted(dock.session.picks(one.id).yx.tolist()) for one in dock.session.records}


def test_positions_upside_down_are_asked_about_and_turned_over(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], wait: Wait
) -> None:
    question = dock.pick.question
    assert dock.session.record(dock.session.records[0].id).shape == (480, 640)
    assert question.text.text().startswith(
        "picks.csv: these positions fit the images far better turned upside down than as they stand"
    )
    assert question.better.text() == "Turned over"
    assert "standard errors" in question.text.toolTip()
    assert dock.pick.is_open, "it is asked where it can be seen"
    assert "Choose in Pick" in told[-1]
    assert dock.session.total() == 0, "nothing is imported before the answer"
    question.better.click()
    wait(question.isHidden)
    for name, rows in _rows(dock).items():
        np.testing.assert_allclose(rows, sorted(asked[name].tolist()), atol=1e-3)
    assert told[-1].startswith(f"{sum(map(len, asked.values()))} picks imported on 3 micrographs")
    assert "turned upside down" in dock.pick.trouble.text()
    for record in dock.session.records:
        kinds = [edit.kind for edit in dock.session.project.edits(record.id)]
        assert kinds == ["import"], "one import, as without a question"


def test_positions_upside_down_can_be_imported_as_they_stand(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], wait: Wait
) -> None:
    dock.pick.question.as_they_stand.click()
    wait(dock.pick.question.isHidden)
    for record in dock.session.records:
        yx = asked[record.name] * (-1, 1) + (record.shape[0] - 1, 0)
        np.testing.assert_allclose(_rows(dock)[record.name], sorted(yx.tolist()), atol=1e-3)
    assert "upside down" not in told[-1]


def test_positions_that_are_not_wanted_are_asked_about_again(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], tmp_path: Path, wait: Wait
) -> None:
    dock.pick.question.not_at_all.click()
    assert dock.session.total() == 0
    assert dock.pick.question.isHidden()
    assert "Nothing was imported" in told[-1]
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: not dock.pick.question.isHidden())


def test_work_goes_on_while_a_question_waits(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], wait: Wait
) -> None:
    first = dock.session.records[0].id
    place = asked["m0"][0] + (3.0, 0.0)
    dock.session.add(first, [place])
    dock.pick.question.better.click()
    wait(dock.pick.question.isHidden)
    yx = dock.session.picks(first).yx
    assert len(yx) == len(asked["m0"]), "the one that was added by hand stands for the imported one"
    assert (np.abs(yx - place).max(axis=1) < 1e-6).any()


def test_a_question_ends_with_its_project(dock: Any, told: list[str], asked: dict[str, np.ndarray]) -> None:
    dock.session.close()
    assert dock.pick.question.isHidden()
    said = len(told)
    dock.pick.question.better.click()  # a click that was under way
    assert len(told) == said


def test_an_import_that_cannot_be_written_can_be_tried_again(
    dock: Any,
    told: list[str],
    asked: dict[str, np.ndarray],
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(dock.session, "importing", full)
        dock.pick.question.better.click()
        wait(lambda: told[-1] == "the disk is full")
    assert not dock.pick.question.isHidden()
    dock.pick.question.better.click()
    wait(dock.pick.question.isHidden)
    assert told[-1].startswith(f"{sum(map(len, asked.values()))} picks imported")


def test_a_question_does_not_widen_the_dock(dock: Any, told: list[str], asked: dict[str, np.ndarray]) -> None:
    dock.pick.question.setVisible(False)
    dock.resize(dock.minimumWidth(), 900)
    dock.grab()
    before = dock.pick.width()
    dock.pick.question.setVisible(True)
    dock.grab()
    assert dock.pick.width() == before
    buttons = dock.pick.question.findChildren(QPushButton)
    assert all(one.width() >= one.minimumSizeHint().width() for one in buttons)


@pytest.mark.parametrize(
    ("best", "offered"),
    [
        (Reading(), None),
        (Reading(swap=True), "Swapped"),
        (Reading(scale=0.5), "Times 0.5"),
        (Reading(flip_y=True, scale=2), "The better way"),
    ],
    ids=lambda one: getattr(one, "description", ""),
)
def test_what_is_offered_is_what_fits(dock: Any, told: list[str], best: Reading, offered: str | None) -> None:
    fits = {Reading(): Fit(2, 0.3, 60), best: Fit(9, 1.2, 60)}
    each = (best, Reading(flip_y=True)) if offered is None else (best, best)
    check = FrameCheck(60, 2, fits, best, by_micrograph=each)
    question = dock.pick.question
    question.ask(ImportPlan(Path("picks.csv"), {}, {}, check=check))
    answers: list[Reading | None] = []
    question.answered.connect(answers.append)
    assert question.better.isHidden() is (offered is None)
    if offered is None:
        assert "turned upside down on 1" in question.text.text(), "they disagree"
    else:
        assert question.better.text() == offered
        assert best.description in question.text.text()
        question.better.click()
    question.as_they_stand.click()
    question.not_at_all.click()
    assert answers == [*([] if offered is None else [best]), Reading(), None]


def test_images_are_looked_at_in_the_background(
    dock: Any, told: list[str], samples: list[Sample], tmp_path: Path, wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    threads: list[threading.Thread] = []

    def watched(*arguments: Any, **others: Any) -> Any:
        threads.append(threading.current_thread())
        return check_frame(*arguments, **others)

    monkeypatch.setattr(importing, "check_frame", watched)
    formats.write({"m0": samples[0].picks, "m1": samples[1].picks}, tmp_path / "picks.csv", "csv")
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: bool(told))
    assert "imported on 2 micrographs" in told[0], "they fit, and nothing is asked"
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


# ---- long ones, several, and taken back


class Slow:
    """A check of positions that goes on until it is let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []
        self.ended: list[str] = []

    def __call__(self, samples: Any, report: Callable[[int, int], None]) -> None:
        self.begun.append("begun")
        try:
            while not self.gate.wait(0.01):
                report(2, 5)
        except BaseException as end:
            self.ended.append(type(end).__name__)
            raise


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Every frame check takes until it is let go, and has looked at two of five micrographs."""
    made = Slow()
    monkeypatch.setattr(importing, "check_frame", made)
    yield made
    made.gate.set()


def test_an_import_shows_its_progress_and_can_be_cancelled(
    dock: Any, told: list[str], slow: Slow, tmp_path: Path, wait: Wait
) -> None:
    formats.write({"m0": PICKS}, tmp_path / "picks.csv", "csv")
    assert dock.pick.import_progress.isHidden()
    dock.import_controller.take(tmp_path / "picks.csv")
    assert not dock.pick.import_progress.isHidden()
    wait(lambda: dock.pick.import_progress.bar.format() == "2 of 5")
    dock.pick.import_progress.cancel.click()
    assert told == ["Cancelled: nothing was imported from picks.csv"]
    assert dock.pick.trouble.text() == told[0]
    assert dock.pick.import_progress.isHidden()
    wait(lambda: slow.ended == ["Stopped"])
    assert dock.session.total() == 0
    slow.gate.set()
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: len(told) == 2)
    assert told[1].startswith("2 picks imported")


def test_closing_does_not_wait_for_an_import(
    dock: Any, told: list[str], slow: Slow, tmp_path: Path, wait: Wait
) -> None:
    formats.write({"m0": PICKS}, tmp_path / "picks.csv", "csv")
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: bool(slow.begun))
    dock.close_session()
    wait(lambda: slow.ended == ["Stopped"])
    assert told == []


def test_another_project_ends_the_import_into_the_one_before(
    dock: Any, told: list[str], slow: Slow, tmp_path: Path, wait: Wait
) -> None:
    for name in ("one", "two"):
        formats.write({"m0": PICKS}, tmp_path / f"{name}.csv", "csv")
        dock.import_controller.take(tmp_path / f"{name}.csv")
    wait(lambda: bool(slow.begun))
    dock.session.close()
    wait(lambda: slow.ended == ["Stopped"])
    assert dock.pick.import_progress.isHidden()
    assert dock.pick.trouble.text() == ""
    assert len(slow.begun) == 1, "the second is not wanted either"


def test_what_was_imported_into_another_project_is_no_longer_said(
    dock: Any, told: list[str], tmp_path: Path, wait: Wait
) -> None:
    formats.write({"m0": PICKS}, tmp_path / "picks.csv", "csv")
    dock.import_controller.take(tmp_path / "picks.csv")
    wait(lambda: bool(told))
    assert "imported" in dock.pick.trouble.text()
    dock.session.close()
    assert dock.pick.trouble.text() == ""


def test_a_second_import_comes_after_the_first(
    dock: Any, told: list[str], slow: Slow, tmp_path: Path, wait: Wait
) -> None:
    for i, name in enumerate(("one", "two")):
        formats.write({f"m{i}": PICKS}, tmp_path / f"{name}.csv", "csv")
        dock.import_controller.take(tmp_path / f"{name}.csv")
    dock.import_controller.take(tmp_path / "two.csv")
    dock.import_controller.take(tmp_path / "one.csv")
    assert told == [
        *["two.csv is imported next: one.csv is being read"] * 2,
        "one.csv is being imported already: one.csv is being read",
    ]
    slow.gate.set()
    wait(lambda: len(told) == 5)
    assert [text.split(" (")[0] for text in told[3:]] == ["2 picks imported on 1 micrograph"] * 2
    assert [dock.session.count(record.id) for record in dock.session.records] == [2, 2, 0]
    assert dock.pick.trouble.text().count("imported on 1 micrograph") == 2, "both can be read"


@pytest.mark.parametrize("answer", ["better", "not_at_all"])
def test_a_second_import_waits_until_the_question_is_answered(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], tmp_path: Path, wait: Wait, answer: str
) -> None:
    formats.write({"m1": PICKS}, tmp_path / "other.csv", "csv")
    question = dock.pick.question.text.text()
    dock.opener.open([str(tmp_path / "other.csv")])
    wait(lambda: "other.csv" in told[-1])
    assert told[-1] == "other.csv is imported next: first choose in Pick how picks.csv is imported"
    assert dock.pick.question.text.text() == question
    assert dock.pick.trouble.text() == "Next: other.csv"
    assert dock.session.total() == 0
    getattr(dock.pick.question, answer).click()
    wait(lambda: told[-1].startswith("2 picks imported on 1 micrograph"))
    of_first = len(asked["m0"]) + len(asked["m2"]) if answer == "better" else 0
    assert dock.session.total() == of_first + 2, "the second replaces the first on m1"


def test_an_import_is_undone_and_redone_with_a_key(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], wait: Wait
) -> None:
    for record in dock.session.records:
        dock.session.put_picks(record.id, PICKS, picker="hydra/generic")
    before = _rows(dock)
    dock.pick.question.better.click()
    wait(lambda: "(Ctrl+Z undoes it)" in told[-1])
    imported = _rows(dock)
    dock.correct.undo.click()
    wait(lambda: told[-1] == "The import of picks.csv is undone on 3 micrographs (Ctrl+Shift+Z redoes it)")
    assert _rows(dock) == before
    assert dock.pick.trouble.text() == told[-1], "not what was said when it was imported"
    wait(lambda: dock.pick.slider.title.text() == "Confidence of HydraPicker")
    assert len(dock.canvas.picks.layer.data) == len(before["m0"])
    dock.correct.redo.click()
    wait(lambda: told[-1] == "The import of picks.csv is done again on 3 micrographs (Ctrl+Z undoes it)")
    assert _rows(dock) == imported
    wait(lambda: dock.pick.slider.title.text() == "Confidence of picks.csv")
    m1 = dock.session.records[1].id
    dock.session.delete(m1, dock.session.labels(m1).id[:1])
    dock.correct.undo.click()
    wait(lambda: "but not on m1" in told[-1])
    assert told[-1].endswith("but not on m1, changed or marked complete since: undo that there first")
    assert len(_rows(dock)["m1"]) == len(imported["m1"]) - 1


def test_the_window_answers_while_an_import_is_taken_in(
    dock: Any,
    told: list[str],
    asked: dict[str, np.ndarray],
    tmp_path: Path,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    formats.write({"m1": PICKS}, tmp_path / "other.csv", "csv")
    monkeypatch.setattr(tasks, "_AT_ONCE", 1)
    monkeypatch.setattr(tasks, "_PART_S", 1e-9)  # a single micrograph at a time
    dock.pick.question.better.click()
    dock.pick.question.better.click()  # once more, out of impatience
    assert "Taking picks.csv in" in dock.pick.trouble.text()
    assert dock.session.total() == 0
    dock.import_controller.take(tmp_path / "other.csv")
    assert told[-1] == "other.csv is imported next: picks.csv is being taken in"
    wait(lambda: told[-1].startswith("2 picks imported on 1 micrograph"))
    assert dock.session.total() == len(asked["m0"]) + len(asked["m2"]) + 2
    kinds = [edit.kind for edit in dock.session.project.edits(dock.session.records[0].id)]
    assert kinds == ["import"], "imported once"


def test_a_project_closed_amid_an_import_has_all_of_it(
    dock: Any, told: list[str], asked: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_AT_ONCE", 1)
    monkeypatch.setattr(tasks, "_PART_S", 1e-9)
    path = dock.session.project.path
    dock.pick.question.better.click()
    assert dock.session.total() == 0
    dock.session.close()
    with closing(Project.open(path)) as project:
        assert sum(len(labels) for _, labels in project.all_labels()) == sum(map(len, asked.values()))
