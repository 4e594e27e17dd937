"""The session: what the widgets show, without Qt."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.database import Parts
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import PickSettings

PICKS = Picks([[10.0, 200.0], [30.0, 90.0], [70.0, 50.0]], [0.9, 0.6, 0.2])  # type: ignore[arg-type]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with three micrographs, one of unknown pixel size."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (120, 250), 2.0) for n in ("a", "b")])
    made.add_micrographs([Micrograph(tmp_path / "c.mrc", (120, 250), None)])
    made.update(diameter_angstrom=42.0)
    yield made
    made.close()


@pytest.fixture
def a(session: Session) -> int:
    """The first micrograph, picked."""
    number = session.records[0].id
    session.put_picks(number, PICKS)
    return number


def _heard(signal: Any) -> list[tuple[Any, ...]]:
    heard: list[tuple[Any, ...]] = []
    signal.connect(lambda *args: heard.append(args))
    return heard


def test_the_first_micrograph_is_shown_and_neighbours_are_known(session: Session) -> None:
    a, b, c = (record.id for record in session.records)
    assert session.current == a
    assert (session.neighbour(-1), session.neighbour(1)) == (None, b)
    session.set_current(c)
    assert (session.neighbour(-1), session.neighbour(1)) == (b, None)


def test_everything_is_there_in_the_next_session(session: Session, a: int, tmp_path: Path) -> None:
    b = session.records[1].id
    session.add(a, [[44.0, 111.0]])
    session.delete(a, session.labels(a).id[:1])
    session.set_current(b)
    session.update(threshold=0.15, threshold_chosen=True)
    session.set_status(b, Status.COMPLETE)
    before = session.labels(a)
    session.close()
    again = Session()
    again.use(Project.open(tmp_path / "p.hydrapicker"))
    assert again.labels(a).equals(before)
    assert again.current == b
    assert (again.settings.threshold, again.settings.diameter_angstrom) == (0.15, 42.0)
    assert again.record(b).status is Status.COMPLETE
    assert not again.undo(b)
    assert again.undo(a)
    assert again.count(a) == 4
    again.close()


def test_the_threshold_decides_what_counts(session: Session, a: int) -> None:
    counts = []
    for threshold in (0.0, 0.5, 0.7, 1.0):
        session.update(threshold=threshold)
        counts.append((session.count(a), int(session.shown(a).sum()), len(session.picks(a)), session.total()))
    assert counts == [(n, n, n, n) for n in (3, 2, 1, 0)]


def test_a_complete_micrograph_keeps_what_was_shown(session: Session, a: int) -> None:
    session.set_status(a, Status.COMPLETE)
    session.update(threshold=0.95)
    assert session.count(a) == 2
    session.unmark(a)
    assert session.count(a) == 0
    assert session.record(a).status is Status.PICKED


def test_an_excluded_micrograph_does_not_count_in_the_total(session: Session, a: int) -> None:
    session.set_status(a, Status.EXCLUDED)
    assert session.total() == 0


def test_the_status_follows_the_picks(session: Session) -> None:
    number = session.records[1].id
    states = [session.record(number).status]
    session.put_picks(number, PICKS)
    states.append(session.record(number).status)
    session.set_current(number)
    session.delete(number, session.labels(number).id[1:2])
    states.append(session.record(number).status)
    session.undo(number)
    states.append(session.record(number).status)
    assert states == [Status.NEW, Status.PICKED, Status.CORRECTED, Status.PICKED]


def test_edits_and_their_undoing_are_announced(session: Session, a: int) -> None:
    heard = _heard(session.labels_changed)
    ids = session.add(a, [[50.0, 201.0]])
    session.move(a, ids, [[51.0, 202.0]])
    assert session.labels(a).rows(ids).yx.tolist() == [[51, 202]]
    assert session.undo(a)
    assert session.labels(a).rows(ids).yx.tolist() == [[50, 201]]
    assert session.redo(a)
    assert session.labels(a).rows(ids).yx.tolist() == [[51, 202]]
    assert heard == [(a,)] * 4


def test_places_go_to_the_picks_they_were_given_for(session: Session, a: int) -> None:
    ids = session.labels(a).id
    session.move(a, ids[[2, 0]], [[71.0, 51.0], [11.0, 201.0]])
    assert session.labels(a).yx.tolist() == [[11, 201], [30, 90], [71, 51]]
    with pytest.raises(ParameterError):
        session.move(a, [ids[0], 999], [[1.0, 2.0], [3.0, 4.0]])
    assert session.labels(a).yx[0].tolist() == [11, 201]


def test_adding_nothing_is_no_error(session: Session, a: int) -> None:
    assert session.add(a, []).tolist() == []
    assert session.count(a) == 2


def test_a_new_project_begins_clean(session: Session, a: int, tmp_path: Path) -> None:
    session.update(
        head="mine", picker="consensus", imported="/other/picks.star", thresholds={"hydra/mine": 0.7}
    )
    heard = _heard(session.settings_changed)
    session.use(Project.create(tmp_path / "next.hydrapicker"))
    assert session.settings == PickSettings()
    assert "head" in heard[-1][0], "the widgets hear of it"
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert (session.settings.head, session.settings.thresholds) == ("mine", {"hydra/mine": 0.7})


def test_a_new_project_begins_with_the_preferences_of_now(tmp_path: Path) -> None:
    preferred = [PickSettings(diameter_angstrom=111)]
    session = Session(lambda: preferred[-1])
    session.use(Project.create(tmp_path / "one.hydrapicker"))
    preferred.append(PickSettings(diameter_angstrom=222))
    session.use(Project.create(tmp_path / "two.hydrapicker"))
    assert session.settings.diameter_angstrom == 222
    session.close()


def test_what_is_set_before_any_project_is_open_holds_for_the_first(tmp_path: Path) -> None:
    session = Session()
    session.update(diameter_angstrom=99)
    session.use(Project.create(tmp_path / "one.hydrapicker"))
    assert session.settings.diameter_angstrom == 99
    session.close()


def test_a_project_of_damaged_settings_is_refused_and_let_go(session: Session, tmp_path: Path) -> None:
    session.project.set_setting("pick", {"threshold": 9})
    session.close()
    with pytest.raises(ProjectError, match="settings are damaged"):
        session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert not session.is_open
    project = Project.open(tmp_path / "p.hydrapicker")
    assert not project.read_only
    project.close()


@pytest.mark.parametrize(
    ("newer", "stands"),
    [
        ({"picker": "boxnet"}, ("hydra", ("hydra", "cgan"), "fast")),
        ({"joined": ["cgan", "boxnet"]}, ("hydra", ("hydra", "cgan"), "fast")),
        ({"quality": "superb", "picker": "cgan"}, ("cgan", ("hydra", "cgan"), "fast")),
    ],
)
def test_what_only_a_newer_version_knows_stays_in_the_project(
    session: Session, tmp_path: Path, newer: dict[str, object], stands: tuple[object, ...]
) -> None:
    stored = session.settings.model_dump() | newer | {"diameter_angstrom": 144.0, "smoothing": {"wpx": 3}}
    session.project.set_setting("pick", stored)
    session.close()
    assert session.unknown_settings == ""
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    settings = session.settings
    assert (settings.picker, settings.joined, settings.quality) == stands
    assert settings.diameter_angstrom == 144.0
    assert "newer version" in session.unknown_settings
    assert str(next(iter(newer.values()))) in session.unknown_settings
    session.update(diameter_angstrom=155.0)
    expected = {**stored, "diameter_angstrom": 155.0, "joined": list(stored["joined"])}  # as JSON has it
    assert session.project.setting("pick", {}) == expected
    session.update(picker="consensus")
    assert session.project.setting("pick", {})["picker"] == "consensus", "the user's own choice"
    assert session.project.setting("pick", {})["smoothing"] == {"wpx": 3}


def test_picking_again_keeps_corrections(session: Session, a: int) -> None:
    added = session.add(a, [[110.0, 240.0]])
    rejected = session.labels(a).id[0]
    session.delete(a, [rejected])
    # A third of 42 Angstrom at 2 A/px: picks within 7 px of the user's are his business.
    session.put_picks(a, Picks([[12.0, 203.0], [109.0, 236.0], [60.0, 60.0]], [0.9, 0.9, 0.8]))  # type: ignore[arg-type]
    labels = session.labels(a)
    assert labels.deleted.tolist() == [True, False, False]
    assert labels.yx[labels.source == Source.PICKER].tolist() == [[10, 200], [60, 60]]
    assert labels.rows(added).yx.tolist() == [[110, 240]]


def test_settings_are_checked_and_announced_once(session: Session) -> None:
    heard = _heard(session.settings_changed)
    session.update(threshold=0.3)
    session.update(threshold=0.3)
    with pytest.raises(ParameterError, match="threshold"):
        session.update(threshold=7)
    assert heard == [(frozenset({"threshold"}),)]


def test_a_networks_threshold_is_taken_until_the_user_chooses(session: Session) -> None:
    session.suggest_threshold(0.37, "hydra/generic")
    assert session.slider_threshold == 0.37
    session.set_threshold(0.6)
    session.suggest_threshold(0.41, "hydra/generic")
    assert session.slider_threshold == 0.6


def test_a_preference_goes_before_a_networks_threshold_but_not_before_a_consensus() -> None:
    session = Session(lambda: PickSettings(threshold=0.3, threshold_chosen=True))
    session.suggest_threshold(0.37, "hydra/generic")
    session.suggest_threshold(0.0, "consensus")
    assert session.slider_threshold == 0.3
    session.update(picker="consensus")
    assert session.slider_threshold == 0


def test_a_threshold_belongs_to_the_picker_that_made_the_scores(
    session: Session, a: int, tmp_path: Path
) -> None:
    b = session.records[1].id
    session.put_picks(a, PICKS, picker="hydra/generic")
    session.suggest_threshold(0.5, "hydra/generic")
    session.put_picks(b, PICKS, picker="consensus")
    session.suggest_threshold(0.0, "consensus")
    assert (session.count(a), session.count(b)) == (2, 3)
    assert session.slider_picker == "hydra/generic", "a is shown"
    session.set_threshold(0.8)
    assert (session.count(a), session.count(b)) == (1, 3)
    session.set_current(b)
    assert (session.slider_picker, session.slider_threshold) == ("consensus", 0)
    session.set_threshold(0.7)
    assert (session.count(a), session.count(b)) == (1, 1)
    session.close()
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert (session.threshold(a), session.threshold(b)) == (0.8, 0.7)


def test_a_complete_micrograph_that_is_picked_by_another_is_cut_as_that_one_is(
    session: Session, a: int
) -> None:
    session.update(suggested={"hydra/generic": 0.5, "consensus": 0.0})
    session.put_picks(a, PICKS, picker="hydra/generic")
    session.set_status(a, Status.COMPLETE)
    session.put_picks(a, PICKS, picker="consensus")
    assert session.count(a) == 3
    session.set_threshold(0.95)
    assert session.count(a) == 3, "it keeps what was shown"


def test_a_project_of_old_has_one_threshold(session: Session, a: int) -> None:
    assert session.slider_picker == ""
    session.set_threshold(0.8)
    assert (session.settings.threshold, session.settings.threshold_chosen, session.count(a)) == (0.8, True, 1)


@pytest.mark.parametrize("place", [(-3.0, 50.0), (50.0, 250.0), (119.6, 10.0), (10.0, -0.6)])
def test_nothing_is_added_or_moved_outside_the_micrograph(
    session: Session, a: int, place: tuple[float, float]
) -> None:
    before = session.labels(a)
    with pytest.raises(ParameterError, match="outside"):
        session.add(a, [place])
    with pytest.raises(ParameterError, match="outside"):
        session.move(a, before.id[:1], [place])
    assert session.labels(a).equals(before)
    assert len(session.add(a, [place, (119.4, 249.4)])) == 1


def test_a_particle_gets_one_pick(session: Session, a: int) -> None:
    assert len(session.add(a, [[100.0, 100.0]])) == 1
    assert len(session.add(a, [[100.0, 104.0]])) == 0, "within a quarter of 21 px"
    assert len(session.add(a, [[12.0, 201.0]])) == 0, "the picker has one here"
    assert len(session.add(a, [[100.0, 106.0]])) == 1
    assert session.count(a) == 4


def test_a_hidden_pick_makes_way_for_one_that_is_added_over_it(session: Session, a: int) -> None:
    before = session.labels(a)
    session.add(a, [[72.0, 53.0]])  # 3.6 px from one of score 0.2
    session.set_threshold(0.0)
    assert session.picks(a).yx.tolist() == [[72, 53], [10, 200], [30, 90]]
    session.undo(a)
    assert session.labels(a).equals(before)
    session.redo(a)
    assert session.count(a) == 3


def test_a_deleted_pick_makes_way_too_and_is_no_negative_where_there_is_a_particle(
    session: Session, a: int
) -> None:
    session.delete(a, session.labels(a).id[:1])
    session.add(a, [[11.0, 203.0]])
    assert not session.labels(a).deleted.any()
    session.undo(a)
    assert session.labels(a).deleted.tolist() == [True, False, False]


def test_a_hidden_pick_makes_way_for_one_that_is_moved_onto_it(session: Session, a: int) -> None:
    before = session.labels(a)
    session.move(a, before.id[1:2], [[71.0, 52.0]])
    session.set_threshold(0.0)
    assert sorted(session.picks(a).yx.tolist()) == [[10, 200], [71, 52]]
    session.undo(a)
    assert session.labels(a).equals(before)


@pytest.mark.parametrize("angstrom", [0.0, -1.0, 536.0, float("nan"), 1e-3])
def test_a_pixel_size_that_no_micrograph_has_is_refused_in_words(session: Session, angstrom: float) -> None:
    number = session.records[0].id
    with pytest.raises(ParameterError, match="pixel size"):
        session.set_pixel_size([number], angstrom)
    assert session.record(number).pixel_size_angstrom == 2


def test_pixel_sizes_give_diameters(session: Session) -> None:
    a, _, c = (record.id for record in session.records)
    assert session.diameter_px(a) == 21
    assert session.diameter_px(c) is None
    session.set_pixel_size([a, c], 1.5)
    assert session.diameter_px(c) == 28


def test_a_second_window_cannot_edit(session: Session, a: int, tmp_path: Path) -> None:
    second = Session()
    second.use(Project.open(tmp_path / "p.hydrapicker"))
    assert second.read_only
    with pytest.raises(ProjectError, match="another window"):
        second.add(a, [[1.0, 2.0]])
    second.set_current(second.records[1].id)
    second.update(threshold=0.1)
    assert len(second.labels(a)) == 3
    second.close()


def test_without_a_project_there_is_a_clear_word() -> None:
    with pytest.raises(ProjectError, match="open a folder"):
        Session().set_current(3)


def test_means_leave_out_hidden_picks(session: Session, a: int) -> None:
    assert session.mean_score(a) == pytest.approx(0.75)
    assert np.isnan(session.mean_score(session.records[1].id))


# ---- imports

OTHERS = Picks([[20.0, 20.0], [60.0, 210.0]])  # type: ignore[arg-type]


def _rows(session: Session) -> list[tuple[Any, ...]]:
    return [(r.status, session.picker_of(r.id), session.picks(r.id).yx.tolist()) for r in session.records]


def test_an_import_is_undone_with_its_picker_thresholds_and_statuses(session: Session, a: int) -> None:
    b = session.records[1].id
    session.put_picks(a, PICKS, picker="hydra/generic")
    session.put_picks(b, PICKS, picker="hydra/generic")
    session.update(thresholds={"hydra/generic": 0.5})
    session.set_status(b, Status.COMPLETE)
    session.update(thresholds={"hydra/generic": 0.8})
    before = _rows(session)
    assert [len(rows[2]) for rows in before] == [1, 2, 0], "the complete one keeps 0.5"
    session.suggest_threshold(0.0, "imported/t.csv")
    session.import_picks({record.id: OTHERS for record in session.records}, "imported/t.csv")
    imported = _rows(session)
    assert [len(rows[2]) for rows in imported] == [2, 2, 2]
    done = session.undo(a)
    assert (len(done.edits), done.left) == (3, ())
    assert _rows(session) == before
    assert session.redo(b)
    assert _rows(session) == imported
    assert session.undo(b)
    path = session.project.path
    session.close()
    session.use(Project.open(path))
    assert _rows(session) == before, "so it is in the file"


def test_directly_after_an_import_it_is_undone_from_every_micrograph(session: Session, a: int) -> None:
    b, c = (record.id for record in session.records[1:])
    session.add(c, [[44.0, 111.0]])
    session.import_picks({a: OTHERS, b: OTHERS}, "imported/t.csv")
    assert session.undo(c).is_import
    assert session.count(c) == 1
    assert session.redo(c).is_import
    assert session.undo(None).is_import, "whatever is on the canvas"
    assert not session.undo(None)
    assert not session.undo(c).is_import, "and then what was done here"
    assert session.count(c) == 0
    assert session.redo(c)
    assert session.count(c) == 1
    assert not session.redo(c), "the import is redone where it belongs"
    assert session.redo(b).is_import


def test_once_something_else_was_done_an_import_is_undone_on_its_micrographs_alone(
    session: Session, a: int
) -> None:
    b, c = (record.id for record in session.records[1:])
    session.import_picks({a: OTHERS, b: OTHERS}, "imported/t.csv")
    session.add(c, [[44.0, 111.0]])
    assert not session.undo(c).is_import
    assert not session.undo(c)
    assert len(session.undo(b).edits) == 2


def test_an_import_is_written_on_all_its_micrographs_or_on_none(
    session: Session, a: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = session.records[1].id
    before, heard = _rows(session), _heard(session.labels_changed)
    written = Project.set_status

    def full(project: Project, number: int, status: Status) -> None:
        if number == b:
            raise ProjectError("the disk is full")
        written(project, number, status)

    with monkeypatch.context() as patch:
        patch.setattr(Project, "set_status", full)
        with pytest.raises(ProjectError, match="disk is full"):
            session.import_picks({a: OTHERS, b: OTHERS}, "imported/t.csv")
    assert heard == []
    assert _rows(session) == before
    path = session.project.path
    session.close()
    session.use(Project.open(path))
    assert _rows(session) == before
    assert not session.undo(a)


def test_an_undo_that_cannot_be_written_changes_nothing(
    session: Session, a: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = session.records[1].id
    session.import_picks({a: OTHERS, b: OTHERS}, "imported/t.csv")
    imported = _rows(session)

    def full(*_: object) -> None:
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Project, "set_setting", full)
        with pytest.raises(ProjectError, match="disk is full"):
            session.undo(a)
    assert _rows(session) == imported
    assert session.undo(a).is_import, "it can be tried again"
    assert session.count(b) == 0


# Imports picks and takes them back for ever, and says so after each.
BACK_AND_FORTH = """
import sys
from pathlib import Path
import numpy as np
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
session = Session()
session.use(Project.open(Path(sys.argv[1])))
picks = Picks(np.random.default_rng(0).uniform(0, 1, (200, 2)) * (120, 250))
session.import_picks({record.id: picks for record in session.records}, "imported/t.csv")
while True:
    assert len(session.undo(None).edits) == len(session.records)
    print("undone", flush=True)
    assert len(session.redo(None).edits) == len(session.records)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a matter of POSIX")
