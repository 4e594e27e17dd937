"""Picking for the window with the engine of the command line: the same picks, gone on with, none twice."""

from __future__ import annotations

import io
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.picking import batch
from napari_hydrapicker.picking.base import load_picker
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.worker import server as worker_module
from napari_hydrapicker.worker.messages import (
    Broken,
    Failed,
    Finished,
    Message,
    Picked,
    PickRequest,
    from_line,
)
from napari_hydrapicker.worker.server import Worker

Make = Callable[..., PickRequest]


class _Open(io.BytesIO):
    def close(self) -> None:
        """Stay open."""


@pytest.fixture
def paths(simulated: tuple[Path, Sample], tmp_path: Path) -> list[Path]:
    """Four copies of the micrograph, the third of which is damaged."""
    made = [Path(shutil.copy(simulated[0], tmp_path / f"m{number}.mrc")) for number in range(4)]
    made[2].write_bytes(made[2].read_bytes()[:-1000])
    return made


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the micrographs that the network is shown."""
    names: list[str] = []
    predict = batch.predict

    def noted(picker: object, step: batch.Step, parameters: PickParameters) -> None:
        if step.prepared is not None:
            names.append(step.micrograph.name)
        predict(picker, step, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "predict", noted)
    return names


def _answers(worker: Worker, request: PickRequest) -> list[Message]:
    worker._answers = _Open()
    worker._serve(request)
    return [from_line(line) for line in worker._answers.getvalue().splitlines(keepends=True)]


def _of(answers: list[Message]) -> dict[int, Picked]:
    return {one.micrograph_id: one for one in answers if isinstance(one, Picked)}


def _worker() -> Worker:
    return Worker(io.BytesIO(), _Open())


def test_the_picks_are_those_of_the_command_line_bit_for_bit(
    request_of: Make, simulated: tuple[Path, Sample], paths: list[Path], tmp_path: Path
) -> None:
    request = request_of(1, paths)
    _, *answers, finished = _answers(_worker(), request)
    assert [type(one) for one in answers] == [Picked, Picked, Failed, Picked]
    assert finished == Finished(1, cancelled=False)
    out, diameter = tmp_path / "out", simulated[1].diameter_angstrom
    options = ["--diameter", repr(diameter), "--threshold", "0", "--device", "cpu", "--out", str(out)]
    assert run(["pick", *map(str, paths), *options]) == 2
    manifest = Manifest(out)
    manifest.refresh()
    for number, picked in _of(answers).items():
        picks = manifest.picks([f"m{number}"])[f"m{number}"]
        assert len(picks) > 20
        np.testing.assert_array_equal(np.array(picked.yx), picks.yx)
        np.testing.assert_array_equal(np.array(picked.score, np.float32), picks.score)


def test_what_is_broken_off_is_gone_on_with(
    request_of: Make, paths: list[Path], computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _worker()
    predict = batch.predict

    def broken_off(picker: object, step: batch.Step, parameters: PickParameters) -> None:
        if step.micrograph.name == "m1":  # the window cancels while the network is at it
            worker._cancel(1)
        predict(picker, step, parameters)  # type: ignore[arg-type]

    before = signal.signal(signal.SIGINT, worker._interrupt)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(batch, "predict", broken_off)
            _, *first, finished = _answers(worker, request_of(1, paths))
    finally:
        signal.signal(signal.SIGINT, before)
    assert finished == Finished(1, cancelled=True)
    assert set(_of(first)) == {0}, "what was written is sent"
    assert computed == ["m0"]
    # Another process, as after the window was killed.
    answers = _answers(_worker(), request_of(2, paths))
    assert computed == ["m0", "m1", "m3"]
    assert {number: one.earlier for number, one in _of(answers).items()} == {0: True, 1: False, 3: False}
    # Whether it was sent before the cancelling, or read back after it, is a matter of the moment.
    assert replace(_of(answers)[0], job=1) == replace(_of(first)[0], earlier=True)


def test_what_changes_the_picks_has_them_picked_anew(
    request_of: Make, paths: list[Path], computed: list[str]
) -> None:
    worker = _worker()
    request = request_of(1, paths[:2])
    _answers(worker, request)
    computed.clear()
    assert _of(_answers(worker, request))[0].earlier
    assert computed == []
    left_out = np.zeros((480, 640), np.bool_)
    left_out[:, 300:] = True
    masked = replace(request.micrographs[0], mask=EditedMask.from_left_out(left_out, (480, 640)))
    binned = request.micrographs[1].with_pixel_size(1.1 * (request.micrographs[1].pixel_size_angstrom or 0))
    _, *answers, _ = _answers(worker, replace(request, micrographs={0: masked, 1: binned}))
    assert computed == ["m0", "m1"]
    assert max(x for _, x in _of(answers)[0].yx) < 310
    computed.clear()
    other = request.parameters.model_copy(update={"min_distance_angstrom": 400.0})
    (one,) = _of(_answers(worker, replace(request, micrographs={1: binned}, parameters=other))).values()
    assert len(one.yx) < len(_of(answers)[1].yx)
    assert computed == ["m1"]
    # On the other micrograph the result of the options before is there still.
    _, *answers, _ = _answers(worker, replace(request, micrographs={0: masked, 1: binned}))
    assert {number: answer.earlier for number, answer in _of(answers).items()} == {0: True, 1: False}
    assert computed == ["m1", "m1"]


def test_a_file_that_came_to_another_place_is_the_same_only_if_it_has_not_changed(
    request_of: Make, paths: list[Path], tmp_path: Path, computed: list[str]
) -> None:
    worker = _worker()
    _answers(worker, request_of(1, paths[:1]))
    (tmp_path / "new").mkdir()
    moved = Path(shutil.move(paths[0], tmp_path / "new" / "m0.mrc"))
    assert _of(_answers(worker, request_of(2, [moved])))[0].earlier
    moved.touch()
    assert not _of(_answers(worker, request_of(3, [moved])))[0].earlier
    assert computed == ["m0", "m0"]


def test_a_folder_of_useless_results_begins_anew(request_of: Make, paths: list[Path]) -> None:
    worker = _worker()
    request = request_of(1, paths[:2])
    _answers(worker, request)
    other = request.parameters.model_copy(update={"use_mask": False})
    _answers(worker, replace(request, parameters=other))
    manifest = Manifest(request.folder)
    manifest.refresh()
    assert [one.use_mask for one in manifest.configs.values()] == [False], "nothing of the first is left"
    assert set(manifest.picked) == {"m0", "m1"}


def test_a_folder_that_was_deleted_is_made_again(request_of: Make, paths: list[Path]) -> None:
    worker = _worker()
    request = request_of(1, paths[:1])
    _answers(worker, request)
    shutil.rmtree(request.folder)
    assert set(_of(_answers(worker, request))) == {0}


def test_a_folder_that_cannot_be_made_is_said(request_of: Make, paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answers = _answers(_worker(), request_of(1, paths, folder=tmp_path / "file" / "picking"))
    assert isinstance(answers[-1], Broken)
    assert answers[-1].text.startswith("picking stopped: the folder cannot be made")


def test_picks_of_another_program_in_a_consensus_are_read_anew(
    request_of: Make, paths: list[Path], tmp_path: Path, computed: list[str]
) -> None:
    joint = ConsensusSpec(members=(CGanSpec(),), imported=tmp_path / "theirs")
    for number, place in enumerate(([100.0, 300.0], [350.0, 200.0])):
        formats.write(
            {"m0": Picks(np.array([place]), np.array([0.9]))}, tmp_path / "theirs", "star", overwrite=True
        )
        (picked,) = _of(_answers(_worker(), request_of(number, paths[:1], picker=joint))).values()
        assert place in np.round(picked.yx, 3).tolist()
    assert computed == ["m0", "m0"]


def test_a_consensus_of_networks_is_gone_on_with_unless_one_of_them_is_another(
    request_of: Make, paths: list[Path], computed: list[str]
) -> None:
    worker = _worker()
    joint = ConsensusSpec(members=(HydraSpec(contrast="dark"), CGanSpec()), votes=1)
    request = request_of(1, paths[:1], picker=joint)
    assert not _of(_answers(worker, request))[0].earlier
    assert _of(_answers(worker, request))[0].earlier
    parted = joint.model_copy(update={"members": (joint.members[0], CGanSpec(split=False))})
    assert not _of(_answers(worker, replace(request, picker=parted)))[0].earlier
    assert computed == ["m0", "m0"]


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "give_way", lambda by: None)
    load_picker(HydraSpec(), "cpu")
