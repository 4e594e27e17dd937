"""The worker process, seen from inside."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from napari_hydrapicker.background.messages import Broken, PickRequest, from_line
from napari_hydrapicker.background.worker import Worker


class _Open(io.BytesIO):
    """A pipe that can be looked into after it was closed."""

    def close(self) -> None:
        """Stay open."""


def test_a_network_is_loaded_once(request_of: Callable[..., PickRequest]) -> None:
    worker = Worker(io.BytesIO(), _Open())
    first = worker._picker(request_of(1))
    assert worker._picker(request_of(2)) is first


def test_what_cannot_be_loaded_is_said(request_of: Callable[..., PickRequest]) -> None:
    answers = _Open()
    Worker(io.BytesIO(), answers)._serve(request_of(1, weights="gone.safetensors"))
    message = from_line(answers.getvalue())
    assert isinstance(message, Broken)
    assert "gone.safetensors" in message.text


@pytest.mark.parametrize("distance", [0.0, 500.0])
def test_the_least_distance_is_passed_on(request_of: Callable[..., PickRequest], distance: float) -> None:
    answers = _Open()
    Worker(io.BytesIO(), answers)._serve(request_of(1, min_distance_angstrom=distance))
    picked = [from_line(line) for line in answers.getvalue().splitlines(keepends=True)][1]
    n = len(picked.yx)  # type: ignore[union-attr]
    assert n > 20 if distance == 0 else n < 15
