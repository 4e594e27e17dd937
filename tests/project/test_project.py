"""The project file as a whole."""

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.edits import Edit, EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status

from .conftest import make_labels

# Adds picks to a project for ever, and says so after each.
BURST = """
import sys
from pathlib import Path
import numpy as np
from napari_hydrapicker.project.edits import added
from napari_hydrapicker.project.project import Project
project = Project.open(Path(sys.argv[1]))
number = project.micrographs()[0].id
while True:
    ids = project.new_ids(1)
    project.commit(added(number, ids, [[float(ids[0]), 2.0 * ids[0]]]))
    print(int(ids[0]), flush=True)
"""


def test_everything_is_there_after_reopening(project: Project, reopened: Callable[[], Project]) -> None:
    first, second, _ = project.micrographs()
    project.commit(Edit(first.id, EditKind.PICK, Labels.empty(), make_labels([5, 6])))
    project.set_status(second.id, Status.EXCLUDED)
    project.set_pixel_size([first.id, second.id], 0.83)
    project.set_setting("pick", {"threshold": 0.25})
    again = reopened()
    records = again.micrographs()
    assert [r.name for r in records] == ["m1", "m2", "m10"], "natural order"
    assert [r.pixel_size_angstrom for r in records] == [0.83, 0.83, 1.5]
    assert [r.status for r in records] == [Status.NEW, Status.EXCLUDED, Status.NEW]
    assert records[0].shape == (300, 470)
    assert again.labels(first.id).equals(make_labels([5, 6]))
    assert [number for number, _ in again.all_labels()] == [first.id]
    assert again.setting("pick", None) == {"threshold": 0.25}


def test_one_name_in_two_folders_is_two_micrographs(
    project: Project, reopened: Callable[[], Project], tmp_path: Path
) -> None:
    """However they came: the first folder's were named before the second's were there."""
    for grid in ("grid1", "grid2"):
        project.add_micrographs([Micrograph(tmp_path / "data" / grid / "x.mrc", (300, 470), 1.5)])
    records = reopened().micrographs()
    assert [r.name for r in records] == ["grid1/x", "grid2/x", "m1", "m2", "m10"]
    for record in records:
        one = record.micrograph()
        assert (one.name, one.path) == (record.name, record.path)
        assert one.full_name.endswith(record.name)


def test_micrographs_are_added_once(project: Project, micrographs: list[Micrograph]) -> None:
    assert project.add_micrographs(micrographs) == 0
    stack = [Micrograph(micrographs[0].path, (300, 470), 1.5, frame, 3) for frame in (1, 2)]
    assert project.add_micrographs(stack) == 2


def test_a_file_that_was_replaced_has_the_size_of_the_new_one(
    project: Project, micrographs: list[Micrograph], reopened: Callable[[], Project]
) -> None:
    """Its picks stay, its mask cannot."""
    assert project.follow_files(micrographs) == []
    old = next(one for one in project.micrographs() if one.path == micrographs[1].path)
    project.commit(Edit(old.id, EditKind.PICK, Labels.empty(), make_labels([1])))
    mask = EditedMask.from_left_out(np.ones(MaskGrid.of(old.shape).shape, np.bool_), old.shape)
    for one in project.micrographs():
        project.set_mask(one.id, mask)
    other = Micrograph(micrographs[1].path, (200, 310), 2.5)
    assert [one.shape for one in project.follow_files([micrographs[0], other])] == [old.shape]
    project.add_micrographs([micrographs[0], other])
    again = reopened()
    new = next(one for one in again.micrographs() if one.id == old.id)
    assert (new.shape, new.pixel_size_angstrom, new.mask) == ((200, 310), 2.5, None)
    assert len(again.labels(new.id)) == 1
    others = [one for one in again.micrographs() if one.id != old.id]
    assert all(one.shape == old.shape and one.mask is not None for one in others)


def test_numbers_are_never_given_twice(project: Project, reopened: Callable[[], Project]) -> None:
    first = project.new_ids(3).tolist()
    assert not set(first) & set(reopened().new_ids(3).tolist())


