"""When a training validates, reports and stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from napari_hydrapicker.training import loop


class Counting:
    """A phase that notes what is asked of it."""

    def __init__(self, steps: int, validate_every: int) -> None:
        self.steps, self.validate_every = steps, validate_every
        self.stepped: list[int] = []
        self.checked: list[int] = []

    def step(self, number: int) -> tuple[float, float]:
        self.stepped.append(number)
        return float(number), 1.0

    def check(self, done: int) -> str:
        self.checked.append(done)
        return f"after {done}"


def run(phase: Counting, first: int = 0, **options: Callable[[], bool] | float) -> list[loop.Report[str]]:
    reports: list[loop.Report[str]] = []
    loop.run(phase, first, reports.append, **options)  # type: ignore[arg-type]
    return reports


def test_it_validates_at_times_and_at_the_end() -> None:
    phase = Counting(50, 20)
    reports = run(phase)
    assert phase.stepped == list(range(50))
    assert phase.checked == [20, 40, 50]
    assert [(r.step, r.figures) for r in reports] == [(20, "after 20"), (40, "after 40"), (50, "after 50")]
    assert [r.losses for r in reports] == [(9.5, 1), (29.5, 1), (44.5, 1)]


def test_figures_are_reported_only_when_measured() -> None:
    reports = run(Counting(40, 1000))
    assert [(r.step, r.figures) for r in reports] == [(20, None), (40, "after 40")]


def test_every_figure_is_reported() -> None:
    reports = run(Counting(50, 15))
    figures = [(r.step, r.figures) for r in reports]
    assert figures == [
        (15, "after 15"),
        (20, None),
        (30, "after 30"),
        (40, None),
        (45, "after 45"),
        (50, "after 50"),
    ]
    assert [r.losses[0] for r in reports] == [7, 17, 24.5, 34.5, 42, 47]


def test_it_goes_on_from_a_step() -> None:
    phase = Counting(10, 100)
    assert [r.step for r in run(phase, 7)] == [10]
    assert phase.stepped == [7, 8, 9]
    assert run(phase, 10) == []


@pytest.mark.parametrize("options", [{"cancelled": lambda: True}, {"minutes": 0.0}])
def test_it_stops_after_a_last_check(options: dict[str, Callable[[], bool] | float]) -> None:
    phase = Counting(10, 100)
    assert [r.figures for r in run(phase, 3, **options)] == ["after 4"]
    assert phase.stepped == [3]
