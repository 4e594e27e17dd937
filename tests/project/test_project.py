"""The project file as a whole."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.project.edit import Edit, EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.status import Status

from .conftest import make_labels

# Adds picks to a project for ever, and says so after each.
BURST = """
import sys
from pathlib import Path
import numpy as np
from napari_hydrapicker.project.corrections import added
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


def test_micrographs_are_added_once(project: Project, micrographs: list[Micrograph]) -> None:
    assert project.add_micrographs(micrographs) == 0
    stack = [Micrograph(micrographs[0].path, (300, 470), 1.5, frame, 3) for frame in (1, 2)]
    assert project.add_micrographs(stack) == 2


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
    assert project.repoint(tmp_path, elsewhere) == 2
    assert not any(r.missing for r in project.micrographs())


def test_a_pixel_size_must_be_positive(project: Project) -> None:
    with pytest.raises(ParameterError, match="positive number"):
        project.set_pixel_size([1], 0.0)


def test_the_default_place_is_beside_the_micrographs(tmp_path: Path) -> None:
    assert Project.default_path(tmp_path) == tmp_path / f"{tmp_path.name}.hydrapicker"


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