def test_a_second_window_reads_only(project: Project) -> None:
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.PICK, Labels.empty(), make_labels([1])))
    second = Project.open(project.path)
    try:
        assert second.read_only
        assert len(second.labels(number)) == 1
        with pytest.raises(ProjectError, match="another window"):
            second.set_status(number, Status.COMPLETE)
    finally:
        second.close()
    assert not project.read_only


def test_a_second_window_can_change_nothing(project: Project) -> None:
    number = project.micrographs()[0].id
    edit = Edit(number, EditKind.ADD, Labels.empty(), make_labels([1]))
    project.commit(edit)
    second = Project.open(project.path)
    attempts: list[Callable[[], object]] = [
        lambda: second.commit(edit),
        lambda: second.undo(number),
        lambda: second.redo(number),
        lambda: second.new_ids(1),
        lambda: second.set_setting("pick", {}),
        lambda: second.set_pixel_size([number], 2.0),
        lambda: second.add_micrographs([]),
    ]
    for attempt in attempts:
        with pytest.raises(ProjectError, match="another window"):
            attempt()
    second.close()
    assert project.labels(number).equals(make_labels([1]))


def test_a_failed_edit_leaves_nothing_behind(project: Project) -> None:
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([1])))
    with sqlite3.connect(project.path) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON edit BEGIN SELECT RAISE(ABORT, 'no room'); END")
    other.close()
    with pytest.raises(ProjectError, match=r"cannot be written \(no room\)"):
        project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([2])))
    assert project.labels(number).equals(make_labels([1]))


DAMAGES = {
    "picks": "UPDATE micrograph SET labels = x'010203'",
    "status": "UPDATE micrograph SET status = 'lost'",
    "kind": "UPDATE edit SET kind = 'guess'",
    "setting": "UPDATE setting SET value = '{'",
    "tables": "DROP TABLE edit; DROP TABLE setting; DROP TABLE micrograph",
    "type": "UPDATE micrograph SET labels = 7",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_we_have_never_written_is_called_damaged(
    project: Project, reopened: Callable[[], Project], damage: str
) -> None:
    number = project.micrographs()[0].id
    project.new_ids(1)
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([1])))
    project.close()
    db = sqlite3.connect(project.path)
    db.executescript(DAMAGES[damage])
    db.close()
    again = reopened()
    with pytest.raises(ProjectError, match=r"work\.hydrapicker: cannot be read"):
        again.micrographs(), list(again.all_labels()), again.edits(number), again.setting("next_pick_id", 1)
    if damage != "setting" and damage != "status":
        with pytest.raises(ProjectError, match="cannot be"):
            again.undo(number)


@pytest.mark.parametrize("newer", ["status = 'reviewed'", "labels = X", "kind"])
def test_words_of_a_newer_version_are_refused_as_such(
    project: Project, reopened: Callable[[], Project], newer: str
) -> None:
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([7])))
    project.close()
    db = sqlite3.connect(project.path)
    if newer == "kind":
        db.execute("UPDATE edit SET kind = 'merge'")
    else:
        row = make_labels([7]).to_bytes()[:-2] + b"\x09\x00"  # the source is the last byte but one
        db.execute(f"UPDATE micrograph SET {newer}".replace("X", f"x'{row.hex()}'"))
    db.commit()
    db.close()
    again = reopened()
    with pytest.raises(ProjectError, match=r"newer version of HydraPicker.* update to open it"):
        again.micrographs(), list(again.all_labels()), again.undo(number)


@pytest.fixture
def written(project: Project) -> bytes:
    """A project's file with picks and edits in it."""
    number = project.micrographs()[0].id
    for kind, ids in ((EditKind.PICK, range(1, 40)), (EditKind.ADD, [50]), (EditKind.ADD, [51])):
        project.commit(Edit(number, kind, Labels.empty(), make_labels(list(ids))))
    project.undo(number)
    project.close()
    return project.path.read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_file_with_wrong_bytes_opens_or_is_refused_in_words(
    written: bytes, tmp_path: Path, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(written)
    for place, value in changes:
        content[int(place * len(content))] = value
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "p.hydrapicker").write_bytes(content)
    try:
        with closing(Project.open(folder / "p.hydrapicker")) as damaged:
            assert not damaged.read_only
            list(damaged.all_labels()), [damaged.edits(r.id) for r in damaged.micrographs()]
            [damaged.undo(r.id) for r in damaged.micrographs()]
    except ProjectError as error:
        assert "p.hydrapicker" in str(error)


