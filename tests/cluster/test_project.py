"""A project that is picked elsewhere while its window goes on."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.cluster import project as handing
from napari_hydrapicker.errors import CoordinateFileError, ParameterError, ProjectError
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking.base import load_picker
from napari_hydrapicker.picking.library import HOME_VARIABLE
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import HydraSpec
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of four micrographs, the last of which is excluded."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    files = [tmp_path / "in" / f"{name}.mrc" for name in "abcd"]
    files[0].parent.mkdir()
    rng = np.random.default_rng(0)
    for file in files:
        with mrcfile.new(file) as opened:
            opened.set_data(rng.normal(0, 9, (200, 320)).astype(np.float32))
            opened.voxel_size = 2.0
    session = Session()
    session.use(Project.create(tmp_path / "p.hydrapicker"))
    session.add_micrographs([open_micrograph(file) for file in files])
    session.update(diameter_angstrom=60.0, contrast="dark", device="cpu")
    session.set_status(session.records[3].id, Status.EXCLUDED)
    session.close()
    return tmp_path / "p.hydrapicker"


def opened(path: Path) -> Session:
    session = Session()
    session.use(Project.open(path))
    return session


def test_the_picks_are_those_of_the_window(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pick", "--project", str(path)]) == 0
    assert f"the picks of 3 micrographs are in {path}" in capsys.readouterr().out
    session = opened(path)
    a, _, _, d = session.records
    picker = load_picker(HydraSpec(contrast="dark"), "cpu")
    picks = picker.pick_micrograph(a.micrograph(), session.settings.parameters)
    labels = session.labels(a.id)
    assert len(picks) > 5
    np.testing.assert_array_equal(labels.yx, picks.yx)
    np.testing.assert_array_equal(labels.score, picks.score)
    assert session.picker_of(a.id) == session.settings.picker_key == "hydra/generic"
    assert session.settings.suggested == {"hydra/generic": picker.threshold}
    assert (session.record(a.id).status, d.status) == (Status.PICKED, Status.EXCLUDED)
    assert not len(session.labels(d.id))
    session.close()


def test_what_the_user_does_meanwhile_stays(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The window has the project open from before the picking to after it.
    window = opened(path)
    a, b, c, _ = (one.id for one in window.records)
    window.add(a, [[100.0, 150.0]])
    assert run(["pick", "--project", str(path)]) == 0
    told = capsys.readouterr().err
    assert "a window has the project open, and offers the picks there, under Pick" in told
    assert "the same command with --resume takes them in as well" in told
    window.add(b, [[50.0, 250.0]])
    window.set_status(c, Status.EXCLUDED)
    window.close()
    results = handing.results_folder(path)
    size = (results / "picking.jsonl").stat().st_size
    assert run(["pick", "--project", str(path), "--resume", "--quiet"]) == 0
    assert (results / "picking.jsonl").stat().st_size == size  # nothing was picked again
    assert not handing.note_path(path).exists()
    session = opened(path)
    for number, place in ((a, [100.0, 150.0]), (b, [50.0, 250.0])):
        _has_picks_and(session, number, place)
    assert not len(session.labels(c))
    session.close()


def _has_picks_and(session: Session, number: int, place: list[float]) -> None:
    """A micrograph has picks, none of them near to the one that the user has made."""
    labels = session.labels(number)
    assert labels.yx[labels.source == Source.MANUAL].tolist() == [place]
    assert len(labels) > 5
    apart = np.hypot(*(labels.yx[labels.source != Source.MANUAL] - place).T)
    assert apart.min() >= session.settings.distance_angstrom / 2.0


def test_an_open_project_takes_them_in_with_one_undo(path: Path) -> None:
    window = opened(path)
    a, b, c, d = (one.id for one in window.records)
    window.add(a, [[100.0, 150.0]])
    assert handing.waiting(path) is None
    assert run(["pick", "--project", str(path), "--quiet"]) == 0
    window.add(b, [[50.0, 250.0]])
    window.set_status(c, Status.COMPLETE)
    found = handing.waiting(path)
    assert found is not None
    assert set(found.found(window.records)) == {a, b}, "what the user has decided on stays as it is"
    assert window.project.in_parts(found.taking_in(window)).result() == 2
    _has_picks_and(window, a, [100.0, 150.0])
    _has_picks_and(window, b, [50.0, 250.0])
    assert not len(window.labels(c))
    assert not len(window.labels(d))
    assert handing.waiting(path) is None, "and is not offered again"
    assert [edit.micrograph_id for edit in window.undo(d).edits] == [a, b], "whatever micrograph is shown"
    assert [window.labels(number).yx.tolist() for number in (a, b)] == [[[100.0, 150.0]], [[50.0, 250.0]]]
    assert window.undo(b).edits, "the clicks before it can be undone still"
    window.close()


def test_results_that_cannot_be_read_change_nothing(path: Path) -> None:
    window = opened(path)
    assert run(["pick", "--project", str(path), "--quiet"]) == 0
    found = handing.waiting(path)
    assert found is not None
    (handing.results_folder(path) / "picking.jsonl").unlink()
    with pytest.raises(CoordinateFileError, match="cannot be read"):
        window.project.in_parts(found.taking_in(window)).result()
    assert not any(len(window.labels(one.id)) for one in window.records)
    handing.note_path(path).write_text("{")
    with pytest.raises(ProjectError, match="its note cannot be read"):
        handing.waiting(path)
    window.close()


def test_a_project_says_what_and_how(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--diameter", "90"], ["--format", "csv"], [str(tmp_path / "in")], ["--shard", "1/2"]):
        assert run(["pick", "--project", str(path), *option]) == 2
        assert "the project says what to pick and how; leave it out" in capsys.readouterr().err
    assert not handing.results_folder(path).exists()


def test_what_cannot_be_handed_over(path: Path, tmp_path: Path) -> None:
    session = opened(path)
    session.update(picker="consensus")
    session.close()
    with pytest.raises(ParameterError, match="by a consensus"):
        handing.read(path)
    with pytest.raises(ProjectError, match="no such project"):
        handing.read(tmp_path / "none.hydrapicker")
    Project.create(tmp_path / "empty.hydrapicker").close()
    with pytest.raises(ParameterError, match="no micrographs to pick"):
        handing.read(tmp_path / "empty.hydrapicker")


def test_a_bad_micrograph_keeps_no_other_from_coming_back(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "b.mrc").write_text("text")
    out = tmp_path / "elsewhere"
    assert run(["pick", "--project", str(path), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert "1 of 3 micrographs was not picked" in told.err
    assert "the picks of 2 micrographs are in" in told.out
    manifest = Manifest(out)
    manifest.refresh()
    assert set(manifest.picked) == {"a", "c"}
