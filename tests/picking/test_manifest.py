"""The manifest of a folder of picks."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import MANIFEST, Manifest, OutputFolderError
from napari_hydrapicker.picking.parameters import NetworkFile, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks

CONFIG = RunConfig(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("star",),
)  # fmt: skip
OTHER = CONFIG.model_copy(update={"threshold": 0.7})
PICKS = Picks(np.array([[10.0 + 1 / 3, 80], [30, 40.1]]), np.array([0.9, 0.2]), diameter_px=20)


def result(name: str, key: str = CONFIG.key, **values: Any) -> MicrographResult:
    values = {"n_picks": 2, "mean_score": 0.55, "diameter_px": 20.0, "shape": (60, 100)} | values
    return MicrographResult(name, f"/in/{name}.mrc", run=key, **values)


def begun(folder: Path, *names: str) -> Manifest:
    manifest = Manifest(folder)
    with manifest.locked():
        manifest.begin(CONFIG)
        for name in names:
            manifest.add(result(name), PICKS)
    return manifest


def read(folder: Path) -> Manifest:
    manifest = Manifest(folder)
    with manifest.locked():
        return manifest


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = begun(tmp_path, "a")
    failure = MicrographResult.failure(Path("/in/bad.mrc"), "bad.mrc: no\nmicrograph")
    with written.locked():
        written.add(failure)
    manifest = read(tmp_path)
    assert manifest.picked == {"a": result("a")} == written.picked
    assert manifest.failed == {"/in/bad.mrc": failure} == written.failed
    assert manifest.configs == {CONFIG.key: CONFIG}
    picks = manifest.picks(["a"])["a"]
    assert picks.yx.tolist() == PICKS.yx.tolist()
    assert picks.score.tolist() == PICKS.score.tolist()
    assert picks.source.tolist() == PICKS.source.tolist()
    assert picks.diameter_px == 20


def test_what_others_write_is_seen(tmp_path: Path) -> None:
    first, second = begun(tmp_path, "a"), begun(tmp_path, "b")
    assert first.picked.keys() == {"a"}
    first.refresh()
    assert first.picked.keys() == second.picked.keys() == {"a", "b"}
    assert (tmp_path / MANIFEST).read_text().count('"options"') == 1


def test_the_latest_result_counts(tmp_path: Path) -> None:
    manifest = begun(tmp_path, "a", "b")
    with manifest.locked():
        manifest.add(result("a", n_picks=0), Picks.from_xy([], []))
    found = read(tmp_path)
    assert found.picked["a"].n_picks == 0
    assert len(found.picks(["a", "b"])["a"]) == 0
    assert len(found.picks(["a", "b"])["b"]) == 2


def test_a_file_is_picked_or_failed_not_both(tmp_path: Path) -> None:
    manifest = begun(tmp_path, "a")
    failure = MicrographResult.failure(Path("/in/a.mrc"), "cut short")
    for _ in range(2):
        with manifest.locked():
            manifest.add(failure)
        assert (read(tmp_path).picked, read(tmp_path).failed) == ({}, {"/in/a.mrc": failure})
        with manifest.locked():
            manifest.add(result("a"), PICKS)
        assert (read(tmp_path).picked.keys(), read(tmp_path).failed) == ({"a"}, {})


def test_frames_of_a_stack_are_told_apart(tmp_path: Path) -> None:
    manifest = begun(tmp_path)
    frames = [Micrograph(Path("/in/s.mrcs"), (60, 100), 2.0, frame, 3) for frame in range(3)]
    with manifest.locked():
        manifest.add(MicrographResult.failure(Path("/in/s.mrcs"), "not there yet"))
        for frame in frames:
            manifest.add(MicrographResult.of(frame, run=CONFIG.key), Picks.from_xy([], []))
        manifest.add(MicrographResult.of(frames[1]).failed("no contrast"))
    found = read(tmp_path)
    assert found.picked.keys() == {"s_0001", "s_0003"}
    assert [one.source for one in found.failed.values()] == ["2@/in/s.mrcs"]


def test_failures_without_a_file_are_told_apart(tmp_path: Path) -> None:
    manifest = begun(tmp_path)
    with manifest.locked():
        for error in ("lists x", "lists y", "lists x"):
            manifest.add(MicrographResult("list.star", error=error))
    assert [one.error for one in read(tmp_path).failed.values()] == ["lists x", "lists y"]


def test_what_is_to_be_picked_anew_is_forgotten(tmp_path: Path) -> None:
    manifest = begun(tmp_path, "a", "b")
    with manifest.locked():
        manifest.add(MicrographResult("c", "/in/c.mrc", error="bad"))
        manifest.begin(OTHER, replace=["a", "c", "d"])
    found = read(tmp_path)
    assert found.picked.keys() == manifest.picked.keys() == {"b"}
    assert found.failed == manifest.failed == {}
    assert list(found.configs.values()) == [CONFIG, OTHER]
    assert found.overwriting == {OTHER.key}
    assert not found.is_made_with(found.picked["b"], OTHER)
    assert found.is_made_with(found.picked["b"], CONFIG)


def test_half_a_line_is_left_out_and_written_over(tmp_path: Path) -> None:
    begun(tmp_path, "a", "b")
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes()[:-20])  # the run was killed while it wrote
    other = read(tmp_path)
    assert other.picked.keys() == {"a"}
    with other.locked():
        other.add(result("c"), PICKS)
    assert read(tmp_path).picked.keys() == {"a", "c"}
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"\0" * (len(line) - 1) + b"\n",  # after the power failed
        lambda line: line.replace(b'"n_picks": 2', b'"n_picks": "?"'),
        lambda line: line[:-30] + b"\n",
        lambda line: b"[]\n",
        lambda line: b"\xff\xfe\n",
    ],
)
def test_a_damaged_line_costs_that_micrograph_alone(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun(tmp_path, "a", "b", "c")
    path = tmp_path / MANIFEST
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage(lines[2]), lines[3]]))
    found = read(tmp_path)
    assert found.picked.keys() == {"a", "c"}
    assert len(found.picks(["a", "c"])) == 2
    assert "picked again: 1 in " in caplog.text
    with found.locked():
        found.add(result("b"), PICKS)
    assert read(tmp_path).picked.keys() == {"a", "b", "c"}


def test_a_lost_word_on_options_makes_results_nobodys(tmp_path: Path) -> None:
    begun(tmp_path, "a")
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[1])
    found = read(tmp_path)
    assert not found.is_made_with(found.picked["a"], CONFIG)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"run": "x", "format_version": 3, "options": null}\n')
    with pytest.raises(CoordinateFileError, match="written by a newer version"):
        read(tmp_path)


@pytest.mark.parametrize("newer", [{"quality": "superb"}, {"smoothing": 2}])
def test_options_of_a_newer_version_are_not_called_damage(tmp_path: Path, newer: dict[str, object]) -> None:
    options = CONFIG.model_dump(mode="json") | newer
    (tmp_path / MANIFEST).write_text(json.dumps({"run": "x", "format_version": 2, "options": options}) + "\n")
    with pytest.raises(CoordinateFileError, match="written by a newer version"):
        read(tmp_path)


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(CoordinateFileError, match="not a regular file"):
        read(tmp_path)


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    manifest = begun(folder)
    folder.rename(tmp_path / "moved")
    with pytest.raises(OutputFolderError, match="gone"), manifest.locked():
        raise AssertionError
    assert not folder.exists()
    begun(folder)
    with pytest.raises(OutputFolderError, match="replaced"), manifest.locked():
        raise AssertionError


@pytest.mark.parametrize("written", [0, 40])
def test_what_cannot_be_written_leaves_nothing(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = begun(tmp_path, "a")
    before = (tmp_path / MANIFEST).read_bytes()
    opened = os.fdopen

    class Full:
        """A file on a disk that fills up after some bytes."""

        def __init__(self, file: Any) -> None:
            self.file, self.room = file, written

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            n, self.room = self.file.write(content[: self.room]), 0
            return int(n)

    monkeypatch.setattr(os, "fdopen", lambda *a, **b: Full(opened(*a, **b)))
    with pytest.raises(OSError, match="No space"), manifest.locked():
        manifest.add(result("b"), PICKS)
    monkeypatch.undo()
    assert (tmp_path / MANIFEST).read_bytes() == before
    with manifest.locked():
        manifest.add(result("b"), PICKS)
    assert read(tmp_path).picked.keys() == {"a", "b"}


def test_names_that_are_not_unicode(tmp_path: Path) -> None:
    manifest = begun(tmp_path)
    path = Path(os.fsdecode(b"/in/caf\xe9/a.mrc"))
    with manifest.locked():
        manifest.add(MicrographResult.of(Micrograph(path, (60, 100), 2.0), run=CONFIG.key))
        manifest.add(MicrographResult.failure(Path(os.fsdecode(b"\xe9.mrc")), os.fsdecode(b"\xe9.mrc: bad")))
    found = read(tmp_path)
    assert found.picked["a"].source == r"/in/caf\udce9/a.mrc"
    assert [one.name for one in found.failed.values()] == [r"\udce9.mrc"]


def test_a_file_that_changed_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    path.write_bytes(b"12")
    micrograph = Micrograph(path, (60, 100), 2.0)
    was = MicrographResult.of(micrograph)
    assert not was.is_outdated(micrograph)
    os.utime(path, ns=(1, 1))
    assert was.is_outdated(micrograph)
    was = MicrographResult.of(micrograph)
    path.write_bytes(b"123")
    os.utime(path, ns=(1, 1))
    assert was.is_outdated(micrograph)


def test_a_long_list_costs_no_more_a_micrograph(tmp_path: Path) -> None:
    manifest = begun(tmp_path)
    values = [{"result": result_dict(f"m{i:05d}"), "picks": ""} for i in range(30_000)]
    with (tmp_path / MANIFEST).open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in values)
    manifest.refresh()
    start = time.perf_counter()
    for i in range(50):
        with manifest.locked():
            manifest.add(result(f"n{i}"), PICKS)
    assert (time.perf_counter() - start) / 50 < 0.02  # 28 ms when all was written anew; 0.4 ms as a rule
    assert len(manifest.picked) == 30_050


def result_dict(name: str) -> dict[str, Any]:
    return {"name": name, "source": f"/in/{name}.mrc", "run": CONFIG.key, "shape": [60, 100]}


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_manifest import CONFIG, PICKS, Manifest, result
manifest = Manifest(Path(sys.argv[1]))
for number in range(40):
    with manifest.locked():
        if not number:
            manifest.begin(CONFIG)
        manifest.add(result(f"{sys.argv[2]}{number}"), PICKS)
"""


def test_four_processes_at_once(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name, here]) for name in "abcd"
    ]
    assert [process.wait() for process in processes] == [0] * 4
    found = read(tmp_path)
    assert found.picked.keys() == {f"{name}{number}" for name in "abcd" for number in range(40)}
    assert len(found.picks(found.picked)) == 160
    assert len(found.configs) == 1
