"""Work off the GUI thread."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from qtpy.QtTest import QTest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gui.widgets.tasks import Report, Stopped, Tasks


@pytest.fixture
def tasks(qapp_exists: None) -> Iterator[Tasks]:
    """Tasks that are closed after the test."""
    made = Tasks()
    yield made
    made.close()


def test_work_is_done_elsewhere_and_its_result_comes_here(tasks: Tasks, wait: Callable[..., None]) -> None:
    threads: list[object] = []
    tasks.run("one", threading.current_thread, lambda t: threads.extend([t, threading.current_thread()]))
    assert tasks.busy
    wait(lambda: bool(threads))
    assert threads[0] is not threads[1]
    assert threads[1] is threading.main_thread()
    assert not tasks.busy


def test_of_one_name_only_the_newest_counts(tasks: Tasks, wait: Callable[..., None]) -> None:
    gate, results = threading.Event(), []
    tasks.run("a", lambda: gate.wait(10), lambda _: results.append("old"))
    tasks.run("a", lambda: "new", results.append)
    tasks.run("b", lambda: "other", results.append)
    gate.set()
    wait(lambda: len(results) == 2)
    assert results == ["new", "other"]


def test_errors_come_in_words(tasks: Tasks, wait: Callable[..., None]) -> None:
    def fail() -> None:
        raise ParameterError("what is wrong and what to do")

    told: list[str] = []
    tasks.failed.connect(told.append)
    tasks.run("a", fail, lambda _: told.append("result"))
    wait(lambda: bool(told))
    assert told == ["what is wrong and what to do"]


def test_nothing_is_delivered_after_closing(tasks: Tasks) -> None:
    results: list[object] = []
    tasks.run("a", lambda: 1, results.append)
    tasks.close()
    assert results == []
    assert not [t for t in threading.enumerate() if t.name.startswith("hydrapicker-task")]


def test_closing_waits_for_what_may_be_writing(tasks: Tasks) -> None:
    begun, done = threading.Event(), []

    def write() -> None:
        begun.set()
        time.sleep(0.3)
        done.append("written")

    tasks.run("a", write, lambda _: None)
    assert begun.wait(10)
    tasks.close()
    assert done == ["written"]


def _endless(report: Report, begun: threading.Event, ends: list[str]) -> None:
    begun.set()
    try:
        while True:
            report(1, 3)
            time.sleep(0.005)
    except Stopped:
        ends.append("stopped")
        raise


@pytest.mark.parametrize("how", ["stop", "newer", "close"])
def test_work_that_looks_is_stopped(tasks: Tasks, wait: Callable[..., None], how: str) -> None:
    begun, ends, told = threading.Event(), [], []
    tasks.run_stoppable(
        "a", lambda report: _endless(report, begun, ends), told.append, lambda *how: told.append(how)
    )
    assert begun.wait(10)
    wait(lambda: bool(told))
    if how == "stop":
        tasks.stop("a")
        assert not tasks.busy
    elif how == "newer":
        tasks.run("a", lambda: "new", told.append)
    else:
        tasks.close()
    wait(lambda: bool(ends))
    if how == "newer":
        wait(lambda: told[-1] == "new")
    else:
        told.append("last")
        QTest.qWait(50)
        assert told[-1] == "last", "nothing more is heard of it"
    assert set(told[:-1]) == {(1, 3)}


def test_closing_does_not_wait_for_work_that_can_be_stopped(tasks: Tasks) -> None:
    begun, gate = threading.Event(), threading.Event()

    def look(report: Report) -> None:
        begun.set()
        gate.wait(60)  # as where a file comes from a slow disk
        report(0, 1)

    tasks.run_stoppable("a", look, lambda _: None, lambda *_: None)
    assert begun.wait(10)
    start = time.monotonic()
    tasks.close()
    assert time.monotonic() - start < 10
    gate.set()


def test_work_that_can_be_stopped_gives_its_result(tasks: Tasks, wait: Callable[..., None]) -> None:
    told: list[object] = []

    def work(report: Report) -> str:
        report(0, 2)
        report(1, 2)
        return "result"

    tasks.run_stoppable("a", work, told.append, lambda *how: told.append(how))
    wait(lambda: len(told) == 3)
    assert told == [(0, 2), (1, 2), "result"]
    assert not tasks.busy
