"""What surrounds the steps of a training: when to validate, to report and to stop; and its log."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from napari_hydrapicker.errors import WeightsError

REPORT_EVERY = 20
Figures = TypeVar("Figures")
Measured = TypeVar("Measured", covariant=True)

COLUMNS = ("step", "core_hours", "loss", "localisation", "rate")


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


@dataclass(frozen=True)
class LogRow:
    """State of a training after `step` steps; losses are means since the row before, `ap` is by validation
    set.
    """

    step: int
    core_hours: float
    loss: float
    localisation: float
    rate: float
    ap: Mapping[str, float]


class TrainingLog:
    """A CSV file with one row a validation; rows after a step that is gone back to are dropped.

    Parameters
    ----------
    path
        The file; it need not be there.
    sets
        Names of the validation sets.
    """

    def __init__(self, path: Path, sets: Sequence[str]) -> None:
        self.path, self._sets = path, tuple(sets)

    def rows(self) -> list[LogRow]:
        """Rows written so far.

        Raises
        ------
        WeightsError
            If the file is none of ours.
        """
        if not self.path.is_file():
            return []
        try:
            with self.path.open(newline="") as file:
                return [_row(fields) for fields in csv.DictReader(file)]
        except (OSError, KeyError, ValueError) as error:
            raise WeightsError(
                f"{self.path}: not a training log ({error}); move it away, or choose another folder"
            ) from error

    def begin(self, step: int) -> None:
        """Keep the rows up to `step`, where the training goes on."""
        kept = [row for row in self.rows() if row.step <= step]
        self.path.unlink(missing_ok=True)
        for row in kept:
            self.add(row)

    def add(self, row: LogRow) -> None:
        """Append a row.

        Raises
        ------
        WeightsError
            If the file cannot be written.
        """
        names = [f"ap_{name}" for name in self._sets]
        figures = [
            row.step,
            f"{row.core_hours:.3f}",
            f"{row.loss:.4f}",
            f"{row.localisation:.4f}",
            f"{row.rate:.3g}",
        ]
        try:
            new = not self.path.exists()
            with self.path.open("a", newline="") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow([*COLUMNS, *names])
                writer.writerow([*figures, *(f"{row.ap.get(name, float('nan')):.4f}" for name in self._sets)])
        except OSError as error:
            raise WeightsError(f"{self.path}: the log cannot be written ({error}); make room") from error

    def plot(self, path: Path) -> None:
        """Draw AP of every validation set and the loss against the steps; nothing without rows."""
        from matplotlib.figure import Figure

        rows = self.rows()
        if not rows:
            return
        figure = Figure(figsize=(8, 6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        steps = [row.step for row in rows]
        for name in self._sets:
            above.plot(steps, [row.ap.get(name, float("nan")) for row in rows], label=name)
        above.set_ylabel("average precision")
        if self._sets:
            above.legend()
        below.plot(steps, [row.loss for row in rows], color="grey")
        below.set_ylabel("training loss")
        below.set_xlabel(f"step ({rows[-1].core_hours:.1f} core-hours)")
        figure.savefig(path)


def _row(fields: Mapping[str, str]) -> LogRow:
    ap = {name.removeprefix("ap_"): float(value) for name, value in fields.items() if name.startswith("ap_")}
    hours, loss, localisation, rate = (float(fields[name]) for name in COLUMNS[1:])
    return LogRow(int(fields["step"]), hours, loss, localisation, rate, ap)
