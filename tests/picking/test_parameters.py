"""How to pick, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec, PickParameters


def test_the_border_is_half_the_diameter_unless_it_is_given() -> None:
    assert PickParameters(diameter_angstrom=180).border_px(2.0) == 45
    assert PickParameters(diameter_angstrom=180, border_angstrom=0).border_px(2.0) == 0
    assert PickParameters(diameter_angstrom=180, border_angstrom=30).border_px(1.5) == 20


def test_the_distance_is_a_third_of_the_diameter_unless_it_is_given() -> None:
    assert PickParameters(diameter_angstrom=180).distance_px(2.0) == 30
    assert PickParameters(diameter_angstrom=180, min_distance_angstrom=0).distance_px(2.0) == 0
    assert PickParameters(diameter_angstrom=180, min_distance_angstrom=30).distance_px(1.5) == 20


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"diameter_angstrom": -3}, "`diameter_angstrom`: -3: .*greater than 0"),
        ({"diameter_angstrom": float("nan")}, "`diameter_angstrom`: nan: .*finite"),
        ({"diameter_angstrom": 100, "border_angstrom": -1}, "`border_angstrom`: -1"),
        ({"diameter_angstrom": 100, "min_distance_angstrom": -1}, "`min_distance_angstrom`: -1"),
        ({"diameter_angstrom": 100, "colour": "red"}, "`colour`: 'red'"),
        ({}, "diameter_angstrom"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_the_field(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        PickParameters(**values)


def test_a_contrast_that_is_to_be_found_out_is_not_known() -> None:
    assert HydraSpec().known_contrast is None
    assert HydraSpec(contrast="light").known_contrast == "light"
    with pytest.raises(ParameterError, match="`contrast`: 'blue'"):
        HydraSpec(contrast="blue")  # type: ignore[arg-type]


def test_a_picker_is_told_from_its_json_by_its_kind() -> None:
    spec = ConsensusSpec(
        members=(HydraSpec(head="mine"), CGanSpec(weights=Path("g.safetensors"))), imported=Path("x"), votes=2
    )
    assert ConsensusSpec.model_validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ParameterError, match="`votes`: 0"):
        ConsensusSpec(votes=0)
    with pytest.raises(ParameterError, match="two members are of one kind"):
        ConsensusSpec(members=(HydraSpec(), HydraSpec(head="mine")))
