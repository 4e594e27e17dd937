"""Picks of the head before beside those of the present one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_hydrapicker.gui.controllers.head_comparison import NAME, HeadComparison
from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session

OLD = Picks(np.array([[10.0, 200.0], [30.0, 90.0], [70.0, 50.0]]), np.array([0.9, 0.6, 0.2]))
NEW = Picks(np.array([[11.0, 201.0], [60.0, 230.0]]), np.array([0.8, 0.4]))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Three micrographs of 120 x 250 pixels, two of them picked, threshold 0.5."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (120, 250), 2.0) for n in ("a", "b", "c")])
    made.update(threshold=0.5)
    for record in made.records[:2]:
        made.put_picks(record.id, OLD)
    yield made
    made.close()


@pytest.fixture
def viewer(qapp_exists: None) -> ViewerModel:
    return ViewerModel()


def test_what_was_shown_before_is_compared_with_what_is_shown_now(
    viewer: ViewerModel, session: Session
) -> None:
    a, b, c = (record.id for record in session.records)
    comparison = HeadComparison(PluginLayers(viewer), session)
    assert comparison.show(a, 40.0) == "", "nothing was kept"
    comparison.keep()
    assert comparison.show(a, 40.0) == comparison.in_words(None) == ""
    assert comparison.picked_again() == {}
    session.put_picks(a, NEW)
    session.update(threshold=0.3)  # of the new head; it says nothing of the picks of before
    assert comparison.show(a, 40.0).startswith("Picks here: 2 before, 2 now. The layer")
    np.testing.assert_allclose(viewer.layers[NAME].data, OLD.yx[:2])
    assert comparison.picked_again().keys() == {a}
    session.put_picks(b, NEW)
    assert "; on the 2 micrographs picked again: 4 before, 4 now." in comparison.in_words(b)
    assert comparison.show(c, 40.0) == ""
    assert len(viewer.layers[NAME].data) == 0


def test_corrections_are_not_taken_for_another_heads_picks(viewer: ViewerModel, session: Session) -> None:
    a = session.records[0].id
    comparison = HeadComparison(PluginLayers(viewer), session)
    comparison.keep()
    ids = session.labels(a).id
    session.move(a, ids[:1], [[12.0, 190.0]])
    session.delete(a, ids[1:2])
    session.add(a, [[90.0, 30.0]])
    session.delete(a, session.add(a, [[90.0, 130.0]]))
    assert comparison.show(a, 40.0) == ""
    assert comparison.picked_again() == {}
    session.put_picks(a, Picks(np.empty((0, 2))))
    assert comparison.show(a, 40.0).startswith("Picks here: 2 before, 2 now")
    assert comparison.picked_again().keys() == {a}


def test_a_complete_micrograph_keeps_the_threshold_of_its_completion(
    viewer: ViewerModel, session: Session
) -> None:
    a = session.records[0].id
    session.set_status(a, Status.COMPLETE)
    session.update(threshold=0.1)
    comparison = HeadComparison(PluginLayers(viewer), session)
    comparison.keep()
    session.put_picks(a, NEW)
    assert comparison.in_words(a).startswith("Picks here: 2 before, 1 now")


def test_what_is_forgotten_leaves_no_layer(viewer: ViewerModel, session: Session) -> None:
    a = session.records[0].id
    comparison = HeadComparison(PluginLayers(viewer), session)
    comparison.keep()
    session.put_picks(a, NEW)
    comparison.show(a, 40.0)
    comparison.forget()
    assert NAME not in viewer.layers
    assert comparison.in_words(a) == ""
    assert comparison.picked_again() == {}