@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.11])
def test_a_process_killed_while_importing_leaves_all_of_it_or_nothing(
    session: Session, a: int, seconds: float
) -> None:
    b, c = (record.id for record in session.records[1:])
    session.put_picks(b, PICKS, picker="hydra/generic")
    session.add(c, [[44.0, 111.0]])
    path, before = session.project.path, _rows(session)
    session.close()
    command = [sys.executable, "-c", BACK_AND_FORTH, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "undone\n"
        time.sleep(seconds)
        killed.kill()
    session.use(Project.open(path))
    if session.picker_of(a) == "imported/t.csv":
        assert {session.picker_of(record.id) for record in session.records} == {"imported/t.csv"}
        assert len(session.undo(a).edits) == 3
    assert _rows(session) == before
    assert len(session.redo(c).edits) == 3, "nor is the import lost"


def _steps(parts: Parts[object], number: int) -> None:
    """Do some steps of a change in parts."""
    for _ in range(number):
        parts._step()
    assert not parts.done


def _begun_import(session: Session, numbers: list[int]) -> Parts[None]:
    """An import of which the first micrograph is written."""
    parts = session.project.in_parts(session.importing(dict.fromkeys(numbers, OTHERS), "imported/t.csv"))
    _steps(parts, 1)
    return parts


def test_a_click_amid_an_import_comes_after_it(session: Session, a: int) -> None:
    b = session.records[1].id
    session.put_picks(a, PICKS, picker="hydra/generic")
    shown = session.labels(a).id
    parts = _begun_import(session, [a, b])
    assert [len(session.labels(number)) for number in (a, b)] == [len(shown), 0], "none before all are"
    session.delete(a, shown[:1])  # what is no longer there by then
    assert parts.done
    assert [len(session.labels(number)) for number in (a, b)] == [len(OTHERS)] * 2
    session.add(b, [[44.0, 111.0]])
    after = _rows(session)
    path = session.project.path
    session.close()
    session.use(Project.open(path))
    assert _rows(session) == after


def test_settings_made_amid_an_import_that_fails_are_kept(
    session: Session, a: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = session.records[1].id
    before, parts = _rows(session), _begun_import(session, [a, b])

    def full(*_: object) -> None:
        raise ProjectError("the disk is full")

    session.update(diameter_angstrom=123.0)
    session.set_current(b)
    assert not parts.done, "nobody waits for the import to go on"
    with monkeypatch.context() as patch:
        patch.setattr(Project, "set_status", full)
        with pytest.raises(ProjectError, match="disk is full"):
            parts.work(60)
    assert _rows(session) == before
    path = session.project.path
    session.close()
    session.use(Project.open(path))
    assert _rows(session) == before
    assert session.settings.diameter_angstrom == 123.0
    assert session.current == b


@pytest.mark.parametrize("how", ["closed", "undone", "another"])
def test_an_import_is_finished_before_something_else(session: Session, a: int, how: str) -> None:
    b, path = session.records[1].id, session.project.path
    before = [len(session.labels(number)) for number in (a, b)]
    parts = _begun_import(session, [a, b])
    if how == "undone":
        assert session.undo(None).is_import
    elif how == "another":
        session.import_picks({a: PICKS}, "imported/u.csv")
    assert parts.done is (how != "closed")
    session.close()
    assert parts.done
    session.use(Project.open(path))
    expected = {"closed": [2, 2], "undone": before, "another": [len(PICKS), 2]}[how]
    assert [len(session.labels(number)) for number in (a, b)] == expected
