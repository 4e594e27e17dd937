"""The worker process, seen from inside."""

from __future__ import annotations

import io
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.library import GeneratorLibrary, HeadLibrary, bundled_generator, bundled_path
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.training import finetune as finetune_module
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.cgan_publish import FILE
from napari_hydrapicker.training.few_shot import FewShotParameters
from napari_hydrapicker.worker import cgan_training as making
from napari_hydrapicker.worker import server as worker_module
from napari_hydrapicker.worker import training as training_module
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import (
    Broken,
    Estimated,
    Failed,
    Finished,
    LongRequest,
    Made,
    MakeRequest,
    Message,
    Picked,
    PickRequest,
    Ready,
    Trained,
    Training,
    TrainRequest,
    from_line,
    to_line,
)
from napari_hydrapicker.worker.server import Cancelled, Worker

Make = Callable[..., PickRequest]


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process gives way to nobody."""
    monkeypatch.setattr(worker_module, "give_way", lambda by: None)


class _Open(io.BytesIO):
    """A pipe that can be looked into after it was closed."""

    def close(self) -> None:
        """Stay open."""


def _answers(*requests: PickRequest) -> list[Message]:
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    for request in requests:
        worker._serve(request)
    return [from_line(line) for line in answers.getvalue().splitlines(keepends=True)]


def test_what_cannot_be_loaded_is_said(request_of: Make) -> None:
    (message,) = _answers(request_of(1, picker=HydraSpec(weights=Path("gone.safetensors"))))
    assert isinstance(message, Broken)
    assert "gone.safetensors" in message.text


@pytest.mark.parametrize("distance", [0.0, 500.0])
def test_the_least_distance_is_passed_on(
    request_of: Make, simulated: tuple[Path, Sample], distance: float
) -> None:
    diameter = simulated[1].diameter_angstrom
    parameters = PickParameters(diameter_angstrom=diameter, min_distance_angstrom=distance)
    picked = _answers(request_of(1, parameters=parameters))[1]
    assert isinstance(picked, Picked)
    assert len(picked.yx) > 20 if distance == 0 else len(picked.yx) < 15


def test_the_other_picker_picks(request_of: Make, simulated: tuple[Path, Sample]) -> None:
    ready, picked, finished = _answers(request_of(1, picker=CGanSpec()))
    assert isinstance(ready, Ready)
    assert isinstance(picked, Picked)
    assert finished == Finished(1, cancelled=False)
    path, sample = simulated
    own = CGanPicker.load(device="cpu")
    picks = own.pick_micrograph(
        open_micrograph(path).with_pixel_size(sample.pixel_size_angstrom),
        PickParameters(diameter_angstrom=sample.diameter_angstrom),
    )
    assert ready.threshold == own.threshold
    assert len(picks) > 5
    np.testing.assert_allclose(picked.yx, picks.yx, atol=1e-3)
    np.testing.assert_allclose(picked.score, picks.score, atol=1e-4)


def test_a_frame_that_is_not_there_fails(request_of: Make, simulated: tuple[Path, Sample]) -> None:
    request = request_of(1, micrographs={3: Micrograph(simulated[0], (480, 640), 2.0, frame=1, n_frames=2)})
    failed = _answers(request)[1]
    assert isinstance(failed, Failed)
    assert "no frame 2" in failed.error


class _Faulty:
    """A picker with a fault in it."""

    threshold, device = 0.5, "cpu"

    def pick_micrograph(self, *_: object, **__: object) -> object:
        raise ZeroDivisionError("deep inside")


class _Large(_Faulty):
    """A picker that memory is too short for."""

    def pick_micrograph(self, *_: object, **__: object) -> object:
        np.empty(1 << 60, np.uint8)
        raise AssertionError("there is no such memory")


@pytest.mark.parametrize(
    ("picker", "told", "has_trace"),
    [
        (_Faulty(), "m1.mrc: internal error: ZeroDivisionError: deep inside; please report it", True),
        (_Large(), "m1.mrc: memory ran out: close other programs", False),
    ],
)
def test_what_goes_wrong_on_one_micrograph_stops_no_other(
    request_of: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, simulated: Any,
    tmp_path: Path, picker: _Faulty, told: str, has_trace: bool,
) -> None:  # fmt: skip
    other = shutil.copy(simulated[0], tmp_path / "m2.mrc")
    monkeypatch.setattr(worker_module.PickerCache, "get", lambda *_: picker)
    with caplog.at_level("DEBUG"):
        _, first, second, finished = _answers(request_of(1, [simulated[0], Path(other)]))
    assert isinstance(first, Failed)
    assert told in first.error
    assert "verbose" not in first.error
    assert ("Traceback" in caplog.text) is has_trace
    assert isinstance(second, Failed)
    assert finished == Finished(1, cancelled=False)


def test_a_job_cancelled_before_its_turn_is_not_begun(request_of: Make) -> None:
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    worker._cancelled.add(1)
    worker._serve(request_of(1))
    lines = answers.getvalue().splitlines(keepends=True)
    assert [from_line(line) for line in lines] == [Finished(1, cancelled=True)]


def test_only_the_cancelled_job_is_interrupted(request_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    worker._cancelled.add(2)
    pick = HydraNetPicker.pick_micrograph

    def interrupted(self: HydraNetPicker, *args: object, **kwargs: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return pick(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(HydraNetPicker, "pick_micrograph", interrupted)
    before = signal.signal(signal.SIGINT, worker._interrupt)
    try:
        worker._serve(request_of(1))
        worker._interruptible = 2
        with pytest.raises(Cancelled):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # only once
    finally:
        signal.signal(signal.SIGINT, before)
    last = from_line(answers.getvalue().splitlines(keepends=True)[-1])
    assert last == Finished(1, cancelled=False)


def _told(worker: Worker, request: LongRequest, answers: _Open) -> list[Message]:
    worker._serve(request)
    return [from_line(line) for line in answers.getvalue().splitlines(keepends=True)]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    few = partial(FewShotParameters, steps=2, batch_size=1, crop_wpx=64, memory_bytes=0)
    monkeypatch.setattr(finetune_module, "FewShotParameters", few)


@pytest.mark.usefixtures("few_steps")
def test_a_head_is_trained_and_saved_in_every_library(train_request: TrainRequest) -> None:
    answers = _Open()
    told = _told(Worker(io.BytesIO(), answers), train_request, answers)
    assert {m.stage for m in told if isinstance(m, Training)} == {"features", "training"}
    *_, trained, finished = told
    assert isinstance(trained, Trained)
    assert (trained.name, trained.held_out, trained.steps) == ("mine", False, 2)
    assert finished == Finished(1, cancelled=False)
    for folder in train_request.libraries:
        assert HeadLibrary(Path(folder)).names() == ["mine"]
    status = JobDirectory(train_request.folder).read()
    assert status is not None
    assert status.outcome == trained
    refused = _Open()
    *_, broken = _told(Worker(io.BytesIO(), refused), train_request, refused)
    assert isinstance(broken, Broken)
    assert "already" in broken.text


@pytest.mark.usefixtures("few_steps")
def test_a_cancelled_training_saves_nothing(train_request: TrainRequest) -> None:
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    worker._cancelled.add(1)
    assert _told(worker, train_request, answers) == [Finished(1, cancelled=True)]
    assert not Path(train_request.libraries[0]).exists()
    assert not train_request.folder.exists()


def test_what_cannot_be_trained_is_said(train_request: TrainRequest) -> None:
    answers = _Open()
    (broken,) = _told(Worker(io.BytesIO(), answers), replace(train_request, micrographs=()), answers)
    assert isinstance(broken, Broken)
    assert "no corrected micrographs" in broken.text
    status = JobDirectory(train_request.folder).read()
    assert status is not None
    assert status.problem == broken.text


def test_an_unforeseen_fault_is_said_and_noted(
    train_request: TrainRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*args: object, **kwargs: object) -> object:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(finetune_module, "train_head", faulty)
    answers = _Open()
    (broken,) = _told(Worker(io.BytesIO(), answers), train_request, answers)
    assert broken == Broken("ZeroDivisionError: deep inside")
    assert "Traceback" in caplog.text
    status = JobDirectory(train_request.folder).read()
    assert status is not None
    assert status.problem == broken.text


@pytest.fixture
def make_request(
    simulated: tuple[Path, Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeRequest:
    """A picker that is made in a moment; its generator is the bundled one."""
    meta = generator_file.read_metadata(bundled_generator() or Path())

    def trained(maker: object, folder: Path, *args: object, **kwargs: object) -> object:
        folder.mkdir()
        shutil.copy(str(bundled_generator()), folder / FILE)
        return meta

    monkeypatch.setattr(making, "make_picker", trained)
    path, sample = simulated
    micrograph = Micrograph(path, (480, 640), sample.pixel_size_angstrom)
    request = MakeRequest(
        1, "mine", (micrograph,), sample.diameter_angstrom, None, 400, "cpu", (str(tmp_path / "a"),),
        tmp_path / "job",
    )  # fmt: skip
    JobDirectory(request.folder).begin(request)
    return request


def test_a_picker_is_made_noted_and_kept(make_request: MakeRequest) -> None:
    answers = _Open()
    *told, made, finished = _told(Worker(io.BytesIO(), answers), make_request, answers)
    assert {m.stage for m in told if isinstance(m, Training)} == {"backgrounds"}
    assert isinstance(made, Made)
    assert finished == Finished(1, cancelled=False)
    assert GeneratorLibrary(Path(make_request.libraries[0])).names() == ["mine"]
    status = JobDirectory(make_request.folder).read()
    assert status is not None
    assert status.outcome == made


def test_a_picker_whose_making_is_cancelled_can_be_gone_on_with(make_request: MakeRequest) -> None:
    directory = JobDirectory(make_request.folder)
    directory.work.mkdir()
    (directory.work / CHECKPOINT).touch()
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    worker._cancelled.add(1)
    assert _told(worker, make_request, answers) == [Finished(1, cancelled=True)]
    assert directory.resumable() == make_request
    assert directory.read() is None


def test_a_consensus_is_picked(request_of: Make, tmp_path: Path) -> None:
    formats.write({"m1": Picks(np.array([[100.0, 300.0]]), np.array([7.0]))}, tmp_path, "star")
    joint = request_of(1, picker=ConsensusSpec(members=(CGanSpec(),), imported=tmp_path))
    ready, picked, finished = _answers(joint)
    assert isinstance(ready, Ready)
    assert "no probabilities" in ready.remark
    assert isinstance(picked, Picked)
    assert len(picked.yx) > 5
    assert finished == Finished(1, cancelled=False)


def test_a_second_training_of_a_project_is_refused(
    train_request: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_hydrapicker.worker.job_directory._HANDOVER_SECONDS", 0.1)
    first = JobDirectory(train_request.folder)
    first.hold()
    answers = _Open()
    (broken,) = _told(Worker(io.BytesIO(), answers), train_request, answers)
    first.release()
    assert isinstance(broken, Broken)
    assert "another training" in broken.text
    assert first.read() is None, "and the first one's status is left alone"


def test_a_head_from_a_project_is_picked_with(request_of: Make, tmp_path: Path) -> None:
    model, metadata = weights.load(bundled_path())
    record = HeadRecord(
        name="mine", diameter_angstrom=100, created="now", parent=weights.body_hash(model), threshold=0.77,
        preprocessing=metadata.preprocessing, calibration=metadata.calibration["generic"], format_version=3,
        **model.architecture.model_dump(),
    )  # fmt: skip
    HeadLibrary(tmp_path).add(model.head(), record)
    ready, mine, _ = _answers(request_of(1, picker=HydraSpec(head="mine", libraries=(tmp_path,))))
    assert isinstance(ready, Ready)
    assert ready.threshold == 0.77
    _, generic, _ = _answers(request_of(1))
    assert isinstance(mine, Picked)
    assert isinstance(generic, Picked)
    assert (mine.yx, mine.score) == (generic.yx, generic.score)  # the same weights, to the bit


def test_the_diameter_is_estimated(request_of: Make, simulated: tuple[Path, Sample]) -> None:
    estimated, finished = _answers(
        request_of(1, estimate=True, parameters=PickParameters(diameter_angstrom=40))
    )
    assert isinstance(estimated, Estimated)
    assert estimated.contrast == "dark"
    assert estimated.diameter_angstrom == pytest.approx(simulated[1].diameter_angstrom, rel=0.5)
    assert finished == Finished(1, False)


def test_what_cannot_be_read_cannot_be_estimated(request_of: Make, tmp_path: Path) -> None:
    (message,) = _answers(request_of(1, [tmp_path / "gone.mrc"], estimate=True))
    assert isinstance(message, Broken)
    assert "none of the micrographs can be read" in message.text


def test_a_contrast_that_is_stated_is_taken(request_of: Make) -> None:
    numbers = {}
    for contrast in ("auto", "dark", "light"):
        ready, picked, _ = _answers(request_of(1, picker=HydraSpec(contrast=contrast)))
        assert isinstance(ready, Ready)
        assert "light on a dark" not in ready.remark
        assert isinstance(picked, Picked)
        numbers[contrast] = sum(score > 0.5 for score in picked.score)
    assert numbers["auto"] == numbers["dark"] > 3 * max(1, numbers["light"])


@pytest.mark.parametrize("picker", [HydraSpec(), CGanSpec()])
def test_what_the_user_painted_is_left_out(
    request_of: Make, simulated: tuple[Path, Sample], picker: HydraSpec | CGanSpec
) -> None:
    """The right of a micrograph of 480 x 640; through the pipe, as the window sends it."""
    request = request_of(1, picker=picker)
    left_out = np.zeros((480, 640), np.bool_)
    left_out[:, 400:] = True
    mask = EditedMask.from_left_out(left_out, (480, 640))
    own = {number: replace(one, mask=mask) for number, one in request.micrographs.items()}
    sent = from_line(to_line(replace(request, micrographs=own)))
    assert isinstance(sent, PickRequest)
    unmasked = sent.parameters.model_copy(update={"use_mask": False})
    everywhere, heeded, unheeded = (
        np.array(_answers(one)[1].yx)  # type: ignore[union-attr]
        for one in (request, sent, replace(sent, parameters=unmasked))
    )
    assert (everywhere[:, 1] > 400).sum() >= 3
    assert heeded[:, 1].max() < 401
    assert (unheeded[:, 1] > 400).sum() >= 3
    # The particles that lie apart from it are found all the same.
    particles = simulated[1].picks.yx
    apart = particles[particles[:, 1] < 350]
    near = [
        np.linalg.norm(apart[:, None] - picks, axis=-1).min(axis=1) < 20 for picks in (everywhere, heeded)
    ]
    assert near[0].sum() >= 4
    assert near[1][near[0]].all()


def test_what_the_user_painted_goes_along_into_a_training(
    train_request: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = EditedMask.from_left_out(np.ones((480, 640), np.bool_), (480, 640))
    (one,) = train_request.micrographs
    request = replace(
        train_request, micrographs=(replace(one, micrograph=replace(one.micrograph, mask=mask)),)
    )
    seen: list[object] = []

    def caught(
        _model: object, _meta: object, examples: tuple[AnnotatedMicrograph, ...], *_: object, **__: object
    ) -> None:
        seen.extend(example.micrograph.mask for example in examples)
        raise ParameterError("that is enough")

    monkeypatch.setattr(training_module, "finetune", caught)
    with pytest.raises(ParameterError, match="enough"):
        training_module.train(request, lambda _: None)
    assert seen == [mask]
