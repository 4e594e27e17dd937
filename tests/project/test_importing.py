"""Picks of other programs as picks of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.importing import (
    ImportPlan,
    coordinates_beside,
    holds_coordinates,
    plan_import,
    run_import,
)
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session

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
    assert [len(picks) for picks in plan.picks().values()] == [1]
    assert "Not here: x, y" in plan.summary()
    assert "Without picks in it: b, c" in plan.summary()
    assert "2 picks outside the micrographs left out" in plan.summary()


def test_a_file_of_other_micrographs_changes_nothing(session: Session, tmp_path: Path) -> None:
    formats.write({"x": A, "y": B}, tmp_path / "t.csv", "csv")
    with pytest.raises(CoordinateFileError, match="it has x, y, and here are a, b, c"):
        plan_import(tmp_path / "t.csv", session.records)


def test_what_programs_add_to_names_is_seen_through_and_said(session: Session, tmp_path: Path) -> None:
    formats.write({"012345678901234567890_a_DW": A, "b": B}, tmp_path / "t.csv", "csv")
    plan = plan_import(tmp_path / "t.csv", session.records)
    a, b, _ = (record.id for record in session.records)
    np.testing.assert_allclose(plan.picks()[a].yx, A.yx, atol=1e-3)
    np.testing.assert_allclose(plan.picks()[b].yx, B.yx, atol=1e-3)
    said = plan.summary()
    assert "Matched without what programs add to names: a = 012345678901234567890_a_DW." in said
    assert "Without picks in it: c" in said
    assert "Not here" not in said


def test_of_two_micrographs_of_one_name_neither_gets_picks(session: Session, tmp_path: Path) -> None:
    session.add_micrographs([Micrograph(tmp_path / "other" / "a.mrc", SHAPE, 2.0)])
    formats.write({"a": A, "b": B}, tmp_path / "t.csv", "csv")
    plan = plan_import(tmp_path / "t.csv", session.records)
    assert [session.record(number).name for number in plan.picks()] == ["b"]
    assert "It cannot be told which micrographs" in plan.summary()
    assert "other/a" in plan.summary()
    assert "none of these got picks" in plan.summary()
    formats.write({"a": A}, tmp_path / "a.csv", "csv")
    with pytest.raises(ParameterError, match=r"it cannot be told which micrographs .*other/a"):
        plan_import(tmp_path / "a.csv", session.records)


def test_folders_tell_micrographs_of_one_name_apart(session: Session, tmp_path: Path) -> None:
    pair = [Micrograph(tmp_path / grid / "m.mrc", SHAPE, 2.0) for grid in ("grid1", "grid2")]
    session.add_micrographs(pair)
    for grid, picks in (("grid1", A), ("grid2", B)):
        (tmp_path / "out" / grid).mkdir(parents=True)
        formats.write({"m": picks}, tmp_path / "out" / grid, "star")
    got = {
        session.record(number).path: picks
        for number, picks in plan_import(tmp_path / "out", session.records).picks().items()
    }
    assert set(got) == {one.path for one in pair}
    np.testing.assert_allclose(got[pair[0].path].yx, A.yx, atol=1e-3)
    np.testing.assert_allclose(got[pair[1].path].yx, B.yx, atol=1e-3)


def test_tables_that_count_from_below_need_no_micrograph_of_every_name(
    session: Session, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("Micrograph,X-Coordinate,Y-Coordinate\na.mrc,200,10\na.mrc,50,95\nx.mrc,5,6\n")
    plan = plan_import(table, session.records)
    assert plan.picks()[session.records[0].id].yx.tolist() == [[110, 200], [25, 50]]
    assert "Not here: x" in plan.summary()
    assert holds_coordinates(table), "a drop of it is an import"


def test_reading_a_folder_can_be_stopped(session: Session, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    (tmp_path / "out").mkdir()
    formats.write({"a": A, "b": B, "c": A}, tmp_path / "out", "star")
    for last in (1, 3, 4, 6):  # three files, whose kinds are told first
        told: list[tuple[int, int]] = []

        def report(done: int, total: int, told: list[tuple[int, int]] = told, last: int = last) -> None:
            told.append((done, total))
            if len(told) == last:
                raise Stop

        with pytest.raises(Stop):
            plan_import(tmp_path / "out", session.records, report)
        assert told == [(0, 0)] * last


# ---- held against the images

DISCS = (300, 440)  # rows, columns


def discs(seed: int, n: int = 26, radius: int = 11) -> tuple[np.ndarray, Picks]:
    """Noise with n dark discs, and their centres, most of them in the upper half."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 10, DISCS).astype(np.float32)
    rows, cols = np.ogrid[: DISCS[0], : DISCS[1]]
    centres: list[tuple[float, float]] = []
    while len(centres) < n:
        y, x = np.round(rng.uniform(0, 1, 2) ** (1.4, 1) * (np.array(DISCS) - 1))
        if all((y - a) ** 2 + (x - b) ** 2 > (2.2 * radius) ** 2 for a, b in centres):
            centres.append((y, x))
            image[(rows - y) ** 2 + (cols - x) ** 2 < radius**2] -= 12
    return image, Picks(np.array(centres))


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[tuple[Session, dict[str, Picks]]]:
    """Three micrographs of 300 x 440 pixels that can be looked at, and what is on them."""
    truth = {}
    for seed, name in enumerate("abc"):
        image, truth[name] = discs(seed)
        with mrcfile.new(tmp_path / f"{name}.mrc") as file:
            file.set_data(image)
            file.voxel_size = 4.0
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([open_micrograph(tmp_path / f"{name}.mrc") for name in truth])
    yield made, truth
    made.close()