def test_the_first_window_closed_the_next_may_write(
    project: Project, reopened: Callable[[], Project]
) -> None:
    assert not reopened().read_only


def test_project_and_micrographs_can_move_together(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "a.mrc").write_bytes(b"x")
    project = Project.create(old / "p.hydrapicker")
    project.add_micrographs([Micrograph(old / "a.mrc", (10, 20), None)])
    project.close()
    old.rename(new)
    again = Project.open(new / "p.hydrapicker")
    assert again.micrographs()[0].path == new / "a.mrc"
    assert not again.micrographs()[0].missing
    again.close()


def test_missing_micrographs_can_be_repointed(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("m1.mrc", "m2.mrc"):
        (tmp_path / name).rename(elsewhere / name)
    assert [r.missing for r in project.micrographs()] == [True, True, False]
    assert project.relocate(tmp_path, elsewhere) == 2
    assert not any(r.missing for r in project.micrographs())


def test_what_was_added_from_its_new_folder_is_not_found_twice(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("m1.mrc", "m2.mrc"):
        (tmp_path / name).rename(elsewhere / name)
    project.add_micrographs([Micrograph(elsewhere / "m1.mrc", (300, 470), 1.5)])
    assert project.relocate(tmp_path, elsewhere) == 1


@pytest.mark.parametrize("angstrom", [0.0, -1.5, 536.0, float("nan"), float("inf")])
def test_a_pixel_size_that_no_micrograph_has_is_not_written(project: Project, angstrom: float) -> None:
    with pytest.raises(ParameterError, match=r"type a number from 0\.1 to 50"):
        project.set_pixel_size([1], angstrom)


def test_the_default_place_is_beside_the_micrographs(tmp_path: Path) -> None:
    assert Project.default_path(tmp_path) == tmp_path / f"{tmp_path.name}.hydrapicker"


# Dies within a transaction of which a part is on the disk already: the cache holds one page.
DEATH = """
import os, signal, sys
from pathlib import Path
import numpy as np
from napari_hydrapicker.project import edit_log
from napari_hydrapicker.project.edits import added
from napari_hydrapicker.project.project import Project
project = Project.open(Path(sys.argv[1]))
project._db.execute("PRAGMA cache_size = 1")
number = project.micrographs()[0].id
with project._writing() as db:
    edit_log.commit(db, added(number, np.arange(10_000, 30_000), np.zeros((20_000, 2))))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a matter of POSIX")
def test_half_an_edit_is_none(project: Project, reopened: Callable[[], Project]) -> None:
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.PICK, Labels.empty(), make_labels(list(range(1, 5000)))))
    project.close()

    def on_disk() -> int:
        return sum(file.stat().st_size for file in project.path.parent.glob(f"{project.path.name}*"))

    before = on_disk()
    assert subprocess.run([sys.executable, "-c", DEATH, str(project.path)], check=False).returncode == -9
    assert on_disk() > before + 400_000, "something was written"
    again = reopened()
    assert again.labels(number).equals(make_labels(list(range(1, 5000))))
    assert len(again.edits(number)) == 1
    assert again._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a matter of POSIX")
@pytest.mark.parametrize("seconds", [0.02, 0.11, 0.23])
def test_a_killed_process_loses_no_acknowledged_edit(project: Project, seconds: float) -> None:
    project.close()
    burst = subprocess.Popen([sys.executable, "-c", BURST, str(project.path)], stdout=subprocess.PIPE)
    assert burst.stdout is not None
    said = [burst.stdout.readline()]
    time.sleep(seconds)
    burst.kill()
    said += burst.stdout.readlines()
    burst.wait()
    burst.stdout.close()
    acknowledged = {int(line) for line in said if line.endswith(b"\n")}
    again = Project.open(project.path)
    assert not again.read_only, "the dead process holds no lock"
    labels = again.labels(again.micrographs()[0].id)
    assert acknowledged <= set(labels.id.tolist())
    assert (labels.yx[:, 1] == 2 * labels.yx[:, 0]).all()
    again.close()


def upper_right(shape: tuple[int, int] = (300, 470)) -> EditedMask:
    """A mask without any symmetry, on a micrograph of the projects here."""
    left_out = np.zeros(shape, np.bool_)
    left_out[10:90, 300:460] = True
    return EditedMask.from_left_out(left_out, shape)


def test_a_painted_mask_is_there_after_reopening(project: Project, reopened: Callable[[], Project]) -> None:
    first, second, _ = project.micrographs()
    project.set_mask(first.id, EditedMask.from_left_out(np.ones((300, 470)), (300, 470)))
    project.set_mask(first.id, upper_right())
    project.set_mask(second.id, upper_right())
    project.set_mask(second.id, None)
    records = reopened().micrographs()
    assert [record.mask for record in records] == [upper_right(), None, None]
    assert records[0].micrograph().mask == upper_right()


def test_a_painted_mask_stays_with_a_micrograph_that_moved(
    project: Project, reopened: Callable[[], Project], tmp_path: Path
) -> None:
    first = project.micrographs()[0]
    project.set_mask(first.id, upper_right())
    (tmp_path / "elsewhere").mkdir()
    first.path.rename(tmp_path / "elsewhere" / first.path.name)
    assert project.relocate(tmp_path, tmp_path / "elsewhere") == 1
    moved = reopened().micrographs()[0]
    assert (moved.path.parent.name, moved.mask) == ("elsewhere", upper_right())


def without_masks(project: Project) -> Path:
    """The file as the version before masks could be painted has written it."""
    project.close()
    with closing(sqlite3.connect(project.path, isolation_level=None)) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'mask'").fetchall() == []
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    return project.path


def test_a_project_of_the_version_before_opens_and_takes_a_mask(project: Project) -> None:
    path = without_masks(project)
    with closing(Project.open(path)) as first, closing(Project.open(path)) as second:
        assert second.read_only
        assert [record.mask for record in second.micrographs()] == [None] * 3
        with pytest.raises(ProjectError, match="read-only"):
            second.set_mask(1, upper_right())
        first.set_mask(1, upper_right())
        assert {record.id: record.mask for record in second.micrographs()}[1] == upper_right()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,), "that version opens it still"


def test_a_damaged_mask_is_told_when_the_project_is_opened(project: Project) -> None:
    project.set_mask(1, upper_right())
    project.close()
    with closing(sqlite3.connect(project.path, isolation_level=None)) as db:
        db.execute("UPDATE mask SET bits = 'nothing'")
    with closing(Project.open(project.path)) as damaged, pytest.raises(ProjectError, match="cannot be read"):
        damaged.micrographs()


# Paints ever more of a mask, for ever, and says after each stroke how many columns are left out.
STROKES = """
import sys
from pathlib import Path
import numpy as np
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.project.project import Project
project = Project.open(Path(sys.argv[1]))
left_out = np.zeros((300, 470), bool)
for column in range(470):
    left_out[:200, column] = True
    project.set_mask(1, EditedMask.from_left_out(left_out, (300, 470)))
    print(column + 1, flush=True)
print("end", flush=True)
sys.stdin.read()
"""


def test_strokes_survive_kill_9(project: Project) -> None:
    project.close()
    command = [sys.executable, "-c", STROKES, str(project.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as painter:
        assert painter.stdout is not None
        told = [int(painter.stdout.readline()) for _ in range(25)]
        painter.kill()
        told += [int(line) for line in painter.stdout.read().split() if line != "end"]
    with closing(Project.open(project.path)) as again:
        mask = {record.id: record.mask for record in again.micrographs()}[1]
    assert mask is not None
    columns = mask.left_out().sum(axis=1)
    assert set(columns[:200]) | set(columns[200:]) == {columns[0], 0}, "a whole stroke, and no half of one"
    assert columns[0] in (told[-1], told[-1] + 1)
