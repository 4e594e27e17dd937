"""Counts in the dock's sections."""

from collections.abc import Callable
from typing import Any

Wait = Callable[..., None]


def test_counts_here_follow_soon_and_all_a_moment_later(picked: Any, wait: Wait) -> None:
    session, table = picked.session, picked.micrographs.table.model
    number = session.current
    wait(lambda: picked.pick.count.text() == "2 picks here, 2 in all")
    wait(lambda: table.data(table.index(0, 1)) == "2")
    session.update(threshold=0.8)
    assert picked.pick.count.text() == "1 pick here, 1 in all"
    assert table.data(table.index(0, 1)) == "2", "the table waits until the slider rests"
    wait(lambda: table.data(table.index(0, 1)) == "1")
    session.delete(number, session.labels(number).id[:1])
    session.add(number, [[50.0, 60.0], [90.0, 200.0]])
    wait(lambda: picked.correct.counts.text() == "2 added, 0 moved, 1 deleted")
    assert picked.correct.meaning.text().startswith("Partly corrected")
    picked.commands.toggle_complete()
    wait(lambda: picked.correct.meaning.text().startswith("Complete"))


def test_unknown_pixel_sizes_are_pointed_out_where_they_matter(picked: Any, wait: Wait) -> None:
    session, number = picked.session, picked.session.current
    assert picked.view.unknown.isHidden()
    session._change_record(number, pixel_size_angstrom=None)
    wait(lambda: not picked.view.unknown.isHidden())
    session.set_pixel_size([number], 2.5)
    wait(picked.view.unknown.isHidden)


def test_without_a_project_nothing_is_complete(picked: Any, wait: Wait) -> None:
    picked.commands.toggle_complete()
    wait(picked.correct.complete.isChecked)
    picked.session.close()
    assert not picked.correct.complete.isChecked()
