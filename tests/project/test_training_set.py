"""What can be trained on, and what to correct next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.library import HOME_VARIABLE
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import (
    Suggestion,
    classified_micrographs,
    corrected_micrographs,
    disagreement,
    expected_errors,
    head_libraries,
    held_out_names,
    next_to_correct,
)

Yx = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
PICKS = Picks([[10.0, 200.0], [30.0, 90.0], [70.0, 50.0]], [0.9, 0.6, 0.2])  # type: ignore[arg-type]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Three micrographs of 120 x 250 pixels, picked, threshold 0.5."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (120, 250), 2.0) for n in ("a", "b", "c")])
    made.update(diameter_angstrom=42.0)
    for record in made.records:
        made.put_picks(record.id, PICKS)
    yield made
    made.close()


def suggested(session: Session, before: dict[int, Yx] | None = None) -> int | None:
    found = next_to_correct(session, before)
    return None if found is None else found.micrograph_id


def test_untouched_micrographs_teach_nothing(session: Session) -> None:
    assert corrected_micrographs(session) == ()


def test_micrographs_of_one_name_are_told_apart_where_a_head_is_made(
    session: Session, tmp_path: Path
) -> None:
    for grid in ("grid1", "grid2"):
        path = tmp_path / "data" / grid / "m.mrc"
        path.parent.mkdir(parents=True)
        with mrcfile.new(path) as file:
            file.set_data(np.zeros((120, 250), np.float32))
        session.add_micrographs([Micrograph(path, (120, 250), 2.0)])
    names = {r.name: r.id for r in session.records if r.path.name == "m.mrc"}
    assert set(names) == {"grid1/m", "grid2/m"}
    for number in names.values():
        session.add(number, [[44.0, 111.0]])
        session.set_status(number, Status.COMPLETE)
    corrected = corrected_micrographs(session)
    assert [one.micrograph.name for one in corrected] == list(names)
    assert set(held_out_names(corrected)) < set(names)


def test_on_a_complete_micrograph_all_shown_picks_are_particles(session: Session) -> None:
    a = session.records[0].id
    session.delete(a, session.labels(a).id[session.labels(a).score > 0.8])
    session.add(a, [[44.0, 111.0]])
    session.set_status(a, Status.COMPLETE)
    (found,) = corrected_micrographs(session)
    assert found.complete
    assert sorted(found.yx.tolist()) == [[30.0, 90.0], [44.0, 111.0]]
    assert found.negative_yx.tolist() == [[10.0, 200.0]]
    assert (found.micrograph.name, found.micrograph.pixel_size_angstrom) == ("a", 2.0)
    assert found.micrograph.path == session.record(a).path


def test_on_a_partial_one_only_what_the_user_touched(session: Session) -> None:
    b = session.records[1].id
    ids = session.labels(b).id
    session.move(b, ids[1:2], [[33.0, 93.0]])
    session.delete(b, ids[:1])
    (found,) = corrected_micrographs(session)
    assert not found.complete
    assert found.yx.tolist() == [[33.0, 93.0]]
    assert found.negative_yx.tolist() == [[10.0, 200.0]]


def test_undoing_a_deletion_takes_the_negative_away(session: Session) -> None:
    b = session.records[1].id
    session.delete(b, session.labels(b).id[:1])
    (found,) = corrected_micrographs(session)
    assert (found.yx.tolist(), found.negative_yx.tolist()) == ([], [[10.0, 200.0]])
    session.undo(b)
    assert corrected_micrographs(session) == ()
    session.redo(b)
    assert corrected_micrographs(session) == (found,)


def test_what_is_to_be_held_out_is_known_before(session: Session) -> None:
    a, b, c = (record.id for record in session.records)
    session.add(a, [[44.0, 111.0], [60.0, 20.0]])
    session.delete(b, session.labels(b).id[:1])
    assert held_out_names(corrected_micrographs(session)) == ()
    session.add(c, [[44.0, 111.0]])
    assert held_out_names(corrected_micrographs(session)) == ("c",)
    for number in (a, b):
        session.set_status(number, Status.COMPLETE)
    assert held_out_names(corrected_micrographs(session)) == ("b",), "two are complete"


def test_excluded_ones_and_those_of_unknown_pixel_size_are_left_out(session: Session, tmp_path: Path) -> None:
    session.add_micrographs([Micrograph(tmp_path / "d.mrc", (120, 250), None)])
    for record in session.records:
        session.add(record.id, [[50.0, 60.0]])
    session.set_status(session.records[0].id, Status.EXCLUDED)
    names = [Path(one.micrograph.path).stem for one in corrected_micrographs(session)]
    assert names == ["b", "c"]


def test_expected_errors() -> None:
    assert expected_errors([1.0, 1.0, 0.01], 0.5) == 0
    assert expected_errors([0.5, 0.5], 0.5) == pytest.approx(0.5)
    assert expected_errors([0.9, 0.4], 0.5) == pytest.approx(0.5)  # 0.1 wrong and 0.4 missing, of one
    assert expected_errors([], 0.5) == 0
    assert expected_errors([np.nan, 0.3], 0.5) == pytest.approx(0.3)


def test_disagreement() -> None:
    here = np.array([[10.0, 100.0], [50.0, 20.0]])
    assert disagreement(here, here + 1, 3) == 0
    assert disagreement(here, here[:1], 3) == pytest.approx(1 / 3)
    assert disagreement(here, here[:, ::-1], 3) == 1
    assert disagreement(here, np.empty((0, 2)), 3) == 1
    assert disagreement(np.empty((0, 2)), np.empty((0, 2)), 3) == 0


def test_the_least_certain_micrograph_comes_next(session: Session) -> None:
    a, b, c = (record.id for record in session.records)
    session.set_current(a)
    session.put_picks(b, Picks([[10.0, 200.0], [60.0, 90.0]], [0.99, 0.98]))  # type: ignore[arg-type]
    session.put_picks(c, Picks([[10.0, 200.0], [60.0, 90.0]], [0.6, 0.45]))  # type: ignore[arg-type]
    found = next_to_correct(session)
    assert found == Suggestion(c, pytest.approx(0.85))  # 0.4 wrong and 0.45 missing, of one
    session.set_status(c, Status.COMPLETE)
    assert suggested(session) == b
    session.set_current(b)
    session.set_status(a, Status.EXCLUDED)
    assert next_to_correct(session) is None


def test_where_two_heads_disagree_comes_first(session: Session) -> None:
    _, b, c = (record.id for record in session.records)
    before = {b: session.picks(b).yx, c: session.picks(c).yx}
    assert suggested(session) == suggested(session, before) == b, "no doubt is greater than another"
    session.put_picks(c, Picks(PICKS.yx[::-1] + 25.0, PICKS.score[::-1].copy()))
    found = next_to_correct(session, before)
    assert found is not None
    assert (found.micrograph_id, found.disagreement) == (c, 1.0)
    assert suggested(session, {b: before[b]}) == b, "it was not picked again"
    assert suggested(session, {b: before[b][:1]}) == b


def test_a_project_has_a_library_of_its_own(session: Session, tmp_path: Path) -> None:
    own, users = head_libraries(session)
    assert own.folder == tmp_path / "p.hydrapicker-heads"
    assert users.folder == tmp_path / "home" / "heads"
    session.close()
    assert head_libraries(session) == [users]


@pytest.mark.parametrize("complete", [True, False])
def test_what_lies_where_the_user_painted_is_neither_positive_nor_negative(
    session: Session, complete: bool
) -> None:
    a = session.records[0].id
    ids = session.labels(a).id
    session.delete(a, ids[:1])  # at (10, 200)
    session.move(a, ids[1:2], [[33.0, 93.0]])
    session.add(a, [[44.0, 111.0]])
    if complete:
        session.set_status(a, Status.COMPLETE)
    (before,) = corrected_micrographs(session)
    assert (len(before.yx), len(before.negative_yx)) == (2, 1)
    left_out = np.zeros((120, 250), np.bool_)
    left_out[:40, 80:220] = True  # all but the one at (44, 111)
    session.set_mask(a, EditedMask.from_left_out(left_out, (120, 250)))
    (found,) = corrected_micrographs(session)
    assert found.yx.tolist() == [[44.0, 111.0]]
    assert found.negative_yx.tolist() == []
    assert found.micrograph.mask == session.record(a).mask
    session.set_mask(a, None)
    assert corrected_micrographs(session) == (before,)


def test_a_micrograph_corrected_only_where_the_user_painted_teaches_nothing(session: Session) -> None:
    b = session.records[1].id
    session.add(b, [[44.0, 111.0]])
    session.set_mask(b, EditedMask.from_left_out(np.ones((120, 250), np.bool_), (120, 250)))
    assert corrected_micrographs(session) == ()


def test_members_left_are_particles_deleted_ones_are_none_and_the_rest_counts_for_nothing(
    session: Session,
) -> None:
    a, b, c = (record.id for record in session.records[:3])
    for number in (a, b, c):
        yx = np.array([[10.0, 20.0], [40.0, 50.0], [70.0, 80.0]])
        session.put_picks(number, Picks(yx, np.array([0.9, 0.8, 0.7], np.float32)))
    session.set_excluded([c], True)
    ids = {number: session.labels(number).id for number in (a, b, c)}
    members = {number: own[:2] for number, own in ids.items()}
    with pytest.raises(ParameterError, match="no class is rejected"):
        classified_micrographs(session, members)
    session.delete_together({a: ids[a][:1]})
    first, second = classified_micrographs(session, members)
    assert (first.yx.tolist(), first.negative_yx.tolist()) == ([[40.0, 50.0]], [[10.0, 20.0]])
    assert (second.yx.tolist(), len(second.negative_yx)) == ([[10.0, 20.0], [40.0, 50.0]], 0)
    session.add(b, [[90.0, 30.0]])
    assert [90.0, 30.0] in classified_micrographs(session, members)[1].yx.tolist()
    session.set_status(b, Status.COMPLETE)
    one = classified_micrographs(session, members, most=1)
    assert [(len(it.yx), it.complete) for it in one] == [(4, True)], "all that is shown, in a class or not"
    session.delete_together({a: ids[a][1:2], b: session.labels(b).id})
    with pytest.raises(ParameterError, match="no class is left"):
        classified_micrographs(session, members)
