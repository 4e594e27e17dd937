"""The worker process, seen from inside."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_hydrapicker.background.messages import (
    Broken,
    Failed,
    Finished,
    Message,
    MicrographRef,
    Picked,
    PickRequest,
    from_line,
)
from napari_hydrapicker.background.worker import Cancelled, Worker, pick_one
from napari_hydrapicker.hydra.weights import bundled_path
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.simulation.sample import Sample

Make = Callable[..., PickRequest]


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


def test_a_network_is_loaded_once(request_of: Make) -> None:
    worker = Worker(io.BytesIO(), _Open())
    first = worker._picker(request_of(1))
    assert worker._picker(request_of(2)) is first


def test_a_network_that_was_saved_anew_is_loaded_again(request_of: Make, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(bundled_path(), weights)
    worker = Worker(io.BytesIO(), _Open())
    first = worker._picker(request_of(1, weights=str(weights)))
    assert worker._picker(request_of(2, weights=str(weights))) is first
    changed = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(changed, changed))
    assert worker._picker(request_of(3, weights=str(weights))) is not first


def test_what_cannot_be_loaded_is_said(request_of: Make) -> None:
    (message,) = _answers(request_of(1, weights="gone.safetensors"))
    assert isinstance(message, Broken)
    assert "gone.safetensors" in message.text


@pytest.mark.parametrize("distance", [0.0, 500.0])
def test_the_least_distance_is_passed_on(request_of: Make, distance: float) -> None:
    picked = _answers(request_of(1, min_distance_angstrom=distance))[1]
    assert isinstance(picked, Picked)
    assert len(picked.yx) > 20 if distance == 0 else len(picked.yx) < 15


def test_a_frame_that_is_not_there_fails(request_of: Make, simulated: tuple[Path, Sample]) -> None:
    request = request_of(1, micrographs=(MicrographRef(3, str(simulated[0]), 1, 2.0),))
    failed = _answers(request)[1]
    assert isinstance(failed, Failed)
    assert "no frame 2" in failed.error


class _Faulty:
    """A picker with a fault in it."""

    def pick_micrograph(self, *_: object, **__: object) -> object:
        raise ZeroDivisionError("deep inside")


def test_an_unforeseen_fault_stops_one_micrograph_only(
    request_of: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    request = request_of(1)
    answer = pick_one(_Faulty(), request.micrographs[0], request)  # type: ignore[arg-type]
    assert isinstance(answer, Failed)
    assert answer.error.endswith("m1.mrc: ZeroDivisionError: deep inside")
    assert "Traceback" in capsys.readouterr().err


def test_a_job_cancelled_before_its_turn_is_not_begun(request_of: Make) -> None:
    answers = _Open()
    worker = Worker(io.BytesIO(), answers)
    worker._cancelled.add(1)
    worker._serve(request_of(1))
    lines = answers.getvalue().splitlines(keepends=True)
    assert [from_line(line) for line in lines][1:] == [Finished(1, cancelled=True)]


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
