"""Heads side by side."""

from __future__ import annotations

from collections.abc import Callable

from napari_hydrapicker.hydra.head_record import Comparison, FigureRow, HeadRecord, MicrographUse

Make = Callable[..., HeadRecord]


def use(digit: str, kind: str) -> MicrographUse:
    return MicrographUse.model_validate(
        {"name": f"m{digit}", "sha256": digit * 64, "use": kind, "particles": 9}
    )


def test_figures_stand_in_rows(record_of: Make) -> None:
    one = record_of("one", figures_before={"ap": 0.5}, figures_after={"ap": 0.75, "f1": 0.5})
    two = record_of("two", figures_before={"ap": 0.25}, figures_after={"recall": 1.0})
    assert Comparison((one, two)).rows == [
        FigureRow("ap", (0.5, 0.25), (0.75, None)),
        FigureRow("f1", (None, None), (0.5, None)),
        FigureRow("recall", (None, None), (None, 1.0)),
    ]
    assert Comparison(()).rows == []


def test_whether_one_network_can_use_them_all(record_of: Make) -> None:
    one = record_of("one")
    assert Comparison((one, record_of("two"))).same_body
    assert not Comparison((one, record_of("two", parent="b" * 64))).same_body


def test_figures_of_other_micrographs_are_told_apart(record_of: Make) -> None:
    held = record_of("held", micrographs=(use("1", "training"), use("2", "validation")))
    alike = record_of("alike", micrographs=(use("3", "training"), use("2", "validation")))
    other = record_of("other", micrographs=(use("2", "training"), use("1", "validation")))
    trained = record_of("trained", micrographs=(use("2", "training"),))
    assert Comparison((held, alike)).same_measure
    assert not Comparison((held, other)).same_measure
    assert not Comparison((held, trained)).same_measure
