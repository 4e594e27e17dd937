"""Picking jobs as the window sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.messages import (
    Broken,
    Estimated,
    Failed,
    Finished,
    Message,
    Picked,
    PickRequest,
    Ready,
)

Wait = Callable[..., None]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Three micrographs, the last of unknown pixel size."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    sizes = {"a": 1.5, "b": 2.0, "c": None}
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (100, 200), s) for n, s in sizes.items()])
    yield made
    made.close()


@pytest.fixture
def jobs(qapp_exists: None, session: Session, double: Any) -> Iterator[PickJobs]:
    """Jobs with a double for the child."""
    made = PickJobs(session)
    made._child = double
    yield made
    made.close()


def _finish(jobs: PickJobs, wait: Wait, *messages: Message) -> tuple[bool, list[str]]:
    ended: list[tuple[bool, list[str]]] = []
    jobs.finished.connect(lambda cancelled, problems: ended.append((cancelled, problems)))
    jobs._child.says += messages  # type: ignore[attr-defined]
    wait(lambda: bool(ended))
    return ended[0]


def test_the_request_holds_the_settings(jobs: PickJobs, session: Session) -> None:
    session.update(diameter_angstrom=123.0, border_angstrom=9.0, use_mask=False, min_distance_angstrom=50.0)
    jobs.pick([r.id for r in session.records])
    (request,) = jobs._child.sent  # type: ignore[attr-defined]
    assert isinstance(request, PickRequest)
    assert [(m.path.name, m.pixel_size_angstrom) for m in request.micrographs.values()] == [
        ("a.mrc", 1.5),
        ("b.mrc", 2.0),
    ]
    assert request.parameters == PickParameters(
        diameter_angstrom=123, border_angstrom=9, min_distance_angstrom=50, use_mask=False
    )
    assert isinstance(request.picker, HydraSpec)


def test_the_request_names_the_chosen_picker(jobs: PickJobs, session: Session) -> None:
    session.update(picker="cgan")
    jobs.pick([session.records[0].id])
    assert jobs._child.sent[0].picker == CGanSpec()  # type: ignore[attr-defined]


def test_contrast_and_quality_are_asked_for(jobs: PickJobs, session: Session) -> None:
    session.update(contrast="light", quality="best")
    jobs.pick([session.records[0].id])
    request = jobs._child.sent[0]  # type: ignore[attr-defined]
    assert (request.picker.contrast, request.picker.quality, request.estimate) == ("light", "best", False)


def test_the_diameter_is_estimated_on_a_few_by_the_generic_head(
    jobs: PickJobs, session: Session, wait: Wait, tmp_path: Path
) -> None:
    session.add_micrographs([Micrograph(tmp_path / f"m{i}.mrc", (100, 200), 1.5) for i in range(9)])
    session.update(picker="cgan", head="mine", quality="best")
    found: list[Estimated] = []
    jobs.estimated.connect(found.append)
    jobs.estimate([r.id for r in session.records])
    (request,) = jobs._child.sent  # type: ignore[attr-defined]
    assert (request.estimate, request.picker) == (True, HydraSpec())
    assert [m.name for m in request.micrographs.values()] == ["a", "m3", "m8"]
    answer = Estimated(1, 142.0, "light")
    assert _finish(jobs, wait, answer, Finished(1, False)) == (False, [])
    assert found == [answer]


def test_without_a_pixel_size_no_diameter_is_estimated(jobs: PickJobs, session: Session, wait: Wait) -> None:
    ended: list[list[str]] = []
    jobs.finished.connect(lambda _, problems: ended.append(problems))
    jobs.estimate([session.records[2].id])
    wait(lambda: bool(ended))
    assert "the pixel size is unknown" in ended[0][0]


@pytest.mark.parametrize(("chosen", "shown"), [(False, 0.31), (True, 0.6)])
def test_the_threshold_is_the_pickers_unless_the_user_chose_one(
    jobs: PickJobs, session: Session, wait: Wait, chosen: bool, shown: float
) -> None:
    if chosen:
        session.update(threshold=0.6, threshold_chosen=True)
    for job, (picker, own) in enumerate([("hydra", 0.45), ("cgan", 0.31)], 1):
        session.update(picker=picker)
        jobs.pick([session.records[0].id])
        _finish(jobs, wait, Ready("CPU", own), Finished(job, False))
    assert session.slider_threshold == shown


def test_answers_go_into_the_session(jobs: PickJobs, session: Session, wait: Wait) -> None:
    a, b, c = (r.id for r in session.records)
    advanced: list[tuple[int, int]] = []
    jobs.advanced.connect(lambda done, total, _: advanced.append((done, total)))
    jobs.pick([a, b, c])
    cancelled, problems = _finish(
        jobs, wait,
        Ready("CPU", 0.4), Picked(1, a, ((10.0, 150.0), (20.0, 30.0)), (0.9, 0.1), 1.0),
        Failed(1, b, "b.mrc: truncated"), Finished(1, False),
    )  # fmt: skip
    assert not cancelled
    assert problems == ["c: the pixel size is unknown: enter it in the table", "b.mrc: truncated"]
    assert session.labels(a).yx.tolist() == [[10, 150], [20, 30]]
    np.testing.assert_allclose(session.labels(a).score, [0.9, 0.1], rtol=1e-6)
    assert session.settings.suggested == {"hydra/generic": 0.4}
    assert (session.picker_of(a), session.threshold(a)) == ("hydra/generic", 0.4)
    assert advanced == [(1, 2), (2, 2)]
    assert not jobs.running


def test_a_process_that_failed_is_not_used_again(jobs: PickJobs, session: Session, wait: Wait) -> None:
    a, b, c = (r.id for r in session.records)
    jobs.pick([a, b, c])
    _finish(jobs, wait, Picked(1, a, (), (), 1.0), Finished(1, False))
    assert jobs._child.ended == []  # type: ignore[attr-defined]
    jobs.pick([a, b])
    _finish(jobs, wait, Failed(2, a, "a.mrc: memory ran out"), Finished(2, False))
    assert jobs._child.ended == ["stopped"]  # type: ignore[attr-defined]
    jobs.pick([a, b])
    _finish(jobs, wait, Finished(3, False))
    assert jobs._child.ended == ["stopped"]  # type: ignore[attr-defined]


def test_the_tail_of_a_cancelled_job_is_not_taken(jobs: PickJobs, session: Session, wait: Wait) -> None:
    a = session.records[0].id
    jobs.pick([a])
    jobs.cancel()
    assert jobs._child.cancelled == [1]  # type: ignore[attr-defined]
    assert _finish(jobs, wait, Finished(1, True)) == (True, [])
    jobs.pick([a])
    _finish(jobs, wait, Picked(1, a, ((1.0, 2.0),), (0.5,), 1.0), Finished(2, False))
    assert len(session.labels(a)) == 0


def test_a_broken_process_ends_the_job_in_words(jobs: PickJobs, session: Session, wait: Wait) -> None:
    jobs.pick([session.records[0].id])
    assert _finish(jobs, wait, Broken("the process stopped")) == (False, ["the process stopped"])


def test_nothing_to_do_ends_at_once(jobs: PickJobs, session: Session) -> None:
    ended: list[list[str]] = []
    jobs.finished.connect(lambda _, problems: ended.append(problems))
    jobs.pick([session.records[2].id])
    assert len(ended[0]) == 1
    assert not jobs.running


def test_one_job_at_a_time(jobs: PickJobs, session: Session) -> None:
    jobs.pick([session.records[0].id])
    jobs.pick([session.records[1].id])
    assert len(jobs._child.sent) == 1  # type: ignore[attr-defined]


def test_another_projects_micrographs_get_none_of_the_answers(
    jobs: PickJobs, session: Session, tmp_path: Path, wait: Wait
) -> None:
    a = session.records[0].id
    jobs.pick([a])
    session.add_micrographs([Micrograph(tmp_path / "d.mrc", (100, 200), 1.0)])
    assert jobs.running, "more micrographs are no other project"
    ended: list[bool] = []
    jobs.finished.connect(lambda cancelled, _: ended.append(cancelled))
    session.use(Project.create(tmp_path / "q.hydrapicker"))
    session.add_micrographs([Micrograph(tmp_path / "other.mrc", (100, 200), 1.0)])
    assert (ended, jobs._child.ended) == ([True], ["stopped"])  # type: ignore[attr-defined]
    assert session.records[0].id == a
    jobs.pick([a])
    _finish(jobs, wait, Picked(1, a, ((1.0, 2.0),), (0.5,), 1.0), Finished(1, True), Finished(2, False))
    assert len(session.labels(a)) == 0


def test_what_is_stopped_is_not_waited_for_until_it_is_closed(
    jobs: PickJobs, session: Session, double: Any
) -> None:
    jobs.pick([session.records[0].id])
    jobs.stop()
    assert (jobs.running, double.ended) == (False, ["stopped"])
    jobs.close()
    assert double.ended == ["stopped", "closed"]


def test_many_answers_do_not_look_through_the_project(
    jobs: PickJobs, session: Session, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.pick([r.id for r in session.records])
    number = session.records[0].id
    looks = []
    monkeypatch.setattr(Session, "records", property(lambda self: looks.append(1) or []))
    answers = [Picked(1, number, ((1.0, 2.0),), (0.5,), 0.1), Picked(1, 999, ((1.0, 2.0),), (0.5,), 0.1)]
    assert _finish(jobs, wait, *answers, Finished(1, False)) == (
        False,
        ["c: the pixel size is unknown: enter it in the table"],
    )
    assert looks == []
    assert len(session.labels(number)) == 1


def test_what_is_picked_waits_while_an_import_is_taken_in(
    jobs: PickJobs, session: Session, wait: Wait
) -> None:
    a, b, *_ = (record.id for record in session.records)
    jobs.pick([a])
    picks = Picks(np.array([[20.0, 30.0], [60.0, 150.0]]))
    parts = session.project.in_parts(session.importing({a: picks, b: picks}, "imported/t.csv"))
    parts.work(0.0)
    jobs._child.says += [Picked(1, a, ((50.0, 60.0),), (0.9,), 0.1)]  # type: ignore[attr-defined]
    jobs._poll()
    assert not parts.done
    assert len(session.labels(a)) == 0
    while not parts.work(0.0):
        jobs._poll()
    assert session.count(a) == 2
    assert _finish(jobs, wait, Finished(1, False)) == (False, [])
    assert session.labels(a).yx.tolist() == [[50.0, 60.0]], "it came after the import"
