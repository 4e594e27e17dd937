"""Classes between section, worker and session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.classes.files import mrc_stack
from napari_hydrapicker.gui.controllers.classes import ClassesController
from napari_hydrapicker.gui.sections.classes import ClassesSection
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.messages import (
    Broken,
    ClassFigures,
    Classified,
    Classifying,
    ClassifyRequest,
    Finished,
)

Wait = Callable[..., None]


class CanvasDouble(QObject):
    """Shows what it is asked for when it is told to."""

    shown = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.micrograph_id: int | None = 1
        self.centred: list[int] = []

    def centre_on(self, pick_id: int) -> None:
        self.centred.append(pick_id)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Two micrographs with picks, an excluded one, and one of unknown pixel size."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    sizes = {"a": 1.5, "b": 2.0, "c": 2.0, "d": None}
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (100, 200), s) for n, s in sizes.items()])
    for number in (1, 2, 3, 4):
        made.put_picks(number, Picks([[10.0, 20.0], [50.0, 150.0], [80.0, 60.0]], [0.9, 0.8, 0.7]))
    made.set_status(3, Status.EXCLUDED)
    yield made
    made.close()


@pytest.fixture
def made(qapp_exists: None, session: Session, double: Any) -> Iterator[ClassesController]:
    controller = ClassesController(session, ClassesSection(), CanvasDouble())  # type: ignore[arg-type]
    controller._child = double
    controller.problems = []  # type: ignore[attr-defined]
    controller.problem.connect(controller.problems.append)  # type: ignore[attr-defined]
    yield controller
    controller.close()
    controller._section.deleteLater()


def answer(made: ClassesController, tmp_path: Path, wait: Wait) -> None:
    """Two classes: the first has the first two picks of both micrographs, the second the third ones."""
    averages = tmp_path / "classes.mrcs"
    images = np.random.default_rng(0).normal(size=(2, 64, 64)).astype(np.float32)
    averages.write_bytes(mrc_stack(images, 4.5))
    figures = (ClassFigures(1, 4, 12.0, 0.9, ()), ClassFigures(2, 2, None, 0.8, ("few",)))
    made.classify(0)
    double: Any = made._child
    double.says += [
        Classifying(1, "classifying", 3, 24),
        Classified(1, figures, ((1, 1, 2), (1, 1, 2)), str(averages)),
    ]
    double.says.append(Finished(1, False))
    wait(lambda: not made.running)


def deleted(session: Session) -> list[int]:
    return [int(session.labels(number).deleted.sum()) for number in (1, 2)]


def test_the_picks_that_are_shown_are_sent(made: ClassesController, session: Session) -> None:
    session.update(diameter_angstrom=123.0)
    session.delete(2, session.labels(2).id[:1])
    made.classify(6)
    (request,) = made._child.sent  # type: ignore[attr-defined]
    assert isinstance(request, ClassifyRequest)
    assert [one.micrograph.name for one in request.micrographs] == ["a", "b"]
    assert [len(one.yx) for one in request.micrographs] == [3, 2]
    assert request.micrographs[0].yx[1].tolist() == [50.0, 150.0]
    assert (request.diameter_angstrom, request.classes) == (123.0, 6)
    assert Path(request.folder).is_dir()
    made.close()
    assert not Path(request.folder).exists()


def test_a_head_is_trained_on_what_is_left_and_what_was_rejected(
    made: ClassesController, session: Session, tmp_path: Path, wait: Wait
) -> None:
    asked: list[Any] = []
    made.train_requested.connect(asked.append)
    answer(made, tmp_path, wait)
    wait(lambda: (made.left, made.rejected) == (6, 0))
    made.train()
    assert asked == []
    assert "no class is rejected" in made.problems[0]  # type: ignore[attr-defined]
    made.reject([2])
    wait(lambda: (made.left, made.rejected) == (4, 2))
    made.train()
    (micrographs,) = asked
    assert [one.micrograph.name for one in micrographs] == ["a", "b"]
    assert [one.yx.tolist() for one in micrographs] == [[[10.0, 20.0], [50.0, 150.0]]] * 2
    assert [one.negative_yx.tolist() for one in micrographs] == [[[80.0, 60.0]]] * 2
    assert not any(one.complete for one in micrographs)
    made.reject([1])
    made.train()
    assert "no class is left" in made.problems[1]  # type: ignore[attr-defined]


def test_a_class_is_rejected_and_one_undo_brings_it_back(
    made: ClassesController, session: Session, tmp_path: Path, wait: Wait
) -> None:
    answer(made, tmp_path, wait)
    section = made._section
    assert "6 picks in 2 classes; 1 may be no particles" in section.state.text()
    section.reject_requested.emit([2])
    assert deleted(session) == [1, 1]
    wait(lambda: section.gallery.item(1).text() == "2: rejected")
    assert session.undo(1)
    assert deleted(session) == [0, 0]
    wait(lambda: section.gallery.item(1).text() == "2: 2")
    section.keep_requested.emit([2])
    assert deleted(session) == [2, 2]
    assert session.undo(2)
    assert deleted(session) == [0, 0]


def test_members_lead_to_their_micrograph(
    made: ClassesController, session: Session, tmp_path: Path, wait: Wait
) -> None:
    answer(made, tmp_path, wait)
    canvas: Any = made._canvas
    made.list_members(2)
    members = made._section.members
    assert [members.item(i).text() for i in range(members.count())] == ["a: x 60, y 80", "b: x 60, y 80"]
    members.itemClicked.emit(members.item(0))
    assert canvas.centred == [session.labels(1).id[2]]
    members.itemClicked.emit(members.item(1))
    assert session.current == 2
    assert len(canvas.centred) == 1  # its micrograph is being read
    canvas.shown.emit(2)
    assert canvas.centred[1:] == [session.labels(2).id[2]]
    canvas.shown.emit(1)
    assert len(canvas.centred) == 2


def test_an_average_is_saved(made: ClassesController, tmp_path: Path, wait: Wait) -> None:
    answer(made, tmp_path, wait)
    made.save_average(2, tmp_path / "average.mrc")
    with mrcfile.open(tmp_path / "average.mrc") as stack:
        assert np.array_equal(np.squeeze(stack.data), made._averages[1])
        assert float(stack.voxel_size.x) == 4.5
    made.save_average(2, tmp_path / "p.hydrapicker" / "average.mrc")
    assert "cannot be written" in made.problems[0]  # type: ignore[attr-defined]


def test_what_goes_wrong_is_said(made: ClassesController, wait: Wait) -> None:
    made.classify(0)
    made._child.says.append(Broken("the picks cannot be classified: 3 picks"))  # type: ignore[attr-defined]
    wait(lambda: not made.running)
    assert made.problems == ["the picks cannot be classified: 3 picks"]  # type: ignore[attr-defined]
    assert made._section.classify.text() == "Classify"


def test_cancelling(made: ClassesController, wait: Wait) -> None:
    made.classify(0)
    made._section.cancel_requested.emit()
    assert made._child.cancelled == [1]  # type: ignore[attr-defined]
    made._child.says.append(Finished(1, True))  # type: ignore[attr-defined]
    wait(lambda: not made.running)
    assert made._section.state.text() == "Cancelled."


def test_another_project_has_no_classes(
    made: ClassesController, session: Session, tmp_path: Path, wait: Wait
) -> None:
    answer(made, tmp_path, wait)
    session.close()
    assert made._section.gallery.count() == 0
    made.reject([1])
    made.classify(0)
    assert made.problems == ["there are no picks to classify: pick some micrographs first"]  # type: ignore[attr-defined]
