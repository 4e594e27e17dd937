"""What a network file says about itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.network import Architecture
from napari_hydrapicker.hydra.weights import Metadata

FULL: dict[str, Any] = {
    "heads": ("generic", "ribosome", "capsid"),
    "calibration": {"generic": (2.0, 0.5), "ribosome": (1.0, -1.0)},
    "thresholds": {"generic": 0.3, "capsid": 0.6},
    "preprocessing": {"whiten": 0.5},
    "training": {"simulated": ["1aa6"], "seed": 0},
}


def test_through_json_and_back() -> None:
    meta = Metadata(**FULL)
    assert Metadata.model_validate_json(meta.model_dump_json()) == meta
    assert meta.calibration["ribosome"] == (1, -1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": ("ribosome", "capsid")}, "heads must hold 'generic'"),
        ({"heads": ("generic", "ribosome", "capsid", "capsid")}, "each name once"),
        ({"heads": ("generic", "ribosome", "capsid", "a/b")}, "a/b"),
        ({"calibration": {"virus": (1.0, 0.0)}}, "heads that are not there: .'virus'"),
        ({"thresholds": {"virus": 0.5}}, "heads that are not there: .'virus'"),
        ({"calibration": {"generic": (0.0, 0.0)}}, "slope of a calibration must be above 0"),
        ({"calibration": {"generic": (float("nan"), 0.0)}}, "finite"),
        ({"thresholds": {"generic": 1.1}}, "between 0 and 1"),
        ({"diameter_wpx": 28}, "diameter_wpx"),
        ({"format": "theirs"}, "format"),
        ({"format_version": 3}, "format_version"),
        ({"architecture": Architecture.compact()}, "since format 4"),
        ({"architecture": Architecture.compact(blocks=(1, 5, 3)), "format_version": 4}, "since format 5"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Metadata(**{**FULL, **change})


def test_heads_taken_out_take_what_was_said_of_them() -> None:
    part = Metadata(**FULL).only(("generic", "capsid"))
    assert part.heads == ("generic", "capsid")
    assert part.calibration == {"generic": (2.0, 0.5)}
    assert part.thresholds == {"generic": 0.3, "capsid": 0.6}
    assert part.training == FULL["training"]


def test_an_added_head_brings_its_own_settings() -> None:
    record = HeadRecord(
        name="mine", diameter_angstrom=180, created="now", parent="a" * 64, channels=4, groups=4, dropout=0,
        calibration=(3.0, -0.5), threshold=0.45, preprocessing={"whiten": 1.0},
    )  # fmt: skip
    meta = Metadata(**FULL).with_head(record)
    assert meta.heads == ("generic", "ribosome", "capsid", "mine")
    assert meta.calibration == {**FULL["calibration"], "mine": (3.0, -0.5)}
    assert meta.thresholds == {**FULL["thresholds"], "mine": 0.45}
    assert meta.preprocessing == {"whiten": 1.0}
    assert Metadata.model_validate_json(meta.model_dump_json()) == meta
