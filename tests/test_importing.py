"""Picks of other programs as picks of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.importing import coordinates_beside, holds_coordinates, plan_import, run_import
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.status import Status
from napari_hydrapicker.session import Session

SHAPE = (120, 250)
A = Picks(np.array([[10.0, 200.0], [30.5, 90.25], [70.0, 50.0]]), np.array([0.9, 0.6, 0.2]))
B = Picks(np.array([[100.0, 240.0], [5.0, 7.0]]), np.array([0.5, 0.4]))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Three micrographs of 120 x 250 pixels."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", SHAPE, 2.0) for n in ("a", "b", "c")])
    yield made
    made.close()


@pytest.mark.parametrize("format", ["star", "star-combined", "star-particles", "csv", "cbox", "topaz", "box"])
def test_picks_of_any_program_come_in_and_can_be_corrected(
    session: Session, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    formats.write({"a": A, "b": B}, out, format, box_px=20, shapes={"a": SHAPE, "b": SHAPE})
    a, b, c = (record.id for record in session.records)
    plan = plan_import(out, session.records)
    run_import(plan, session)
    rounding = 1.0 if format in ("box", "topaz") else 1e-3
    for number, picks in ((a, A), (b, B)):
        shown = session.picks(number).yx
        order, other = np.lexsort(shown.T), np.lexsort(picks.yx.T)
        np.testing.assert_allclose(shown[order], picks.yx[other], atol=rounding)
        assert session.record(number).status is Status.PICKED
    assert len(session.labels(c)) == 0
    assert plan.summary().startswith("5 picks imported on 2 micrographs")
    assert "Without picks in it: c" in plan.summary()
    session.delete(a, session.labels(a).id[:1])
    assert session.count(a) == 2


def test_they_have_a_threshold_of_their_own(session: Session, tmp_path: Path) -> None:
    formats.write({"a": A}, tmp_path / "mine.csv", "csv")
    session.update(threshold=0.7)
    run_import(plan_import(tmp_path / "mine.csv", session.records), session)
    a = session.records[0].id
    assert (session.picker_of(a), session.count(a)) == ("imported/mine.csv", 3)
    session.set_threshold(0.5)
    assert session.count(a) == 2


def test_what_the_user_has_edited_stays(session: Session, tmp_path: Path) -> None:
    a = session.records[0].id
    session.add(a, [[32.0, 91.0], [90.0, 130.0]])
    formats.write({"a": A}, tmp_path / "mine.csv", "csv")
    run_import(plan_import(tmp_path / "mine.csv", session.records), session)
    sources = session.labels(a).source
    assert (sources == Source.MANUAL).sum() == 2
    assert session.count(a) == 4, "the one that he has judged already is left out"


def test_what_is_not_matched_is_said(session: Session, tmp_path: Path) -> None:
    outside = Picks(np.array([[10.0, 20.0], [300.0, 20.0], [-4.0, 20.0]]))
    formats.write({"a": outside, "x": B, "y": B}, tmp_path / "t.csv", "csv")
    plan = plan_import(tmp_path / "t.csv", session.records)
    assert [len(picks) for picks in plan.picks.values()] == [1]
    assert "Not here: x, y" in plan.summary()
    assert "Without picks in it: b, c" in plan.summary()
    assert "2 picks outside the micrographs left out" in plan.summary()


def test_a_file_of_other_micrographs_changes_nothing(session: Session, tmp_path: Path) -> None:
    formats.write({"x": A, "y": B}, tmp_path / "t.csv", "csv")
    with pytest.raises(CoordinateFileError, match="it has x, y, and here are a, b, c"):
        plan_import(tmp_path / "t.csv", session.records)


def test_of_two_micrographs_of_one_name_neither_gets_picks(session: Session, tmp_path: Path) -> None:
    session.add_micrographs([Micrograph(tmp_path / "other" / "a.mrc", SHAPE, 2.0)])
    formats.write({"a": A, "b": B}, tmp_path / "t.csv", "csv")
    plan = plan_import(tmp_path / "t.csv", session.records)
    assert [session.record(number).name for number in plan.picks] == ["b"]
    assert "two micrographs are called a" in plan.summary()


def test_picks_beside_micrographs_are_noticed(session: Session, tmp_path: Path) -> None:
    assert coordinates_beside(tmp_path, session.records) is None
    (tmp_path / "notes.txt").write_text("nothing\nof interest\n")
    (tmp_path / "list.star").write_text("data_\nloop_\n_rlnMicrographName #1\na.mrc\n")
    assert coordinates_beside(tmp_path, session.records) is None
    formats.write({"a": A}, tmp_path, "star")
    assert coordinates_beside(tmp_path, session.records) == tmp_path
    session.put_picks(session.records[0].id, A)
    assert coordinates_beside(tmp_path, session.records) is None, "there is work here already"
    assert coordinates_beside(tmp_path / "gone", session.records) is None


def test_a_list_of_micrographs_holds_no_coordinates(tmp_path: Path) -> None:
    (tmp_path / "list.star").write_text("data_\nloop_\n_rlnMicrographName #1\na.mrc\n")
    formats.write({"a": A}, tmp_path / "t.csv", "csv")
    assert not holds_coordinates(tmp_path / "list.star")
    assert holds_coordinates(tmp_path / "t.csv")
    assert not holds_coordinates(tmp_path)
