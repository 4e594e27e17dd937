"""Micrographs that come while the window is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.gui.controllers.live import LiveController
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.io.micrograph import open_micrographs
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.messages import Finished, PickRequest

Wait = Callable[..., None]


@pytest.fixture
def session(folder: Path, tmp_path: Path) -> Iterator[Session]:
    """A session with the folder's first micrograph; the others have not come yet."""
    for path in sorted(folder.glob("*.mrc"))[1:]:
        path.rename(tmp_path / path.name)
    made = Session()
    made.use(Project.create(folder / "p.hydrapicker"))
    made.add_micrographs(open_micrographs(folder / "m0.mrc"))
    yield made
    made.close()


@pytest.fixture
def jobs(qapp_exists: None, session: Session, double: Any) -> Iterator[PickJobs]:
    """Jobs with a double for the child."""
    made = PickJobs(session)
    made._child = double
    yield made
    made.close()


@pytest.fixture
def live(session: Session, jobs: PickJobs) -> Iterator[LiveController]:
    """Live, which looks as fast as it can."""
    tasks = Tasks()
    made = LiveController(session, jobs, tasks, jobs)
    made._timer.setInterval(10)
    yield made
    made.stop()
    tasks.close()
    made.button.deleteLater()


def requests(double: Any) -> list[list[str]]:
    """Files of each job that was asked for."""
    return [
        [Path(one.path).name for one in sent.micrographs.values()]
        for sent in double.sent
        if isinstance(sent, PickRequest)
    ]


def arrive(tmp_path: Path, folder: Path, name: str, share: float = 1.0) -> None:
    content = (tmp_path / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])


def test_what_comes_is_taken_in_and_picked(
    live: LiveController,
    session: Session,
    jobs: PickJobs,
    double: Any,
    folder: Path,
    tmp_path: Path,
    wait: Wait,
) -> None:
    live.button.click()
    arrive(tmp_path, folder, "m1.mrc")
    arrive(tmp_path, folder, "m2.mrc", 0.5)
    wait(lambda: len(session.records) == 2)
    assert requests(double) == [["m1.mrc"]]
    arrive(tmp_path, folder, "m2.mrc")
    wait(lambda: len(session.records) == 3)
    assert requests(double) == [["m1.mrc"]]  # one job at a time
    double.says += [Finished(jobs._job, False)]
    wait(lambda: len(double.sent) == 2)
    assert requests(double) == [["m1.mrc"], ["m2.mrc"]]


def test_let_go_it_takes_nothing_more(
    live: LiveController, session: Session, folder: Path, tmp_path: Path, wait: Wait
) -> None:
    live.button.click()
    wait(lambda: not live._looking)
    live.button.click()
    arrive(tmp_path, folder, "m1.mrc")
    waited: list[int] = []
    live._timer.timeout.connect(lambda: waited.append(1))
    wait(lambda: not live._tasks.busy)
    assert not live._timer.isActive()
    assert (len(session.records), waited) == (1, [])


def test_who_cancels_the_picking_lets_it_go(
    live: LiveController,
    session: Session,
    jobs: PickJobs,
    double: Any,
    folder: Path,
    tmp_path: Path,
    wait: Wait,
) -> None:
    live.button.click()
    arrive(tmp_path, folder, "m1.mrc")
    wait(lambda: bool(double.sent))
    double.says += [Finished(jobs._job, True)]
    wait(lambda: not live.button.isChecked())
    assert not live._timer.isActive()


def test_another_project_lets_it_go(live: LiveController, session: Session, tmp_path: Path) -> None:
    live.button.click()
    assert live.button.isChecked()
    session.use(Project.create(tmp_path / "q.hydrapicker"))
    assert not live.button.isChecked()
    said: list[str] = []
    live.problem.connect(said.append)
    live.button.click()  # and there is no folder to follow
    assert not live.button.isChecked()
    assert said == ["Open the folder first that the micrographs come into"]