def planned(seen: tuple[Session, dict[str, Picks]], path: Path, picks: dict[str, Picks]) -> ImportPlan:
    """Write picks into a table, and plan its import."""
    formats.write(picks, path, "csv")
    return plan_import(path, seen[0].records)


def test_positions_that_fit_are_not_asked_about(
    seen: tuple[Session, dict[str, Picks]], tmp_path: Path
) -> None:
    plan = planned(seen, tmp_path / "t.csv", seen[1])
    assert plan.check is not None
    assert (plan.question, plan.better, plan.evidence) == ("", None, "")
    assert plan.summary() == "78 picks imported on 3 micrographs (Ctrl+Z undoes it)"


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(flip_y=True), "far better turned upside down than as they stand"),
        (Reading(swap=True), "far better with x and y swapped than as they stand, where"),
        (Reading(scale=4), "far better scaled by 4 than as they stand"),
    ],
    ids=["upside down", "swapped", "binned"],
)
def test_positions_that_fit_better_otherwise_are_asked_about(
    seen: tuple[Session, dict[str, Picks]], tmp_path: Path, reading: Reading, words: str
) -> None:
    session, truth = seen
    back = Reading(reading.flip_y, reading.swap, 1 / reading.scale)
    wrong = {name: back.apply(picks, DISCS) for name, picks in truth.items()}
    plan = planned(seen, tmp_path / "t.csv", wrong)
    assert plan.better == reading
    assert words in plan.question
    assert "standard errors" in plan.evidence
    numbers = {record.name: record.id for record in session.records}
    run_import(plan.read_as(plan.better), session)
    for name, picks in truth.items():
        np.testing.assert_allclose(
            sorted(session.picks(numbers[name]).yx.tolist()), sorted(picks.yx.tolist())
        )
    assert plan.read_as(plan.better).summary() == (
        f"78 picks imported on 3 micrographs (Ctrl+Z undoes it), {reading.description}"
    )
    # As they stand, only those that are on the micrograph can be taken.
    as_they_stand = plan.picks()
    for name, picks in wrong.items():
        inside = ((picks.yx >= -0.5) & (picks.yx < np.array(DISCS) - 0.5)).all(axis=1)
        np.testing.assert_allclose(as_they_stand[numbers[name]].yx, picks.yx[inside], atol=1e-3)
    lost = sum(map(len, wrong.values())) - sum(map(len, as_they_stand.values()))
    assert (lost > 0) is reading.swap
    assert (f"{lost} picks outside the micrographs left out" in plan.summary()) is reading.swap


def test_micrographs_that_disagree_are_said(seen: tuple[Session, dict[str, Picks]], tmp_path: Path) -> None:
    mixed = {**seen[1], "a": seen[1]["a"].flipped_y(DISCS[0])}
    plan = planned(seen, tmp_path / "t.csv", mixed)
    assert plan.better is None, "most stand rightly"
    assert "as they stand in the file on 2, turned upside down on 1" in plan.question
    mixed["b"] = seen[1]["b"].flipped_y(DISCS[0])
    plan = planned(seen, tmp_path / "u.csv", mixed)
    assert plan.better == Reading(flip_y=True)


def test_too_few_positions_are_taken_as_they_stand(
    seen: tuple[Session, dict[str, Picks]], tmp_path: Path
) -> None:
    few = seen[1]["a"].select(np.arange(19)).flipped_y(DISCS[0])
    plan = planned(seen, tmp_path / "t.csv", {"a": few})
    assert plan.check is None
    assert plan.question == ""
    assert len(plan.picks()[seen[0].records[0].id]) == 19


def test_what_cannot_be_looked_at_is_imported_and_said(
    seen: tuple[Session, dict[str, Picks]], tmp_path: Path
) -> None:
    upside_down = {name: picks.flipped_y(DISCS[0]) for name, picks in seen[1].items()}
    (tmp_path / "a.mrc").unlink()
    plan = planned(seen, tmp_path / "t.csv", upside_down)
    assert plan.better == Reading(flip_y=True), "the others tell"
    assert len(plan.picks()) == 3
    (tmp_path / "b.mrc").write_bytes(b"cut short")
    plan = planned(seen, tmp_path / "u.csv", upside_down)
    assert plan.question == ""
    assert len(plan.picks()) == 3
    assert "The positions were not held against the images (" in plan.summary()


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
