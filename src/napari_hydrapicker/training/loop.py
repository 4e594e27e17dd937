"""What surrounds the steps of a training: when to validate, to report and to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

REPORT_EVERY = 20
Figures = TypeVar("Figures")
Measured = TypeVar("Measured", covariant=True)


class Phase(Protocol[Measured]):
    """A training, step by step."""

    @property
    def steps(self) -> int:
        """Steps in all."""
        ...

    @property
    def validate_every(self) -> int:
        """Steps between validations."""
        ...

    def step(self, number: int) -> tuple[float, ...]:
        """Do one step; returns its losses."""
        ...

    def check(self, done: int) -> Measured:
        """Validate after `done` steps, keep the state if it is the best, and write the checkpoint."""
        ...


@dataclass(frozen=True)
class Report(Generic[Figures]):
    """State after `step` steps: losses (means since the last report), seconds, figures if just measured."""

    step: int
    losses: tuple[float, ...]
    seconds: float
    figures: Figures | None


def run(
    phase: Phase[Figures],
    first: int = 0,
    report: Callable[[Report[Figures]], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
) -> None:
    """Do the steps from `first` on; stops early, after a last check, if cancelled or out of time."""
    started = time.monotonic()
    losses: list[tuple[float, ...]] = []
    for number in range(first, phase.steps):
        losses.append(phase.step(number))
        done = number + 1
        last = done == phase.steps or cancelled() or time.monotonic() - started > 60 * minutes
        figures = phase.check(done) if done % phase.validate_every == 0 or last else None
        if done % REPORT_EVERY == 0 or figures is not None or last:
            means = tuple(float(mean) for mean in np.mean(losses, axis=0))
            report(Report(done, means, time.monotonic() - started, figures))
            losses = []
        if last:
            return
