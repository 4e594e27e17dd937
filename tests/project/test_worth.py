"""Micrographs by their worth: columns, ranges, and exclusion as an edit."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.worth import ColumnRange
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.worth import (
    as_table,
    exclusion_message,
    outside,
    replayed_exclusion,
    take_list,
    worth_of,
)

LIST = """data_micrographs
loop_
_rlnMicrographName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnCtfMaxResolution #4
_rlnCtfIceRingDensity #5
MotionCorr/job002/Movies/m0.mrc 12000 10000 4.5 0.3
MotionCorr/job002/Movies/m1.mrc 31000 30000 9.25 inf
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Four micrographs, two of them picked."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"m{i}.mrc", (100, 160), 2.0) for i in range(4)])
    sure = Picks([[20.0, 30.0], [60.0, 110.0]], np.array([0.9, 0.8], np.float32), masked_share=0.125)
    made.put_picks(1, sure, "hydra/generic")
    made.put_picks(2, Picks([[50.0, 50.0]], np.array([0.5], np.float32), masked_share=0.5), "hydra/generic")
    yield made
    made.close()


def test_columns_hold_what_is_known(session: Session, tmp_path: Path) -> None:
    (tmp_path / "ctf.star").write_text(LIST)
    assert take_list(session, tmp_path / "ctf.star") == 2
    first, second, new = (worth_of(session, number) for number in (1, 2, 3))
    assert first["picks"] == 2
    assert first["masked_share"] == 0.125
    assert first["doubt"] == pytest.approx((0.9 * 0.1 + 0.8 * 0.2) / 1.7)
    assert (first["defocus_um"], first["astigmatism_angstrom"], first["ice"]) == (1.1, 2000.0, 0.3)
    assert second["ctf_resolution_angstrom"] == 9.25
    assert math.isnan(second["ice"])
    assert all(math.isnan(value) for value in new.values())


def test_numbers_stay_in_the_project(session: Session, tmp_path: Path) -> None:
    (tmp_path / "ctf.star").write_text(LIST)
    take_list(session, tmp_path / "ctf.star")
    session.put_picks(1, Picks([[20.0, 30.0]], np.array([0.9], np.float32), masked_share=0.25))
    before = [worth_of(session, number) for number in (1, 2, 3, 4)]
    session.close()
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    np.testing.assert_equal([worth_of(session, number) for number in (1, 2, 3, 4)], before)
    assert before[0]["masked_share"] == 0.25
    assert before[0]["defocus_um"] == 1.1


def test_a_damaged_number_is_not_known(session: Session, tmp_path: Path) -> None:
    with session.project._writing() as db:
        db.execute('UPDATE figures SET stated = \'{"masked_share": "a"\' WHERE micrograph_id = 1')
    session.close()
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert math.isnan(worth_of(session, 1)["masked_share"])
    assert worth_of(session, 2)["masked_share"] == 0.5


def test_a_list_of_other_micrographs_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "ctf.star").write_text(LIST.replace("Movies/m", "Movies/other"))
    with pytest.raises(ParameterError, match="other micrographs"):
        take_list(session, tmp_path / "ctf.star")
    (tmp_path / "none.star").write_text("data_\nloop_\n_rlnMicrographName #1\nm0.mrc\n")
    with pytest.raises(ParameterError, match="states no defocus"):
        take_list(session, tmp_path / "none.star")


def test_a_range_excludes_what_is_known_to_lie_outside(session: Session) -> None:
    assert outside(session, ColumnRange("doubt", high=0.3)) == [2]
    assert outside(session, ColumnRange("picks", low=3)) == [1, 2]
    session.set_excluded([2], True)
    assert outside(session, ColumnRange("picks", low=3)) == [1]


def test_one_undo_includes_all_again_whatever_is_shown(session: Session) -> None:
    assert session.set_excluded([1, 2, 4], True) == 3
    assert session.total() == 0
    done = session.undo(3)
    assert [record.status.value for record in session.records] == ["picked", "picked", "new", "new"]
    assert replayed_exclusion(done, True).startswith("3 micrographs included again")
    done = session.redo(3)
    assert [record.id for record in session.records if record.status is Status.EXCLUDED] == [1, 2, 4]
    assert replayed_exclusion(done, False).startswith("3 micrographs excluded again")


def test_an_exclusion_is_undone_after_the_window_was_closed(session: Session, tmp_path: Path) -> None:
    session.set_excluded([1, 2], True)
    session.close()
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert session.record(2).status is Status.EXCLUDED
    assert not session.undo(3)
    assert session.undo(2)
    assert {session.record(number).status for number in (1, 2)} == {Status.PICKED}


def test_a_complete_micrograph_is_complete_again_with_what_it_showed(session: Session) -> None:
    session.update(threshold=0.85, threshold_chosen=True)
    session.set_status(1, Status.COMPLETE)
    session.update(threshold=0.1)
    session.set_excluded([1], True)
    session.unmark(1)
    assert session.record(1).status is Status.COMPLETE
    assert session.count(1) == 1


def test_what_was_done_before_an_exclusion_is_undone_after_it(session: Session) -> None:
    session.delete(1, session.labels(1).id[:1])
    session.set_excluded([1], True)
    session.undo(1)
    assert session.record(1).status is Status.CORRECTED
    session.undo(1)
    assert session.record(1).status is Status.PICKED
    assert session.count(1) == 2


def test_only_what_changes_is_an_edit(session: Session) -> None:
    session.set_excluded([1], True)
    assert session.set_excluded([1, 2], True) == 1
    session.undo(None)
    assert session.record(1).status is Status.EXCLUDED
    assert session.record(2).status is Status.PICKED


def test_messages_count(session: Session) -> None:
    assert exclusion_message(1, True).startswith("1 micrograph excluded from picking, training, classes")
    assert exclusion_message(2, True, 3).endswith("3 micrographs without this number stayed")
    assert "No micrograph" in exclusion_message(0, True)
    assert replayed_exclusion(session.undo(3), True) == ""


def test_the_table_has_all_micrographs(session: Session) -> None:
    session.set_excluded([2], True)
    rows = list(csv.DictReader(io.StringIO(as_table(session))))
    assert [row["status"] for row in rows] == ["picked", "excluded", "new", "new"]
    assert rows[0]["picks"] == "2"
    assert rows[0]["masked_share"] == "0.125"
    assert rows[2]["picks"] == ""
