"""Work off the GUI thread."""

import threading
from collections.abc import Callable, Iterator

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gui.widgets.tasks import Tasks


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
