"""The section that trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.controllers.lasting_jobs import TrainJobs
from napari_hydrapicker.gui.sections.train import TrainSection
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import Suggestion
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.messages import Trained, Training

LEFT = Qt.MouseButton.LeftButton
MICROGRAPH = Micrograph(Path("a.mrc"), (30, 50), 1.5)


def corrected(complete: bool) -> AnnotatedMicrograph:
    return AnnotatedMicrograph(MICROGRAPH, np.array([[1.0, 2.0]] * 3), np.array([[5.0, 6.0]]), complete)


@pytest.fixture
def section(qapp_exists: None) -> TrainSection:
    jobs = TrainJobs(Session())
    made = TrainSection(jobs)
    made.jobs = jobs  # type: ignore[attr-defined]  # kept alive
    return made


def heard(signal: object) -> list[str]:
    told: list[str] = []
    signal.connect(told.append)  # type: ignore[attr-defined]
    return told


def test_it_says_what_there_is_to_train_on(section: TrainSection) -> None:
    assert "complete" in section.labels.text()
    section.show_corrections((corrected(True),))
    assert "1 complete: 3 particles, 1 deleted pick" in section.labels.text()
    assert "second one" in section.labels.text()
    section.show_corrections((corrected(True), corrected(False)), ("a",))
    assert "1 partly corrected: 3 particles" in section.labels.text()
    assert section.labels.text().endswith("for validation: a")


def test_without_particles_there_is_nothing_to_train_on(section: TrainSection) -> None:
    erased = AnnotatedMicrograph(MICROGRAPH, np.empty((0, 2)), np.array([[5.0, 6.0]]), False)
    section.show_corrections((erased,))
    assert "no particles to learn from" in section.labels.text()


def test_one_that_only_marks_speak_for_is_offered(section: TrainSection) -> None:
    chosen = heard(section.head_chosen)
    trained = Trained(1, "mine", 0.4, 0.9, True, 9, 6.0, "", marks_only=True)
    section.jobs.trained.emit(trained)  # type: ignore[attr-defined]
    assert chosen == []
    assert not section.use.isHidden()


def test_a_name_is_proposed_until_the_user_types_one(section: TrainSection) -> None:
    section.suggest_name("My ribosomes (2).x")
    assert section.name.text() == "My-ribosomes-2-x"
    section.suggest_name("é")
    assert section.name.text() == "my-head"
    section.name.clear()
    QTest.keyClicks(section.name, "mine")
    section.suggest_name("other")
    assert section.name.text() == "mine"


@pytest.mark.parametrize(
    ("name", "asked", "problems"), [("mine", ["mine"], 0), ("a b", [], 1), ("generic", [], 1)]
)
def test_only_names_that_can_be_are_asked_for(
    section: TrainSection, name: str, asked: list[str], problems: int
) -> None:
    section.show_corrections((corrected(True),))
    requested, told = heard(section.train_requested), heard(section.problem)
    section.name.setText(name)
    QTest.mouseClick(section.train, LEFT)
    assert requested == asked
    assert len(told) == problems


def test_progress_of_both_stages_is_one_bar(section: TrainSection) -> None:
    jobs = section.jobs  # type: ignore[attr-defined]
    jobs.started.emit()
    assert not section.progress.isHidden()
    assert section.progress.bar.maximum() > 0, "no busy animation"
    assert section.progress.bar.text() == "starting"
    jobs.progressed.emit(Training(1, "features", 1, 2, 10.0, None, None))
    assert section.progress.bar.value() == 10
    assert section.progress.bar.text().startswith("preparing micrograph")
    jobs.progressed.emit(Training(1, "training", 0, 100, 20.0, None, 0.75))
    assert section.progress.bar.value() == 20
    jobs.progressed.emit(Training(1, "training", 50, 100, 60.0, 0.7, 0.8))
    assert section.progress.bar.value() == 60
    assert "40 s left" in section.progress.bar.text()
    assert section.curves.caption() == "loss 0.70, AP 0.800 (began at 0.750)"
    jobs.finished.emit(True, "")
    assert section.progress.isHidden()
    assert section.curves.isHidden()


def test_a_better_head_is_taken(section: TrainSection) -> None:
    chosen = heard(section.head_chosen)
    section.jobs.trained.emit(Trained(1, "mine", 0.7, 0.8, True, 100, 60.0))  # type: ignore[attr-defined]
    assert chosen == ["mine"]
    assert "0.700 before, 0.800 now" in section.result.text()
    assert section.use.isHidden()


@pytest.mark.parametrize(("held_out", "words"), [(True, "no better"), (False, "trained on")])
def test_one_that_is_not_known_to_be_better_is_offered(
    section: TrainSection, held_out: bool, words: str
) -> None:
    chosen = heard(section.head_chosen)
    section.jobs.trained.emit(Trained(1, "mine", 0.8, 0.8, held_out, 9, 6.0))  # type: ignore[attr-defined]
    assert chosen == []
    assert words in section.result.text()
    assert not section.use.isHidden()
    QTest.mouseClick(section.use, LEFT)
    assert chosen == ["mine"]
    assert section.use.isHidden()


def test_it_says_whether_the_new_head_is_in_use(section: TrainSection) -> None:
    section.show_head("generic")
    section.jobs.trained.emit(Trained(1, "mine", 0.8, 0.7, True, 9, 6.0))  # type: ignore[attr-defined]
    assert "is not in use" in section.result.text()
    section.show_head("mine")
    assert "no better than the generic head: correct more" in section.result.text()
    assert "not in use" not in section.result.text()
    assert section.use.isHidden()
    section.show_head("generic")
    assert "is not in use" in section.result.text()
    assert not section.use.isHidden()
    section.jobs.started.emit()  # type: ignore[attr-defined]
    section.show_head("other")
    assert section.use.isHidden(), "the head of before is no longer shown"


def test_what_went_wrong_is_told(section: TrainSection) -> None:
    told = heard(section.problem)
    section.jobs.finished.emit(False, "Head 'mine' was not trained: killed")  # type: ignore[attr-defined]
    assert told == [section.result.text()] == ["Head 'mine' was not trained: killed"]
    assert not section.result.isHidden(), "it stays: nobody may be there to see a notification"


def test_curves_stay_if_there_are_some(section: TrainSection) -> None:
    jobs = section.jobs  # type: ignore[attr-defined]
    jobs.started.emit()
    jobs.finished.emit(False, "out of memory")
    assert section.curves.isHidden(), "there is nothing to be seen on them"
    jobs.started.emit()
    jobs.progressed.emit(Training(1, "training", 5, 100, 20.0, 0.7, None))
    jobs.finished.emit(False, "killed")
    assert not section.curves.isHidden()


def test_what_went_wrong_is_not_taken_for_the_head_before(section: TrainSection) -> None:
    section.jobs.trained.emit(Trained(1, "mine", 0.8, 0.7, True, 9, 6.0))  # type: ignore[attr-defined]
    section.jobs.finished.emit(False, "Head 'other' was not trained: killed")  # type: ignore[attr-defined]
    section.show_head("generic")
    assert section.result.text() == "Head 'other' was not trained: killed"
    assert section.use.isHidden()


def test_it_says_why_a_micrograph_is_next(section: TrainSection) -> None:
    assert section.suggestion.isHidden()
    section.show_suggestion("m7", Suggestion(3, 0.25))
    assert section.suggestion.text().startswith("m7: about 25 wrong")
    assert not section.suggestion.isHidden()
    section.forget()
    assert section.suggestion.isHidden()


def test_a_head_found_later_is_offered_whatever_its_figures(section: TrainSection) -> None:
    chosen = heard(section.head_chosen)
    section.jobs.found.emit(Trained(1, "mine", 0.7, 0.8, True, 9, 6.0))  # type: ignore[attr-defined]
    assert chosen == []
    assert "It is better than the generic head" in section.result.text()
    QTest.mouseClick(section.use, LEFT)
    assert chosen == ["mine"]


def test_a_training_that_is_left_is_shown_no_longer(section: TrainSection) -> None:
    section.jobs.started.emit()  # type: ignore[attr-defined]
    section.jobs.left.emit("mine")  # type: ignore[attr-defined]
    assert section.progress.isHidden()
    assert section.curves.isHidden()


def test_one_that_cannot_be_cancelled_is_said(section: TrainSection, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise ProjectError("the folder is gone")

    monkeypatch.setattr(section.jobs, "cancel", unreachable)  # type: ignore[attr-defined]
    told = heard(section.problem)
    section.progress.cancelled.emit()
    assert told == ["the folder is gone"]
